/* SPDX-License-Identifier: Apache-2.0 */
/* KBS messages: the recorded exchanges, our own writers read back, and what must be refused. */
#include "base/core/encoding.h"
#include "tests/unit/unit.h"

#include "attest/kbs/kbs.h"
#include "base/core/file.h"

static struct sv_json *load(const char *rel)
{
        const char *path = vector_path(rel);
        SV_BUF text = SV_BUF_NULL;
        struct sv_json *j = NULL;
        struct sv_err err;

        OK(sv_file_read(path, 1 << 20, &text, "test.vector", &err));
        OK(sv_json_parse(sv_buf_bytes(&text), "test.vector", &j, &err));
        return j;
}

static void print(const struct sv_json *j, struct sv_buf *out)
{
        sv_buf_clear(out);
        sv_json_print(j, out);
}

static void message_forms(void **state)
{
        SV_JSON *j = load("kbs/messages.json");
        SV_BUF text = SV_BUF_NULL;
        SV_KBS_REQUEST req = {{0}};
        SV_KBS_CHALLENGE ch = {{0}};
        SV_KBS_ATTESTATION ec = {{0}}, rsa = {{0}};
        struct sv_kbs_error e;
        struct sv_key *key = NULL;
        struct sv_err err;

        print(sv_json_get(j, "request"), &text);
        OK(sv_kbs_parse_request(sv_buf_bytes(&text), &req, &err));
        assert_string_equal(req.version, "0.4.0");
        assert_string_equal(req.tee, "tdx");
        print(sv_json_get(j, "challenge"), &text);
        OK(sv_kbs_parse_challenge(sv_buf_bytes(&text), &ch, &err));
        assert_string_equal(ch.nonce, "bm9uY2U");
        assert_null(ch.params);
        print(sv_json_get(j, "attestation_ec"), &text);
        OK(sv_kbs_parse_attestation(sv_buf_bytes(&text), &ec, &err));
        assert_string_equal(ec.nonce, "bm9uY2U");
        assert_string_equal(ec.key.crv, "P-none");
        assert_string_equal(ec.key.a, "eA");
        assert_string_equal(ec.key.b, "eQ");
        assert_string_equal(ec.additional, "of a device");
        assert_string_equal(sv_json_str(ec.evidence), "of the CPU");
        print(sv_json_get(j, "attestation_rsa"), &text);
        OK(sv_kbs_parse_attestation(sv_buf_bytes(&text), &rsa, &err));
        assert_string_equal(rsa.key.a, "bg");
        FAILS(sv_kbs_pubkey_to_key(&rsa.key, &key, &err), SV_FORMAT, "kbs.tee-pubkey");
        print(sv_json_get(j, "error"), &text);
        OK(sv_kbs_parse_error(sv_buf_bytes(&text), &e, &err));
        assert_string_equal(e.name, "a type");
        assert_string_equal(e.detail, "a detail");
        assert_int_equal(e.class, SV_OK);
}

static void check_digest(const struct sv_kbs_attestation *m, const char *additional,
                         const struct sv_json *expected)
{
        uint8_t digest[SV_KBS_BINDING_SIZE];
        char hex[2 * SV_KBS_BINDING_SIZE + 1];
        struct sv_err err;

        OK(sv_kbs_binding_digest(additional, m->nonce, &m->key, digest, &err));
        assert_string_equal(sv_hex(sv_bytes(digest, sizeof(digest)), hex),
                            sv_json_str(sv_json_get(expected, "sha384_primary")));
}

static void recorded_exchanges(void **state)
{
        static const char *const kinds[] = {"ec256", "ec521", "rsa3072"};
        SV_JSON *runtime = load("kbs/generated/runtime_data.json");

        for (int i = 0; i < 3; i++) {
                SV_STR file = sv_asprintf("kbs/generated/rcar_%s.json", kinds[i]);
                SV_JSON *j = load(file);
                SV_BUF text = SV_BUF_NULL;
                SV_KBS_ATTESTATION m = {{0}};
                const struct sv_json *expected = sv_json_get(runtime, kinds[i]);
                const struct sv_json *device = sv_json_get(expected, "with_sampledevice");
                SV_KEY *key = NULL;
                struct sv_err err;

                print(sv_json_get(j, "attestation"), &text);
                OK(sv_kbs_parse_attestation(sv_buf_bytes(&text), &m, &err));
                OK(sv_kbs_pubkey_to_key(&m.key, &key, &err));
                assert_non_null(expected);
                check_digest(&m, m.additional, expected);
                if (device)
                        check_digest(&m, sv_json_str(sv_json_get(device, "additional_evidence")),
                                     device);
        }
}

/* The example key of RFC 7517 appendix A.1. */
#define PARTS                                                                \
        "\"kty\":\"EC\",\"alg\":\"ECDH-ES+A256KW\",\"crv\":\"P-256\",\"x\":" \
        "\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","                   \
        "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"}"
#define KEY "{" PARTS

static void digest_of(const char *key, const char *nonce, const char *additional, uint8_t out[48])
{
        SV_JSON *j = NULL;
        SV_KBS_PUBKEY k = {{0}};
        struct sv_err err;

        OK(sv_json_parse(sv_bytes_str(key), "test", &j, &err));
        OK(sv_kbs_parse_pubkey(j, &k, &err));
        OK(sv_kbs_binding_digest(additional, nonce, &k, out, &err));
}

/* Members that a typed reader drops must not change the digest; everything else must. */
static void only_typed_members_are_bound(void **state)
{
        uint8_t a[48], b[48];

        digest_of(KEY, "n", "", a);
        digest_of("{\"kid\":\"a\",\"use\":\"enc\"," PARTS, "n", "", b);
        assert_memory_equal(a, b, 48);
        digest_of(KEY, "m", "", b);
        assert_memory_not_equal(a, b, 48);
        digest_of(KEY, "n", "x", b);
        assert_memory_not_equal(a, b, 48);
        digest_of("{\"kty\":\"EC\",\"alg\":\"ECDH-ES+A256KW\",\"crv\":\"P-256\",\"x\":\"a\",\"y\":"
                  "\"b\"}",
                  "n", "", b);
        assert_memory_not_equal(a, b, 48);
}

#define ATT(nonce, key, evidence) \
        "{\"runtime-data\":{" nonce "\"tee-pubkey\":" key "},\"tee-evidence\":" evidence "}"
#define GOOD_EV "{\"primary_evidence\":{\"a\":1},\"additional_evidence\":\"\"}"

static void bad_attestations(void **state)
{
        static const struct {
                const char *text, *check;
        } bad[] = {
                {"", "kbs.attestation.json"},
                {"[]", "kbs.attestation"},
                {"{}", "kbs.attestation.member"},
                {"{\"runtime-data\":{},\"tee-evidence\":3}", "kbs.attestation.member"},
                {ATT("", KEY, GOOD_EV), "kbs.attestation.member"},
                {ATT("\"nonce\":\"\",", KEY, GOOD_EV), "kbs.attestation"},
                {ATT("\"nonce\":7,", KEY, GOOD_EV), "kbs.attestation.member"},
                {ATT("\"nonce\":\"n\",", "[]", GOOD_EV), "kbs.attestation.member"},
                {ATT("\"nonce\":\"n\",", "{}", GOOD_EV), "kbs.tee-pubkey.member"},
                {ATT("\"nonce\":\"n\",", "{\"kty\":\"oct\",\"alg\":\"A\",\"k\":\"a\"}", GOOD_EV),
                 "kbs.tee-pubkey"},
                {ATT("\"nonce\":\"n\",",
                     "{\"kty\":\"EC\",\"alg\":\"A\",\"crv\":\"P-256\",\"x\":\"a\"}", GOOD_EV),
                 "kbs.tee-pubkey.member"},
                {ATT("\"nonce\":\"n\",",
                     "{\"kty\":\"EC\",\"alg\":\"A\",\"crv\":\"P-256\",\"x\":\"\",\"y\":\"b\"}",
                     GOOD_EV),
                 "kbs.tee-pubkey"},
                {ATT("\"nonce\":\"n\",",
                     "{\"kty\":\"EC\",\"alg\":\"A\",\"crv\":\"P-25600000\",\"x\":\"a\",\"y\":"
                     "\"b\"}",
                     GOOD_EV),
                 "kbs.tee-pubkey"},
                {ATT("\"nonce\":\"n\",", "{\"kty\":\"RSA\",\"alg\":\"A\",\"n\":\"a\"}", GOOD_EV),
                 "kbs.tee-pubkey.member"},
                {ATT("\"nonce\":\"n\",", KEY, "{\"primary_evidence\":{}}"),
                 "kbs.attestation.member"},
                {ATT("\"nonce\":\"n\",", KEY, "{\"additional_evidence\":\"\"}"),
                 "kbs.attestation.member"},
                {ATT("\"nonce\":\"n\",", KEY,
                     "{\"primary_evidence\":null,\"additional_evidence\":\"\"}"),
                 "kbs.attestation.member"},
                {ATT("\"nonce\":\"n\",\"nonce\":\"m\",", KEY, GOOD_EV), "kbs.attestation.json"},
                {ATT("\"nonce\":\"n\",", KEY, GOOD_EV) "x", "kbs.attestation.json"},
        };
        const char *whole = ATT("\"nonce\":\"n\",", KEY, GOOD_EV);
        struct sv_err err;

        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                SV_KBS_ATTESTATION m = {{0}};

                FAILS(sv_kbs_parse_attestation(sv_bytes_str(bad[i].text), &m, &err), SV_FORMAT,
                      bad[i].check);
        }
        for (size_t n = 0; n < strlen(whole); n++) {
                SV_KBS_ATTESTATION m = {{0}};

                FAILS(sv_kbs_parse_attestation(sv_bytes(whole, n), &m, &err), SV_FORMAT,
                      "kbs.attestation.json");
        }
}

/* Keys that type well but must not be encrypted to. */
static void bad_keys(void **state)
{
        static const char *const bad[] = {
                "{\"kty\":\"EC\",\"alg\":\"ECDH-ES\",\"crv\":\"P-256\",\"x\":\"a\",\"y\":\"b\"}",
                "{\"kty\":\"EC\",\"alg\":\"ECDH-ES+A256KW\",\"crv\":\"P-384\",\"x\":\"a\",\"y\":"
                "\"b\"}",
                "{\"kty\":\"RSA\",\"alg\":\"RSA1_5\",\"n\":\"a\",\"e\":\"AQAB\"}",
                "{\"kty\":\"RSA\",\"alg\":\"RSA-OAEP\",\"n\":\"a\",\"e\":\"AQAB\"}",
        };

        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                SV_JSON *j = NULL;
                SV_KBS_PUBKEY k = {{0}};
                struct sv_key *key = NULL;
                struct sv_err err;

                OK(sv_json_parse(sv_bytes_str(bad[i]), "test", &j, &err));
                OK(sv_kbs_parse_pubkey(j, &k, &err));
                FAILS(sv_kbs_pubkey_to_key(&k, &key, &err), SV_FORMAT, "kbs.tee-pubkey");
                assert_null(key);
        }
}

/* Whole keys: those that a client may have are P-256, P-521 and RSA. */
static void curves_of_keys(void **state)
{
        static const enum sv_key_type types[] = {SV_KEY_P256, SV_KEY_P521, SV_KEY_RSA, SV_KEY_P384};

        for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
                struct sv_err err;
                SV_KEY *key = sv_key_generate(types[i], 2048, &err);
                SV_KEY *again = NULL;
                SV_KBS_PUBKEY k = {{0}};

                OK(sv_kbs_pubkey_from_key(key, &k, &err));
                if (types[i] == SV_KEY_P384)
                        FAILS(sv_kbs_pubkey_to_key(&k, &again, &err), SV_FORMAT, "kbs.tee-pubkey");
                else
                        OK(sv_kbs_pubkey_to_key(&k, &again, &err));
        }
}

static void writers_read_back(void **state)
{
        SV_JSON *params = NULL;
        SV_BUF text = SV_BUF_NULL, token = SV_BUF_NULL;
        SV_KBS_REQUEST req = {{0}};
        SV_KBS_CHALLENGE ch = {{0}}, none = {{0}};
        SV_KBS_ATTESTATION att = {{0}};
        SV_KEY *key = NULL;
        SV_KBS_PUBKEY pub = {{0}};
        struct sv_err err;

        OK(sv_json_parse(sv_bytes_str("{\"secure-vm\":{\"a\":1}}"), "test", &params, &err));
        sv_kbs_write_request("tpm", params, &text);
        OK(sv_kbs_parse_request(sv_buf_bytes(&text), &req, &err));
        assert_string_equal(req.version, "0.4.0");
        assert_string_equal(req.tee, "tpm");
        assert_non_null(sv_json_pointer(req.params, "/secure-vm/a"));
        assert_non_null(sv_json_pointer(req.params, "/supported-hash-algorithms/1"));

        sv_buf_clear(&text);
        sv_kbs_write_challenge("AAAA", params, &text);
        OK(sv_kbs_parse_challenge(sv_buf_bytes(&text), &ch, &err));
        assert_true(sv_json_equal(ch.params, params));
        sv_buf_clear(&text);
        sv_kbs_write_challenge("AAAA", NULL, &text);
        assert_string_equal(sv_buf_str(&text), "{\"nonce\":\"AAAA\",\"extra-params\":\"\"}");
        OK(sv_kbs_parse_challenge(sv_buf_bytes(&text), &none, &err));

        key = sv_key_generate(SV_KEY_P256, 0, &err);
        assert_non_null(key);
        OK(sv_kbs_pubkey_from_key(key, &pub, &err));
        sv_buf_clear(&text);
        sv_kbs_write_attestation("AAAA", &pub, params, &text);
        OK(sv_kbs_parse_attestation(sv_buf_bytes(&text), &att, &err));
        assert_string_equal(att.key.a, pub.a);
        assert_true(sv_json_equal(att.evidence, params));

        sv_buf_clear(&text);
        sv_kbs_write_token("a.b-_c.d", &text);
        OK(sv_kbs_parse_token(sv_buf_bytes(&text), &token, &err));
        assert_string_equal(sv_buf_str(&token), "a.b-_c.d");
        FAILS(sv_kbs_parse_token(sv_bytes_str("{\"token\":\"a\\r\\nX: y\"}"), &token, &err),
              SV_FORMAT, "kbs.token");
        FAILS(sv_kbs_parse_token(sv_bytes_str("{\"token\":\"\"}"), &token, &err), SV_FORMAT,
              "kbs.token");
}

static void errors_carry_class_and_check(void **state)
{
        const struct sv_err what = {SV_POLICY, "policy.pcr.4", "expected the kernel"};
        SV_BUF text = SV_BUF_NULL;
        struct sv_err err;

        sv_kbs_write_error("PolicyDeny", &what, &text);
        FAILS(sv_kbs_fail(401, sv_buf_bytes(&text), &err), SV_POLICY, "policy.pcr.4");
        assert_non_null(strstr(err.msg, "expected the kernel"));
        assert_null(strstr(err.msg, "policy.pcr.4: "));
        /* a Trustee */
        FAILS(sv_kbs_fail(401,
                          sv_bytes_str("{\"type\":\"https://x/errors/"
                                       "PolicyDeny\",\"detail\":\"denied by policy\"}"),
                          &err),
              SV_POLICY, "kbs.policy-deny");
        FAILS(sv_kbs_fail(401, sv_bytes_str("{\"type\":\"https://x/errors/Odd\",\"detail\":\"d\"}"),
                          &err),
              SV_SYSTEM, "kbs.error");
        FAILS(sv_kbs_fail(502, sv_bytes_str("<html>"), &err), SV_SYSTEM, "kbs.http");
        /* a class that is none, a check that is none: as if they were not there */
        FAILS(sv_kbs_fail(401,
                          sv_bytes_str("{\"type\":\"PolicyDeny\",\"detail\":\"d\",\"check\":\"a."
                                       "b\",\"class\":\"ok\"}"),
                          &err),
              SV_POLICY, "kbs.policy-deny");
        FAILS(sv_kbs_fail(401,
                          sv_bytes_str("{\"type\":\"PolicyDeny\",\"detail\":\"d\",\"check\":\"A "
                                       "B\",\"class\":\"proof\"}"),
                          &err),
              SV_POLICY, "kbs.policy-deny");
        /* one of the two alone says nothing */
        FAILS(sv_kbs_fail(401,
                          sv_bytes_str("{\"type\":\"PolicyDeny\",\"detail\":\"d\",\"check\":\"a."
                                       "b\"}"),
                          &err),
              SV_POLICY, "kbs.policy-deny");
        FAILS(sv_kbs_fail(401,
                          sv_bytes_str("{\"type\":\"PolicyDeny\",\"detail\":\"d\",\"class\":"
                                       "\"proof\"}"),
                          &err),
              SV_POLICY, "kbs.policy-deny");
        /* nothing of it may move the cursor of the console that shows it */
        FAILS(sv_kbs_fail(401,
                          sv_bytes_str("{\"type\":\"PolicyDeny\",\"detail\":\"a\\u001b[2Jb\"}"),
                          &err),
              SV_POLICY, "kbs.policy-deny");
        assert_null(strchr(err.msg, 27));
}

/* Every word that a broker may have for a refusal, with the class a script sees. */
static void each_refusal_has_its_name(void **state)
{
        static const struct {
                const char *type, *check;
                enum sv_class class;
        } words[] = {
                {"PolicyDeny", "kbs.policy-deny", SV_POLICY},
                {"AttestationError", "kbs.attestation-error", SV_PROOF},
                {"AdminAuthAccess", "kbs.admin-auth-access", SV_PROOF},
                {"TokenNotFound", "kbs.token-not-found", SV_PROOF},
                {"TokenVerifierError", "kbs.token-verifier-error", SV_PROOF},
                {"PluginInternalError", "kbs.plugin-internal-error", SV_USAGE},
                {"PluginNotFound", "kbs.plugin-not-found", SV_USAGE},
                {"InvalidRequestPath", "kbs.invalid-request-path", SV_USAGE},
                {"SerdeError", "kbs.serde-error", SV_FORMAT},
                {"JweError", "kbs.jwe-error", SV_SYSTEM},
        };
        struct sv_err err;

        for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
                SV_STR text = sv_asprintf("{\"type\":\"https://x/errors/%s\",\"detail\":\"d\"}",
                                          words[i].type);

                FAILS(sv_kbs_fail(401, sv_bytes_str(text), &err), words[i].class, words[i].check);
        }
}

static int parse_request(struct sv_bytes text, struct sv_err *err)
{
        SV_KBS_REQUEST m = {{0}};

        return sv_kbs_parse_request(text, &m, err);
}

static int parse_challenge(struct sv_bytes text, struct sv_err *err)
{
        SV_KBS_CHALLENGE m = {{0}};

        return sv_kbs_parse_challenge(text, &m, err);
}

static int parse_token(struct sv_bytes text, struct sv_err *err)
{
        SV_BUF token = SV_BUF_NULL;

        return sv_kbs_parse_token(text, &token, err);
}

static int parse_error(struct sv_bytes text, struct sv_err *err)
{
        struct sv_kbs_error e;

        return sv_kbs_parse_error(text, &e, err);
}

static void bad_messages(void **state)
{
        static const struct {
                int (*parse)(struct sv_bytes text, struct sv_err *err);
                const char *text, *check;
        } bad[] = {
                {parse_request, "", "kbs.request.json"},
                {parse_request, "[]", "kbs.request"},
                {parse_request, "{\"version\":\"\",\"tee\":\"tdx\"}", "kbs.request"},
                {parse_request, "{\"tee\":\"tdx\"}", "kbs.request.member"},
                {parse_request, "{\"version\":\"0.4.0\",\"tee\":1}", "kbs.request.member"},
                {parse_challenge, "", "kbs.challenge.json"},
                {parse_challenge, "[]", "kbs.challenge"},
                {parse_challenge, "{\"nonce\":\"\"}", "kbs.challenge"},
                {parse_challenge, "{\"extra-params\":\"\"}", "kbs.challenge.member"},
                {parse_token, "", "kbs.token.json"},
                {parse_token, "[]", "kbs.token"},
                {parse_token, "{\"token\":1}", "kbs.token.member"},
                {parse_error, "", "kbs.error.json"},
                {parse_error, "{\"detail\":\"d\"}", "kbs.error.member"},
        };
        struct sv_err err;

        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                FAILS(bad[i].parse(sv_bytes_str(bad[i].text), &err), SV_FORMAT, bad[i].check);
}

static void outcome_messages(void **state)
{
        static const struct {
                const char *text, *check;
        } bad[] = {
                {"", "kbs.outcome.json"},
                {"[]", "kbs.outcome.member"},
                {"{}", "kbs.outcome.member"},
                {"{\"outcome\":1}", "kbs.outcome.member"},
                {"{\"outcome\":\"released\"}", "kbs.outcome"},
                {"{\"outcome\":\"opened\",\"check\":\"a.b\"}", "kbs.outcome.unknown"},
                {"{\"outcome\":\"failed\"}", "kbs.outcome.member"},
                {"{\"outcome\":\"failed\",\"class\":\"bad\",\"check\":\"a.b\",\"message\":\"\"}",
                 "kbs.outcome"},
                {"{\"outcome\":\"failed\",\"class\":\"proof\",\"check\":\"\",\"message\":\"\"}",
                 "kbs.outcome"},
                {"{\"outcome\":\"failed\",\"class\":\"proof\",\"check\":\"A b\",\"message\":\"\"}",
                 "kbs.outcome"},
                {"{\"outcome\":\"failed\",\"class\":\"proof\",\"check\":\"a.b\",\"message\":\"\","
                 "\"more\":1}",
                 "kbs.outcome.unknown"},
        };
        struct sv_err failed = SV_ERR_NULL, back, err;
        SV_BUF text = SV_BUF_NULL;

        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                FAILS(sv_kbs_parse_outcome(sv_bytes_str(bad[i].text), &back, &err), SV_FORMAT,
                      bad[i].check);
        sv_kbs_write_outcome(NULL, &text);
        OK(sv_kbs_parse_outcome(sv_buf_bytes(&text), &back, &err));
        assert_int_equal(back.class, SV_OK);
        sv_fail(&failed, SV_PROOF, "luks.binding.uuid", "another volume");
        sv_buf_clear(&text);
        sv_kbs_write_outcome(&failed, &text);
        OK(sv_kbs_parse_outcome(sv_buf_bytes(&text), &back, &err));
        assert_int_equal(back.class, SV_PROOF);
        assert_string_equal(back.check, failed.check);
        assert_string_equal(back.msg, failed.msg);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(message_forms),
                cmocka_unit_test(recorded_exchanges),
                cmocka_unit_test(only_typed_members_are_bound),
                cmocka_unit_test(bad_attestations),
                cmocka_unit_test(bad_keys),
                cmocka_unit_test(curves_of_keys),
                cmocka_unit_test(writers_read_back),
                cmocka_unit_test(errors_carry_class_and_check),
                cmocka_unit_test(each_refusal_has_its_name),
                cmocka_unit_test(bad_messages),
                cmocka_unit_test(outcome_messages),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
