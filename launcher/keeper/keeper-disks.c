/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/keeper-disks.h"

#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "image/run.h"
#include "launcher/keeper/client.h"
#include "launcher/keeper/facts.h"
#include "launcher/keeper/site.h"
#include "launcher/virt/domain-read.h"
#include "launcher/virt/domain.h"
#include "launcher/virt/virt-dac.h"
#include "launcher/virt/virt.h"

#define ASK_US 100000

static int fail_running(const struct sv_guest *g, const char *connect, struct sv_err *err)
{
        return sv_fail(err, SV_USAGE, "snapshot.running",
                       "guest %s runs, and its disks cannot go back under it; \"secure-vm stop "
                       "%s%s\" first",
                       g->name, g->name, connect);
}

/* --- our own supervisor --- */

static int lock_off_guest(struct sv_state *s, struct sv_err *err)
{
        unsigned killed;

        return sv_state_lock(s, SV_LOCK_WAIT_MS, err) < 0 ? -1 : sv_state_recover(s, &killed, err);
}

static bool has_supervisor(const struct sv_state *s)
{
        SV_FD fd = sv_state_exists(s) ? sv_client_connect(s, NULL) : -1;

        return fd >= 0;
}

static int ask_task(const struct sv_state *s, const struct sv_copy_task *t, struct sv_json **status,
                    struct sv_err *err)
{
        SV_JSON *request = sv_json_object();

        sv_json_set_str(request, "do", sv_control_name(SV_CONTROL_COPY));
        sv_json_set(request, "task", sv_copy_task_print(t));
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

                if (sv_run_interrupted() && !asked) {
                        asked = true;
                        sv_client_ask(s, SV_CONTROL_CANCEL, &status, NULL);
                        sv_json_freep(&status);
                }
                if (sv_client_ask(s, SV_CONTROL_STATUS, &status, err) < 0)
                        return sv_wrap(err, "the guest ended while its disks were copied, and "
                                            "there may be no copy");
                job = sv_json_get(status, "job");
                state = sv_json_text(job, "state", "");
                if (sv_json_int(sv_json_get(job, "number"), 0) != number)
                        return sv_fail(err, SV_SYSTEM, "snapshot.job",
                                       "whether the disks were copied is not to be told: another "
                                       "copy was begun since; \"secure-vm snapshot list\" shows");
                if (!strcmp(state, "done"))
                        return 0;
                if (!strcmp(state, "failed"))
                        return sv_client_fail(sv_json_get(job, "error"), err);
                sv_progress_seen(p, (uint64_t)sv_json_int(sv_json_get(job, "done"), 0),
                                 (uint64_t)sv_json_int(sv_json_get(job, "total"), 0));
                usleep(ASK_US);
        }
}

int sv_disks_copy_embedded(const char *uri, const struct sv_guest *g, const struct sv_copy_task *t,
                           struct sv_progress *progress, struct sv_err *err)
{
        SV_STATE s = {.lock = -1};
        SV_JSON *status = NULL;

        if (sv_state_init(&s, g->name, err) < 0)
                return -1;
        if (!has_supervisor(&s))
                return lock_off_guest(&s, err) < 0 ? -1 : sv_copy_at_rest(g, t, progress, err);
        if (ask_task(&s, t, &status, err) < 0)
                return -1;
        return follow_task(&s, sv_json_int(sv_json_pointer(status, "/job/number"), 0), progress,
                           err);
}

int sv_disks_while_off_embedded(const char *uri, const struct sv_guest *g,
                                int (*fn)(void *arg, struct sv_err *err), void *arg,
                                struct sv_err *err)
{
        SV_STATE s = {.lock = -1};

        if (sv_state_init(&s, g->name, err) < 0)
                return -1;
        if (has_supervisor(&s))
                return fail_running(g, "", err);
        return lock_off_guest(&s, err) < 0 ? -1 : fn(arg, err);
}

/* --- a daemon --- */

int sv_disks_check_here(const char *uri, struct sv_err *err)
{
        if (sv_uri_is_here(uri))
                return 0;
        return sv_fail(err, SV_USAGE, "snapshot.remote",
                       "%s is a daemon of another host, whose paths name other files here, and "
                       "copies lie beside the disks: give the command there",
                       uri);
}

static int open_daemon(const char *uri, const struct sv_guest *g, struct sv_state *s,
                       struct sv_virt **v, struct sv_err *err)
{
        if (sv_disks_check_here(uri, err) < 0)
                return -1;
        if (sv_state_init_daemon(s, g->name, err) < 0 || sv_state_lock(s, 0, err) < 0)
                return -1;
        return sv_virt_open(uri, v, err);
}

/* Progress comes for as long as it takes: an interrupt is looked for then. */
struct watched {
        struct sv_progress progress;
        struct sv_progress *shown;
        volatile bool cancel;
};

static void note_watched(struct sv_progress *p, uint64_t done, uint64_t total)
{
        struct watched *w = (struct watched *)p;

        w->cancel = sv_run_interrupted();
        sv_progress_seen(w->shown, done, total);
}

/* The guest file may be another than the one of the launch, and a copy of one disk under the name
 * of another would be lost to both. */
static int check_disk_in_domain(const struct sv_domain_facts *f, const struct sv_guest *g, size_t i,
                                struct sv_err *err)
{
        char target[SV_DISK_TARGET_SIZE];
        const char *found = "none";

        sv_domain_name_disk(i, target);
        for (size_t k = 0; k < f->n_disks; k++) {
                const struct sv_domain_disk *d = &f->disks[k];

                if (!d->target || strcmp(d->target, target))
                        continue;
                if (d->path && !strcmp(d->path, g->disks[i].path))
                        return 0;
                found = d->path ? d->path : "one without a path";
        }
        return sv_fail(err, SV_USAGE, "snapshot.disks",
                       "guest %s runs with other disks than its guest file says: for \"%s\" "
                       "expected %s, found %s; give the guest file that it was launched from",
                       g->name, g->disks[i].id, g->disks[i].path, found);
}

static int check_domain_disks(struct sv_virt *v, const struct sv_guest *g, struct sv_err *err)
{
        struct sv_domain_facts f = {0};
        SV_BUF xml = SV_BUF_NULL;
        int r = 0;

        if (sv_virt_get_xml(v, &xml, err) < 0 ||
            sv_domain_read_disks(sv_buf_str(&xml), &f, err) < 0)
                return -1;
        for (size_t i = 0; r == 0 && i < g->n_disks; i++)
                r = check_disk_in_domain(&f, g, i, err);
        sv_domain_facts_free(&f);
        return r;
}

static int copy_in_daemon(struct sv_virt *v, const struct sv_guest *g, const struct sv_copy_task *t,
                          struct sv_progress *progress, struct sv_err *err)
{
        struct watched w = {.progress = {note_watched}, .shown = progress};
        const struct sv_copy_running r = {
                .guest = g, .virt = v, .cancel = &w.cancel, .progress = &w.progress};
        SV_JSON *facts = NULL;

        if (sv_virt_lookup(v, g->name, err) < 0 ||
            sv_facts_read_ours(v, g->name, &facts, err) < 0 ||
            sv_facts_check_whole(v, g->name, err) < 0)
                return -1;
        return check_domain_disks(v, g, err) < 0 ? -1 : sv_copy_while_running(&r, t, err);
}

int sv_disks_copy_under_daemon(const char *uri, const struct sv_guest *g,
                               const struct sv_copy_task *t, struct sv_progress *progress,
                               struct sv_err *err)
{
        SV_STATE s = {.lock = -1};
        SV_VIRT *v = NULL;

        if (open_daemon(uri, g, &s, &v, err) < 0)
                return -1;
        return sv_virt_is_running(v, g->name) ? copy_in_daemon(v, g, t, progress, err)
                                              : sv_copy_at_rest(g, t, progress, err);
}

/* A part of one cannot be stopped, either. */
static int fail_running_there(struct sv_virt *v, const struct sv_guest *g, struct sv_err *err)
{
        if (sv_virt_lookup(v, g->name, err) < 0 || sv_facts_check_whole(v, g->name, err) < 0)
                return -1;
        return fail_running(g, " --connect", err);
}

/* A daemon starts its domain without asking us: between the first and the last of several disks
 * that get their new names there must be none. */
static int check_several(struct sv_virt *v, const struct sv_guest *g, struct sv_err *err)
{
        SV_SITE p = {.lock = -1};

        if (sv_site_find(g, &p, err) < 0)
                return -1;
        if (p.n < 2 || !sv_virt_is_known(v, g->name))
                return 0;
        return sv_fail(err, SV_USAGE, "snapshot.daemon",
                       "guest %s writes to %zu disks, and the daemon could start it in the middle: "
                       "\"secure-vm destroy %s --connect\" first, then launch it again",
                       g->name, p.n, g->name);
}

int sv_disks_while_off_under_daemon(const char *uri, const struct sv_guest *g,
                                    int (*fn)(void *arg, struct sv_err *err), void *arg,
                                    struct sv_err *err)
{
        SV_STATE s = {.lock = -1};
        SV_VIRT *v = NULL;

        if (open_daemon(uri, g, &s, &v, err) < 0)
                return -1;
        if (sv_virt_is_running(v, g->name))
                return fail_running_there(v, g, err);
        if (sv_virt_check_unsaved(v, g->name, err) < 0)
                return -1;
        return check_several(v, g, err) < 0 ? -1 : fn(arg, err);
}
