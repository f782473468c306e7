/* SPDX-License-Identifier: Apache-2.0 */
/* The one bounded reader for untrusted bytes. A reader is a few words, copied by value. Errors are
 * sticky: after a read past the end every further read gives 0 or NULL, and sv_rd_ok / sv_rd_done
 * say so once, so that parse functions read like tables. */
#pragma once

#include "base/core/bytes.h"

struct sv_rd {
        const uint8_t *start;
        size_t n;
        size_t pos;
        bool bad; /* a read went past the end */
};

static inline struct sv_rd sv_rd(struct sv_bytes b)
{
        return (struct sv_rd){b.p, b.n, 0, false};
}

static inline size_t sv_rd_left(const struct sv_rd *r)
{
        return r->bad ? 0 : r->n - r->pos;
}

/* The next n bytes in place, valid as long as the bytes below the reader; NULL (and bad) when there
 * are fewer. */
const uint8_t *sv_rd_take(struct sv_rd *r, size_t n);
/* As a view; empty when bad. */
struct sv_bytes sv_rd_bytes(struct sv_rd *r, size_t n);
/* A reader over the next n bytes; born bad when there are fewer. */
struct sv_rd sv_rd_sub(struct sv_rd *r, size_t n);
/* All that is left. */
struct sv_bytes sv_rd_rest(struct sv_rd *r);
void sv_rd_skip(struct sv_rd *r, size_t n);
/* Move to an absolute offset of this reader; bad when past the end. */
void sv_rd_seek(struct sv_rd *r, size_t pos);
/* n bytes into out; zeros when bad. */
void sv_rd_copy(struct sv_rd *r, void *out, size_t n);

uint8_t sv_rd_u8(struct sv_rd *r);
uint16_t sv_rd_u16le(struct sv_rd *r);
uint32_t sv_rd_u32le(struct sv_rd *r);
uint64_t sv_rd_u64le(struct sv_rd *r);
uint16_t sv_rd_u16be(struct sv_rd *r);
uint32_t sv_rd_u32be(struct sv_rd *r);
uint64_t sv_rd_u64be(struct sv_rd *r);

/* u32le size, and so many bytes, as a view; empty when bad. */
struct sv_bytes sv_rd_part(struct sv_rd *r);

/* 0 when no read went past the end; else SV_FORMAT under `check`, "`what` is cut short ...". */
int sv_rd_ok(const struct sv_rd *r, const char *check, const char *what, struct sv_err *err);
/* As sv_rd_ok, and nothing may be left: trailing bytes are errors. */
int sv_rd_done(const struct sv_rd *r, const char *check, const char *what, struct sv_err *err);
