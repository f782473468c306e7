/* SPDX-License-Identifier: Apache-2.0 */
/* Verified collateral, shared between verifications. A verification's process ends with it, and
 * what it has verified would be lost. So it offers the verifier the collateral of a proof that
 * held, in a slot of shared memory. The verifier verifies that collateral again before it keeps it;
 * every process that it forks later has a copy. Evidence never goes into the slot, and the verifier
 * believes nothing that it has not verified itself. The slot holds one offer: a process that finds
 * it in use drops its own, and a later guest's process offers the same again. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attest/tees.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "broker/broker.h"

/* an offer is an entry and a few words */
#define OFFER_MAX (SV_TRUST_CACHE_ENTRY_MAX + 64)

int sv_broker_open_share(struct sv_broker *b, struct sv_err *err)
{
        b->slot = memfd_create("share", MFD_CLOEXEC);
        if (b->slot < 0)
                return sv_fail_errno(err, "broker.serve", "no memory for what processes share");
        b->memory = sv_trust_cache_new();
        return 0;
}

void sv_broker_close_share(struct sv_broker *b)
{
        if (!b->memory)
                return;
        close(b->slot);
        sv_trust_cache_freep(&b->memory);
}

/* A lock of the process, so that descriptors shared by a fork do not share it. Never waits. */
static bool lock_slot(int fd, short type)
{
        struct flock l = {.l_type = type, .l_whence = SEEK_SET};

        return fcntl(fd, F_SETLK, &l) == 0;
}

static size_t get_offer_size(int fd)
{
        struct stat st;

        return fstat(fd, &st) == 0 ? (size_t)st.st_size : SIZE_MAX;
}

void sv_broker_offer_share(struct sv_broker *b)
{
        SV_BUF raw = SV_BUF_NULL;

        if (!b->memory || !sv_trust_cache_share(b->memory, &raw) || !lock_slot(b->slot, F_WRLCK))
                return;
        if (!get_offer_size(b->slot) && pwrite(b->slot, raw.p, raw.n, 0) != (ssize_t)raw.n)
                (void)!ftruncate(b->slot, 0);
        lock_slot(b->slot, F_UNLCK);
}

/* Reads the slot and empties it. */
static bool take_offer(int fd, struct sv_buf *raw)
{
        size_t n;
        bool ok;

        if (!get_offer_size(fd) || !lock_slot(fd, F_WRLCK))
                return false;
        n = get_offer_size(fd);
        ok = n && n <= OFFER_MAX && sv_buf_grow(raw, n) && pread(fd, raw->p, n, 0) == (ssize_t)n;
        (void)!ftruncate(fd, 0);
        lock_slot(fd, F_UNLCK);
        return ok;
}

void sv_broker_take_share(struct sv_broker *b, int64_t now)
{
        SV_BUF raw = SV_BUF_NULL, own = SV_BUF_NULL;
        SV_SHARED_ENTRY l = {.list = NULL};
        const struct sv_tee_verify *tee;

        if (!take_offer(b->slot, &raw) || sv_shared_read(sv_buf_bytes(&raw), &l, NULL) < 0)
                return;
        tee = sv_tee_find_verify(l.tee);
        if (tee && tee->accept_shared && !sv_trust_cache_find(b->memory, l.tee, &l.what) &&
            tee->accept_shared(b->memory, &l.what, now, NULL) == 0)
                sv_trust_cache_share(b->memory, &own); /* its copies need not offer it again */
}
