/* SPDX-License-Identifier: Apache-2.0 */
/* A TEE's functions over evidence as it travels. */
#pragma once

#include "tee/verify.h"

static inline int verify_json(const struct sv_tee_verify *tee, const struct sv_json *json,
                              const struct sv_verify_in *in, struct sv_json **claims,
                              struct sv_err *err)
{
        SV_EVIDENCE *e = NULL;

        return sv_evidence_open(tee, json, &e, err) < 0 ? -1 : tee->verify(e, in, claims, err);
}

static inline int needs_json(const struct sv_tee_verify *tee, const struct sv_json *json,
                             struct sv_json *out, struct sv_err *err)
{
        SV_EVIDENCE *e = NULL;

        return sv_evidence_open(tee, json, &e, err) < 0 ? -1 : tee->needs(e, out, err);
}
