/* SPDX-License-Identifier: Apache-2.0 */
/* proves: an integer that is read is the one that these bytes are in its byte order, and 0, with
 *         the reader bad, where there are fewer.
 * for:    every input of up to 9 bytes, every place in it, every width and order
 * stubs:  texts of errors
 * unwind: 10
 * fault:  `v = v << 8 | at[i];` => `v = v << 8 | at[n - 1 - i];`
 * fault:  `return (uint16_t)read_le(r, 2);` => `return (uint8_t)read_le(r, 2);`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/rd.c"

/* Byte i of n in the order that the reader was asked for. */
static uint64_t expected(const uint8_t *at, unsigned n, bool big)
{
        uint64_t v = 0;

        for (unsigned i = 0; i < n; i++)
                v += (uint64_t)at[i] << 8 * (big ? n - 1 - i : i);
        return v;
}

void prove(void)
{
        struct sv_bytes b = any_bytes(9);
        struct sv_rd r = sv_rd(b);
        size_t at = nondet_size();
        unsigned n;
        bool big = true;
        uint64_t v;

        ASSUME(at <= b.n);
        sv_rd_seek(&r, at);
        switch (nondet_u8()) {
        case 0:
                n = 2;
                v = sv_rd_u16be(&r);
                break;
        case 1:
                n = 4;
                v = sv_rd_u32be(&r);
                break;
        case 2:
                n = 8;
                v = sv_rd_u64be(&r);
                break;
        case 3:
                n = 1;
                v = sv_rd_u8(&r);
                break;
        case 4:
                big = false;
                n = 2;
                v = sv_rd_u16le(&r);
                break;
        case 5:
                big = false;
                n = 4;
                v = sv_rd_u32le(&r);
                break;
        default:
                big = false;
                n = 8;
                v = sv_rd_u64le(&r);
        }
        PROVE(r.bad == (b.n - at < n));
        PROVE(v == (r.bad ? 0 : expected(b.p + at, n, big)));
        PROVE(r.pos == (r.bad ? at : at + n));
}
