/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/rd.h"

const uint8_t *sv_rd_take(struct sv_rd *r, size_t n)
{
        const uint8_t *at;

        if (r->bad || n > r->n - r->pos) {
                r->bad = true;
                return NULL;
        }
        at = r->start + r->pos;
        r->pos += n;
        return at;
}

struct sv_bytes sv_rd_bytes(struct sv_rd *r, size_t n)
{
        const uint8_t *at = sv_rd_take(r, n);

        return r->bad ? SV_BYTES_NULL : sv_bytes(at, n);
}

struct sv_rd sv_rd_sub(struct sv_rd *r, size_t n)
{
        struct sv_rd sub = sv_rd(sv_rd_bytes(r, n));

        sub.bad = r->bad;
        return sub;
}

struct sv_bytes sv_rd_rest(struct sv_rd *r)
{
        return sv_rd_bytes(r, sv_rd_left(r));
}

void sv_rd_skip(struct sv_rd *r, size_t n)
{
        sv_rd_take(r, n);
}

void sv_rd_seek(struct sv_rd *r, size_t pos)
{
        if (r->bad || pos > r->n)
                r->bad = true;
        else
                r->pos = pos;
}

void sv_rd_copy(struct sv_rd *r, void *out, size_t n)
{
        const uint8_t *at = sv_rd_take(r, n);

        if (r->bad)
                memset(out, 0, n);
        else if (n)
                memcpy(out, at, n);
}

static uint64_t read_le(struct sv_rd *r, size_t n)
{
        const uint8_t *at = sv_rd_take(r, n);
        uint64_t v = 0;

        for (size_t i = 0; at && i < n; i++)
                v |= (uint64_t)at[i] << (8 * i);
        return v;
}

static uint64_t read_be(struct sv_rd *r, size_t n)
{
        const uint8_t *at = sv_rd_take(r, n);
        uint64_t v = 0;

        for (size_t i = 0; at && i < n; i++)
                v = v << 8 | at[i];
        return v;
}

uint8_t sv_rd_u8(struct sv_rd *r)
{
        return (uint8_t)read_le(r, 1);
}

uint16_t sv_rd_u16le(struct sv_rd *r)
{
        return (uint16_t)read_le(r, 2);
}

uint32_t sv_rd_u32le(struct sv_rd *r)
{
        return (uint32_t)read_le(r, 4);
}

uint64_t sv_rd_u64le(struct sv_rd *r)
{
        return read_le(r, 8);
}

uint16_t sv_rd_u16be(struct sv_rd *r)
{
        return (uint16_t)read_be(r, 2);
}

uint32_t sv_rd_u32be(struct sv_rd *r)
{
        return (uint32_t)read_be(r, 4);
}

uint64_t sv_rd_u64be(struct sv_rd *r)
{
        return read_be(r, 8);
}

struct sv_bytes sv_rd_part(struct sv_rd *r)
{
        return sv_rd_bytes(r, sv_rd_u32le(r));
}

int sv_rd_ok(const struct sv_rd *r, const char *check, const char *what, struct sv_err *err)
{
        if (!r->bad)
                return 0;
        return sv_fail(err, SV_FORMAT, check,
                       "%s is cut short: %zu bytes are there, more were expected after byte %zu",
                       what, r->n, r->pos);
}

int sv_rd_done(const struct sv_rd *r, const char *check, const char *what, struct sv_err *err)
{
        if (sv_rd_ok(r, check, what, err) < 0)
                return -1;
        if (r->pos == r->n)
                return 0;
        return sv_fail(err, SV_FORMAT, check,
                       "%s has %zu bytes after its end at byte %zu; nothing was expected there",
                       what, r->n - r->pos, r->pos);
}
