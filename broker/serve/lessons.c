/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection's process has read and verified dies with it, but for this: it tells the
 * listener which collateral a proof that held has used, and the listener, of which every later
 * process is a copy, proves it anew for itself. No word is taken for it, and no evidence comes to
 * the listener. The slot holds one lesson: whoever finds it taken says nothing, the next guest's
 * process will. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attest/tees.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "broker/broker.h"

/* an entry's lesson is no larger than the entry and a few words */
#define LESSON_MAX (SV_TRUST_CACHE_ENTRY_MAX + 64)

int sv_broker_lessons(struct sv_broker *b, struct sv_err *err)
{
        b->slot = memfd_create("lesson", MFD_CLOEXEC);
        if (b->slot < 0)
                return sv_fail_errno(err, "broker.serve",
                                     "no memory for what processes tell each other");
        b->memory = sv_trust_cache_new();
        return 0;
}

void sv_broker_forget(struct sv_broker *b)
{
        if (!b->memory)
                return;
        close(b->slot);
        sv_trust_cache_freep(&b->memory);
}

/* Of the process: descriptors that a fork shares are no matter. Nobody waits. */
static bool lock(int fd, short type)
{
        struct flock l = {.l_type = type, .l_whence = SEEK_SET};

        return fcntl(fd, F_SETLK, &l) == 0;
}

static size_t taken(int fd)
{
        struct stat st;

        return fstat(fd, &st) == 0 ? (size_t)st.st_size : SIZE_MAX;
}

void sv_broker_teach(struct sv_broker *b)
{
        SV_BUF raw = SV_BUF_NULL;

        if (!b->memory || !sv_trust_cache_share(b->memory, &raw) || !lock(b->slot, F_WRLCK))
                return;
        if (!taken(b->slot) && pwrite(b->slot, raw.p, raw.n, 0) != (ssize_t)raw.n)
                (void)!ftruncate(b->slot, 0);
        lock(b->slot, F_UNLCK);
}

/* Empties the slot. */
static bool take(int fd, struct sv_buf *raw)
{
        size_t n;
        bool ok;

        if (!taken(fd) || !lock(fd, F_WRLCK))
                return false;
        n = taken(fd);
        ok = n && n <= LESSON_MAX && sv_buf_grow(raw, n) && pread(fd, raw->p, n, 0) == (ssize_t)n;
        (void)!ftruncate(fd, 0);
        lock(fd, F_UNLCK);
        return ok;
}

void sv_broker_learn(struct sv_broker *b, int64_t now)
{
        SV_BUF raw = SV_BUF_NULL, own = SV_BUF_NULL;
        SV_SHARED_ENTRY l = {.list = NULL};
        const struct sv_tee_verify *tee;

        if (!take(b->slot, &raw) || sv_shared_read(sv_buf_bytes(&raw), &l, NULL) < 0)
                return;
        tee = sv_tee_find_verify(l.tee);
        if (tee && tee->accept_shared && !sv_trust_cache_find(b->memory, l.tee, &l.what) &&
            tee->accept_shared(b->memory, &l.what, now, NULL) == 0)
                sv_trust_cache_share(b->memory, &own); /* its copies need not tell it back */
}
