/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/core/clock.h"

#define MINUTE_US INT64_C(60000000)

struct sv_limits {
        int fd; /* for the lock: one of the process, which the kernel gives back when it dies */
        struct shared {
                struct sv_budget budgets[SV_N_LIMITS];
                uint64_t unrecorded;
        } * shared;
};

int sv_limits_open(struct sv_limits **out, struct sv_err *err)
{
        struct sv_limits *l = calloc(1, sizeof(*l));

        if (!l)
                return sv_fail_errno(err, "base.memory", "no memory for limits");
        l->shared = MAP_FAILED;
        l->fd = memfd_create("limits", MFD_CLOEXEC);
        if (l->fd >= 0 && ftruncate(l->fd, sizeof(*l->shared)) == 0)
                l->shared = mmap(NULL, sizeof(*l->shared), PROT_READ | PROT_WRITE, MAP_SHARED,
                                 l->fd, 0);
        if (l->shared == MAP_FAILED) {
                sv_fail_errno(err, "broker.serve", "no memory for what processes count together");
                sv_limits_free(l);
                return -1;
        }
        *out = l;
        return 0;
}

int sv_limits_lock(const struct sv_limits *l)
{
        return l->fd;
}

void sv_limits_free(struct sv_limits *l)
{
        if (!l)
                return;
        if (l->shared != MAP_FAILED)
                munmap(l->shared, sizeof(*l->shared));
        if (l->fd >= 0)
                close(l->fd);
        free(l);
}

static void set_lock(const struct sv_limits *l, short type)
{
        struct flock f = {.l_type = type, .l_whence = SEEK_SET};

        while (fcntl(l->fd, F_SETLKW, &f) < 0 && errno == EINTR)
                ;
}

bool sv_limits_take(struct sv_limits *l, enum sv_limited what, int64_t per_minute, bool share,
                    uint64_t source)
{
        const struct sv_rate all = {MINUTE_US / per_minute, per_minute};
        const struct sv_rate quarter = {4 * MINUTE_US / per_minute, (per_minute + 3) / 4};
        bool ok;

        if (!l)
                return true;
        set_lock(l, F_WRLCK);
        ok = sv_budget_take(&l->shared->budgets[what], &all, share ? &quarter : &all, source,
                            sv_clock_ms() * 1000);
        if (!ok && (what == SV_LIMIT_RECORDS || what == SV_LIMIT_ATTESTED))
                l->shared->unrecorded++;
        set_lock(l, F_UNLCK);
        return ok;
}

uint64_t sv_limits_unrecorded(struct sv_limits *l)
{
        uint64_t n = 0;

        if (!l)
                return 0;
        set_lock(l, F_WRLCK);
        n = l->shared->unrecorded;
        l->shared->unrecorded = 0;
        set_lock(l, F_UNLCK);
        return n;
}
