/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of versions 0.2.0 and 0.1.1 of the KBS protocol, written from its text: messages are put
 * together here letter by letter, and answers opened with libcrypto alone. */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "tests/unit/broker_inside.h"

#define BITS 2048

static EVP_PKEY *guest_key; /* of all of them: one takes a while to make */

struct old {
        EVP_PKEY *key;
        char *n; /* base64url */
        char *nonce, *cookie;
};

static void end_old(struct old *o)
{
        free(o->n);
        free(o->nonce);
        free(o->cookie);
}
#define OLD __attribute__((cleanup(end_old))) struct old

static int ask_auth(const char *version, struct sv_http_msg *answer)
{
        SV_STR body =
                sv_asprintf("{\"version\":\"%s\",\"tee\":\"snp\",\"extra-params\":{}}", version);

        return ask(&(struct ask){.method = "POST",
                                 .target = "/kbs/v0/auth",
                                 .body = sv_bytes_str(body)},
                   answer);
}

static struct old begin_old(const char *version)
{
        struct old o = {.key = guest_key};
        SV_BUF text = SV_BUF_NULL;
        SV_HTTP answer = {0};
        SV_JSON *j = NULL;
        uint8_t n[BITS / 8];
        BIGNUM *modulus = NULL;
        const char *set;
        struct sv_err err;

        assert_int_equal(EVP_PKEY_get_bn_param(o.key, OSSL_PKEY_PARAM_RSA_N, &modulus), 1);
        assert_int_equal(BN_bn2binpad(modulus, n, sizeof(n)), sizeof(n));
        BN_free(modulus);
        sv_put_base64url(&text, sv_bytes(n, sizeof(n)));
        o.n = sv_asprintf("%s", sv_buf_str(&text));
        assert_int_equal(ask_auth(version, &answer), 200);
        OK(sv_json_parse(sv_buf_bytes(&answer.body), "test", &j, &err));
        o.nonce = sv_asprintf("%s", sv_json_str(sv_json_get(j, "nonce")));
        assert_non_null(sv_json_get(j, "extra-params"));
        set = sv_http_field(&answer, "Set-Cookie");
        o.cookie = sv_asprintf("%.*s", (int)strcspn(set, ";"), set);
        return o;
}

/* Members in the order of their names, no blanks: canonical. */
static char *write_key(const struct old *o, const char *alg)
{
        return sv_asprintf("{\"alg\":\"%s\",\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"%s\"}", alg,
                           o->n);
}

/* Evidence over the digest of this text. */
static char *write_evidence(const char *bound)
{
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        SV_JSON *evidence = NULL;
        SV_BUF text = SV_BUF_NULL;

        assert_int_equal(EVP_Digest(bound, strlen(bound), digest, &n, EVP_sha384(), NULL), 1);
        assert_int_equal(n, 48);
        evidence = platform_evidence(digest);
        sv_json_print(evidence, &text);
        return sv_asprintf("%s", sv_buf_str(&text));
}

static int send_attestation(const struct old *o, const char *body, struct sv_http_msg *answer)
{
        return ask(
                &(struct ask){"POST", "/kbs/v0/attest", "Cookie", o->cookie, sv_bytes_str(body), 0},
                answer);
}

static int attest_old(const struct old *o, const char *alg)
{
        SV_STR key = write_key(o, alg);
        SV_STR bound = sv_asprintf("{\"nonce\":\"%s\",\"tee-pubkey\":%s}", o->nonce, key);
        SV_STR evidence = write_evidence(bound);
        SV_STR body = sv_asprintf("{\"tee-pubkey\":%s,\"tee-evidence\":%s}", key, evidence);
        SV_HTTP answer = {0};

        return send_attestation(o, body, &answer);
}

static void take_part(const struct sv_json *j, const char *member, struct sv_buf *out)
{
        const char *text = sv_json_str(sv_json_get(j, member));
        struct sv_err err;

        assert_non_null(text);
        OK(sv_unbase64url(sv_bytes_str(text), out, "test", &err));
}

static size_t open_key(const struct old *o, int padding, struct sv_bytes wrapped, uint8_t *out,
                       size_t size)
{
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(o->key, NULL);
        size_t n = size;

        assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
        if (padding == RSA_PKCS1_OAEP_PADDING)
                assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()), 1);
        assert_int_equal(EVP_PKEY_decrypt(ctx, out, &n, wrapped.p, wrapped.n), 1);
        EVP_PKEY_CTX_free(ctx);
        return n;
}

static void open_content(const uint8_t key[32], struct sv_bytes iv, const char *aad,
                         struct sv_bytes cipher, struct sv_bytes tag, char *out)
{
        EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        int n = 0, last = 0;

        assert_int_equal(iv.n, 12);
        assert_int_equal(tag.n, 16);
        assert_int_equal(EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, iv.p), 1);
        if (aad)
                assert_int_equal(
                        EVP_DecryptUpdate(ctx, NULL, &n, (const uint8_t *)aad, (int)strlen(aad)),
                        1);
        assert_int_equal(EVP_DecryptUpdate(ctx, (uint8_t *)out, &n, cipher.p, (int)cipher.n), 1);
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, 16, (void *)(uintptr_t)tag.p);
        assert_int_equal(EVP_DecryptFinal_ex(ctx, (uint8_t *)out + n, &last), 1);
        out[n + last] = '\0';
        EVP_CIPHER_CTX_free(ctx);
}

static void get_old(const struct old *o, struct sv_json **answer)
{
        SV_HTTP got = {0};
        struct sv_err err;

        assert_int_equal(ask(&(struct ask){"GET", "/kbs/v0/resource/" PATH, "Cookie", o->cookie,
                                           SV_BYTES_NULL, 0},
                             &got),
                         200);
        OK(sv_json_parse(sv_buf_bytes(&got.body), "test", answer, &err));
}

/* The tag stands behind the ciphertext, the header is text and authenticated by nothing. */
static void must_open_0_1_1(const struct old *o, const struct sv_json *j)
{
        SV_BUF wrapped = SV_BUF_NULL, iv = SV_BUF_NULL, cipher = SV_BUF_NULL;
        uint8_t key[BITS / 8];
        char plain[64];

        assert_string_equal(sv_json_str(sv_json_get(j, "protected")),
                            "{\"alg\":\"RSA1_5\",\"enc\":\"A256GCM\"}");
        assert_string_equal(sv_json_str(sv_json_get(j, "tag")), "");
        take_part(j, "encrypted_key", &wrapped);
        take_part(j, "iv", &iv);
        take_part(j, "ciphertext", &cipher);
        assert_int_equal(open_key(o, RSA_PKCS1_PADDING, sv_buf_bytes(&wrapped), key, sizeof(key)),
                         32);
        assert_int_equal(cipher.n, strlen(SECRET) + 16);
        open_content(key, sv_buf_bytes(&iv), NULL, sv_bytes(cipher.p, cipher.n - 16),
                     sv_bytes(cipher.p + cipher.n - 16, 16), plain);
        assert_string_equal(plain, SECRET);
}

static void must_open_0_2_0(const struct old *o, const struct sv_json *j)
{
        SV_BUF wrapped = SV_BUF_NULL, iv = SV_BUF_NULL, cipher = SV_BUF_NULL, tag = SV_BUF_NULL;
        uint8_t key[BITS / 8];
        char plain[64];

        take_part(j, "encrypted_key", &wrapped);
        take_part(j, "iv", &iv);
        take_part(j, "ciphertext", &cipher);
        take_part(j, "tag", &tag);
        assert_int_equal(
                open_key(o, RSA_PKCS1_OAEP_PADDING, sv_buf_bytes(&wrapped), key, sizeof(key)), 32);
        open_content(key, sv_buf_bytes(&iv), sv_json_str(sv_json_get(j, "protected")),
                     sv_buf_bytes(&cipher), sv_buf_bytes(&tag), plain);
        assert_string_equal(plain, SECRET);
}

static void exchanges(void **state)
{
        b.config.oldest = SV_KBS_0_1_1;
        for (int v = 0; v < 2; v++) {
                OLD o = begin_old(v ? "0.1.1" : "0.2.0");
                SV_JSON *answer = NULL;

                assert_int_equal(attest_old(&o, v ? "RSA1_5" : "RSA-OAEP-256"), 200);
                get_old(&o, &answer);
                if (v)
                        must_open_0_1_1(&o, answer);
                else
                        must_open_0_2_0(&o, answer);
        }
}

/* The record says which machine it was. */
static void machine_is_recorded(void **state)
{
        SV_JSON *list = sv_json_array();
        size_t attested = 0, released = 0;
        struct sv_err err;

        OK(b.store->ops->list_audit(b.store, 0, 1000, list, &err));
        for (size_t i = 0; i < sv_json_len(list); i++) {
                const struct sv_json *r = sv_json_at(list, i);
                const char *outcome = sv_json_text(r, "outcome", "");

                if (strcmp(outcome, "attested") && strcmp(outcome, "released"))
                        continue;
                attested += !strcmp(outcome, "attested");
                released += !strcmp(outcome, "released");
                assert_int_equal(strlen(sv_json_text(r, "platform", "")), 128);
        }
        assert_true(attested && released);
}

/* Clients of before 0.1.1's last release sent their evidence as text in a string. */
static void evidence_in_a_string(void **state)
{
        OLD o = {NULL};
        SV_STR key = NULL;
        SV_STR bound = NULL;
        SV_STR evidence = NULL;
        SV_JSON *j = sv_json_object();
        SV_JSON *parsed = NULL;
        SV_BUF body = SV_BUF_NULL;
        SV_HTTP answer = {0};
        struct sv_err err;

        b.config.oldest = SV_KBS_0_1_1;
        o = begin_old("0.1.1");
        key = write_key(&o, "RSA1_5");
        bound = sv_asprintf("{\"nonce\":\"%s\",\"tee-pubkey\":%s}", o.nonce, key);
        evidence = write_evidence(bound);
        OK(sv_json_parse(sv_bytes_str(key), "test", &parsed, &err));
        sv_json_set(j, "tee-pubkey", sv_json_ref(parsed));
        sv_json_set_str(j, "tee-evidence", evidence);
        sv_json_print(j, &body);
        assert_int_equal(send_attestation(&o, sv_buf_str(&body), &answer), 200);
}

static void refuses_version(const char *version)
{
        SV_HTTP answer = {0};

        assert_int_equal(ask_auth(version, &answer), 400);
        assert_string_equal(seen_check, "broker.auth.version");
}

/* Nobody speaks them unless the operator says so. */
static void switched(void **state)
{
        SV_HTTP answer = {0}, other = {0};

        b.config.oldest = SV_KBS_0_4_0;
        refuses_version("0.2.0");
        refuses_version("0.1.1");
        b.config.oldest = SV_KBS_0_2_0;
        assert_int_equal(ask_auth("0.2.0", &answer), 200);
        refuses_version("0.1.1");
        b.config.oldest = SV_KBS_0_1_1;
        assert_int_equal(ask_auth("0.1.1", &other), 200);
        refuses_version("0.1.0");
        refuses_version("0.3.0");
}

/* Switched off while sessions of it live. */
static void switched_off(void **state)
{
        OLD before = {NULL};
        OLD after = {NULL};

        b.config.oldest = SV_KBS_0_1_1;
        before = begin_old("0.1.1");
        after = begin_old("0.1.1");
        assert_int_equal(attest_old(&after, "RSA1_5"), 200);
        b.config.oldest = SV_KBS_0_2_0;
        assert_int_equal(attest_old(&before, "RSA1_5"), 400);
        assert_string_equal(seen_check, "broker.auth.version");
        refuses(&(struct ask){"GET", "/kbs/v0/resource/" PATH, "Cookie", after.cookie,
                              SV_BYTES_NULL, 0},
                400, "kbs.tee-pubkey");
}

/* A version's keys are its own. */
static void keys(void **state)
{
        static const struct {
                const char *version, *alg;
        } t[] = {{"0.2.0", "RSA1_5"}, {"0.1.1", "RSA-OAEP-256"}, {"0.1.1", "none"}};

        b.config.oldest = SV_KBS_0_1_1;
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                OLD o = begin_old(t[i].version);

                assert_int_equal(attest_old(&o, t[i].alg), 400);
                assert_string_equal(seen_check, "kbs.tee-pubkey");
        }
}

struct message {
        const char *first, *nonce; /* of what is bound: a member, and a nonce's beginning */
        const char *before, *between, *after; /* key and evidence */
        int status;
        const char *check;
};

static void must_refuse_message(const struct message *m)
{
        OLD o = begin_old("0.2.0");
        SV_STR key = write_key(&o, "RSA-OAEP-256");
        SV_STR bound = sv_asprintf("{%s\"nonce\":\"%s%s\",\"tee-pubkey\":%s}", m->first, m->nonce,
                                   o.nonce, key);
        SV_STR evidence = write_evidence(bound);
        SV_STR body = sv_asprintf("{%s%s%s%s%s}", m->before, key, m->between, evidence, m->after);
        SV_HTTP answer = {0};

        assert_int_equal(send_attestation(&o, body, &answer), m->status);
        assert_string_equal(seen_check, m->check);
}

#define KEY      "\"tee-pubkey\":"
#define EVIDENCE ",\"tee-evidence\":"

static void messages(void **state)
{
        static const struct message t[] = {
                /* bound to another nonce, or as later versions bind it */
                {"", "A", KEY, EVIDENCE, "", 401, "snp.report_data"},
                {"\"additional-evidence\":\"\",", "", KEY, EVIDENCE, "", 401, "snp.report_data"},
                /* the message of 0.4.0, whose key is not where it is looked for */
                {"", "", "\"runtime-data\":{\"nonce\":\"\"," KEY,
                 "}" EVIDENCE "{\"primary_evidence\":", ",\"additional_evidence\":\"\"}", 400,
                 "kbs.attestation.member"},
                {"", "", KEY, ",\"evidence\":", "", 400, "kbs.attestation.member"},
                {"", "", KEY, EVIDENCE "null,\"x\":", "", 400, "kbs.attestation.member"},
                {"", "", KEY, EVIDENCE "\"{\",\"x\":", "", 400, "kbs.attestation.json"},
        };

        b.config.oldest = SV_KBS_0_1_1;
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
                must_refuse_message(&t[i]);
}

/* And a session of 0.4.0 takes no message of before it. */
static void newer_session(void **state)
{
        OLD o = {NULL};

        b.config.oldest = SV_KBS_0_1_1;
        o = begin_old("0.4.0");
        assert_int_equal(attest_old(&o, "RSA-OAEP-256"), 400);
        assert_string_equal(seen_check, "kbs.attestation.member");
}

static int old_setup(void **state)
{
        if (group_setup(state))
                return -1;
        guest_key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)BITS);
        put_policy(PATH);
        put_secret(PATH);
        return guest_key ? 0 : -1;
}

static int old_teardown(void **state)
{
        EVP_PKEY_free(guest_key);
        return group_teardown(state);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(exchanges),
                cmocka_unit_test(machine_is_recorded),
                cmocka_unit_test(evidence_in_a_string),
                cmocka_unit_test(switched),
                cmocka_unit_test(switched_off),
                cmocka_unit_test(keys),
                cmocka_unit_test(messages),
                cmocka_unit_test(newer_session),
        };

        return cmocka_run_group_tests(tests, old_setup, old_teardown);
}
