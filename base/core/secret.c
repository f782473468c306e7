/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/secret.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/core/limits.h"

#define SPARES    8
#define SPARE_MAX (32u << 10) /* bytes of one */

struct sv_secret {
        uint8_t *p;
        size_t n;      /* bytes in use */
        size_t mapped; /* bytes asked for; n may shrink */
};

void sv_wipe(void *p, size_t n)
{
        if (n)
                explicit_bzero(p, n);
}

static size_t round_to_pages(size_t n)
{
        size_t page = (size_t)sysconf(_SC_PAGESIZE);

        return (n + page - 1) / page * page;
}

/* Pages that were wiped wait here for the next secret of their size: to map, fill and unmap them
 * takes longer than what most are for. Locked they are anew each time: a child has its parent's,
 * and has not what the parent locked (mlock(2)). How many bytes a block has stands in it while it
 * waits.
 */
static _Atomic(size_t *) spare[SPARES];

static bool keep_spare(void *p, size_t mapped)
{
        if (mapped > SPARE_MAX)
                return false;
        *(size_t *)p = mapped;
        for (size_t i = 0; i < SPARES; i++) {
                size_t *none = NULL;

                if (atomic_compare_exchange_strong(&spare[i], &none, p))
                        return true;
        }
        return false;
}

static void *take_spare(size_t mapped)
{
        for (size_t i = 0; i < SPARES; i++) {
                size_t *p = spare[i] ? atomic_exchange(&spare[i], NULL) : NULL;

                if (!p)
                        continue;
                if (*p == mapped) {
                        *p = 0;
                        return p;
                }
                if (!keep_spare(p, *p))
                        munmap(p, *p);
        }
        return NULL;
}

/* They count towards the limit of locked memory, too. */
static void drop_spares(void)
{
        for (size_t i = 0; i < SPARES; i++) {
                size_t *p = atomic_exchange(&spare[i], NULL);

                if (p)
                        munmap(p, *p);
        }
}

static void *map_pages(size_t mapped)
{
        void *p = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED || madvise(p, mapped, MADV_DONTDUMP) == 0)
                return p;
        munmap(p, mapped);
        return MAP_FAILED;
}

static bool lock_pages(void *p, size_t mapped)
{
        if (mlock(p, mapped) == 0)
                return true;
        drop_spares();
        return mlock(p, mapped) == 0;
}

void *sv_pages_lock(size_t n, struct sv_err *err)
{
        size_t mapped = round_to_pages(n);
        void *p = take_spare(mapped);

        if (!p)
                p = map_pages(mapped);
        if (p != MAP_FAILED && lock_pages(p, mapped))
                return p;
        sv_fail_errno(err, "base.secret",
                      "cannot lock %zu bytes of memory for a secret (raise the limit with "
                      "ulimit -l)",
                      mapped);
        if (p != MAP_FAILED)
                munmap(p, mapped);
        return NULL;
}

void sv_pages_free(void *p, size_t n)
{
        size_t mapped = round_to_pages(n);

        if (!p)
                return;
        sv_wipe(p, mapped);
        if (!keep_spare(p, mapped))
                munmap(p, mapped);
}

struct sv_secret *sv_secret_new(size_t n, struct sv_err *err)
{
        struct sv_secret *s;

        if (!n || n > SV_SECRET_MAX) {
                sv_fail(err, SV_FORMAT, "base.secret.size",
                        "a secret has 1 to %u bytes, this one %zu", SV_SECRET_MAX, n);
                return NULL;
        }
        s = calloc(1, sizeof(*s));
        if (!s) {
                sv_fail(err, SV_SYSTEM, "base.memory", "no memory");
                return NULL;
        }
        s->n = s->mapped = n;
        s->p = sv_pages_lock(n, err);
        if (!s->p) {
                free(s);
                return NULL;
        }
        return s;
}

struct sv_secret *sv_secret_random(size_t n, struct sv_err *err)
{
        struct sv_secret *s = sv_secret_new(n, err);
        size_t have = 0;

        while (s && have < n) {
                ssize_t got = getrandom(s->p + have, n - have, 0);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0) {
                        sv_fail_errno(err, "base.random", "the system's random generator");
                        sv_secret_freep(&s);
                        return NULL;
                }
                have += (size_t)got;
        }
        return s;
}

struct sv_secret *sv_secret_copy(struct sv_bytes from, struct sv_err *err)
{
        struct sv_secret *s = sv_secret_new(from.n, err);

        if (s)
                memcpy(s->p, from.p, from.n);
        return s;
}

void sv_secret_free(struct sv_secret *s)
{
        if (!s)
                return;
        sv_pages_free(s->p, s->mapped);
        free(s);
}

void sv_secret_freep(struct sv_secret **s)
{
        sv_secret_free(*s);
        *s = NULL;
}

size_t sv_secret_size(const struct sv_secret *s)
{
        return s->n;
}

void sv_secret_shrink(struct sv_secret *s, size_t n)
{
        if (n >= s->n)
                return;
        sv_wipe(s->p + n, s->n - n);
        s->n = n;
}

uint8_t *sv_secret_reveal(struct sv_secret *s)
{
        return s->p;
}

int sv_secret_harden_process(struct sv_err *err)
{
        const struct rlimit none = {0, 0};

        if (setrlimit(RLIMIT_CORE, &none) < 0)
                return sv_fail_errno(err, "base.harden", "cannot turn core files off");
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                return sv_fail_errno(err, "base.harden", "cannot make the process undumpable");
        return 0;
}
