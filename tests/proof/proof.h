/* SPDX-License-Identifier: Apache-2.0 */
/* What harnesses share: unknown values, and what stands in for the making of messages. A harness
 * includes the product's source files themselves, so that it reaches their static functions and
 * tools/prove knows where to plant a fault. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/bytes.h"

/* CBMC: a function without a body whose name begins so gives any value. */
bool nondet_bool(void);
uint8_t nondet_u8(void);
uint16_t nondet_u16(void);
uint32_t nondet_u32(void);
uint64_t nondet_u64(void);
int64_t nondet_i64(void);
size_t nondet_size(void);

#define ASSUME(condition) __CPROVER_assume(condition)
#define PROVE(condition)  __CPROVER_assert(condition, #condition)

/* Any bytes, of any number up to max (a constant, so that CBMC makes no theory of arrays of it).
 * They end where their object ends, so that one byte too far is seen; with max of them they also
 * begin where it begins. */
static inline struct sv_bytes any_bytes(size_t max)
{
        size_t n = nondet_size();
        uint8_t *p = malloc(max);

        ASSUME(p && n <= max);
        return sv_bytes(p + (max - n), n);
}

/* Any n bytes, of an object of their own. */
static inline struct sv_bytes any_exactly(size_t n)
{
        uint8_t *p = malloc(n);

        ASSUME(p);
        return sv_bytes(p, n);
}

/* Any index below n. */
static inline size_t any_below(size_t n)
{
        size_t i = nondet_size();

        ASSUME(i < n);
        return i;
}

static inline bool lies_within(struct sv_bytes part, struct sv_bytes whole)
{
        return __CPROVER_same_object(part.p, whole.p) && part.p >= whole.p && part.n <= whole.n &&
               (size_t)(part.p - whole.p) <= whole.n - part.n;
}

/* Any string of up to max characters: any bytes, of which the first that is zero ends it. */
static inline char *any_string(size_t max)
{
        char *p = malloc(max + 1);

        ASSUME(p);
        p[max] = 0;
        return p;
}
