/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/claim.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/keeper/life.h"
#include "launcher/keeper/status.h"
#include "tee/host.h"

#define CHECK "state.host"

/* Who has it wrote its name there. */
static int fail_held(const char *path, unsigned wait_ms, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        sv_file_read(path, 4096, &text, CHECK, NULL);
        return sv_fail(err, SV_SYSTEM, CHECK,
                       "%s takes CPUs and memory of this host and has not said which for %u s (%s "
                       "is locked); see what that process waits for, and try again",
                       text.n ? sv_buf_str(&text) : "another guest", wait_ms / 1000, path);
}

int sv_claims_lock(const char *name, unsigned wait_ms, struct sv_err *err)
{
        SV_STR base = sv_state_base();
        SV_STR path = sv_asprintf("%s/.claims", base);
        int fd;

        if (sv_mkdirs(base, 0711, err) < 0)
                return -1;
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
                return sv_fail_errno(err, CHECK, "%s", path);
        if (sv_fd_lock(fd, wait_ms) < 0) {
                close(fd);
                return fail_held(path, wait_ms, err);
        }
        /* for whoever waits too long: without it the lock is as good */
        if (ftruncate(fd, 0) == 0)
                dprintf(fd, "guest %s (process %d)", name, (int)getpid());
        return fd;
}

int sv_claim_place(const struct sv_launch *l, const struct sv_state *s, struct sv_err *err)
{
        SV_FD lock = sv_claims_lock(s->name, SV_CLAIM_WAIT_MS, err);
        SV_JSON *status = NULL;

        if (lock < 0 || (l->fits && l->fits(l, err) < 0))
                return -1;
        status = sv_status_begin(l->guest, l->tee->id->name, l->kvm);
        return sv_state_write_status(s, status, err);
}

/* --- CPUs --- */

struct claims {
        const char *except;
        struct sv_bitset *taken;
};

static int add_claimed_cpus(void *arg, const struct sv_state *s, const struct sv_json *status,
                            struct sv_err *err)
{
        const struct sv_json *vcpus = sv_json_pointer(status, "/tuning/vcpus");
        const struct claims *c = arg;

        if (!strcmp(s->name, c->except) || !sv_json_len(vcpus) ||
            sv_life_is_final(sv_life_from_word(sv_json_text(status, "state", ""))) ||
            !sv_state_is_locked(s))
                return 0;
        for (size_t i = 0; i < sv_json_len(vcpus); i++) {
                const char *text = sv_json_str(sv_json_at(vcpus, i));
                struct sv_bitset cpus = {0};

                if (text && sv_bitset_parse(text, SV_CPUS_MAX, &cpus, s->name, CHECK, NULL) == 0 &&
                    sv_bitset_count(&cpus) == 1)
                        sv_bitset_join(c->taken, &cpus);
        }
        return 0;
}

void sv_claims_find_cpus(const char *except, struct sv_bitset *taken)
{
        struct claims c = {except, taken};

        sv_state_for_each(add_claimed_cpus, &c, NULL);
}

int sv_claim_cpus(const char *root, const struct sv_state *s, const struct sv_guest *g,
                  bool confidential, struct sv_json *status, struct sv_tuned *out,
                  struct sv_err *err)
{
        struct sv_bitset taken = {0};
        SV_FD lock = -1;

        if (!sv_tune_asks_host(g)) {
                sv_tuned_put(g, out, status);
                return 0;
        }
        lock = sv_claims_lock(s->name, SV_CLAIM_WAIT_MS, err);
        if (lock < 0)
                return -1;
        sv_claims_find_cpus(s->name, &taken);
        if (sv_tune_guest(root, g, confidential, &taken, out, err) < 0)
                return -1;
        sv_tuned_put(g, out, status);
        return sv_state_write_status(s, status, err);
}
