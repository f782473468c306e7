/* SPDX-License-Identifier: Apache-2.0 */
/* proves: a TDREPORT that is accepted is of TDX, of a version that is known, and names the digests
 *         of its own two parts; each field is the bytes at the offset that the TDX module's ABI
 *         specification gives it; a refusal writes nothing.
 * for:    every report of 1024 bytes, every digest
 * stubs:  texts of errors; SHA-384 (any 48 bytes, of the part that is asked for)
 * unwind: 49
 * options: --arrays-uf-never
 * fault:  `#define TD_INFO  512, 512` => `#define TD_INFO  512, 511`
 * fault:  `sv_rd_seek(r, 264);` => `sv_rd_seek(r, 256);`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/bytes.c"
#include "base/core/rd.c"
#include "tdx/verify/report.c"

static uint8_t raw[SV_TDREPORT_SIZE];
static uint8_t digests[2][48];

int sv_digest(enum sv_digest alg, struct sv_bytes in, uint8_t *out, struct sv_err *err)
{
        bool td = in.p != raw + 256;

        PROVE(alg == SV_SHA384);
        PROVE(td ? in.p == raw + 512 && in.n == 512 : in.n == 239);
        memcpy(out, digests[td], 48);
        return 0;
}

static void same(const uint8_t *field, size_t n, size_t at)
{
        size_t i = any_below(n);

        PROVE(field[i] == raw[at + i]);
}

static void offsets(const struct sv_td_report *td)
{
        same(td->reportdata, 64, 128);
        same(td->tee_tcb_svn, 16, 264);
        same(td->mrseam, 48, 280);
        same(td->mrsignerseam, 48, 328);
        PROVE((uint8_t)td->seamattributes == raw[376]);
        same(td->tee_tcb_svn2, 16, 384);
        PROVE((uint8_t)td->tdattributes == raw[512] && (uint8_t)td->xfam == raw[520]);
        same(td->mrtd, 48, 528);
        same(td->mrconfigid, 48, 576);
        same(td->mrowner, 48, 624);
        same(td->mrownerconfig, 48, 672);
        for (int i = 0; i < 4; i++)
                same(td->rtmr[i], 48, 720 + 48 * i);
        same(td->mrservicetd, 48, 912);
}

void prove(void)
{
        struct sv_tdreport t = {.version = 77};
        size_t i = any_below(48);

        __CPROVER_havoc_object(raw);
        __CPROVER_havoc_object(digests);
        if (sv_tdreport_parse(sv_bytes(raw, sizeof(raw)), &t, NULL) < 0) {
                PROVE(t.version == 77 && failed_check);
                return;
        }
        PROVE(raw[0] == 0x81 && raw[1] == 0 && raw[2] <= 1 && t.version == raw[2]);
        PROVE(raw[32 + i] == digests[0][i] && raw[80 + i] == digests[1][i]);
        PROVE(t.td.type == (t.version ? SV_TD_15 : SV_TD_10));
        same(t.cpusvn, 16, 16);
        offsets(&t.td);
}
