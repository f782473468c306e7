/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/syncs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct sv_syncs {
        int fd; /* for the lock: one of the process, which the kernel gives back when it dies */
        struct synced {
                _Atomic int64_t committed; /* numbers that were given */
                /* under the lock: what was written up to this number is on the disk, of this
                 * database */
                _Atomic int64_t synced;
                _Atomic uint64_t database;
                _Atomic int64_t syncs;
                /* As many syncs have failed, and what so many had left was written anew. They are
                 * of whichever database: another one's log is written once too often. */
                _Atomic int64_t failed, mended;
        } * shared;
};

int sv_syncs_open(struct sv_syncs **out, struct sv_err *err)
{
        struct sv_syncs *s = calloc(1, sizeof(*s));

        if (!s)
                return sv_fail_errno(err, "base.memory", "no memory for what processes share");
        s->shared = MAP_FAILED;
        s->fd = memfd_create("syncs", MFD_CLOEXEC);
        if (s->fd >= 0 && ftruncate(s->fd, sizeof(*s->shared)) == 0)
                s->shared = mmap(NULL, sizeof(*s->shared), PROT_READ | PROT_WRITE, MAP_SHARED,
                                 s->fd, 0);
        if (s->shared == MAP_FAILED) {
                sv_fail_errno(err, "broker.serve", "no memory for what processes share");
                sv_syncs_free(s);
                return -1;
        }
        /* what those before have failed to sync, nobody here knows */
        atomic_store(&s->shared->failed, 1);
        *out = s;
        return 0;
}

void sv_syncs_free(struct sv_syncs *s)
{
        if (!s)
                return;
        if (s->shared != MAP_FAILED)
                munmap(s->shared, sizeof(*s->shared));
        if (s->fd >= 0)
                close(s->fd);
        free(s);
}

int sv_syncs_lock(const struct sv_syncs *s)
{
        return s->fd;
}

static int set_turn(const struct sv_syncs *s, short type)
{
        struct flock f = {.l_type = type, .l_whence = SEEK_SET};
        int rc;

        while ((rc = fcntl(s->fd, F_SETLKW, &f)) < 0 && errno == EINTR)
                ;
        return rc;
}

/* What a commit has written it has written before it took its number: a sync that begins after the
 * number was given has it. */
static int sync_all(struct synced *d, uint64_t database, int (*sync)(void *context, bool again),
                    void *context)
{
        int64_t up_to = atomic_load(&d->committed), failed = atomic_load(&d->failed);
        int rc;

        atomic_fetch_add(&d->syncs, 1);
        rc = sync(context, failed != atomic_load(&d->mended));
        if (rc < 0)
                atomic_fetch_add(&d->failed, 1);
        if (rc < 0 || atomic_load(&d->failed) != failed)
                return -1;
        atomic_store(&d->mended, failed);
        atomic_store(&d->synced, 0); /* who reads both without the lock sees no mixture */
        atomic_store(&d->database, database);
        atomic_store(&d->synced, up_to);
        return 0;
}

/* Without a turn each is for itself, and may not say that what others have left is mended. */
static int sync_alone(struct sv_syncs *s, int (*sync)(void *context, bool again), void *context)
{
        int rc = sync(context, sv_syncs_has_failed(s));

        if (rc < 0)
                sv_syncs_note_failed(s);
        return rc;
}

int64_t sv_syncs_defer(struct sv_syncs *s)
{
        return atomic_fetch_add(&s->shared->committed, 1) + 1;
}

bool sv_syncs_has_synced(const struct sv_syncs *s, uint64_t database, int64_t number)
{
        const struct synced *d = s->shared;

        /* twice: another database's number may come in between */
        return atomic_load(&d->database) == database && atomic_load(&d->synced) >= number &&
               atomic_load(&d->database) == database;
}

int sv_syncs_wait(struct sv_syncs *s, uint64_t database, int (*sync)(void *context, bool again),
                  void *context)
{
        struct synced *d = s->shared;
        int64_t number = sv_syncs_defer(s);
        int rc = 0;

        if (set_turn(s, F_WRLCK) < 0)
                return sync_alone(s, sync, context);
        if (d->synced < number || d->database != database)
                rc = sync_all(d, database, sync, context);
        set_turn(s, F_UNLCK);
        return rc;
}

void sv_syncs_note_failed(struct sv_syncs *s)
{
        if (s)
                atomic_fetch_add(&s->shared->failed, 1);
}

bool sv_syncs_has_failed(const struct sv_syncs *s)
{
        return s && atomic_load(&s->shared->failed) != atomic_load(&s->shared->mended);
}

void sv_syncs_count(const struct sv_syncs *s, int64_t *commits, int64_t *syncs)
{
        *commits = atomic_load(&s->shared->committed);
        *syncs = atomic_load(&s->shared->syncs);
}
