/* SPDX-License-Identifier: Apache-2.0 */
/* JWE (RFC 7516) in flattened JSON, as the KBS protocol carries resources. The protected header is
 * written member by member in one fixed order, because a client of this protocol re-serialises it
 * to get the additional data; when opening, the received text is used. */
#include "attest/jose/jose.h"
#include "base/core/encoding.h"

#define ALG_EC  "ECDH-ES+A256KW"
#define ALG_RSA "RSA-OAEP-256"
#define ENC     "A256GCM"

static const char *get_jwe_curve(const struct sv_key *k)
{
        return sv_key_type(k) == SV_KEY_P256   ? "P-256"
               : sv_key_type(k) == SV_KEY_P521 ? "P-521"
                                               : NULL;
}

static const char *choose_alg(const struct sv_key *k)
{
        return get_jwe_curve(k) ? ALG_EC : sv_key_type(k) == SV_KEY_RSA ? ALG_RSA : NULL;
}

/* RFC 7518 section 4.6.2 without apu and apv: AlgorithmID, PartyUInfo, PartyVInfo, SuppPubInfo. */
static int derive_kek(struct sv_secret *z, uint8_t kek[32], struct sv_err *err)
{
        SV_BUF info = SV_BUF_NULL;

        sv_buf_u32be(&info, sizeof(ALG_EC) - 1);
        sv_buf_puts(&info, ALG_EC);
        sv_buf_u32be(&info, 0);
        sv_buf_u32be(&info, 0);
        sv_buf_u32be(&info, 256);
        if (sv_buf_ok(&info, "a key derivation", err) < 0)
                return -1;
        return sv_kdf_concat(sv_bytes(sv_secret_reveal(z), sv_secret_size(z)), sv_buf_bytes(&info),
                             kek, 32, err);
}

static int wrap_ec(const struct sv_key *to, struct sv_bytes cek, struct sv_buf *header,
                   struct sv_buf *wrapped, struct sv_err *err)
{
        SV_KEY *ephemeral = sv_key_generate(sv_key_type(to), 0, err);
        SV_SECRET *z = ephemeral ? sv_ecdh(ephemeral, to, err) : NULL;
        SV_BUF x = SV_BUF_NULL;
        SV_BUF y = SV_BUF_NULL;
        uint8_t kek[32];
        int r;

        if (!z || sv_key_ec(ephemeral, &x, &y, err) < 0 || derive_kek(z, kek, err) < 0)
                return -1;
        sv_buf_printf(header,
                      "{\"alg\":\"" ALG_EC "\",\"enc\":\"" ENC
                      "\",\"epk\":{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"",
                      get_jwe_curve(to));
        sv_put_base64url(header, sv_buf_bytes(&x));
        sv_buf_puts(header, "\",\"y\":\"");
        sv_put_base64url(header, sv_buf_bytes(&y));
        sv_buf_puts(header, "\"}}");
        r = sv_kw_wrap(sv_bytes(kek, sizeof(kek)), cek, wrapped, err);
        sv_wipe(kek, sizeof(kek));
        return r;
}

static void put_member(struct sv_buf *out, const char *before, struct sv_bytes value)
{
        sv_buf_puts(out, before);
        sv_put_base64url(out, value);
}

int sv_jwe_seal(const struct sv_key *to, struct sv_secret *plain, struct sv_buf *out,
                struct sv_err *err)
{
        SV_SECRET *cek = sv_secret_random(32, err);
        SV_BUF header = SV_BUF_NULL;
        SV_BUF protected = SV_BUF_NULL;
        SV_BUF wrapped = SV_BUF_NULL;
        SV_BUF cipher = SV_BUF_NULL;
        struct sv_bytes key;
        uint8_t iv[12], tag[16];

        if (!cek || sv_random(iv, sizeof(iv), err) < 0)
                return -1;
        key = sv_bytes(sv_secret_reveal(cek), 32);
        if (get_jwe_curve(to)) {
                if (wrap_ec(to, key, &header, &wrapped, err) < 0)
                        return -1;
        } else {
                sv_buf_puts(&header, "{\"alg\":\"" ALG_RSA "\",\"enc\":\"" ENC "\"}");
                if (sv_oaep_encrypt(to, SV_SHA256, SV_BYTES_NULL, key, &wrapped, err) < 0)
                        return -1;
        }
        sv_put_base64url(&protected, sv_buf_bytes(&header));
        if (sv_buf_ok(&header, "a JWE", err) < 0 || sv_buf_ok(&protected, "a JWE", err) < 0)
                return -1;
        if (sv_gcm_seal(key, sv_bytes(iv, sizeof(iv)), sv_buf_bytes(&protected),
                        sv_bytes(sv_secret_reveal(plain), sv_secret_size(plain)), &cipher, tag,
                        err) < 0)
                return -1;
        sv_buf_puts(out, "{\"protected\":\"");
        sv_buf_put(out, sv_buf_bytes(&protected));
        put_member(out, "\",\"encrypted_key\":\"", sv_buf_bytes(&wrapped));
        put_member(out, "\",\"iv\":\"", sv_bytes(iv, sizeof(iv)));
        put_member(out, "\",\"ciphertext\":\"", sv_buf_bytes(&cipher));
        put_member(out, "\",\"tag\":\"", sv_bytes(tag, sizeof(tag)));
        sv_buf_puts(out, "\"}");
        return sv_buf_ok(out, "a JWE", err);
}

int sv_jwe_seal_old(const struct sv_key *to, struct sv_secret *plain, struct sv_buf *out,
                    struct sv_err *err)
{
        SV_SECRET *cek = sv_secret_random(32, err);
        SV_BUF wrapped = SV_BUF_NULL;
        SV_BUF cipher = SV_BUF_NULL;
        struct sv_bytes key;
        uint8_t iv[12], tag[16];

        if (!cek || sv_random(iv, sizeof(iv), err) < 0)
                return -1;
        key = sv_bytes(sv_secret_reveal(cek), 32);
        if (sv_pkcs1_encrypt(to, key, &wrapped, err) < 0 ||
            sv_gcm_seal(key, sv_bytes(iv, sizeof(iv)), SV_BYTES_NULL,
                        sv_bytes(sv_secret_reveal(plain), sv_secret_size(plain)), &cipher, tag,
                        err) < 0)
                return -1;
        sv_buf_put(&cipher, sv_bytes(tag, sizeof(tag)));
        if (sv_buf_ok(&cipher, "an answer", err) < 0)
                return -1;
        sv_buf_puts(out,
                    "{\"protected\":\"{\\\"alg\\\":\\\"RSA1_5\\\",\\\"enc\\\":\\\"" ENC "\\\"}");
        put_member(out, "\",\"encrypted_key\":\"", sv_buf_bytes(&wrapped));
        put_member(out, "\",\"iv\":\"", sv_bytes(iv, sizeof(iv)));
        put_member(out, "\",\"ciphertext\":\"", sv_buf_bytes(&cipher));
        sv_buf_puts(out, "\",\"tag\":\"\"}");
        return sv_buf_ok(out, "an answer", err);
}

/* Refuses by name what we do not do, before anything is computed. */
static int check_jwe_header(const struct sv_json *header, const struct sv_key *ours,
                            struct sv_err *err)
{
        const char *alg, *enc, *want = choose_alg(ours);

        if (!want)
                return sv_fail(err, SV_FORMAT, "jwe.alg", "a key of type %d opens no JWE",
                               (int)sv_key_type(ours));
        if (sv_json_need_str(header, "alg", &alg, "jwe.protected", err) < 0 ||
            sv_json_need_str(header, "enc", &enc, "jwe.protected", err) < 0)
                return -1;
        if (strcmp(alg, want))
                return sv_fail(err, SV_FORMAT, "jwe.alg",
                               "the key is sealed with \"%.32s\", expected \"%s\"", alg, want);
        if (strcmp(enc, ENC))
                return sv_fail(err, SV_FORMAT, "jwe.enc",
                               "the content is encrypted with \"%.32s\", expected \"" ENC "\"",
                               enc);
        if (sv_json_get(header, "crit"))
                return sv_fail(err, SV_FORMAT, "jwe.crit",
                               "the header has critical extensions; none is known here");
        if (sv_json_get(header, "zip"))
                return sv_fail(err, SV_FORMAT, "jwe.zip",
                               "the content is compressed; that is not accepted");
        if (sv_json_get(header, "apu") || sv_json_get(header, "apv"))
                return sv_fail(err, SV_FORMAT, "jwe.party",
                               "the header names parties (apu, apv); this protocol has none");
        return 0;
}

/* The same failure under our name: a relation between the message and our key that does not hold.
 */
static struct sv_secret *replace_error(struct sv_secret *s, const struct sv_err *inner,
                                       const char *check, const char *msg, struct sv_err *err)
{
        if (s)
                return s;
        if (inner->class == SV_SYSTEM)
                sv_fail(err, SV_SYSTEM, inner->check, "%s", inner->msg);
        else
                sv_fail(err, SV_PROOF, check, "%s", msg);
        return NULL;
}

static struct sv_secret *unwrap_ec(const struct sv_json *header, const struct sv_key *ours,
                                   struct sv_bytes wrapped, struct sv_err *err)
{
        struct sv_err inner = SV_ERR_NULL;
        SV_KEY *epk = NULL;
        SV_SECRET *z = NULL;
        struct sv_secret *cek;
        struct sv_json *jwk;
        const char *crv;
        uint8_t kek[32];

        if (wrapped.n != 40) {
                sv_fail(err, SV_FORMAT, "jwe.encrypted_key",
                        "a wrapped 256-bit key has 40 bytes, this one %zu", wrapped.n);
                return NULL;
        }
        if (sv_json_need_obj(header, "epk", &jwk, "jwe.protected", err) < 0 ||
            sv_json_need_str(jwk, "crv", &crv, "jwe.epk", err) < 0)
                return NULL;
        if (strcmp(crv, get_jwe_curve(ours))) {
                sv_fail(err, SV_FORMAT, "jwe.epk.crv",
                        "the ephemeral key is on \"%.32s\", ours on %s", crv, get_jwe_curve(ours));
                return NULL;
        }
        epk = sv_jwk_to_key(jwk, NULL, "jwe.epk", err);
        if (!epk)
                return NULL;
        if (sv_key_type(epk) != sv_key_type(ours)) { /* "kty" said RSA */
                sv_fail(err, SV_FORMAT, "jwe.epk.kty",
                        "the ephemeral key is not of our key's type");
                return NULL;
        }
        z = sv_ecdh(ours, epk, err);
        if (!z || derive_kek(z, kek, err) < 0)
                return NULL;
        cek = sv_kw_unwrap(sv_bytes(kek, sizeof(kek)), wrapped, &inner);
        sv_wipe(kek, sizeof(kek));
        return replace_error(
                cek, &inner, "jwe.key",
                "our key does not unwrap the content key: it was sealed for another key, "
                "or changed",
                err);
}

static struct sv_secret *unwrap_key(const struct sv_json *header, const struct sv_key *ours,
                                    struct sv_bytes wrapped, struct sv_err *err)
{
        struct sv_err inner = SV_ERR_NULL;
        struct sv_secret *cek;

        if (get_jwe_curve(ours))
                cek = unwrap_ec(header, ours, wrapped, err);
        else
                cek = replace_error(
                        sv_oaep_decrypt(ours, SV_SHA256, SV_BYTES_NULL, wrapped, &inner), &inner,
                        "jwe.key",
                        "our key does not open the content key: it was sealed for another "
                        "key, or changed",
                        err);
        if (cek && sv_secret_size(cek) != 32) {
                sv_fail(err, SV_FORMAT, "jwe.encrypted_key",
                        "the content key has %zu bytes, expected 32", sv_secret_size(cek));
                sv_secret_freep(&cek);
        }
        return cek;
}

struct parts {
        const char *protected; /* borrowed from the JSON object */
        struct sv_buf wrapped, iv, cipher, tag;
};

static void free_parts(struct parts *p)
{
        sv_buf_free(&p->wrapped);
        sv_buf_free(&p->iv);
        sv_buf_free(&p->cipher);
        sv_buf_free(&p->tag);
}

static int read_jwe_parts(const struct sv_json *j, struct parts *p, struct sv_err *err)
{
        static const char *const members[] = {"protected",  "encrypted_key", "iv",
                                              "ciphertext", "tag",           NULL};

        if (sv_json_need_str(j, "protected", &p->protected, "jwe", err) < 0 ||
            sv_json_only(j, members, "jwe", err) < 0 ||
            sv_json_need_b64url(j, "encrypted_key", &p->wrapped, "jwe", err) < 0 ||
            sv_json_need_b64url(j, "iv", &p->iv, "jwe", err) < 0 ||
            sv_json_need_b64url(j, "ciphertext", &p->cipher, "jwe", err) < 0 ||
            sv_json_need_b64url(j, "tag", &p->tag, "jwe", err) < 0)
                return -1;
        if (p->iv.n != 12)
                return sv_fail(err, SV_FORMAT, "jwe.iv", "the iv has %zu bytes, expected 12",
                               p->iv.n);
        if (p->tag.n != 16)
                return sv_fail(err, SV_FORMAT, "jwe.tag.size",
                               "the authentication tag has %zu bytes, expected 16", p->tag.n);
        return 0;
}

struct sv_secret *sv_jwe_open(const struct sv_key *ours, struct sv_bytes text, struct sv_err *err)
{
        __attribute__((cleanup(free_parts))) struct parts p = {0};
        struct sv_err inner = SV_ERR_NULL;
        SV_JSON *j = NULL;
        SV_JSON *header = NULL;
        SV_BUF raw = SV_BUF_NULL;
        SV_SECRET *cek = NULL;

        if (sv_json_parse(text, "jwe", &j, err) < 0 || read_jwe_parts(j, &p, err) < 0)
                return NULL;
        if (sv_unbase64url(sv_bytes_str(p.protected), &raw, "jwe.protected", err) < 0 ||
            sv_json_parse(sv_buf_bytes(&raw), "jwe.protected", &header, err) < 0 ||
            check_jwe_header(header, ours, err) < 0)
                return NULL;
        cek = unwrap_key(header, ours, sv_buf_bytes(&p.wrapped), err);
        if (!cek)
                return NULL;
        return replace_error(sv_gcm_open(sv_bytes(sv_secret_reveal(cek), 32), sv_buf_bytes(&p.iv),
                                         sv_bytes_str(p.protected), sv_buf_bytes(&p.cipher),
                                         sv_buf_bytes(&p.tag), &inner),
                             &inner, "jwe.tag",
                             "header, iv, ciphertext or tag were changed on the way", err);
}
