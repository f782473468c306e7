/* SPDX-License-Identifier: Apache-2.0 */
#include "tdx/verify/report.h"

#include "base/crypto/crypto.h"
#include "base/core/rd.h"

#define TYPE_TDX 0x81
#define TCB_INFO 256, 239
#define TD_INFO  512, 512

/* REPORTMACSTRUCT: REPORTTYPE, CPUSVN, the two digests, REPORTDATA. */
static int read_mac_struct(struct sv_rd *r, struct sv_tdreport *t, uint8_t digests[2][48],
                           struct sv_err *err)
{
        uint8_t type = sv_rd_u8(r), subtype = sv_rd_u8(r);

        t->version = sv_rd_u8(r);
        if (type != TYPE_TDX || subtype || t->version > 1)
                return sv_fail(err, SV_FORMAT, "tdx.report.type",
                               "a TDREPORT (type 0x81, subtype 0, version 0 or 1) was expected, "
                               "found 0x%x, %u, %u",
                               type, subtype, t->version);
        sv_rd_seek(r, 16);
        sv_rd_copy(r, t->cpusvn, 16);
        sv_rd_copy(r, digests[0], 48);
        sv_rd_copy(r, digests[1], 48);
        sv_rd_copy(r, t->td.reportdata, 64);
        return 0;
}

static int check_report_hash(struct sv_bytes raw, size_t at, size_t n, const uint8_t want[48],
                             const char *what, struct sv_err *err)
{
        uint8_t have[48];

        if (sv_digest(SV_SHA384, sv_bytes(raw.p + at, n), have, err) < 0)
                return -1;
        return sv_bytes_eq(sv_bytes(have, 48), sv_bytes(want, 48))
                       ? 0
                       : sv_fail(err, SV_FORMAT, "tdx.report.hash", "the report names another %s",
                                 what);
}

static void read_infos(struct sv_rd *r, struct sv_tdreport *t)
{
        struct sv_td_report *td = &t->td;

        td->type = t->version ? SV_TD_15 : SV_TD_10;
        sv_rd_seek(r, 264); /* TEE_TCB_INFO, behind VALID */
        sv_rd_copy(r, td->tee_tcb_svn, 16);
        sv_rd_copy(r, td->mrseam, 48);
        sv_rd_copy(r, td->mrsignerseam, 48);
        td->seamattributes = sv_rd_u64le(r);
        sv_rd_copy(r, td->tee_tcb_svn2, 16);
        sv_rd_seek(r, 512); /* TDINFO */
        td->tdattributes = sv_rd_u64le(r);
        td->xfam = sv_rd_u64le(r);
        sv_rd_copy(r, td->mrtd, 48);
        sv_rd_copy(r, td->mrconfigid, 48);
        sv_rd_copy(r, td->mrowner, 48);
        sv_rd_copy(r, td->mrownerconfig, 48);
        for (int i = 0; i < 4; i++)
                sv_rd_copy(r, td->rtmr[i], 48);
        sv_rd_copy(r, td->mrservicetd, 48);
}

int sv_tdreport_parse(struct sv_bytes raw, struct sv_tdreport *out, struct sv_err *err)
{
        struct sv_tdreport t = {0};
        struct sv_rd r = sv_rd(raw);
        uint8_t digests[2][48] = {{0}};

        if (raw.n != SV_TDREPORT_SIZE)
                return sv_fail(err, SV_FORMAT, "tdx.report.size",
                               "a TDREPORT has %u bytes, this has %zu", SV_TDREPORT_SIZE, raw.n);
        if (read_mac_struct(&r, &t, digests, err) < 0 ||
            check_report_hash(raw, TCB_INFO, digests[0], "TEE_TCB_INFO", err) < 0 ||
            check_report_hash(raw, TD_INFO, digests[1], "TDINFO", err) < 0)
                return -1;
        read_infos(&r, &t);
        if (sv_rd_ok(&r, "tdx.report.size", "the TDREPORT", err) < 0)
                return -1;
        *out = t;
        return 0;
}
