/* SPDX-License-Identifier: Apache-2.0 */
/* The KBS protocol's evidence of SNP: the report as a JSON object, the way the sev crate of the
 * Confidential Containers project writes it (byte strings as arrays of integers), and the
 * certificates with it. Reading and writing lose nothing: the signature is over the bytes. Pure. */
#pragma once

#include "base/json/json.h"
#include "sev/verify/certtable.h"
#include "sev/verify/report.h"

struct sv_snp_evidence {
        uint8_t report[SV_REPORT_SIZE];
        struct sv_cert_table certs; /* data points into `data` */
        struct sv_buf data;
        /* HCL only: the JSON text whose digest is REPORT_DATA; else empty */
        struct sv_buf runtime_data;
        bool has_runtime_data;
};

/* SV_FORMAT "snp.evidence.member", ".unknown", ".bytes" (no array of that many bytes), ".tcb",
 * ".cert_chain". *out must be zeroed. */
int sv_snp_evidence_read(const struct sv_json *evidence, struct sv_snp_evidence *out,
                         struct sv_err *err);
void sv_snp_evidence_free(struct sv_snp_evidence *e);
#define SV_SNP_EVIDENCE __attribute__((cleanup(sv_snp_evidence_free))) struct sv_snp_evidence

/* The report must parse (its errors); certs may be NULL. */
int sv_snp_evidence_write(struct sv_bytes report, const struct sv_cert_table *certs,
                          struct sv_json **out, struct sv_err *err);
/* The report in the firmware's answer to a guest's request, as the kernel's SNP_GET_REPORT gives
 * it: STATUS (0), REPORT_SIZE, 24 bytes reserved, the report, zeros (SEV-SNP firmware ABI,
 * MSG_REPORT_RSP). Anything else is returned as it is. */
struct sv_bytes sv_snp_skip_response_head(struct sv_bytes raw);
/* struct sv_tee_verify.wrap: a raw report of 1184 bytes, one with a certificate table behind it,
 * the firmware's answer with a report in it, or an HCL report. */
int sv_snp_evidence_wrap(struct sv_bytes raw, struct sv_json **out, struct sv_err *err);
