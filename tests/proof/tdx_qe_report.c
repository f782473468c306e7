/* SPDX-License-Identifier: Apache-2.0 */
/* proves: each field of a quoting enclave's report is the bytes at its offset in SGX's REPORTBODY
 *         (Intel SDM volume 3D, table 38-21).
 * for:    every report of 384 bytes
 * stubs:  nothing
 * unwind: 9
 * fault:  `sv_rd_skip(&r, 96);` => `sv_rd_skip(&r, 94);`
 * fault:  `q->isvsvn = sv_rd_u16le(&r);` => `q->isvsvn = sv_rd_u8(&r), sv_rd_u8(&r);`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/bytes.c"
#include "base/core/rd.c"
#include "tdx/verify/quote.c"

static void same(const uint8_t *field, size_t n, const uint8_t *raw)
{
        size_t i = any_below(n);

        PROVE(field[i] == raw[i]);
}

void prove(void)
{
        static uint8_t raw[384];
        struct sv_sgx_report q;

        __CPROVER_havoc_object(raw);
        read_sgx_report(sv_bytes(raw, sizeof(raw)), &q);
        same(q.cpusvn, 16, raw);
        PROVE(q.miscselect == (raw[16] | raw[17] << 8 | raw[18] << 16 | (uint32_t)raw[19] << 24));
        same(q.attributes, 16, raw + 48);
        same(q.mrenclave, 32, raw + 64);
        same(q.mrsigner, 32, raw + 128);
        PROVE(q.isvprodid == (raw[256] | raw[257] << 8));
        PROVE(q.isvsvn == (raw[258] | raw[259] << 8));
        same(q.reportdata, 64, raw + 320);
}
