/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/trust-cache.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/core/limits.h"
#include "base/core/rd.h"

struct sv_trust_cache {
        struct sv_cached *list[SV_TRUST_CACHE_ENTRIES_MAX];
        size_t n;
        uint64_t uses, hits;
};

struct sv_trust_cache *sv_trust_cache_new(void)
{
        return calloc(1, sizeof(struct sv_trust_cache));
}

void sv_trust_cache_free(struct sv_trust_cache *m)
{
        for (size_t i = 0; m && i < m->n; i++)
                sv_cached_free(m->list[i]);
        free(m);
}

void sv_trust_cache_freep(struct sv_trust_cache **m)
{
        sv_trust_cache_free(*m);
        *m = NULL;
}

uint64_t sv_trust_cache_hits(const struct sv_trust_cache *m)
{
        return m ? m->hits : 0;
}

/* --- entries --- */

/* One piece of memory: the list, and behind it the bytes. */
static bool copy_collateral(const struct sv_collateral *what, struct sv_cached *k)
{
        size_t head = what->n * sizeof(*what->list), n = head;
        struct sv_blob *list;
        uint8_t *at;

        for (size_t i = 0; i < what->n; i++)
                n += what->list[i].data.n;
        list = calloc(1, n ? n : 1);
        if (!list)
                return false;
        at = (uint8_t *)list + head;
        for (size_t i = 0; i < what->n; i++) {
                const struct sv_bytes *data = &what->list[i].data;

                list[i] = what->list[i];
                list[i].data.p = at;
                if (data->n)
                        memcpy(at, data->p, data->n);
                at += data->n;
        }
        k->what = (struct sv_collateral){list, what->n};
        k->size = n;
        return true;
}

struct sv_cached *sv_cached_new(const char *tee, const struct sv_collateral *what,
                                size_t state_size, void (*drop)(void *state), struct sv_err *err)
{
        struct sv_cached *k = calloc(1, sizeof(*k));

        if (k)
                k->state = calloc(1, state_size);
        if (!k || !k->state || !copy_collateral(what, k)) {
                sv_cached_free(k);
                sv_fail(err, SV_SYSTEM, "base.memory", "no memory for a copy of the collateral");
                return NULL;
        }
        snprintf(k->tee, sizeof(k->tee), "%s", tee);
        k->drop = drop;
        return k;
}

void sv_cached_free(struct sv_cached *k)
{
        if (!k)
                return;
        if (k->drop)
                k->drop(k->state);
        free(k->state);
        free((void *)(uintptr_t)k->what.list);
        free(k);
}

static bool is_same_collateral(const struct sv_collateral *a, const struct sv_collateral *b)
{
        if (a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++)
                if (a->list[i].data.n != b->list[i].data.n ||
                    strcmp(a->list[i].kind, b->list[i].kind))
                        return false;
        for (size_t i = 0; i < a->n; i++) /* public data: its timing reveals nothing */
                if (a->list[i].data.n &&
                    memcmp(a->list[i].data.p, b->list[i].data.p, a->list[i].data.n) != 0)
                        return false;
        return true;
}

struct sv_cached *sv_trust_cache_find(struct sv_trust_cache *m, const char *tee,
                                      const struct sv_collateral *what)
{
        for (size_t i = 0; m && i < m->n; i++)
                if (!strcmp(m->list[i]->tee, tee) && is_same_collateral(&m->list[i]->what, what)) {
                        m->list[i]->used = ++m->uses;
                        m->hits++;
                        return m->list[i];
                }
        return NULL;
}

static void drop_at(struct sv_trust_cache *m, size_t i)
{
        sv_cached_free(m->list[i]);
        m->list[i] = m->list[--m->n];
}

static size_t find_oldest(const struct sv_trust_cache *m)
{
        size_t at = 0;

        for (size_t i = 1; i < m->n; i++)
                if (m->list[i]->used < m->list[at]->used)
                        at = i;
        return at;
}

static size_t count_bytes(const struct sv_trust_cache *m)
{
        size_t n = 0;

        for (size_t i = 0; i < m->n; i++)
                n += m->list[i]->size;
        return n;
}

void sv_trust_cache_keep(struct sv_trust_cache *m, struct sv_cached *k, const uint8_t platform[32])
{
        if (!m || k->size > SV_TRUST_CACHE_ENTRY_MAX) {
                sv_cached_free(k);
                return;
        }
        memcpy(k->platform, platform, sizeof(k->platform));
        k->used = ++m->uses;
        for (size_t i = m->n; i-- > 0;)
                if (!strcmp(m->list[i]->tee, k->tee) &&
                    sv_bytes_eq(sv_bytes(m->list[i]->platform, sizeof(k->platform)),
                                sv_bytes(k->platform, sizeof(k->platform))))
                        drop_at(m, i);
        while (m->n == SV_TRUST_CACHE_ENTRIES_MAX ||
               (m->n && count_bytes(m) + k->size > SV_TRUST_CACHE_SIZE_MAX))
                drop_at(m, find_oldest(m));
        m->list[m->n++] = k;
}

/* --- lessons: the TEE's name; u32 number; each a kind, u32 size, bytes. Names have 32 bytes --- */

void sv_shared_write(const char *tee, const struct sv_collateral *what, struct sv_buf *out)
{
        char name[32] = "";

        snprintf(name, sizeof(name), "%s", tee);
        sv_buf_put(out, sv_bytes(name, sizeof(name)));
        sv_buf_u32le(out, (uint32_t)what->n);
        for (size_t i = 0; i < what->n; i++) {
                const struct sv_blob *blob = &what->list[i];

                sv_buf_put(out, sv_bytes(blob->kind, sizeof(blob->kind)));
                sv_buf_u32le(out, (uint32_t)blob->data.n);
                sv_buf_put(out, blob->data);
        }
}

bool sv_trust_cache_share(struct sv_trust_cache *m, struct sv_buf *out)
{
        for (size_t i = 0; m && i < m->n; i++) {
                struct sv_cached *k = m->list[i];

                if (k->told)
                        continue;
                k->told = true;
                sv_shared_write(k->tee, &k->what, out);
                return sv_buf_ok(out, "a lesson", NULL) == 0;
        }
        return false;
}

static int read_entry_name(struct sv_rd *rd, char out[32], struct sv_err *err)
{
        sv_rd_copy(rd, out, 32);
        return out[31] ? sv_fail(err, SV_FORMAT, "lesson.name", "a name has no end") : 0;
}

static int read_blobs(struct sv_rd *rd, struct sv_shared *l, struct sv_err *err)
{
        uint32_t n = sv_rd_u32le(rd);

        if (n > SV_LESSON_KINDS_MAX)
                return sv_fail(err, SV_FORMAT, "lesson.kinds",
                               "at most %d parts were expected, found %u", SV_LESSON_KINDS_MAX, n);
        l->list = calloc(n + 1u, sizeof(*l->list));
        if (!l->list)
                return sv_fail(err, SV_SYSTEM, "base.memory", "no memory for a lesson");
        l->what = (struct sv_collateral){l->list, n};
        for (uint32_t i = 0; i < n; i++) {
                if (read_entry_name(rd, l->list[i].kind, err) < 0)
                        return -1;
                l->list[i].data = sv_rd_bytes(rd, sv_rd_u32le(rd));
        }
        return sv_rd_done(rd, "lesson.size", "the lesson", err);
}

int sv_shared_read(struct sv_bytes raw, struct sv_shared *out, struct sv_err *err)
{
        struct sv_rd rd = sv_rd(raw);
        struct sv_shared l = {.list = NULL};

        if (read_entry_name(&rd, l.tee, err) < 0 || read_blobs(&rd, &l, err) < 0) {
                sv_shared_free(&l);
                return -1;
        }
        *out = l;
        return 0;
}

void sv_shared_free(struct sv_shared *l)
{
        free(l->list);
        *l = (struct sv_shared){.list = NULL};
}
