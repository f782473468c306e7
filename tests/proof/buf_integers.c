/* SPDX-License-Identifier: Apache-2.0 */
/* proves: what a buffer's integers were put in as, the reader reads: writer and reader have one
 *         opinion of byte order.
 * for:    every value of every width and order
 * stubs:  texts of errors, wiping; there is memory
 * unwind: 9
 * options: --no-malloc-may-fail
 * fault:  `(8 * (n - 1 - i))` => `(8 * (n - i))`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/buf.c"
#include "base/core/rd.c"

void sv_wipe(void *p, size_t n)
{
}

/* For locked memory, which these buffers do not ask for. */
void *sv_pages_lock(size_t n, struct sv_err *err)
{
        PROVE(false);
        return NULL;
}

void sv_pages_free(void *p, size_t n)
{
        PROVE(false);
}

void prove(void)
{
        uint16_t a = nondet_u16(), d = nondet_u16();
        uint32_t b = nondet_u32(), e = nondet_u32();
        uint64_t c = nondet_u64(), f = nondet_u64();
        uint8_t g = nondet_u8();
        struct sv_buf out = SV_BUF_NULL;
        struct sv_rd r;

        sv_buf_u16be(&out, a);
        sv_buf_u32be(&out, b);
        sv_buf_u64be(&out, c);
        sv_buf_u16le(&out, d);
        sv_buf_u32le(&out, e);
        sv_buf_u64le(&out, f);
        sv_buf_u8(&out, g);
        ASSUME(!out.bad);
        r = sv_rd(sv_buf_bytes(&out));
        PROVE(sv_rd_u16be(&r) == a);
        PROVE(sv_rd_u32be(&r) == b);
        PROVE(sv_rd_u64be(&r) == c);
        PROVE(sv_rd_u16le(&r) == d);
        PROVE(sv_rd_u32le(&r) == e);
        PROVE(sv_rd_u64le(&r) == f);
        PROVE(sv_rd_u8(&r) == g);
        PROVE(sv_rd_done(&r, "check", "what", NULL) == 0);
}
