/* SPDX-License-Identifier: Apache-2.0 */
/* A growing buffer. Errors are sticky (no memory, over its limit): put what belongs there, then ask
 * once with sv_buf_ok. Always wiped when freed. Keys and other secrets are struct sv_secret
 * (base/core/secret.h); what they are read into or written from is a buffer with `locked`. */
#pragma once

#include <stdarg.h>

#include "base/core/bytes.h"

struct sv_buf {
        uint8_t *p;
        size_t n;
        size_t cap;
        size_t max; /* largest n allowed; 0 means SV_BUF_MAX of base/core/limits.h */
        bool bad;
        bool locked; /* its memory is as a secret's: set before the first byte */
};

#define SV_BUF_NULL \
        {           \
                0   \
        }

void sv_buf_free(struct sv_buf *b);
#define SV_BUF __attribute__((cleanup(sv_buf_free))) struct sv_buf

/* Back to empty, contents wiped, memory kept. */
void sv_buf_clear(struct sv_buf *b);
/* n more bytes at the end, zeroed; NULL (and bad) when they cannot be had. Valid until the next
 * call on b. */
uint8_t *sv_buf_grow(struct sv_buf *b, size_t n);
/* Room for n more bytes at once, when it is known how many will come; only to save time and memory,
 * grow makes room as well. */
void sv_buf_room(struct sv_buf *b, size_t n);
void sv_buf_put(struct sv_buf *b, struct sv_bytes bytes);
void sv_buf_puts(struct sv_buf *b, const char *s);
void sv_buf_printf(struct sv_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sv_buf_vprintf(struct sv_buf *b, const char *fmt, va_list ap)
        __attribute__((format(printf, 2, 0)));
void sv_buf_u8(struct sv_buf *b, uint8_t v);
void sv_buf_u16be(struct sv_buf *b, uint16_t v);
void sv_buf_u32be(struct sv_buf *b, uint32_t v);
void sv_buf_u64be(struct sv_buf *b, uint64_t v);
void sv_buf_u16le(struct sv_buf *b, uint16_t v);
void sv_buf_u32le(struct sv_buf *b, uint32_t v);
void sv_buf_u64le(struct sv_buf *b, uint64_t v);
/* u32le size, bytes: what sv_rd_part reads */
void sv_put_part(struct sv_buf *b, struct sv_bytes part);
/* The contents as a C string (terminated, the terminator not counted); "" when bad. Valid until the
 * next call on b. */
const char *sv_buf_str(struct sv_buf *b);
/* 0, or SV_SYSTEM "base.memory": no memory, or over the limit. */
int sv_buf_ok(const struct sv_buf *b, const char *what, struct sv_err *err);

static inline struct sv_bytes sv_buf_bytes(const struct sv_buf *b)
{
        return sv_bytes(b->p, b->n);
}
