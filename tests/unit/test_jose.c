/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/jose/jose.h"
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "tests/unit/pki.h"
#include "tests/unit/unit.h"

#define KBS "kbs/generated/"

static struct sv_json *load_json(const char *rel)
{
        SV_BUF text = SV_BUF_NULL;
        struct sv_json *j = NULL;
        struct sv_err err;

        OK(sv_file_read(vector_path(rel), 8 << 20, &text, "test.file", &err));
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &j, &err));
        return j;
}

static const char *str(const struct sv_json *j, const char *member)
{
        const char *s = sv_json_str(sv_json_get(j, member));

        assert_non_null(s);
        return s;
}

/* --- our own messages --- */

static const enum sv_key_type types[] = {SV_KEY_P256, SV_KEY_P521, SV_KEY_RSA};

static struct sv_json *sealed(const struct sv_key *k, const char *plain)
{
        struct sv_err err;
        SV_SECRET *s = sv_secret_copy(sv_bytes_str(plain), &err);
        SV_BUF out = SV_BUF_NULL;
        struct sv_json *j = NULL;

        OK(sv_jwe_seal(k, s, &out, &err));
        OK(sv_json_parse(sv_buf_bytes(&out), "test", &j, &err));
        return j;
}

static struct sv_secret *open_json(const struct sv_key *k, const struct sv_json *j,
                                   struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        sv_json_print(j, &text);
        return sv_jwe_open(k, sv_buf_bytes(&text), err);
}

static void seal_then_open(void **state)
{
        struct sv_err err;

        for (size_t i = 0; i < 3; i++) {
                SV_KEY *k = sv_key_generate(types[i], 2048, &err);
                SV_KEY *other = sv_key_generate(types[i], 2048, &err);
                SV_KEY *wrong_type = sv_key_generate(types[(i + 1) % 3], 2048, &err);
                SV_JSON *j = sealed(k, "the disk's key");
                SV_SECRET *back = open_json(k, j, &err);

                assert_non_null(back);
                assert_int_equal(sv_secret_size(back), 14);
                assert_memory_equal(sv_secret_reveal(back), "the disk's key", 14);
                assert_null(open_json(other, j, &err));
                assert_string_equal(err.check, "jwe.key");
                assert_int_equal(err.class, SV_PROOF);
                assert_null(open_json(wrong_type, j, &err));
                /* P-521 for P-256: the same alg */
                assert_string_equal(err.check, i == 0 ? "jwe.epk.crv" : "jwe.alg");
        }
}

/* Clients of this protocol re-serialise the header: exactly these members in exactly this order. */
static void the_header_is_written_as_clients_expect(void **state)
{
        static const char *const before[] = {"{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\","
                                             "\"epk\":{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"",
                                             "{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\","
                                             "\"epk\":{\"crv\":\"P-521\",\"kty\":\"EC\",\"x\":\"",
                                             "{\"alg\":\"RSA-OAEP-256\",\"enc\":\"A256GCM\"}"};
        static const size_t coordinate[] = {43, 88, 0};
        struct sv_err err;

        for (size_t i = 0; i < 3; i++) {
                SV_KEY *k = sv_key_generate(types[i], 2048, &err);
                SV_JSON *j = sealed(k, "x");
                SV_BUF header = SV_BUF_NULL;
                size_t n = strlen(before[i]), c = coordinate[i];

                assert_int_equal(sv_json_len(j), 5);
                OK(sv_json_need_b64url(j, "protected", &header, "test", &err));
                assert_memory_equal(header.p, before[i], n);
                if (!c) {
                        assert_int_equal(header.n, n);
                        continue;
                }
                assert_int_equal(header.n, n + c + strlen("\",\"y\":\"") + c + strlen("\"}}"));
                assert_memory_equal(header.p + n + c, "\",\"y\":\"", 7);
                assert_memory_equal(header.p + header.n - 3, "\"}}", 3);
        }
}

static void replace_header(struct sv_json *j, const char *header)
{
        SV_BUF b = SV_BUF_NULL;

        sv_put_base64url(&b, sv_bytes_str(header));
        sv_json_set_str(j, "protected", sv_buf_str(&b));
}

#define EPK_X "lY1dF9OkKlLBAn9KR3Qp8PVDrCmkhSR8Ve2VxYF0aCA"
static void each_header_fault_has_its_name(void **state)
{
        static const struct {
                const char *header, *check;
        } cases[] = {
                {"not json", "jwe.protected.json"},
                {"[]", "jwe.protected.member"},
                {"{\"enc\":\"A256GCM\"}", "jwe.protected.member"},
                {"{\"alg\":\"ECDH-ES+A256KW\"}", "jwe.protected.member"},
                {"{\"alg\":7,\"enc\":\"A256GCM\"}", "jwe.protected.member"},
                {"{\"alg\":\"RSA1_5\",\"enc\":\"A256GCM\"}", "jwe.alg"},
                {"{\"alg\":\"RSA-OAEP-256\",\"enc\":\"A256GCM\"}", "jwe.alg"},
                {"{\"alg\":\"ECDH-ES\",\"enc\":\"A256GCM\"}", "jwe.alg"},
                {"{\"alg\":\"ECDH-ES+A128KW\",\"enc\":\"A256GCM\"}", "jwe.alg"},
                {"{\"alg\":\"dir\",\"enc\":\"A256GCM\"}", "jwe.alg"},
                {"{\"alg\":\"PBES2-HS256+A128KW\",\"p2c\":1000000000,\"enc\":\"A256GCM\"}",
                 "jwe.alg"},
                {"{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A128GCM\"}", "jwe.enc"},
                {"{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256CBC-HS512\"}", "jwe.enc"},
                {"{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"crit\":[\"exp\"]}", "jwe.crit"},
                {"{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"zip\":\"DEF\"}", "jwe.zip"},
                {"{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"apu\":\"QQ\"}", "jwe.party"},
                {"{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"apv\":\"QQ\"}", "jwe.party"},
                {"{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\"}", "jwe.protected.member"},
                {"{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"epk\":\"x\"}",
                 "jwe.protected.member"},
                {"{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"epk\":{}}", "jwe.epk.member"},
                {"{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"epk\":{\"kty\":\"EC\",\"crv\":"
                 "\"P-384\"}}",
                 "jwe.epk.crv"},
                {"{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"epk\":{\"kty\":\"OKP\",\"crv\":"
                 "\"P-256\"}}",
                 "jwe.epk.kty"},
                {"{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"epk\":{\"kty\":\"EC\",\"crv\":"
                 "\"P-256\",\"x\":\"" EPK_X "\"}}",
                 "jwe.epk.member"},
                {"{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"epk\":{\"kty\":\"EC\",\"crv\":"
                 "\"P-256\",\"x\":\"" EPK_X "\",\"y\":\"" EPK_X "\"}}",
                 "jwe.epk.point"},
                {"{\"alg\":\"ECDH-ES+A256KW\",\"enc\":\"A256GCM\",\"epk\":{\"kty\":\"EC\",\"crv\":"
                 "\"P-256\",\"x\":\"" EPK_X "\",\"y\":\"AAAA\"}}",
                 "jwe.epk.point"},
        };
        struct sv_err err;
        SV_KEY *k = sv_key_generate(SV_KEY_P256, 0, &err);

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                SV_JSON *j = sealed(k, "x");

                replace_header(j, cases[i].header);
                memset(&err, 0, sizeof(err));
                assert_null(open_json(k, j, &err));
                if (strcmp(err.check, cases[i].check))
                        fail_msg("%s: %s (%s)", cases[i].header, err.check, err.msg);
                assert_int_equal(err.class, SV_FORMAT);
        }
}

static void each_member_fault_has_its_name(void **state)
{
        static const struct {
                const char *member, *value, *check; /* value NULL: set to null */
        } cases[] = {
                {"protected", NULL, "jwe.member"},
                {"encrypted_key", NULL, "jwe.member"},
                {"iv", NULL, "jwe.member"},
                {"ciphertext", NULL, "jwe.member"},
                {"tag", NULL, "jwe.member"},
                {"iv", "AAAA", "jwe.iv"},
                {"tag", "AAAAAAAAAAAAAAAA", "jwe.tag.size"},
                {"tag", "", "jwe.tag.size"},
                {"iv", "****", "jwe.member"},
                {"encrypted_key", "AAAA", "jwe.encrypted_key"},
                {"protected", "*", "jwe.protected"},
                {"header", "x", "jwe.unknown"},
                {"aad", "x", "jwe.unknown"},
                {"recipients", "x", "jwe.unknown"},
                {"tag", "A===", "jwe.member"},
        };
        struct sv_err err;
        SV_KEY *k = sv_key_generate(SV_KEY_P256, 0, &err);

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                SV_JSON *j = sealed(k, "x");

                sv_json_set_str(j, cases[i].member, cases[i].value);
                memset(&err, 0, sizeof(err));
                assert_null(open_json(k, j, &err));
                if (strcmp(err.check, cases[i].check))
                        fail_msg("%s=%s: %s (%s)", cases[i].member, cases[i].value, err.check,
                                 err.msg);
                assert_int_equal(err.class, SV_FORMAT);
        }
}

static void each_changed_byte_is_seen(void **state)
{
        static const struct {
                const char *member, *check;
        } parts[] = {{"encrypted_key", "jwe.key"},
                     {"iv", "jwe.tag"},
                     {"ciphertext", "jwe.tag"},
                     {"tag", "jwe.tag"}};
        struct sv_err err;
        SV_BUF text = SV_BUF_NULL;

        for (size_t i = 0; i < 3; i++) {
                SV_KEY *k = sv_key_generate(types[i], 2048, &err);
                SV_JSON *j = sealed(k, "the disk's key");

                for (size_t p = 0; p < 4; p++) {
                        SV_BUF raw = SV_BUF_NULL;

                        OK(sv_json_need_b64url(j, parts[p].member, &raw, "test", &err));
                        for (size_t at = 0; at < raw.n; at += 3) {
                                SV_JSON *copy = NULL;

                                sv_buf_clear(&text);
                                sv_json_print(j, &text);
                                OK(sv_json_parse(sv_buf_bytes(&text), "test", &copy, &err));
                                raw.p[at] ^= 4;
                                sv_json_set_b64url(copy, parts[p].member, sv_buf_bytes(&raw));
                                raw.p[at] ^= 4;
                                assert_null(open_json(k, copy, &err));
                                assert_string_equal(err.check, parts[p].check);
                                assert_int_equal(err.class, SV_PROOF);
                        }
                }
                sv_buf_clear(&text);
                sv_json_print(j, &text);
                for (size_t n = 0; n < text.n; n++) {
                        assert_null(sv_jwe_open(k, sv_bytes(text.p, n), &err));
                        assert_string_equal(err.check, "jwe.json");
                }
        }
}

/* --- vectors --- */

static struct sv_key *load_private(const char *name)
{
        char rel[128];

        snprintf(rel, sizeof(rel), KBS "%s", name);
        SV_JSON *jwk = load_json(rel);
        return pki_private_jwk(jwk);
}

static void check_plain(struct sv_secret *s, const char *name, const struct sv_json *all)
{
        SV_BUF want = SV_BUF_NULL;
        struct sv_err err;
        uint8_t digest[32];

        if (strstr(name, "empty")) {
                assert_int_equal(sv_secret_size(s), 0);
        } else if (strstr(name, "64KiB")) {
                OK(sv_unhex(sv_bytes_str(str(all, "big_plaintext_sha256")), &want, "test", &err));
                OK(sv_digest(SV_SHA256, sv_bytes(sv_secret_reveal(s), sv_secret_size(s)), digest,
                             &err));
                assert_int_equal(sv_secret_size(s), 65536);
                assert_memory_equal(digest, want.p, 32);
        } else {
                OK(sv_unhex(sv_bytes_str(str(all, "plaintext_hex_for_ok_small")), &want, "test",
                            &err));
                assert_true(sv_bytes_eq(sv_bytes(sv_secret_reveal(s), sv_secret_size(s)),
                                        sv_buf_bytes(&want)));
        }
}

static void jwe_vectors(void **state)
{
        static const struct {
                const char *name, *check;
        } refused[] = {
                {"neg-flip-ciphertext", "jwe.tag"},
                {"neg-flip-tag", "jwe.tag"},
                {"neg-flip-iv", "jwe.tag"},
                {"neg-flip-encrypted_key", "jwe.key"},
                {"neg-protected-extended", "jwe.tag"},
                {"neg-epk-unprotected", "jwe.unknown"},
                {"neg-short-tag", "jwe.tag.size"},
                {"neg-no-tag", "jwe.member"},
                {"neg-legacy-0.1.1", "jwe.tag.size"},
                {"neg-rsa1_5", "jwe.alg"},
                {"neg-epk-off-curve", "jwe.epk.point"},
                {"neg-epk-curve-name", "jwe.epk.crv"},
                {"neg-crit", "jwe.crit"},
                {"neg-zip", "jwe.zip"},
                {"neg-wrong-key", "jwe.key"},
        };
        SV_JSON *all = load_json(KBS "jwe_vectors.json");
        struct sv_json *cases = sv_json_get(all, "cases");
        size_t opened = 0, n_refused = 0;

        for (size_t i = 0; i < sv_json_len(cases); i++) {
                const struct sv_json *c = sv_json_at(cases, i);
                const char *name = str(c, "name");
                SV_KEY *k = load_private(str(c, "tee_key"));
                struct sv_err err = SV_ERR_NULL;
                SV_SECRET *s = open_json(k, sv_json_get(c, "jwe"), &err);

                if (!strcmp(str(c, "verdict"), "decrypts")) {
                        if (!s)
                                fail_msg("%s: %s [%s]", name, err.msg, err.check);
                        check_plain(s, name, all);
                        opened++;
                        continue;
                }
                if (s)
                        fail_msg("%s opened", name);
                for (size_t r = 0; r < sizeof(refused) / sizeof(refused[0]); r++)
                        if (!strcmp(name, refused[r].name)) {
                                if (strcmp(refused[r].check, err.check))
                                        fail_msg("%s: %s [%s]", name, err.msg, err.check);
                                n_refused++;
                        }
        }
        assert_int_equal(opened, 7);
        assert_int_equal(n_refused, 15);
}

/* The object that is bound: its JWK goes through a key of ours and comes out as the same bytes. */
static void runtime_data(void **state)
{
        static const struct {
                const char *name, *key, *alg;
        } cases[] = {{"ec256", "tee_ec256.jwk", "ECDH-ES+A256KW"},
                     {"ec521", "tee_ec521.jwk", "ECDH-ES+A256KW"},
                     {"rsa3072", "tee_rsa3072.jwk", "RSA-OAEP-256"}};
        SV_JSON *all = load_json(KBS "runtime_data.json");
        struct sv_err err;

        for (size_t i = 0; i < 3; i++) {
                const struct sv_json *c = sv_json_get(all, cases[i].name);
                SV_KEY *k = load_private(cases[i].key);
                SV_JSON *o = sv_json_object();
                SV_BUF text = SV_BUF_NULL;
                uint8_t digest[48];
                char hex[97];

                sv_json_set_str(o, "nonce", "+/+/blJGAoANBvqfwI6OcOrHFdYCCwLUtcgSibQHtIc=");
                sv_json_set(o, "tee-pubkey", sv_jwk_from_key(k, cases[i].alg, &err));
                OK(sv_json_canonical(o, &text, &err));
                OK(sv_digest(SV_SHA384, sv_buf_bytes(&text), digest, &err));
                assert_string_equal(sv_hex(sv_bytes(digest, 48), hex), str(c, "sha384_device"));
                sv_json_set_str(o, "additional-evidence", "");
                sv_buf_clear(&text);
                OK(sv_json_canonical(o, &text, &err));
                assert_string_equal(sv_buf_str(&text), str(c, "jcs_primary_utf8"));
                OK(sv_digest(SV_SHA384, sv_buf_bytes(&text), digest, &err));
                assert_string_equal(sv_hex(sv_bytes(digest, 48), hex), str(c, "sha384_primary"));
        }
}

static void load_text(const char *rel, struct sv_buf *out)
{
        struct sv_err err;

        OK(sv_file_read(vector_path(rel), 1 << 20, out, "test.file", &err));
        while (out->n && out->p[out->n - 1] <= ' ')
                out->n--;
}

/* Each JWS and JWE of another implementation: ES256 holds, every other algorithm is refused by
 * name. */
static void made_by_another(void **state)
{
        static const char *const other[] = {"hs256", "rs256", "ps256", "es384", "es512", "none"};
        static const char *const jwe[] = {"rsa1-5", "pbes2-hs256-a128kw", "ecdh-es-a128kw",
                                          "a256gcmkw", "a128kw"};
        SV_JSON *jwk = load_json("kbs/jose/es256.jwk");
        SV_BUF text = SV_BUF_NULL;
        SV_JWS jws = {0};
        SV_KEY *key = NULL;
        SV_KEY *rsa = NULL;
        struct sv_err err;
        char rel[128];

        key = sv_jwk_to_key(jwk, NULL, "t", &err);
        assert_non_null(key);
        load_text("kbs/jose/es256.jws", &text);
        OK(sv_jws_parse(sv_buf_bytes(&text), &jws, "t", &err));
        OK(sv_jws_verify(&jws, key, "t", &err));
        assert_non_null(memmem(jws.payload.p, jws.payload.n, "is_root", 7));
        for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
                SV_JWS no = {0};

                snprintf(rel, sizeof(rel), "kbs/jose/%s.jws", other[i]);
                sv_buf_clear(&text);
                load_text(rel, &text);
                FAILS(sv_jws_parse(sv_buf_bytes(&text), &no, "t", &err), SV_FORMAT, "t.alg");
        }
        rsa = sv_key_generate(SV_KEY_RSA, 2048, &err);
        for (size_t i = 0; i < sizeof(jwe) / sizeof(jwe[0]); i++) {
                snprintf(rel, sizeof(rel), "kbs/jose/%s.jwe", jwe[i]);
                sv_buf_clear(&text);
                load_text(rel, &text);
                assert_null(sv_jwe_open(rsa, sv_buf_bytes(&text), &err));
                assert_int_equal(err.class, SV_FORMAT);
        }
        sv_buf_clear(&text);
        /* a billion PBKDF2 rounds */
        load_text("kbs/jose/pbes2-rounds.jwe", &text);
        assert_null(sv_jwe_open(rsa, sv_buf_bytes(&text), &err));
        assert_string_equal(err.check, "jwe.unknown");
}

/* --- JWK, JWS --- */

static void thumbprint_of_rfc7638(void **state)
{
        static const char n[] =
                "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6"
                "tSoc_BJECPebWKRXjBZCiFV4n3oknjhMs"
                "tn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"
                "FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbI"
                "SD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-"
                "kEgU8awapJzKnqDKgw";
        SV_JSON *j = sv_json_object();
        SV_KEY *k = NULL;
        struct sv_err err;
        char out[44];

        sv_json_set_str(j, "kty", "RSA");
        sv_json_set_str(j, "alg", "RS256");
        sv_json_set_str(j, "kid", "2011-04-29");
        sv_json_set_str(j, "n", n);
        sv_json_set_str(j, "e", "AQAB");
        k = sv_jwk_to_key(j, NULL, "t", &err);
        assert_non_null(k);
        OK(sv_jwk_thumbprint(k, out, &err));
        assert_string_equal(out, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

static void jwk_faults(void **state)
{
        static const struct {
                const char *text, *check;
        } cases[] = {
                {"{}", "t.member"},
                {"[]", "t.member"},
                {"{\"kty\":\"oct\",\"k\":\"AAAA\"}", "t.kty"},
                {"{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"" EPK_X "\",\"y\":\"" EPK_X "\"}",
                 "t.crv"},
                {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EPK_X "\"}", "t.member"},
                {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EPK_X "\",\"y\":\"" EPK_X "=\"}",
                 "t.member"},
                {"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EPK_X "\",\"y\":\"" EPK_X "\"}",
                 "t.point"},
                {"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" EPK_X "\",\"y\":\"" EPK_X "\"}",
                 "t.point"},
                {"{\"kty\":\"RSA\",\"n\":\"AAAA\",\"e\":\"AQAB\"}", "t.form"},
                {"{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}", "t.weak"},
                {"{\"kty\":\"RSA\",\"n\":\"\",\"e\":\"\"}", "t.form"},
        };
        struct sv_err err;
        SV_KEY *k = sv_key_generate(SV_KEY_P256, 0, &err);
        SV_JSON *good = sv_jwk_from_key(k, "ES256", &err);

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                SV_JSON *j = NULL;

                OK(sv_json_parse(sv_bytes_str(cases[i].text), "test", &j, &err));
                assert_null(sv_jwk_to_key(j, NULL, "t", &err));
                if (strcmp(err.check, cases[i].check))
                        fail_msg("%s: %s (%s)", cases[i].text, err.check, err.msg);
        }
        assert_null(sv_jwk_to_key(good, "ECDH-ES+A256KW", "t", &err));
        assert_string_equal(err.check, "t.alg");
        assert_int_equal(sv_json_len(good), 5);
}

static void jws_round_trip_and_faults(void **state)
{
        struct sv_err err;
        SV_KEY *k = sv_key_generate(SV_KEY_P256, 0, &err);
        SV_KEY *other = sv_key_generate(SV_KEY_P256, 0, &err);
        SV_KEY *p384 = sv_key_generate(SV_KEY_P384, 0, &err);
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *header = sv_json_object();
        SV_JWS jws = {0};
        size_t dots[2] = {0, 0};

        sv_json_set_str(header, "alg", "none"); /* the caller has no say in this */
        sv_json_set_str(header, "typ", "JWT");
        OK(sv_jws_sign(k, header, sv_bytes_str("payload"), &text, &err));
        OK(sv_jws_parse(sv_buf_bytes(&text), &jws, "t", &err));
        OK(sv_jws_verify(&jws, k, "t", &err));
        assert_true(sv_bytes_eq(sv_buf_bytes(&jws.payload), sv_bytes_str("payload")));
        assert_string_equal(str(jws.header, "alg"), "ES256");
        assert_string_equal(str(jws.header, "typ"), "JWT");
        FAILS(sv_jws_verify(&jws, other, "t", &err), SV_PROOF, "t.signature");
        FAILS(sv_jws_verify(&jws, p384, "t", &err), SV_FORMAT, "jws.key");
        FAILS(sv_jws_sign(p384, NULL, SV_BYTES_NULL, &text, &err), SV_FORMAT, "jws.key");
        for (size_t i = 0, n = 0; i < text.n; i++)
                if (text.p[i] == '.')
                        dots[n++] = i;
        for (size_t n = 0; n < text.n; n++) {
                SV_JWS cut = {0};

                FAILS(sv_jws_parse(sv_bytes(text.p, n), &cut, "t", &err), SV_FORMAT, "t.form");
        }
        for (size_t at = 0; at < text.n; at++) { /* every character, also the dots */
                SV_JWS bad = {0};
                uint8_t was = text.p[at];

                text.p[at] = was == 'A' ? 'B' : 'A';
                memset(&err, 0, sizeof(err));
                assert_true(sv_jws_parse(sv_buf_bytes(&text), &bad, "t", &err) < 0 ||
                            sv_jws_verify(&bad, k, "t", &err) < 0);
                text.p[at] = was;
        }
        assert_true(dots[0] && dots[1]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(seal_then_open),
                cmocka_unit_test(the_header_is_written_as_clients_expect),
                cmocka_unit_test(each_header_fault_has_its_name),
                cmocka_unit_test(each_member_fault_has_its_name),
                cmocka_unit_test(each_changed_byte_is_seen),
                cmocka_unit_test(jwe_vectors),
                cmocka_unit_test(runtime_data),
                cmocka_unit_test(made_by_another),
                cmocka_unit_test(thumbprint_of_rfc7638),
                cmocka_unit_test(jwk_faults),
                cmocka_unit_test(jws_round_trip_and_faults),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
