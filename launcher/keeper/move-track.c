/* SPDX-License-Identifier: Apache-2.0 */
/* Where a moving guest writes to its disks while they are copied: so that after its end only that
 * is left to look at. Whatever is not certain of it is a reason to look at all. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/core/file.h"
#include "base/program/log.h"
#include "image/qcow2-bitmap.h"
#include "launcher/keeper/move-int.h"
#include "launcher/virt/virt-dac.h"
#include "launcher/virt/virt-track.h"

_Static_assert(SV_TRACK_MARK == SV_QCOW2_MARK && SV_TRACK_MARK == SV_MOVE_CHUNK,
               "a mark is a chunk's");

struct sv_move_track {
        struct sv_virt_track *of;
        struct sv_bitmaps b;
        size_t disks[SV_GUEST_DISKS_MAX]; /* of the guest: those that are copied and written to */
        int fds[SV_GUEST_DISKS_MAX];
        size_t n;
};

void sv_move_track_end(struct sv_move_run *m)
{
        struct sv_move_track *t = m->track;

        m->track = NULL;
        if (!t)
                return;
        sv_virt_track_end(t->of);
        sv_bitmaps_free(&t->b);
        for (size_t i = 0; i < t->n; i++)
                sv_closep(&t->fds[i]);
        free(t);
}

static void stop_tracking(struct sv_move_run *m, const struct sv_err *why)
{
        sv_move_track_end(m);
        snprintf(m->untracked, sizeof(m->untracked), "%.300s [%s]", why->msg, why->check);
        sv_warn("where guest %s writes to while its disks are copied is not known, so after its "
                "end they are looked at as a whole, which takes its time: %s",
                m->mv->name, m->untracked);
}

/* --- images --- */

/* Memory of this process's, which ends with it: no full disk and no missing right keeps QEMU from
 * noting. */
static int open_notes(uint64_t size, int *out, struct sv_err *err)
{
        SV_FD fd = memfd_create("secure-vm-writes", MFD_CLOEXEC);

        if (fd < 0)
                return sv_fail_errno(err, "virt.track", "memory for what is written");
        if (sv_qcow2_make_notes(fd, "where the guest writes", size, err) < 0)
                return -1;
        *out = fd;
        fd = -1;
        return 0;
}

/* Into the disk's marks. */
static int read_notes(struct sv_move_run *m, size_t i, int fd, struct sv_err *err)
{
        const struct sv_move_track *t = m->track;
        struct sv_move_disk *d = &m->disks[t->disks[i]];
        uint64_t size = t->b.disks[i].size;

        if (sv_qcow2_count_marks(size) != d->n)
                return sv_fail(err, SV_SYSTEM, "virt.track",
                               "%s has %llu bytes, and QEMU notes what is written to %llu", d->name,
                               (unsigned long long)d->bytes, (unsigned long long)size);
        return sv_qcow2_read_bitmap(fd, "where the guest writes", SV_TRACK_BITMAP, size, d->marks,
                                    err);
}

/* --- the steps --- */

static void list_tracked(const struct sv_move_run *m, struct sv_move_track *t)
{
        for (size_t i = 0; i < m->r.domain.n_disks; i++)
                if (m->disks[i].marks && !m->shared[i] && !m->r.domain.disks[i].readonly) {
                        t->fds[t->n] = -1;
                        t->disks[t->n++] = i;
                }
}

static int begin_tracking(struct sv_move_run *m, struct sv_err *err)
{
        struct sv_move_track *t = m->track = calloc(1, sizeof(*t));

        if (!t)
                return sv_fail(err, SV_SYSTEM, "base.memory", "out of memory");
        list_tracked(m, t);
        if (!t->n) { /* nothing is copied that the guest writes to */
                sv_move_track_end(m);
                return 0;
        }
        if (!sv_uri_is_here(m->mv->from)) /* libvirt would end the connection */
                return sv_fail(err, SV_SYSTEM, "virt.track",
                               "%s is another host's, and QEMU is given what it notes that in as "
                               "a descriptor of this one; a command there, with --connect "
                               "qemu:///system, can",
                               m->mv->from);
        if (sv_bitmaps_read(m->r.from, t->disks, t->n, &t->b, err) < 0)
                return -1;
        for (size_t i = 0; i < t->n; i++)
                if (open_notes(t->b.disks[i].size, &t->fds[i], err) < 0)
                        return -1;
        return sv_virt_track_begin(m->r.from, &t->b, t->fds, &t->of, err);
}

void sv_move_track_begin(struct sv_move_run *m)
{
        struct sv_err why = SV_ERR_NULL;

        if (begin_tracking(m, &why) < 0)
                stop_tracking(m, &why);
}

static int take_notes(struct sv_move_run *m, size_t i, struct sv_err *err)
{
        SV_FD fd = -1;

        if (open_notes(m->track->b.disks[i].size, &fd, err) < 0 ||
            sv_virt_track_take(m->track->of, i, fd, err) < 0)
                return -1;
        return read_notes(m, i, fd, err);
}

void sv_move_track_take(struct sv_move_run *m)
{
        struct sv_err why = SV_ERR_NULL;

        for (size_t i = 0; m->track && i < m->track->n; i++)
                if (take_notes(m, i, &why) < 0)
                        stop_tracking(m, &why);
}

static int read_all_notes(struct sv_move_run *m, struct sv_err *err)
{
        if (sv_virt_track_wait(m->track->of, err) < 0)
                return -1;
        for (size_t i = 0; i < m->track->n; i++)
                if (read_notes(m, i, m->track->fds[i], err) < 0)
                        return -1;
        return 0;
}

void sv_move_track_read(struct sv_move_run *m)
{
        struct sv_err why = SV_ERR_NULL;

        if (m->track && read_all_notes(m, &why) < 0)
                stop_tracking(m, &why);
}
