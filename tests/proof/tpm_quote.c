/* SPDX-License-Identifier: Apache-2.0 */
/* proves: a TPMS_ATTEST that is accepted begins with TPM_GENERATED and says that it is a quote;
 *         each part is the bytes behind the one before (Part 2, table 127), nothing is left behind
 *         the digest of the PCRs, and a refusal writes nothing.
 * for:    every structure of up to 50 bytes: up to 3 banks
 * stubs:  texts of errors
 * unwind: 9
 * loops:  prove.0:4
 * fault:  `sv_rd_done(&r, "vtpm.quote.size", "TPMS_ATTEST", err) < 0` => `0`
 * fault:  `q.extra_data = read_2b(&r);` => `q.extra_data = q.signer, read_2b(&r);`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/rd.c"
#include "vtpm/verify/structs.c"

static uint32_t be16(const uint8_t *p)
{
        return p[0] << 8 | p[1];
}

static uint32_t be32(const uint8_t *p)
{
        return be16(p) << 16 | be16(p + 2);
}

void prove(void)
{
        struct sv_bytes raw = any_bytes(50);
        struct sv_tpm_quote q = {.clock = 77};
        const uint8_t *at;

        if (sv_tpm_read_quote(raw, &q, NULL) < 0) {
                PROVE(q.clock == 77 && failed_check);
                return;
        }
        PROVE(be32(raw.p) == 0xff544347 && be16(raw.p + 4) == 0x8018);
        PROVE(q.signer.p == raw.p + 8 && q.signer.n == be16(raw.p + 6));
        at = q.signer.p + q.signer.n;
        PROVE(q.extra_data.p == at + 2 && q.extra_data.n == be16(at));
        at = q.extra_data.p + q.extra_data.n;
        PROVE(q.clock == ((uint64_t)be32(at) << 32 | be32(at + 4)));
        PROVE(q.reset_count == be32(at + 8) && q.restart_count == be32(at + 12));
        PROVE(at[16] <= 1 && q.safe == at[16]);
        PROVE(q.firmware_version == ((uint64_t)be32(at + 17) << 32 | be32(at + 21)));
        PROVE(q.n_select == be32(at + 25) && q.n_select <= SV_TPM_SELECT_MAX);
        at += 29;
        for (uint32_t i = 0; i < q.n_select; i++) {
                PROVE(q.select[i].hash == be16(at) && q.select[i].bitmap.n == at[2]);
                PROVE(!at[2] || q.select[i].bitmap.p == at + 3);
                at += 3 + at[2];
        }
        PROVE(q.pcr_digest.n == be16(at) && q.pcr_digest.p == at + 2);
        PROVE(q.pcr_digest.p + q.pcr_digest.n == raw.p + raw.n);
}
