/* SPDX-License-Identifier: Apache-2.0 */
/* base/core/buf.c as its header promises it, with room for BUF_ROOM bytes and no allocation, for
 * which there is always memory; buf_grow.c proves the promise of the real one, without memory as
 * well. */
#pragma once

#include "base/core/buf.h"

#ifndef BUF_ROOM
#define BUF_ROOM 64
#endif

uint8_t *sv_buf_grow(struct sv_buf *b, size_t n)
{
        static uint8_t room[4][BUF_ROOM];
        static unsigned used;
        uint8_t *at;

        if (b->bad)
                return NULL;
        if (!b->p) {
                __CPROVER_assert(used < 4, "no more than four buffers");
                b->p = room[used++];
        }
        __CPROVER_assert(n <= BUF_ROOM - b->n, "the stub's room is large enough");
        at = b->p + b->n;
        for (size_t i = 0; i < n; i++)
                at[i] = 0;
        b->n += n;
        return at;
}

void sv_buf_room(struct sv_buf *b, size_t n)
{
        (void)b; /* only saves time and memory */
        (void)n;
}

void sv_buf_put(struct sv_buf *b, struct sv_bytes bytes)
{
        uint8_t *at = sv_buf_grow(b, bytes.n);

        for (size_t i = 0; at && i < bytes.n; i++)
                at[i] = bytes.p[i];
}

void sv_buf_u8(struct sv_buf *b, uint8_t v)
{
        uint8_t *at = sv_buf_grow(b, 1);

        if (at)
                *at = v;
}

void sv_buf_u16be(struct sv_buf *b, uint16_t v)
{
        sv_buf_u8(b, (uint8_t)(v >> 8));
        sv_buf_u8(b, (uint8_t)v);
}

void sv_buf_u32be(struct sv_buf *b, uint32_t v)
{
        sv_buf_u16be(b, (uint16_t)(v >> 16));
        sv_buf_u16be(b, (uint16_t)v);
}

void sv_buf_u32le(struct sv_buf *b, uint32_t v)
{
        for (int i = 0; i < 4; i++)
                sv_buf_u8(b, (uint8_t)(v >> 8 * i));
}

int sv_buf_ok(const struct sv_buf *b, const char *what, struct sv_err *err)
{
        return b->bad ? sv_fail(err, SV_SYSTEM, "base.memory", "%s", what) : 0;
}

void sv_buf_free(struct sv_buf *b)
{
        *b = (struct sv_buf){.max = b->max};
}
