/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/jose/jose.h"
#include "attest/jose/token.h"
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "tests/unit/pki.h"
#include "tests/unit/unit.h"

#define NOW 1800000000

static struct sv_json *parse(const char *text)
{
        struct sv_json *j = NULL;
        struct sv_err err;

        OK(sv_json_parse(sv_bytes_str(text), "test", &j, &err));
        return j;
}

#define VECTOR                                                                              \
        "{\"instance-identity\":0,\"configuration\":2,\"executables\":3,\"file-system\":0," \
        "\"hardware\":0,\"runtime-opaque\":0,"                                              \
        "\"storage-opaque\":0,\"sourced-data\":0}"

static void an_attestation_result(void **state)
{
        struct sv_err err;
        SV_KEY *k = sv_key_generate(SV_KEY_P256, 0, &err);
        SV_KEY *other = sv_key_generate(SV_KEY_P256, 0, &err);
        SV_CERTS chain = {NULL, 0};
        SV_JSON *verdict = parse("{\"status\":\"affirming\",\"vector\":" VECTOR
                                 ",\"reasons\":[{\"check\":\"policy.pcr.4\"}]}");
        SV_JSON *claims = parse("{\"pcrs\":{}}");
        SV_JSON *runtime = parse("{\"nonce\":\"AA==\",\"tee-pubkey\":{\"kty\":\"EC\"},\"additional-"
                                 "evidence\":\"\"}");
        SV_JSON *payload = NULL;
        SV_JWS jws = {0};
        SV_BUF token = SV_BUF_NULL;
        SV_BUF der = SV_BUF_NULL;
        SV_BUF x5c = SV_BUF_NULL;
        struct sv_ear ear = {NOW,    NOW + 300, "secure-vm-broker", "tpm", "repo/type/tag", verdict,
                             claims, runtime};

        OK(sv_certs_add(&chain, sv_cert_self_signed(k, "signer", NULL, NOW - 1, NOW + 1000, &err),
                        &err));
        OK(sv_ear_sign(&ear, k, &chain, &token, &err));
        OK(sv_ear_verify(sv_buf_bytes(&token), k, NOW, &payload, &err));
        assert_string_equal(sv_ear_status(payload), "affirming");
        assert_string_equal(sv_json_str(sv_json_get(sv_ear_tee_key(payload), "kty")), "EC");
        assert_non_null(
                sv_json_pointer(payload, "/submods/cpu0/ear.veraison.annotated-evidence/tpm/pcrs"));
        assert_string_equal(sv_json_str(sv_json_get(payload, "eat_profile")),
                            "tag:github.com,2024:confidential-containers/Trustee");
        assert_int_equal(sv_json_int(sv_json_get(payload, "exp"), 0), NOW + 300);
        /* Header as Trustee's verifier wants it: jwk names the algorithm and carries the chain in
         * standard base64. */
        OK(sv_jws_parse(sv_buf_bytes(&token), &jws, "t", &err));
        assert_string_equal(sv_json_str(sv_json_pointer(jws.header, "/jwk/alg")), "ES256");
        OK(sv_unbase64(sv_bytes_str(sv_json_str(sv_json_pointer(jws.header, "/jwk/x5c/0"))), &x5c,
                       "t", &err));
        OK(sv_cert_der(chain.list[0], &der, &err));
        assert_true(sv_bytes_eq(sv_buf_bytes(&x5c), sv_buf_bytes(&der)));

        OK(sv_ear_verify(sv_buf_bytes(&token), k, NOW + 299, NULL, &err));
        FAILS(sv_ear_verify(sv_buf_bytes(&token), k, NOW + 300, NULL, &err), SV_PROOF,
              "token.expired");
        OK(sv_ear_verify(sv_buf_bytes(&token), k, NOW - SV_TOKEN_LEEWAY, NULL, &err));
        FAILS(sv_ear_verify(sv_buf_bytes(&token), k, NOW - SV_TOKEN_LEEWAY - 1, NULL, &err),
              SV_PROOF, "token.early");
        FAILS(sv_ear_verify(sv_buf_bytes(&token), other, NOW, NULL, &err), SV_PROOF, "token.key");
        for (size_t n = 0; n < token.n; n++)
                FAILS(sv_ear_verify(sv_bytes(token.p, n), k, NOW, NULL, &err), SV_FORMAT,
                      "token.form");
        for (size_t at = 0; at < token.n; at++) {
                uint8_t was = token.p[at];

                token.p[at] = was == 'A' ? 'B' : 'A';
                assert_int_equal(sv_ear_verify(sv_buf_bytes(&token), k, NOW, NULL, &err), -1);
                token.p[at] = was;
        }
}

/* Signed by the right key, so that only what is said can be wrong. */
static void each_claim_fault_has_its_name(void **state)
{
        static const struct {
                const char *payload, *check;
                enum sv_class class;
        } cases[] = {
                {"", "token.payload.json", SV_FORMAT},
                {"[]", "token.member", SV_FORMAT},
                {"{\"iat\":1800000000}", "token.member", SV_FORMAT},
                {"{\"exp\":1800000300}", "token.member", SV_FORMAT},
                {"{\"iat\":1800000000,\"exp\":\"1800000300\"}", "token.member", SV_FORMAT},
                {"{\"iat\":-1,\"exp\":1800000300}", "token.member", SV_FORMAT},
                {"{\"iat\":1800000000,\"exp\":1800000000}", "token.expired", SV_PROOF},
                {"{\"iat\":1800000031,\"exp\":1800000300}", "token.early", SV_PROOF},
                {"{\"iat\":1800000000,\"exp\":1800000300,\"nbf\":1800000031}", "token.early",
                 SV_PROOF},
                {"{\"iat\":1800000000,\"exp\":1800000300,\"nbf\":\"x\"}", "token.member",
                 SV_FORMAT},
                {"{\"iat\":1800000000,\"exp\":1800000300}", "token.member", SV_FORMAT},
                {"{\"iat\":1800000000,\"exp\":1800000300,\"submods\":{\"cpu0\":{\"ear.status\":"
                 "\"affirming\"}}}",
                 "token.member", SV_FORMAT},
                {"{\"iat\":1800000000,\"exp\":1800000300,\"submods\":{\"cpu0\":{\"ear.status\":"
                 "\"good\",\"ear.trustworthiness-vector\":" VECTOR "}}}",
                 "verdict.vector", SV_FORMAT},
                {"{\"iat\":1800000000,\"exp\":1800000300,\"submods\":{\"cpu0\":{\"ear.status\":"
                 "\"affirming\",\"ear.trustworthiness-vector\":"
                 "{\"executables\":33}}}}",
                 "verdict.status", SV_PROOF},
        };
        struct sv_err err;
        SV_KEY *k = sv_key_generate(SV_KEY_P256, 0, &err);

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                SV_BUF token = SV_BUF_NULL;

                OK(sv_jws_sign(k, NULL, sv_bytes_str(cases[i].payload), &token, &err));
                memset(&err, 0, sizeof(err));
                assert_int_equal(sv_ear_verify(sv_buf_bytes(&token), k, NOW, NULL, &err), -1);
                if (strcmp(err.check, cases[i].check))
                        fail_msg("%s: %s (%s)", cases[i].payload, err.check, err.msg);
                assert_int_equal(err.class, cases[i].class);
        }
}

/* --- administrator --- */

static const uint8_t pin[32] = {1, 2, 3}, other_pin[32] = {1, 2, 4};
static const struct sv_admin_request put_x = {pin, "PUT", "/p?new", {(const uint8_t *)"x", 1}};

static int verify_admin(struct sv_bytes token, const struct sv_key *k, int64_t now,
                        struct sv_err *err)
{
        char id[SV_ADMIN_TOKEN_ID];
        int64_t expires;

        return sv_admin_token_verify(token, k, &put_x, now, id, &expires, err);
}

#define TIMES "\"iat\":1800000000,\"exp\":1800000100,"
#define AUD   "\"aud\":\"sha256:0102030000000000000000000000000000000000000000000000000000000000\","
#define BODY  "\"body_sha256\":\"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\","
#define CALL  "\"htm\":\"PUT\",\"htu\":\"/p?new\","
#define ROLE  "\"role\":\"admin\""
#define ID    "\"jti\":\"00112233445566778899aabbccddeeff\","

/* What a token is for is this request, and no other. */
static void admin_token_is_bound(void **state)
{
        static const struct sv_admin_request others[] = {
                {other_pin, "PUT", "/p?new", {(const uint8_t *)"x", 1}},
                {pin, "POST", "/p?new", {(const uint8_t *)"x", 1}},
                {pin, "PUT", "/p?old", {(const uint8_t *)"x", 1}},
                {pin, "PUT", "/p", {(const uint8_t *)"x", 1}},
                {pin, "PUT", "/p?new", {(const uint8_t *)"y", 1}},
                {pin, "PUT", "/p?new", {NULL, 0}}};
        struct sv_err err;
        SV_KEY *k = sv_key_generate(SV_KEY_P256, 0, &err);
        SV_BUF token = SV_BUF_NULL, again = SV_BUF_NULL;
        char id[SV_ADMIN_TOKEN_ID], second[SV_ADMIN_TOKEN_ID];
        int64_t expires;

        OK(sv_admin_token_sign(k, &put_x, NOW, &token, &err));
        OK(sv_admin_token_verify(sv_buf_bytes(&token), k, &put_x, NOW, id, &expires, &err));
        assert_int_equal(expires, NOW + SV_ADMIN_TOKEN_LIFE);
        OK(sv_admin_token_sign(k, &put_x, NOW, &again, &err));
        OK(sv_admin_token_verify(sv_buf_bytes(&again), k, &put_x, NOW, second, &expires, &err));
        assert_string_not_equal(id, second);
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                FAILS(sv_admin_token_verify(sv_buf_bytes(&token), k, &others[i], NOW, id, &expires,
                                            &err),
                      SV_PROOF, i ? "admin.token.request" : "admin.token.broker");
}

static void admin_tokens(void **state)
{
        static const struct {
                const char *payload, *check; /* NULL: it holds */
        } cases[] = {
                {"", "admin.token.payload.json"},
                {"{" AUD BODY CALL ID TIMES ROLE "}", NULL},
                {"{\"iat\":1800000000,\"exp\":1800000100}", "admin.token.member"},
                {"{" TIMES "\"role\":\"guest\"}", "admin.token.role"},
                {"{" TIMES "\"role\":7}", "admin.token.member"},
                {"{\"iat\":1800000000,\"exp\":1800000121," ROLE "}", "admin.token.life"},
                {"{\"iat\":0,\"exp\":1800000100," ROLE "}", "admin.token.life"},
                {"{" BODY CALL ID TIMES ROLE "}", "admin.token.member"},
                {"{" AUD CALL ID TIMES ROLE "}", "admin.token.member"},
                {"{" AUD BODY ID TIMES ROLE "}", "admin.token.member"},
                {"{" AUD BODY CALL TIMES ROLE "}", "admin.token.member"},
                {"{" AUD BODY CALL "\"jti\":\"00\"," TIMES ROLE "}", "admin.token.id"},
                {"{" AUD BODY CALL "\"jti\":\"00112233445566778899AABBCCDDEEFF\"," TIMES ROLE "}",
                 "admin.token.id"},
        };
        struct sv_err err;
        SV_KEY *k = sv_key_generate(SV_KEY_P256, 0, &err);
        SV_KEY *other = sv_key_generate(SV_KEY_P256, 0, &err);
        SV_BUF token = SV_BUF_NULL;
        SV_BUF none = SV_BUF_NULL;

        OK(sv_admin_token_sign(k, &put_x, NOW, &token, &err));
        OK(verify_admin(sv_buf_bytes(&token), k, NOW, &err));
        FAILS(verify_admin(sv_buf_bytes(&token), other, NOW, &err), SV_PROOF,
              "admin.token.signature");
        FAILS(verify_admin(sv_buf_bytes(&token), k, NOW + SV_ADMIN_TOKEN_LIFE, &err), SV_PROOF,
              "admin.token.expired");
        FAILS(verify_admin(sv_buf_bytes(&token), k, NOW - SV_TOKEN_LEEWAY - 1, &err), SV_PROOF,
              "admin.token.early");
        FAILS(sv_ear_verify(sv_buf_bytes(&token), k, NOW, NULL, &err), SV_FORMAT, "token.member");
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                SV_BUF bad = SV_BUF_NULL;

                OK(sv_jws_sign(k, NULL, sv_bytes_str(cases[i].payload), &bad, &err));
                if (!cases[i].check) {
                        OK(verify_admin(sv_buf_bytes(&bad), k, NOW, &err));
                        continue;
                }
                assert_int_equal(verify_admin(sv_buf_bytes(&bad), k, NOW, &err), -1);
                assert_string_equal(err.check, cases[i].check);
        }
        sv_put_base64url(&none, sv_bytes_str("{\"alg\":\"none\"}"));
        sv_buf_puts(&none, ".");
        sv_put_base64url(
                &none, sv_bytes_str("{\"iat\":1800000000,\"exp\":1800000100,\"role\":\"admin\"}"));
        sv_buf_puts(&none, ".");
        FAILS(verify_admin(sv_buf_bytes(&none), k, NOW, &err), SV_FORMAT, "admin.token.alg");
        FAILS(verify_admin(sv_bytes_str("a.b"), k, NOW, &err), SV_FORMAT, "admin.token.form");
}

/* The parts as given; the signature has the size of one. */
static void put_token(const char *header, const char *payload, struct sv_buf *out)
{
        static const uint8_t signature[64];

        sv_buf_clear(out);
        sv_put_base64url(out, sv_bytes_str(header));
        sv_buf_puts(out, ".");
        sv_put_base64url(out, sv_bytes_str(payload));
        sv_buf_puts(out, ".");
        sv_put_base64url(out, sv_bytes(signature, sizeof(signature)));
}

#define JWK(parts) "{\"alg\":\"ES256\",\"jwk\":{" parts "}}"
#define ONE        "\"AQ\""

/* What is wrong with a header is said before any signature is looked at. */
static void each_header_fault_has_its_name(void **state)
{
        static const struct {
                const char *header, *check, *admin; /* NULL: of no admin's token */
        } cases[] = {
                {"{", "token.header.json", "admin.token.header.json"},
                {"{}", "token.member", "admin.token.member"},
                {"{\"alg\":\"none\"}", "token.alg", "admin.token.alg"},
                {"{\"alg\":\"ES256\",\"crit\":[\"b64\"]}", "token.crit", "admin.token.crit"},
                {"{\"alg\":\"ES256\",\"b64\":false}", "token.crit", "admin.token.crit"},
                {JWK(""), "token.jwk.member", NULL},
                {JWK("\"kty\":\"oct\""), "token.jwk.kty", NULL},
                {JWK("\"kty\":\"EC\",\"crv\":\"P-255\",\"x\":" ONE ",\"y\":" ONE), "token.jwk.crv",
                 NULL},
                {JWK("\"kty\":\"RSA\",\"n\":\"AAE\",\"e\":\"AQAB\""), "token.jwk.form", NULL},
                {JWK("\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":" ONE ",\"y\":" ONE),
                 "token.jwk.point", NULL},
                {JWK("\"kty\":\"RSA\",\"n\":" ONE ",\"e\":\"AQAB\""), "token.jwk.weak", NULL},
        };
        struct sv_err err;
        SV_KEY *k = sv_key_generate(SV_KEY_P256, 0, &err);
        SV_BUF token = SV_BUF_NULL;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                put_token(cases[i].header, "{}", &token);
                FAILS(sv_ear_verify(sv_buf_bytes(&token), k, NOW, NULL, &err), SV_FORMAT,
                      cases[i].check);
                if (cases[i].admin)
                        FAILS(verify_admin(sv_buf_bytes(&token), k, NOW, &err), SV_FORMAT,
                              cases[i].admin);
        }
}

static void load(const char *rel, struct sv_json **out)
{
        SV_BUF text = SV_BUF_NULL;
        struct sv_err err;

        OK(sv_file_read(vector_path(rel), 8 << 20, &text, "test.file", &err));
        OK(sv_json_parse(sv_buf_bytes(&text), "test", out, &err));
}

static void every_vector(void **state)
{
        static const struct {
                const char *name, *check; /* NULL: holds */
        } expected[] = {
                {"ok", NULL},
                {"expired", "token.expired"},
                {"no-exp", "token.member"},
                {"header-jwk-untrusted", "token.key"},
                {"alg-none", "token.alg"},
                {"sig-der", "token.form"},
                {"payload-swapped", "token.signature"},
                {"contraindicated", NULL},
                {"status-lies", "verdict.status"},
        };
        SV_JSON *all = NULL;
        SV_JSON *jwk = NULL;
        SV_KEY *k = NULL;
        struct sv_json *cases;
        struct sv_err err = SV_ERR_NULL;
        size_t met = 0;

        load("kbs/generated/ear_tokens.json", &all);
        load("kbs/generated/as_signer.jwk", &jwk);
        k = sv_jwk_to_key(jwk, NULL, "t", &err);
        assert_non_null(k);
        cases = sv_json_get(all, "cases");
        for (size_t i = 0; i < sv_json_len(cases); i++) {
                const char *name = sv_json_str(sv_json_get(sv_json_at(cases, i), "name"));
                const char *token = sv_json_str(sv_json_get(sv_json_at(cases, i), "token"));
                int64_t now = strcmp(name, "expired") ? 1790000010 : 1790000301;

                for (size_t e = 0; e < sizeof(expected) / sizeof(expected[0]); e++) {
                        SV_JSON *payload = NULL;

                        if (strcmp(name, expected[e].name))
                                continue;
                        met++;
                        memset(&err, 0, sizeof(err));
                        sv_ear_verify(sv_bytes_str(token), k, now, &payload, &err);
                        if (strcmp(err.check, expected[e].check ? expected[e].check : ""))
                                fail_msg("%s: %s (%s)", name, err.check, err.msg);
                        if (!strcmp(name, "contraindicated"))
                                assert_string_equal(sv_ear_status(payload), "contraindicated");
                }
        }
        assert_int_equal(met, sizeof(expected) / sizeof(expected[0]));
        assert_int_equal(met, sv_json_len(cases));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_attestation_result),
                cmocka_unit_test(each_claim_fault_has_its_name),
                cmocka_unit_test(each_header_fault_has_its_name),
                cmocka_unit_test(admin_token_is_bound),
                cmocka_unit_test(admin_tokens),
                cmocka_unit_test(every_vector),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
