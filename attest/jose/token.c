/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/jose/token.h"

#include <stdio.h>

#include "attest/jose/jose.h"
#include "base/core/encoding.h"
#include "policy/verdict.h"

#define EAR_PROFILE "tag:github.com,2024:confidential-containers/Trustee"
#define TIME_MAX    253402300799 /* 9999-12-31T23:59:59Z */

/* --- what both kinds of token share --- */

static int fail_proof(struct sv_err *err, const char *check, const char *sub, const char *msg)
{
        char name[64];

        snprintf(name, sizeof(name), "%s.%s", check, sub);
        return sv_fail(err, SV_PROOF, name, "%s", msg);
}

/* Word for word the members that a key is made of. */
static bool is_same_jwk(const struct sv_json *jwk, const struct sv_key *trusted)
{
        static const char *const members[] = {"kty", "crv", "x", "y", "n", "e"};
        SV_JSON *own = sv_jwk_from_key(trusted, NULL, NULL);

        for (size_t i = 0; own && i < sizeof(members) / sizeof(*members); i++) {
                const char *ours = sv_json_text(own, members[i], NULL);
                const char *theirs = sv_json_text(jwk, members[i], NULL);

                if (ours && (!theirs || strcmp(ours, theirs)))
                        return false;
        }
        return own;
}

/* The key in the header is the sender's own word. It may only repeat what we already know. */
static int check_header_key(const struct sv_json *header, const struct sv_key *trusted,
                            const char *check, struct sv_err *err)
{
        struct sv_json *jwk = sv_json_get(header, "jwk");
        SV_KEY *claimed = NULL;
        char ours[44], theirs[44];

        if (!jwk || is_same_jwk(jwk, trusted))
                return 0;
        claimed = sv_jwk_to_key(jwk, NULL, "token.jwk", err);
        if (!claimed || sv_jwk_thumbprint(claimed, theirs, err) < 0 ||
            sv_jwk_thumbprint(trusted, ours, err) < 0)
                return -1;
        if (strcmp(ours, theirs))
                return fail_proof(err, check, "key",
                                  "the token names another key than the one that is trusted");
        return 0;
}

static int check_times(const struct sv_json *payload, int64_t now, int64_t *life, const char *check,
                       struct sv_err *err)
{
        int64_t iat, exp, nbf = 0;

        if (sv_json_need_int(payload, "exp", 0, TIME_MAX, &exp, check, err) < 0 ||
            sv_json_need_int(payload, "iat", 0, TIME_MAX, &iat, check, err) < 0 ||
            (sv_json_get(payload, "nbf") &&
             sv_json_need_int(payload, "nbf", 0, TIME_MAX, &nbf, check, err) < 0))
                return -1;
        if (now >= exp)
                return fail_proof(err, check, "expired", "the token's time (exp) has passed");
        if (iat > now + SV_TOKEN_LEEWAY || nbf > now + SV_TOKEN_LEEWAY)
                return fail_proof(err, check, "early",
                                  "the token is from the future (iat, nbf): compare the clocks of "
                                  "both machines");
        *life = exp - iat;
        return 0;
}

/* Nothing of the payload is looked at before its signature holds. */
static int open_token(struct sv_bytes token, const struct sv_key *trusted, int64_t now,
                      struct sv_json **payload, int64_t *life, const char *check,
                      struct sv_err *err)
{
        SV_JSON *j = NULL;
        SV_JWS jws = {0};
        char name[64];

        snprintf(name, sizeof(name), "%s.payload", check);
        if (sv_jws_parse(token, &jws, check, err) < 0 ||
            check_header_key(jws.header, trusted, check, err) < 0 ||
            sv_jws_verify(&jws, trusted, check, err) < 0 ||
            sv_json_parse(sv_buf_bytes(&jws.payload), name, &j, err) < 0 ||
            check_times(j, now, life, check, err) < 0)
                return -1;
        *payload = sv_json_ref(j);
        return 0;
}

/* --- attestation result --- */

static struct sv_json *make_signer_header(const struct sv_key *signer, const struct sv_certs *chain,
                                          struct sv_err *err)
{
        struct sv_json *jwk = sv_jwk_from_key(signer, "ES256", err);
        struct sv_json *header, *x5c;

        if (!jwk)
                return NULL;
        header = sv_json_object();
        sv_json_set_str(header, "typ", "JWT");
        sv_json_set(header, "jwk", jwk);
        if (!chain || !chain->n)
                return header;
        x5c = sv_json_set(jwk, "x5c", sv_json_array());
        for (size_t i = 0; i < chain->n; i++) {
                SV_BUF der = SV_BUF_NULL;
                SV_BUF text = SV_BUF_NULL;

                if (sv_cert_der(chain->list[i], &der, err) < 0) {
                        sv_json_free(header);
                        return NULL;
                }
                sv_put_base64(&text, sv_buf_bytes(&der)); /* RFC 7517 section 4.7: not base64url */
                sv_json_add(x5c, sv_json_new_str(sv_buf_str(&text)));
        }
        return header;
}

static void set_if_given(struct sv_json *obj, const char *member, const struct sv_json *value)
{
        if (value)
                sv_json_set(obj, member, sv_json_ref((struct sv_json *)(uintptr_t)value));
}

static struct sv_json *make_ear_claims(const struct sv_ear *ear)
{
        struct sv_json *all = sv_json_object(), *verifier, *cpu, *evidence;

        sv_json_set_str(all, "eat_profile", EAR_PROFILE);
        sv_json_set_int(all, "iat", ear->iat);
        sv_json_set_int(all, "exp", ear->exp);
        sv_json_set_str(all, "iss", ear->issuer);
        verifier = sv_json_set(all, "ear.verifier-id", sv_json_object());
        sv_json_set_str(verifier, "developer", "secure-vm");
        sv_json_set_str(verifier, "build", "secure-vm " SV_VERSION);
        cpu = sv_json_set(sv_json_set(all, "submods", sv_json_object()), "cpu0", sv_json_object());
        sv_json_set_str(cpu, "ear.status", sv_json_str(sv_json_get(ear->verdict, "status")));
        set_if_given(cpu, "ear.trustworthiness-vector", sv_json_get(ear->verdict, "vector"));
        sv_json_set_str(cpu, "ear.appraisal-policy-id", ear->policy_id);
        set_if_given(cpu, "secure-vm.reasons", sv_json_get(ear->verdict, "reasons"));
        evidence = sv_json_set(cpu, "ear.veraison.annotated-evidence", sv_json_object());
        set_if_given(evidence, ear->tee, ear->claims);
        set_if_given(evidence, "runtime_data_claims", ear->runtime_data);
        return all;
}

int sv_ear_sign(const struct sv_ear *ear, const struct sv_key *signer, const struct sv_certs *chain,
                struct sv_buf *out, struct sv_err *err)
{
        SV_JSON *header = make_signer_header(signer, chain, err);
        SV_JSON *claims = NULL;
        SV_BUF text = SV_BUF_NULL;

        if (!header)
                return -1;
        claims = make_ear_claims(ear);
        sv_json_print(claims, &text);
        if (sv_buf_ok(&text, "a token", err) < 0)
                return -1;
        return sv_jws_sign(signer, header, sv_buf_bytes(&text), out, err);
}

static struct sv_json *get_cpu0(const struct sv_json *payload)
{
        return sv_json_pointer(payload, "/submods/cpu0");
}

int sv_ear_verify(struct sv_bytes token, const struct sv_key *signer, int64_t now,
                  struct sv_json **payload, struct sv_err *err)
{
        SV_JSON *j = NULL;
        SV_VERDICT verdict = {0};
        struct sv_json *vector;
        const char *status;
        int64_t life;

        if (open_token(token, signer, now, &j, &life, "token", err) < 0 ||
            sv_json_need_str(get_cpu0(j), "ear.status", &status, "token", err) < 0 ||
            sv_json_need_obj(get_cpu0(j), "ear.trustworthiness-vector", &vector, "token", err) <
                    0 ||
            sv_verdict_check(vector, status, &verdict, err) < 0)
                return -1;
        if (payload)
                *payload = sv_json_ref(j);
        return 0;
}

struct sv_json *sv_ear_tee_key(const struct sv_json *payload)
{
        struct sv_json *evidence =
                sv_json_get(get_cpu0(payload), "ear.veraison.annotated-evidence");
        struct sv_json *key =
                sv_json_get(sv_json_get(evidence, "runtime_data_claims"), "tee-pubkey");

        return sv_json_type(key) == SV_JSON_OBJECT ? key : NULL;
}

const char *sv_ear_status(const struct sv_json *payload)
{
        return sv_json_str(sv_json_get(get_cpu0(payload), "ear.status"));
}

/* --- administrator --- */

static void name_broker(const struct sv_admin_request *r, char out[7 + 65])
{
        memcpy(out, "sha256:", 7);
        sv_hex(sv_bytes(r->pin, 32), out + 7);
}

int sv_admin_token_sign(const struct sv_key *admin, const struct sv_admin_request *request,
                        int64_t now, struct sv_buf *out, struct sv_err *err)
{
        SV_JSON *header = sv_json_object();
        SV_JSON *claims = sv_json_object();
        SV_BUF text = SV_BUF_NULL;
        uint8_t random[SV_ADMIN_TOKEN_ID / 2];
        char id[SV_ADMIN_TOKEN_ID], audience[7 + 65], body[65];

        if (sv_random(random, sizeof(random), err) < 0 ||
            sv_sha256_hex(request->body, body, err) < 0)
                return -1;
        name_broker(request, audience);
        sv_json_set_str(header, "typ", "JWT");
        sv_json_set_str(claims, "role", "admin");
        sv_json_set_int(claims, "iat", now);
        sv_json_set_int(claims, "exp", now + SV_ADMIN_TOKEN_LIFE);
        sv_json_set_str(claims, "jti", sv_hex(sv_bytes(random, sizeof(random)), id));
        sv_json_set_str(claims, "aud", audience);
        sv_json_set_str(claims, "htm", request->method);
        sv_json_set_str(claims, "htu", request->target);
        sv_json_set_str(claims, "body_sha256", body);
        sv_json_print(claims, &text);
        if (sv_buf_ok(&text, "a token", err) < 0)
                return -1;
        return sv_jws_sign(admin, header, sv_buf_bytes(&text), out, err);
}

static int check_request(const struct sv_json *payload, const struct sv_admin_request *r,
                         struct sv_err *err)
{
        const char *audience, *method, *target, *body;
        char us[7 + 65], digest[65];

        if (sv_json_need_str(payload, "aud", &audience, "admin.token", err) < 0 ||
            sv_json_need_str(payload, "htm", &method, "admin.token", err) < 0 ||
            sv_json_need_str(payload, "htu", &target, "admin.token", err) < 0 ||
            sv_json_need_str(payload, "body_sha256", &body, "admin.token", err) < 0 ||
            sv_sha256_hex(r->body, digest, err) < 0)
                return -1;
        name_broker(r, us);
        if (strcmp(audience, us))
                return fail_proof(err, "admin.token", "broker",
                                  "the token is for a broker with another TLS key");
        if (strcmp(method, r->method) || strcmp(target, r->target) || strcmp(body, digest))
                return fail_proof(err, "admin.token", "request",
                                  "the token is for another request: its method, path or body is "
                                  "not this one's");
        return 0;
}

static int take_token_id(const struct sv_json *payload, char id[SV_ADMIN_TOKEN_ID],
                         struct sv_err *err)
{
        const char *text;

        if (sv_json_need_str(payload, "jti", &text, "admin.token", err) < 0)
                return -1;
        if (strlen(text) != SV_ADMIN_TOKEN_ID - 1 ||
            strspn(text, "0123456789abcdef") != SV_ADMIN_TOKEN_ID - 1)
                return sv_fail(err, SV_FORMAT, "admin.token.id",
                               "\"jti\" is not 32 hex digits in lower case");
        memcpy(id, text, SV_ADMIN_TOKEN_ID);
        return 0;
}

int sv_admin_token_verify(struct sv_bytes token, const struct sv_key *admin,
                          const struct sv_admin_request *request, int64_t now,
                          char id[SV_ADMIN_TOKEN_ID], int64_t *expires, struct sv_err *err)
{
        SV_JSON *j = NULL;
        const char *role;
        int64_t life;

        if (open_token(token, admin, now, &j, &life, "admin.token", err) < 0 ||
            sv_json_need_str(j, "role", &role, "admin.token", err) < 0)
                return -1;
        if (life > SV_ADMIN_TOKEN_MAX)
                return fail_proof(err, "admin.token", "life",
                                  "the token is valid for too long: make one for each call");
        if (strcmp(role, "admin"))
                return fail_proof(err, "admin.token", "role", "the token's role is not \"admin\"");
        if (check_request(j, request, err) < 0 || take_token_id(j, id, err) < 0)
                return -1;
        *expires = sv_json_int(sv_json_get(j, "exp"), 0);
        return 0;
}
