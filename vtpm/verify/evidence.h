/* SPDX-License-Identifier: Apache-2.0 */
/* vTPM evidence as it travels in the KBS protocol (docs/FORMATS.md, "vTPM evidence"), taken apart.
 * Pure; nothing is verified here. */
#pragma once

#include "base/json/json.h"
#include "base/crypto/x509.h"
#include "vtpm/verify/structs.h"

#define SV_VTPM_BANKS    2 /* sha256, then sha384 */
#define SV_VTPM_LOGS_MAX 4

struct sv_vtpm_bank {
        enum sv_digest bank;
        bool present;
        struct sv_buf message;   /* TPMS_ATTEST */
        struct sv_buf signature; /* TPMT_SIGNATURE */
        uint8_t pcrs[SV_TPM_PCRS][SV_DIGEST_MAX];
};

struct sv_vtpm_evidence {
        struct sv_buf ak_spki;
        struct sv_buf ak_tpm2b; /* empty when absent, as the next four are */
        struct sv_buf activation;
        struct sv_cert *ek;                   /* NULL when absent */
        struct sv_certs issuers;              /* of the EK certificate */
        struct sv_buf logs[SV_VTPM_LOGS_MAX]; /* TCG event logs */
        size_t n_logs;
        struct sv_vtpm_bank banks[SV_VTPM_BANKS]; /* sha256 is always present */
};

/* SV_FORMAT vtpm.evidence.*; *out is filled only on success and then freed by the caller. */
int sv_vtpm_evidence_read(const struct sv_json *evidence, struct sv_vtpm_evidence *out,
                          struct sv_err *err);
void sv_vtpm_evidence_free(struct sv_vtpm_evidence *e);
#define SV_VTPM_EVIDENCE __attribute__((cleanup(sv_vtpm_evidence_free))) struct sv_vtpm_evidence

/* The "ek_certs" array of an evidence or a hello: the leaf and its issuers. */
int sv_vtpm_read_certs(const struct sv_json *array, struct sv_cert **leaf, struct sv_certs *issuers,
                       struct sv_err *err);
