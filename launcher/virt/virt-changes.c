/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/virt/virt-changes.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/virt/virt-int.h"

#define NAME    "secure-vm-copy-%zu" /* of a disk's job, and of the node of its image */
#define FDSET   0x5356000            /* and of its descriptor */
#define POLL_US 50000

/* --- what QEMU has of ours --- */

static int take_image(struct sv_virt *v, size_t disk, struct sv_err *err)
{
        SV_STR name = sv_asprintf(NAME, disk);

        return sv_virt_take_image(v, name, (int)(FDSET + disk), err);
}

static int fail_untold_end(struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "snapshot.job",
                       "whether the disks were copied is not to be told, since the guest or "
                       "libvirt is gone; there is no copy");
}

struct end {
        size_t copied; /* disks whose job says that it has succeeded */
        bool failed, untold;
        char why[300];
};

/* A job that has ended says how, and goes. */
static void collect_end(struct sv_virt *v, size_t disk, const struct sv_json *job, struct end *e)
{
        SV_STR name = sv_asprintf(NAME, disk);
        const char *why = sv_json_text(job, "error", NULL);

        e->copied += !why;
        if (why && !e->failed) {
                e->failed = true;
                snprintf(e->why, sizeof(e->why), "%s", why);
        }
        sv_virt_ask_qemu(v, "job-dismiss", sv_virt_argument("id", name), -1, NULL, NULL);
}

struct seen {
        size_t running;
        uint64_t done, total;
};

static int look_at_jobs(struct sv_virt *v, size_t n, struct seen *s, struct end *e,
                        struct sv_err *err)
{
        *s = (struct seen){0};
        for (size_t i = 0; i < n; i++) {
                SV_STR name = sv_asprintf(NAME, i);
                SV_JSON *job = NULL;
                int there = sv_virt_find_job(v, name, &job, err);

                if (there < 0)
                        return -1;
                if (!there)
                        continue;
                if (!strcmp(sv_json_text(job, "status", ""), "concluded")) {
                        collect_end(v, i, job, e);
                        continue;
                }
                s->running++;
                s->done += (uint64_t)sv_json_int(sv_json_get(job, "current-progress"), 0);
                s->total += (uint64_t)sv_json_int(sv_json_get(job, "total-progress"), 0);
        }
        return 0;
}

static void cancel_jobs(struct sv_virt *v, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                SV_STR name = sv_asprintf(NAME, i);

                sv_virt_cancel_job(v, name);
        }
}

/* QEMU writes to the images for as long as there is a job: nobody goes on before it has none, or is
 * gone. What one disk fails of ends the others. */
static int wait_for_changes(struct sv_virt *v, size_t n, const volatile bool *cancel,
                            struct sv_progress *progress, struct end *e, struct sv_err *err)
{
        bool asked = false;

        for (;;) {
                struct seen s;

                if (look_at_jobs(v, n, &s, e, err) == 0) {
                        if (!s.running)
                                return 0;
                        if (s.total)
                                sv_progress_seen(progress, s.done, s.total);
                } else if (vir.DomainIsActive(v->dom) != 1) {
                        return fail_untold_end(err);
                } else {
                        e->untold = true;
                }
                /* again and again while libvirt does not answer: who knows what it has heard */
                if (e->untold || (!asked && (e->failed || (cancel && *cancel)))) {
                        cancel_jobs(v, n);
                        asked = true;
                }
                usleep(POLL_US);
        }
}

int sv_virt_end_changes(struct sv_virt *v, struct sv_err *err)
{
        struct end e = {0};
        SV_JSON *jobs = NULL;

        if (sv_virt_ask_qemu(v, "query-jobs", NULL, -1, &jobs, err) < 0)
                return -1;
        if (sv_json_len(jobs))
                cancel_jobs(v, SV_GUEST_DISKS_MAX);
        if (sv_json_len(jobs) && wait_for_changes(v, SV_GUEST_DISKS_MAX, NULL, NULL, &e, err) < 0)
                return -1;
        for (size_t i = 0; i < SV_GUEST_DISKS_MAX; i++)
                take_image(v, i, NULL);
        return 0;
}

/* --- a copy --- */

static int give_image(struct sv_virt *v, size_t disk, int fd, struct sv_err *err)
{
        SV_STR name = sv_asprintf(NAME, disk);
        const struct sv_virt_image image = {.name = name, .set = (int)(FDSET + disk), .fd = fd};

        return sv_virt_give_image(v, &image, err);
}

static void put_copying(struct sv_json *actions, const struct sv_changes *c)
{
        for (size_t i = 0; i < c->b->n; i++) {
                struct sv_json *data = sv_virt_add_action(actions, "blockdev-backup");
                SV_STR name = sv_asprintf(NAME, i);

                sv_json_set_str(data, "job-id", name);
                sv_json_set_str(data, "device", c->b->disks[i].node);
                sv_json_set_str(data, "target", name);
                sv_json_set_str(data, "sync", "bitmap");
                sv_json_set_str(data, "bitmap", c->since);
                sv_json_set_str(data, "bitmap-mode", "never"); /* it is what the next try needs */
                sv_json_set_bool(data, "auto-dismiss", false);
        }
}

struct beginning {
        struct sv_virt *v;
        const struct sv_changes *c;
        bool done;
};

static int begin_jobs(void *arg, struct sv_err *err)
{
        struct sv_json *actions = sv_json_array();
        struct beginning *b = arg;

        sv_bitmaps_put_adding(actions, b->c->b, b->c->next);
        put_copying(actions, b->c);
        b->done = sv_virt_do_together(b->v, actions, err) == 0;
        return b->done ? 0 : -1;
}

/* *begun: also when the guest's writes could not be let go. */
static int begin_changes(struct sv_virt *v, const struct sv_changes *c, bool *begun,
                         struct sv_err *err)
{
        struct beginning b = {.v = v, .c = c};
        int r;

        for (size_t i = 0; i < c->b->n; i++)
                if (give_image(v, i, c->fds[i], err) < 0)
                        return -1;
        sv_bitmaps_make_place(v, c->b, c->since);
        r = sv_quiesce_around(c->quiesce, begin_jobs, &b, err);
        *begun = b.done;
        return r;
}

/* Asked for after the bitmap: a job that has ended has given that back, with what was written since
 * in it. 1, 0 or -1. */
static int has_job_ended(struct sv_virt *v, size_t disk, struct sv_err *err)
{
        SV_STR name = sv_asprintf(NAME, disk);
        SV_JSON *job = NULL;
        int there = sv_virt_find_job(v, name, &job, err);

        return there < 0 ? -1 : !there || !strcmp(sv_json_text(job, "status", ""), "concluded");
}

/* What is to be copied stands fast while there is a job: nothing that changed between the asking
 * for room and this moment may be without. What has ended had room. */
static int reserve_rest(struct sv_virt *v, const struct sv_changes *c, struct sv_err *err)
{
        uint64_t changed[SV_GUEST_DISKS_MAX];
        SV_BITMAPS now = {0};

        if (sv_bitmaps_read(v, c->disks, c->b->n, &now, err) < 0)
                return -1;
        sv_bitmaps_find(&now, c->since, changed);
        for (size_t i = 0; i < c->b->n; i++) {
                int ended = has_job_ended(v, i, err);

                if (ended < 0 || (!ended && c->reserve(c->arg, i, changed[i], err) < 0))
                        return -1;
        }
        return 0;
}

/* Only what says of itself that it has succeeded has. */
static int judge_jobs(const struct sv_changes *c, const struct end *e, struct sv_err *err)
{
        if (c->cancel && *c->cancel)
                return sv_fail(err, SV_SYSTEM, "snapshot.cancelled",
                               "cancelled: nothing has changed");
        if (!e->failed && !e->untold && e->copied == c->b->n)
                return 0;
        return sv_fail(err, SV_SYSTEM, "snapshot.job",
                       "QEMU did not copy all that changed: %s; the guest goes on, and there is "
                       "no copy",
                       *e->why ? e->why : "it did not say how it went");
}

static int run_changes(struct sv_virt *v, const struct sv_changes *c, bool *begun,
                       struct sv_err *err)
{
        struct sv_err why = SV_ERR_NULL;
        struct end e = {0};
        int room = begin_changes(v, c, begun, &why);

        if (room < 0 && !*begun) {
                if (err)
                        *err = why;
                return -1;
        }
        if (room == 0)
                room = reserve_rest(v, c, &why);
        if (room < 0)
                cancel_jobs(v, c->b->n);
        if (wait_for_changes(v, c->b->n, c->cancel, c->progress, &e, err) < 0)
                return -1;
        if (room == 0)
                return judge_jobs(c, &e, err);
        if (err)
                *err = why;
        return -1;
}

int sv_virt_copy_changes(struct sv_virt *v, const struct sv_changes *c, bool *begun,
                         struct sv_err *err)
{
        SV_BITMAPS now = {0};
        int r;

        *begun = false;
        r = run_changes(v, c, begun, err);
        for (size_t i = 0; i < c->b->n; i++) {
                struct sv_err why = SV_ERR_NULL;

                if (take_image(v, i, &why) < 0 && r == 0)
                        r = sv_fail(err, SV_SYSTEM, "snapshot.job",
                                    "QEMU has not let go of what it copied, which is not whole "
                                    "before that (%s); the guest goes on, and there is no copy",
                                    why.msg);
        }
        /* a bitmap of no copy */
        if (r < 0 && *begun && sv_bitmaps_read(v, c->disks, c->b->n, &now, NULL) == 0)
                sv_bitmaps_remove(v, &now, c->next);
        return r;
}
