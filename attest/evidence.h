/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence as people and services hand it over. Pure. */
#pragma once

#include "attest/tees.h"

/* JSON as the KBS protocol carries it, or what hardware or kernel give, when the TEE knows to wrap
 * that; both also in the forms of attest/armor.h, which `raw` is then freed of. A TEE that is NULL
 * is found by the evidence's form. The caller frees *out. SV_FORMAT "verify.evidence", SV_USAGE
 * "tee.name" when it is no TEE's, and the TEE's own. */
int sv_evidence_parse(struct sv_buf *raw, const struct sv_tee_verify **tee,
                      struct sv_evidence **out, struct sv_err *err);
