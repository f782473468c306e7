/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/core/limits.h"
#include "base/core/secret.h"

static uint8_t *get_memory(const struct sv_buf *b, size_t cap)
{
        return b->locked ? sv_pages_lock(cap, NULL) : malloc(cap);
}

static void free_memory(struct sv_buf *b)
{
        if (!b->p)
                return;
        if (b->locked) {
                sv_pages_free(b->p, b->cap);
                return;
        }
        sv_wipe(b->p, b->cap);
        free(b->p);
}

void sv_buf_free(struct sv_buf *b)
{
        free_memory(b);
        *b = (struct sv_buf){.max = b->max, .locked = b->locked};
}

void sv_buf_clear(struct sv_buf *b)
{
        if (b->p)
                sv_wipe(b->p, b->n);
        b->n = 0;
        b->bad = false;
}

static size_t get_buf_limit(const struct sv_buf *b)
{
        return b->max ? b->max : SV_BUF_MAX;
}

/* realloc would leave the old contents behind in freed memory: move and wipe instead. */
static bool set_buf_capacity(struct sv_buf *b, size_t cap)
{
        uint8_t *p = get_memory(b, cap);

        if (!p)
                return false;
        if (b->n)
                memcpy(p, b->p, b->n);
        free_memory(b);
        b->p = p;
        b->cap = cap;
        return true;
}

static bool reserve_buf(struct sv_buf *b, size_t want)
{
        size_t cap = b->cap ? b->cap : b->locked ? 4096 : 64;

        if (want <= b->cap)
                return true;
        while (cap < want)
                cap *= 2;
        return set_buf_capacity(b, cap);
}

void sv_buf_room(struct sv_buf *b, size_t n)
{
        /* Doubling would make room for twice as much, which is wiped in the end, and for that
         * exists. */
        if (!b->bad && n < get_buf_limit(b) - b->n && b->n + n + 1 > b->cap)
                set_buf_capacity(b, b->n + n + 1);
}

uint8_t *sv_buf_grow(struct sv_buf *b, size_t n)
{
        uint8_t *at;

        /* one more for sv_buf_str's terminator */
        if (b->bad || n > get_buf_limit(b) - b->n || !reserve_buf(b, b->n + n + 1)) {
                b->bad = true;
                return NULL;
        }
        at = b->p + b->n;
        memset(at, 0, n);
        b->n += n;
        return at;
}

void sv_buf_put(struct sv_buf *b, struct sv_bytes bytes)
{
        uint8_t *at = sv_buf_grow(b, bytes.n);

        if (at && bytes.n)
                memcpy(at, bytes.p, bytes.n);
}

void sv_buf_puts(struct sv_buf *b, const char *s)
{
        sv_buf_put(b, sv_bytes_str(s));
}

void sv_buf_vprintf(struct sv_buf *b, const char *fmt, va_list ap)
{
        va_list again;
        uint8_t *at;
        int n;

        va_copy(again, ap);
        n = vsnprintf(NULL, 0, fmt, ap);
        if (n < 0)
                b->bad = true;
        else if ((at = sv_buf_grow(b, (size_t)n)))
                vsnprintf((char *)at, (size_t)n + 1, fmt,
                          again); /* grow keeps a byte for the terminator */
        va_end(again);
}

void sv_buf_printf(struct sv_buf *b, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        sv_buf_vprintf(b, fmt, ap);
        va_end(ap);
}

static void put_buf_be(struct sv_buf *b, uint64_t v, size_t n)
{
        uint8_t *at = sv_buf_grow(b, n);

        for (size_t i = 0; at && i < n; i++)
                at[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

static void put_buf_le(struct sv_buf *b, uint64_t v, size_t n)
{
        uint8_t *at = sv_buf_grow(b, n);

        for (size_t i = 0; at && i < n; i++)
                at[i] = (uint8_t)(v >> (8 * i));
}

void sv_buf_u8(struct sv_buf *b, uint8_t v)
{
        put_buf_be(b, v, 1);
}

void sv_buf_u16be(struct sv_buf *b, uint16_t v)
{
        put_buf_be(b, v, 2);
}

void sv_buf_u32be(struct sv_buf *b, uint32_t v)
{
        put_buf_be(b, v, 4);
}

void sv_buf_u64be(struct sv_buf *b, uint64_t v)
{
        put_buf_be(b, v, 8);
}

void sv_buf_u16le(struct sv_buf *b, uint16_t v)
{
        put_buf_le(b, v, 2);
}

void sv_buf_u32le(struct sv_buf *b, uint32_t v)
{
        put_buf_le(b, v, 4);
}

void sv_buf_u64le(struct sv_buf *b, uint64_t v)
{
        put_buf_le(b, v, 8);
}

void sv_put_part(struct sv_buf *b, struct sv_bytes part)
{
        sv_buf_u32le(b, (uint32_t)part.n);
        sv_buf_put(b, part);
}

const char *sv_buf_str(struct sv_buf *b)
{
        if (b->bad || !reserve_buf(b, b->n + 1)) {
                b->bad = true;
                return "";
        }
        b->p[b->n] = 0;
        return (const char *)b->p;
}

int sv_buf_ok(const struct sv_buf *b, const char *what, struct sv_err *err)
{
        if (!b->bad)
                return 0;
        if (b->locked)
                return sv_fail(err, SV_SYSTEM, "base.secret",
                               "%s: no memory that can be locked (raise the limit with "
                               "ulimit -l), or more than its limit of %zu bytes",
                               what, get_buf_limit(b));
        return sv_fail(err, SV_SYSTEM, "base.memory",
                       "%s: no memory, or more than its limit of %zu bytes", what,
                       get_buf_limit(b));
}
