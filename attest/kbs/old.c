/* SPDX-License-Identifier: Apache-2.0 */
/* What a broker needs of versions before 0.4.0 of the KBS protocol. Request, challenge, token
 * answer and error are those of 0.4.0.
 *
 *      0.2.0   attestation {"tee-pubkey","tee-evidence"}; evidence is bound to the canonical JSON
 * of
 *              {"nonce","tee-pubkey"}, the nonce being the session's; keys and answers as 0.4.0
 *      0.1.1   the same; the key is RSA with RSA1_5, and the answer no JWE of RFC 7516
 *              (sv_jwe_seal_old, attest/jose/jose.h)
 *
 * "tee-evidence" is a value, or (clients of before 0.1.1's last release) a string that holds it. */
#include "attest/kbs/kbs.h"

#include "attest/jose/jose.h"
#include "base/core/file.h"

#define ALG_OLD "RSA1_5"

static const char *const names[SV_N_KBS_PROTOCOLS] = {
        [SV_KBS_0_4_0] = SV_KBS_VERSION, [SV_KBS_0_2_0] = "0.2.0", [SV_KBS_0_1_1] = "0.1.1"};

bool sv_kbs_find_protocol(const char *version, enum sv_kbs_protocol *out)
{
        for (int i = 0; i < SV_N_KBS_PROTOCOLS; i++)
                if (!strcmp(names[i], version)) {
                        *out = (enum sv_kbs_protocol)i;
                        return true;
                }
        return false;
}

const char *sv_kbs_protocol_name(enum sv_kbs_protocol p)
{
        return names[p];
}

/* Out of its string, where it is in one. */
static int take_old_evidence(const struct sv_json *j, struct sv_json **out, struct sv_err *err)
{
        struct sv_json *evidence = sv_json_get(j, "tee-evidence");

        if (!evidence || sv_json_type(evidence) == SV_JSON_NULL)
                return sv_fail(err, SV_FORMAT, "kbs.attestation.member",
                               "\"tee-evidence\" is missing: there is nothing to verify");
        if (sv_json_type(evidence) == SV_JSON_STRING)
                return sv_json_parse(sv_bytes_str(sv_json_str(evidence)), "kbs.attestation", out,
                                     err);
        *out = sv_json_ref(evidence);
        return 0;
}

int sv_kbs_parse_old_attestation(struct sv_bytes text, struct sv_kbs_attestation *out,
                                 struct sv_err *err)
{
        static const char check[] = "kbs.attestation";
        SV_KBS_ATTESTATION m = {{0}};
        SV_JSON *j = NULL;
        struct sv_json *key;

        if (sv_json_parse(text, check, &j, err) < 0 ||
            sv_json_need_obj(j, "tee-pubkey", &key, check, err) < 0 ||
            sv_kbs_parse_pubkey(key, &m.key, err) < 0 ||
            take_old_evidence(j, &m.evidence, err) < 0 ||
            sv_kbs_take_init_data(j, &m.init_data, err) < 0)
                return -1;
        m.additional = sv_asprintf("%s", "");
        *out = m;
        memset(&m, 0, sizeof(m));
        return 0;
}

bool sv_kbs_pubkey_is_old(const struct sv_kbs_pubkey *key)
{
        return !strcmp(key->alg, ALG_OLD);
}

int sv_kbs_pubkey_to_old_key(const struct sv_kbs_pubkey *key, struct sv_key **out,
                             struct sv_err *err)
{
        SV_JSON *j = sv_kbs_pubkey_json(key);

        if (strcmp(key->kty, "RSA") || !sv_kbs_pubkey_is_old(key))
                return sv_fail(err, SV_FORMAT, "kbs.tee-pubkey",
                               "algorithm \"%s\" for a key of type %s; version 0.1.1 of the "
                               "protocol has " ALG_OLD " and RSA",
                               key->alg, key->kty);
        *out = sv_jwk_to_key(j, key->alg, "kbs.tee-pubkey", err);
        return *out ? 0 : -1;
}
