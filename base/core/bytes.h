/* SPDX-License-Identifier: Apache-2.0 */
/* A view of bytes that are owned elsewhere. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/core/err.h"

struct sv_bytes {
        const uint8_t *p;
        size_t n;
};

#define SV_BYTES_NULL ((struct sv_bytes){NULL, 0})

static inline struct sv_bytes sv_bytes(const void *p, size_t n)
{
        return (struct sv_bytes){p, n};
}

/* The bytes of a C string, without its terminator. */
static inline struct sv_bytes sv_bytes_str(const char *s)
{
        return sv_bytes(s, strlen(s));
}

/* Compare in constant time (for MACs and digests, secret or not). */
bool sv_bytes_eq(struct sv_bytes a, struct sv_bytes b);
bool sv_bytes_are_zero(struct sv_bytes b);
/* A decimal number of at most `max`, in the one way to write it: 1 to 18 digits, no zero in front.
 * *out only when it is one. */
bool sv_bytes_number(struct sv_bytes text, uint64_t max, uint64_t *out);
/* The low `n` (at most 8) bytes of a number, little endian. */
void sv_bytes_put_le(uint8_t *out, uint64_t v, size_t n);
