/* SPDX-License-Identifier: Apache-2.0 */
/* The endorsement key's certificate: who made this TPM. Pure. */
#pragma once

#include "tee/verify.h"
#include "base/crypto/x509.h"

struct sv_vtpm_ek {
        char subject_cn[256];  /* swtpm: "<name>:<uuid>" of the domain */
        char manufacturer[64]; /* "id:00001014" */
        char model[64];        /* "swtpm" */
        char version[64];
        uint8_t cert_sha256[32];
        uint8_t root_sha256[32]; /* of the anchor that the chain ends in */
};

/* The chain alone: leaf to one of the collateral's "ek-root" certificates. Fills root_sha256. */
int sv_vtpm_ek_chain(const struct sv_cert *leaf, const struct sv_certs *issuers,
                     const struct sv_collateral *collateral, int64_t time, struct sv_vtpm_ek *out,
                     struct sv_err *err);
/* What the certificate says of itself: extended key usage, TCG names. Leaves root_sha256. */
int sv_vtpm_ek_read(const struct sv_cert *leaf, struct sv_vtpm_ek *out, struct sv_err *err);
/* Chain to one of the collateral's "ek-root" certificates, through `issuers` and its
 * "ek-intermediate" ones, unless any_root is set; extended key usage; TCG names. SV_PROOF
 * vtpm.ek.*. */
int sv_vtpm_ek_verify(const struct sv_cert *leaf, const struct sv_certs *issuers,
                      const struct sv_verify_in *in, struct sv_vtpm_ek *out, struct sv_err *err);
/* The TPM's manufacturer, model and version in a subjectAltName value (EK Credential Profile 2.5,
 * section 3.2.9): a DER walk. */
int sv_vtpm_ek_names(struct sv_bytes san, struct sv_vtpm_ek *out, struct sv_err *err);
