/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/keeper-disks.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/keeper/check-disk.h"
#include "launcher/keeper/client.h"
#include "launcher/virt/virt.h"

#define ASK_US 100000

/* Whoever interrupts the command cancels what it asked for; a second time ends the command. */
static volatile bool interrupted;

static void note_interrupt(int number)
{
        interrupted = true;
        signal(number, SIG_DFL);
}

static void take_interrupts(void)
{
        static const int asks[] = {SIGINT, SIGTERM, SIGHUP};

        interrupted = false;
        for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++)
                if (signal(asks[i], note_interrupt) == SIG_IGN)
                        signal(asks[i], SIG_IGN);
}

/* --- a guest that does not run --- */

/* Another guest, or one of another keeper, may have the disks. */
static int check_free(struct sv_chains *c, struct sv_err *err)
{
        for (size_t i = 0; i < c->guest->n_disks; i++) {
                const struct sv_disk_chain *d = &c->disks[i];
                SV_STR written = NULL;

                if (!d->path)
                        continue;
                written = sv_layer_path(d, d->chain.now.active);
                if (sv_disk_check_free(c->guest, written, err) < 0)
                        return -1;
        }
        return 0;
}

static int work_at_rest(const struct sv_guest *g, const struct sv_task *t, struct sv_progress *p,
                        struct sv_err *err)
{
        SV_CHAINS chains = {0};
        struct sv_disks d = {.chains = &chains, .watch = {p, &interrupted}};

        /* before anything is settled: what QEMU writes tells what has happened */
        if (sv_chains_read(g, &chains, err) < 0 || check_free(&chains, err) < 0)
                return -1;
        sv_chains_free(&chains);
        if (sv_chains_take(g, &chains, err) < 0)
                return -1;
        return sv_task_do(t, &d, err);
}

/* --- our own supervisor --- */

static int ask_task(const struct sv_state *s, const struct sv_task *t, struct sv_json **status,
                    struct sv_err *err)
{
        SV_JSON *request = sv_json_object();

        sv_json_set_str(request, "do", sv_control_name(SV_CONTROL_DISKS));
        sv_json_set(request, "task", sv_task_print(t));
        return sv_client_request(s, request, status, err);
}

/* The worker goes on whatever becomes of this process. */
static int follow_task(const struct sv_state *s, int64_t number, struct sv_progress *p,
                       struct sv_err *err)
{
        bool asked = false;

        for (;;) {
                SV_JSON *status = NULL;
                const struct sv_json *job;
                const char *state;

                if (interrupted && !asked) {
                        asked = true;
                        sv_client_ask(s, SV_CONTROL_CANCEL, &status, NULL);
                        sv_json_freep(&status);
                }
                if (sv_client_ask(s, SV_CONTROL_STATUS, &status, err) < 0)
                        return sv_wrap(err, "the guest ended while its disks were worked on; they "
                                            "have the state before, or the one asked for");
                job = sv_json_get(status, "job");
                state = sv_json_text(job, "state", "running");
                if (sv_json_int(sv_json_get(job, "number"), 0) != number || !strcmp(state, "done"))
                        return 0;
                if (!strcmp(state, "failed"))
                        return sv_client_fail(sv_json_get(job, "error"), err);
                sv_progress_seen(p, (uint64_t)sv_json_int(sv_json_get(job, "done"), 0),
                                 (uint64_t)sv_json_int(sv_json_get(job, "total"), 0));
                usleep(ASK_US);
        }
}

static int work_beside_worker(const struct sv_state *s, const struct sv_task *t,
                              struct sv_progress *p, struct sv_err *err)
{
        SV_JSON *status = NULL;

        if (ask_task(s, t, &status, err) < 0)
                return -1;
        return follow_task(s, sv_json_int(sv_json_pointer(status, "/job/number"), 0), p, err);
}

int sv_disks_embedded(const char *uri, const struct sv_guest *g, const struct sv_task *t,
                      struct sv_progress *p, struct sv_err *err)
{
        SV_STATE s = {.lock = -1};
        SV_FD worker = -1;
        unsigned killed;

        take_interrupts();
        if (sv_state_init(&s, g->name, err) < 0)
                return -1;
        if (sv_state_exists(&s))
                worker = sv_client_connect(&s, "control.sock", NULL);
        if (worker >= 0)
                return work_beside_worker(&s, t, p, err);
        if (sv_state_lock(&s, SV_LOCK_WAIT_MS, err) < 0 || sv_state_recover(&s, &killed, err) < 0)
                return -1;
        return work_at_rest(g, t, p, err);
}

int sv_disks_cancel_embedded(const char *uri, const char *name, struct sv_err *err)
{
        SV_STATE s = {.lock = -1};
        SV_JSON *status = NULL;

        if (sv_client_find(name, &s, err) < 0)
                return -1;
        return sv_client_ask(&s, SV_CONTROL_CANCEL, &status, err);
}

/* --- a daemon --- */

static int work_under_daemon(struct sv_virt *v, const struct sv_guest *g, const struct sv_task *t,
                             struct sv_progress *p, struct sv_err *err)
{
        SV_CHAINS chains = {0};
        struct sv_disks d = {.chains = &chains, .virt = v, .watch = {p, &interrupted}};

        if (sv_virt_lookup(v, g->name, err) < 0 || sv_chains_read(g, &chains, err) < 0)
                return -1;
        if (sv_snapshot_settle(&d, err) < 0)
                return -1;
        return sv_task_do(t, &d, err);
}

int sv_disks_under_daemon(const char *uri, const struct sv_guest *g, const struct sv_task *t,
                          struct sv_progress *p, struct sv_err *err)
{
        SV_STATE s = {.lock = -1};
        SV_VIRT *v = NULL;

        take_interrupts();
        if (sv_state_init_daemon(&s, g->name, err) < 0 || sv_state_lock(&s, 0, err) < 0)
                return -1;
        if (sv_virt_open(uri, &v, err) < 0)
                return -1;
        return sv_virt_is_running(v, g->name) ? work_under_daemon(v, g, t, p, err)
                                              : work_at_rest(g, t, p, err);
}
