/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/jose/reference.h"

#include "attest/jose/jose.h"
#include "policy/reference.h"

#define TYPE "secure-vm-reference-set"

int sv_reference_sign(const struct sv_key *key, struct sv_bytes set, struct sv_buf *out,
                      struct sv_err *err)
{
        SV_JSON *header = sv_json_object();
        SV_JSON *parsed = NULL;

        sv_json_set_str(header, "typ", TYPE);
        if (sv_reference_parse(set, &parsed, err) < 0)
                return -1;
        return sv_jws_sign(key, header, set, out, err);
}

int sv_reference_open(struct sv_bytes text, const struct sv_key *key, struct sv_json **set,
                      struct sv_err *err)
{
        SV_JWS jws = {0};

        /* what an editor or a shell leaves behind it */
        while (text.n && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
                text.n--;
        if (sv_jws_parse(text, &jws, "reference", err) < 0)
                return -1;
        if (strcmp(sv_json_text(jws.header, "typ", ""), TYPE))
                return sv_fail(err, SV_FORMAT, "reference.typ",
                               "expected a JWS of type " TYPE ", found another");
        if (key && sv_jws_verify(&jws, key, "reference", err) < 0)
                return -1;
        return sv_reference_parse(sv_buf_bytes(&jws.payload), set, err);
}
