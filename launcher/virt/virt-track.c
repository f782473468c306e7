/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/virt/virt-track.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/crypto/crypto.h"
#include "launcher/virt/virt-int.h"

#define CHECK     "virt.track"
#define PREFIX    "secure-vm-w" /* of a job's and its image's name; 31 bytes are a node's */
#define NAME_SIZE 32
#define TAG_SIZE  12
#define LATE      "late" /* a bitmap, while notes are parted */
#define FDSET     0x5356100
#define TAKEN_SET (FDSET + SV_GUEST_DISKS_MAX)
#define POLL_US   20000
#define WAIT_MS   10000 /* for an event of what libvirt says has happened */

/* What is of interest of what QEMU and libvirt say. */
struct said {
        enum { SHUT_DOWN, RUNS_ON, JOB_ENDED, WRITE_FAILED, QEMU_ENDED, STARTED } what;
        char tag[TAG_SIZE]; /* of a job's name; "" when it cannot be read */
};
#define SAID_MAX 3000 /* a pipe may be full with more */

struct sv_virt_track {
        struct sv_virt *v;
        struct sv_virt_events *events;
        int monitor, life; /* callbacks */
        size_t n;          /* disks */
        uint64_t sizes[SV_GUEST_DISKS_MAX];
        char tag[TAG_SIZE]; /* what is said of an earlier job is not of these */
        char names[SV_GUEST_DISKS_MAX][NAME_SIZE];
        char taken[NAME_SIZE];
        /* what was said */
        size_t n_said;
        bool shut, ended_late, broken, ended;
};

/* --- events --- */

static void queue_said(struct sv_virt_events *e, struct said said)
{
        if (write(e->fds[1], &said, sizeof(said)) < 0)
                return; /* full: so many count as a job that ended */
}

static bool is_ours(const char *name)
{
        return !strncmp(name, PREFIX, strlen(PREFIX));
}

static bool goes_on(const char *status)
{
        static const char *const rows[] = {"created", "running", "ready", "paused", "standby"};

        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
                if (!strcmp(status, rows[i]))
                        return true;
        return false;
}

static void hear_job(struct sv_virt_events *e, const char *details)
{
        struct said said = {.what = JOB_ENDED};
        SV_JSON *j = NULL;
        const char *id = PREFIX, *status = "";

        if (details && sv_json_parse(sv_bytes_str(details), CHECK, &j, NULL) == 0) {
                id = sv_json_text(j, "id", id);
                status = sv_json_text(j, "status", status);
        }
        if (!is_ours(id) || goes_on(status))
                return;
        snprintf(said.tag, sizeof(said.tag), "%.8s", id + strlen(PREFIX));
        queue_said(e, said);
}

static void on_monitor(virConnectPtr conn, virDomainPtr dom, const char *event, long long seconds,
                       unsigned micros, const char *details, void *arg)
{
        if (!strcmp(event, "SHUTDOWN"))
                queue_said(arg, (struct said){.what = SHUT_DOWN});
        else if (!strcmp(event, "RESUME"))
                queue_said(arg, (struct said){.what = RUNS_ON});
        else if (!strcmp(event, "BLOCK_IO_ERROR"))
                queue_said(arg, (struct said){.what = WRITE_FAILED});
        else if (!strcmp(event, "JOB_STATUS_CHANGE"))
                hear_job(arg, details);
}

static int on_life(virConnectPtr conn, virDomainPtr dom, int event, int detail, void *arg)
{
        if (event == VIR_DOMAIN_EVENT_STARTED)
                queue_said(arg, (struct said){.what = STARTED});
        if (event == VIR_DOMAIN_EVENT_STOPPED)
                queue_said(arg, (struct said){.what = QEMU_ENDED});
        return 0;
}

static int watch_qemu(struct sv_virt_track *t, struct sv_err *err)
{
        struct sv_virt *v = t->v;

        t->life = sv_virt_register(v->conn, v->dom, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                   VIR_DOMAIN_EVENT_CALLBACK(on_life), t->events);
        if (t->life < 0)
                return sv_virt_fail(err, "registering for events");
        __atomic_add_fetch(&t->events->holders, 1, __ATOMIC_ACQ_REL);
        t->monitor = vir_qemu.ConnectDomainQemuMonitorEventRegister(
                v->conn, v->dom, NULL, on_monitor, t->events, sv_virt_drop_events, 0);
        if (t->monitor >= 0)
                return 0;
        sv_virt_drop_events(t->events);
        return sv_virt_fail(err, "registering for QEMU's events");
}

/* Where jobs end when QEMU does, that is in order; when it has gone on, or before, it is not. */
static void judge_said(struct sv_virt_track *t, const struct said *said)
{
        switch (said->what) {
        case SHUT_DOWN:
                t->shut = true;
                break;
        case RUNS_ON:
                t->shut = false;
                t->broken |= t->ended_late;
                break;
        case JOB_ENDED:
                if (*said->tag && strcmp(said->tag, t->tag))
                        break;
                t->ended_late = true;
                t->broken |= !t->shut;
                break;
        case QEMU_ENDED:
                t->ended = true;
                break;
        case WRITE_FAILED: /* part of it may be on the disk, and QEMU repeats none of it */
        case STARTED:
                t->broken = true;
                break;
        }
        t->broken |= ++t->n_said > SAID_MAX;
}

/* libvirt may say that the guest is off before we hear of its end; what QEMU said comes before
 * that. */
int sv_virt_track_wait(struct sv_virt_track *t, struct sv_err *err)
{
        struct pollfd p = {.fd = t->events->fds[0], .events = POLLIN};
        struct said said;

        for (;;) {
                while (read(p.fd, &said, sizeof(said)) == sizeof(said))
                        judge_said(t, &said);
                if (t->broken)
                        return sv_fail(err, SV_SYSTEM, CHECK,
                                       "QEMU did not note all that the guest wrote: its job ended "
                                       "before the guest did, or the disk took no more");
                if (t->ended)
                        return 0;
                if (poll(&p, 1, WAIT_MS) <= 0)
                        return sv_fail(err, SV_SYSTEM, CHECK,
                                       "libvirt does not say how the guest's QEMU ended");
        }
}

/* --- images --- */

static int add_bitmap(struct sv_virt *v, const char *node, struct sv_err *err)
{
        struct sv_json *j = sv_virt_argument("node", node);

        sv_json_set_str(j, "name", SV_TRACK_BITMAP);
        sv_json_set_int(j, "granularity", SV_TRACK_MARK);
        sv_json_set_bool(j, "persistent", true);
        return sv_virt_ask_qemu(v, "block-dirty-bitmap-add", j, -1, NULL, err);
}

static int give_notes(struct sv_virt *v, const char *name, int set, int fd, uint64_t size,
                      struct sv_err *err)
{
        const struct sv_virt_image image = {.name = name, .set = set, .fd = fd, .notes_of = size};

        return sv_virt_give_image(v, &image, err) < 0 ? -1 : add_bitmap(v, name, err);
}

static int begin_noting(struct sv_virt_track *t, size_t i, const char *node, int fd,
                        struct sv_err *err)
{
        struct sv_json *j;

        if (give_notes(t->v, t->names[i], FDSET + (int)i, fd, t->sizes[i], err) < 0)
                return -1;
        j = sv_virt_argument("job-id", t->names[i]);
        sv_json_set_str(j, "device", node);
        sv_json_set_str(j, "target", t->names[i]);
        sv_json_set_str(j, "sync", "none");
        sv_json_set_str(j, "copy-mode", "write-blocking");
        return sv_virt_ask_qemu(t->v, "blockdev-mirror", j, -1, NULL, err);
}

/* --- what QEMU has of ours --- */

/* Jobs that are there are cancelled; *there: how many were. */
static int cancel_noting(struct sv_virt *v, size_t *there, struct sv_err *err)
{
        SV_JSON *jobs = NULL;

        *there = 0;
        if (sv_virt_ask_qemu(v, "query-jobs", NULL, -1, &jobs, err) < 0)
                return -1;
        for (size_t i = 0; i < sv_json_len(jobs); i++) {
                const char *id = sv_json_text(sv_json_at(jobs, i), "id", "");

                if (!is_ours(id))
                        continue;
                sv_virt_cancel_job(v, id);
                ++*there;
        }
        return 0;
}

/* Without an image, of who was killed in between. */
static int remove_sets(struct sv_virt *v, struct sv_err *err)
{
        SV_JSON *sets = NULL;

        if (sv_virt_ask_qemu(v, "query-fdsets", NULL, -1, &sets, err) < 0)
                return -1;
        for (size_t i = 0; i < sv_json_len(sets); i++) {
                int64_t set = sv_json_int(sv_json_get(sv_json_at(sets, i), "fdset-id"), 0);

                if (set >= FDSET && set <= TAKEN_SET)
                        sv_virt_remove_fds(v, (int)set);
        }
        return 0;
}

static int remove_images(struct sv_virt *v, struct sv_err *err)
{
        SV_JSON *nodes = NULL;
        struct sv_json *flat = sv_json_object();

        sv_json_set_bool(flat, "flat", true);
        if (sv_virt_ask_qemu(v, "query-named-block-nodes", flat, -1, &nodes, err) < 0)
                return -1;
        for (size_t i = 0; i < sv_json_len(nodes); i++) {
                const char *name = sv_json_text(sv_json_at(nodes, i), "node-name", "");

                if (is_ours(name) && sv_virt_take_image(v, name, -1, err) < 0)
                        return -1;
        }
        return remove_sets(v, err);
}

int sv_virt_track_clear(struct sv_virt *v, struct sv_err *err)
{
        size_t there = 1;

        for (bool first = true; there; first = false) {
                if (!first)
                        usleep(POLL_US);
                if (cancel_noting(v, &there, err) < 0)
                        return -1;
        }
        return remove_images(v, err);
}

/* --- the whole --- */

void sv_virt_track_end(struct sv_virt_track *t)
{
        if (!t)
                return;
        if (vir.DomainIsActive(t->v->dom) == 1)
                sv_virt_track_clear(t->v, NULL);
        if (t->life >= 0)
                vir.ConnectDomainEventDeregisterAny(t->v->conn, t->life);
        if (t->monitor >= 0)
                vir_qemu.ConnectDomainQemuMonitorEventDeregister(t->v->conn, t->monitor);
        sv_virt_drop_events(t->events);
        free(t);
}

static int make_names(struct sv_virt_track *t, struct sv_err *err)
{
        uint32_t tail;

        if (sv_random(&tail, sizeof(tail), err) < 0)
                return -1;
        snprintf(t->tag, TAG_SIZE, "%08x", tail);
        for (size_t i = 0; i < SV_GUEST_DISKS_MAX; i++)
                snprintf(t->names[i], NAME_SIZE, PREFIX "%s-%zu", t->tag, i);
        snprintf(t->taken, NAME_SIZE, PREFIX "%s-t", t->tag);
        return 0;
}

static int begin_all(struct sv_virt_track *t, const struct sv_bitmaps *b, const int *fds,
                     struct sv_err *err)
{
        if (sv_virt_load_monitor(err) < 0 || make_names(t, err) < 0 ||
            sv_virt_track_clear(t->v, err) < 0 || watch_qemu(t, err) < 0)
                return -1;
        for (; t->n < b->n; t->n++) {
                t->sizes[t->n] = b->disks[t->n].size;
                if (begin_noting(t, t->n, b->disks[t->n].node, fds[t->n], err) < 0)
                        return -1;
        }
        return 0;
}

int sv_virt_track_begin(struct sv_virt *v, const struct sv_bitmaps *b, const int *fds,
                        struct sv_virt_track **out, struct sv_err *err)
{
        struct sv_virt_track *t = calloc(1, sizeof(*t));

        if (!t)
                return sv_fail(err, SV_SYSTEM, "base.memory", "out of memory");
        t->v = v;
        t->life = t->monitor = -1;
        t->events = sv_virt_make_events(err);
        if (!t->events) {
                free(t);
                return -1;
        }
        if (begin_all(t, b, fds, err) < 0) {
                sv_virt_track_end(t);
                return -1;
        }
        *out = t;
        return 0;
}

static void add_merge(struct sv_json *actions, const char *to, const char *from, const char *bitmap)
{
        struct sv_json *data = sv_virt_add_action(actions, "block-dirty-bitmap-merge"), *source;

        sv_json_set_str(data, "node", to);
        sv_json_set_str(data, "target", SV_TRACK_BITMAP);
        source = sv_json_add(sv_json_set(data, "bitmaps", sv_json_array()), sv_json_object());
        sv_json_set_str(source, "node", from);
        sv_json_set_str(source, "name", bitmap);
}

static struct sv_json *add_bitmap_action(struct sv_json *actions, const char *type,
                                         const char *node, const char *bitmap)
{
        struct sv_json *data = sv_virt_add_action(actions, type);

        sv_json_set_str(data, "node", node);
        sv_json_set_str(data, "name", bitmap);
        return data;
}

/* From now on is noted anew, and what was noted is in an image of its own. The guest may write
 * between two actions of a transaction, in an I/O thread: what it writes before the one bitmap is
 * cleared and after it was read is in the other. */
static int part_notes(struct sv_virt_track *t, size_t i, struct sv_err *err)
{
        struct sv_json *actions = sv_json_array(), *late;
        const char *node = t->names[i];

        late = add_bitmap_action(actions, "block-dirty-bitmap-add", node, LATE);
        sv_json_set_int(late, "granularity", SV_TRACK_MARK);
        add_merge(actions, t->taken, node, SV_TRACK_BITMAP);
        add_bitmap_action(actions, "block-dirty-bitmap-clear", node, SV_TRACK_BITMAP);
        add_merge(actions, node, node, LATE);
        add_bitmap_action(actions, "block-dirty-bitmap-remove", node, LATE);
        return sv_virt_do_together(t->v, actions, err);
}

int sv_virt_track_take(struct sv_virt_track *t, size_t disk, int fd, struct sv_err *err)
{
        if (give_notes(t->v, t->taken, TAKEN_SET, fd, t->sizes[disk], err) < 0 ||
            part_notes(t, disk, err) < 0)
                return -1;
        return sv_virt_take_image(t->v, t->taken, TAKEN_SET, err);
}
