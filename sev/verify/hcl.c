/* SPDX-License-Identifier: Apache-2.0 */
#include "sev/verify/hcl.h"

#include "base/crypto/crypto.h"
#include "base/core/rd.h"
#include "sev/verify/report.h"

#define HCL_HEADER  32u
#define HCL_MAGIC   0x414c4348u /* "HCLA" */
#define TYPE_SNP    2u
#define HASH_SHA256 1u

bool sv_hcl_is(struct sv_bytes raw)
{
        struct sv_rd rd = sv_rd(raw);

        return sv_rd_u32le(&rd) == HCL_MAGIC;
}

int sv_hcl_parse(struct sv_bytes raw, struct sv_hcl *out, struct sv_err *err)
{
        struct sv_rd rd = sv_rd(raw);
        struct sv_bytes rest;
        uint32_t magic = sv_rd_u32le(&rd), type, hash, json;
        struct sv_hcl h;

        sv_rd_skip(&rd, HCL_HEADER - 4); /* version, sizes, request, status: the paravisor's own */
        h.report = sv_rd_bytes(&rd, SV_REPORT_SIZE);
        sv_rd_skip(&rd, 8); /* total size and version of what follows */
        type = sv_rd_u32le(&rd);
        hash = sv_rd_u32le(&rd);
        json = sv_rd_u32le(&rd);
        h.runtime_data = sv_rd_bytes(&rd, json);
        if (raw.n >= 4 && magic != HCL_MAGIC)
                return sv_fail(err, SV_FORMAT, "snp.hcl.magic",
                               "the blob does not begin with \"HCLA\"");
        if (sv_rd_ok(&rd, "snp.hcl.size", "the HCL report", err) < 0)
                return -1;
        if (type != TYPE_SNP)
                return sv_fail(err, SV_FORMAT, "snp.hcl.type", "report type %u is not %u (SNP)",
                               type, TYPE_SNP);
        if (hash != HASH_SHA256)
                return sv_fail(err, SV_FORMAT, "snp.hcl.hash",
                               "hash type %u of the runtime data is not %u (SHA-256)", hash,
                               HASH_SHA256);
        rest = sv_rd_rest(&rd); /* the NV index is longer than its content */
        for (size_t i = 0; i < rest.n; i++)
                if (rest.p[i])
                        return sv_fail(err, SV_FORMAT, "snp.hcl.reserved",
                                       "%zu bytes follow the runtime data, and not all are zero",
                                       rest.n);
        *out = h;
        return 0;
}

int sv_hcl_bound(const uint8_t report_data[64], struct sv_bytes runtime_data, struct sv_err *err)
{
        uint8_t want[64] = {0};

        if (sv_digest(SV_SHA256, runtime_data, want, err) < 0)
                return -1;
        if (!sv_bytes_eq(sv_bytes(want, 64), sv_bytes(report_data, 64)))
                return sv_fail(
                        err, SV_PROOF, "snp.hcl.runtime_data",
                        "REPORT_DATA is not the SHA-256 of the runtime data beside the report");
        return 0;
}
