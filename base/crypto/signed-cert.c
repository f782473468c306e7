/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto/signed-cert.h"

#include "base/crypto/der.h"

#define DER_VERSION    0xa0 /* [0] EXPLICIT */
#define DER_EXTENSIONS 0xa3 /* [3] EXPLICIT */

static int fail_cert_form(const char *check, struct sv_err *err)
{
        return sv_fail(err, SV_FORMAT, check,
                       "a certificate in DER was expected, with an RSA key or one on P-256 or "
                       "P-384, found something else");
}

/* A BIT STRING of whole bytes. */
static struct sv_bytes read_bits(struct sv_rd *r)
{
        struct sv_rd bits = sv_der_take(r, SV_DER_BITS);

        if (sv_rd_u8(&bits) || bits.bad)
                r->bad = true;
        return sv_rd_rest(&bits);
}

/* TBSCertificate, in its order; the unique identifiers of version 2 are none of today's. */
static bool read_tbs(struct sv_rd tbs, struct sv_signed_cert *c)
{
        struct sv_rd list;

        sv_der_take(&tbs, DER_VERSION);
        sv_der_take(&tbs, SV_DER_INTEGER);  /* serialNumber */
        sv_der_take(&tbs, SV_DER_SEQUENCE); /* signature */
        sv_der_take(&tbs, SV_DER_SEQUENCE); /* issuer */
        sv_der_take(&tbs, SV_DER_SEQUENCE); /* validity */
        sv_der_take(&tbs, SV_DER_SEQUENCE); /* subject */
        c->spki = sv_der_whole(&tbs, SV_DER_SEQUENCE);
        if (!sv_rd_left(&tbs))
                return !tbs.bad;
        list = sv_der_take(&tbs, DER_EXTENSIONS);
        list = sv_der_take(&list, SV_DER_SEQUENCE);
        c->extensions = sv_rd_rest(&list);
        return !tbs.bad && !list.bad && !sv_rd_left(&tbs);
}

int sv_signed_cert_read(struct sv_bytes der, struct sv_signed_cert *out, const char *check,
                        struct sv_err *err)
{
        struct sv_rd whole = sv_rd(der), parts, tbs;
        struct sv_signed_cert c = {SV_BYTES_NULL};

        parts = sv_der_take(&whole, SV_DER_SEQUENCE);
        c.tbs = sv_der_whole(&parts, SV_DER_SEQUENCE);
        sv_der_take(&parts, SV_DER_SEQUENCE); /* signatureAlgorithm: the caller names it */
        c.signature = read_bits(&parts);
        tbs = sv_rd(c.tbs);
        if (whole.bad || parts.bad || sv_rd_left(&whole) || sv_rd_left(&parts) ||
            !read_tbs(sv_der_take(&tbs, SV_DER_SEQUENCE), &c))
                return fail_cert_form(check, err);
        *out = c;
        return 0;
}

bool sv_signed_cert_ext(const struct sv_signed_cert *c, struct sv_bytes oid, struct sv_bytes *value)
{
        struct sv_rd list = sv_rd(c->extensions);

        while (sv_rd_left(&list)) {
                struct sv_rd ext = sv_der_take(&list, SV_DER_SEQUENCE), contents;
                struct sv_rd id = sv_der_take(&ext, SV_DER_OID);
                uint8_t tag;

                contents = sv_der_element(&ext, &tag);
                if (tag == SV_DER_BOOLEAN) /* critical */
                        contents = sv_der_element(&ext, &tag);
                if (list.bad || ext.bad || tag != SV_DER_OCTETS || sv_rd_left(&ext))
                        return false;
                if (sv_bytes_eq(sv_rd_rest(&id), oid)) {
                        *value = sv_rd_rest(&contents);
                        return true;
                }
        }
        return false;
}

static struct sv_key *parse_point(struct sv_bytes point, enum sv_key_type curve, size_t n,
                                  struct sv_err *err)
{
        return sv_key_from_ec(curve, sv_bytes(point.p + 1, n), sv_bytes(point.p + 1 + n, n), err);
}

static struct sv_key *parse_rsa_key(struct sv_bytes key, struct sv_err *err)
{
        struct sv_rd whole = sv_rd(key), r = sv_der_take(&whole, SV_DER_SEQUENCE);
        struct sv_bytes n = sv_der_number(&r), e = sv_der_number(&r);

        if (whole.bad || r.bad || sv_rd_left(&whole) || sv_rd_left(&r))
                return NULL;
        return sv_key_from_rsa(n, e, err);
}

struct sv_key *sv_signed_cert_key(const struct sv_signed_cert *c, const char *check,
                                  struct sv_err *err)
{
        /* AlgorithmIdentifier, contents: rsaEncryption with NULL; id-ecPublicKey with a curve */
        static const uint8_t rsa[] = {0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7,
                                      0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
        static const uint8_t p256[] = {0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
                                       0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
        static const uint8_t p384[] = {0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02,
                                       0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
        struct sv_rd whole = sv_rd(c->spki), r = sv_der_take(&whole, SV_DER_SEQUENCE);
        struct sv_rd alg = sv_der_take(&r, SV_DER_SEQUENCE);
        struct sv_bytes id = sv_rd_rest(&alg), bits = read_bits(&r);
        struct sv_key *key = NULL;

        if (r.bad || sv_rd_left(&r) || !bits.n)
                fail_cert_form(check, err);
        else if (sv_bytes_eq(id, sv_bytes(rsa, sizeof(rsa))))
                key = parse_rsa_key(bits, err);
        else if (sv_bytes_eq(id, sv_bytes(p256, sizeof(p256))) && bits.n == 65 && *bits.p == 4)
                key = parse_point(bits, SV_KEY_P256, 32, err);
        else if (sv_bytes_eq(id, sv_bytes(p384, sizeof(p384))) && bits.n == 97 && *bits.p == 4)
                key = parse_point(bits, SV_KEY_P384, 48, err);
        if (!key)
                fail_cert_form(check, err);
        return key;
}

/* basicConstraints that begin with CA TRUE. */
static bool is_ca(const struct sv_signed_cert *c)
{
        static const uint8_t oid[] = {0x55, 0x1d, 0x13};
        struct sv_bytes value;
        struct sv_rd r, ca;

        if (!sv_signed_cert_ext(c, sv_bytes(oid, sizeof(oid)), &value))
                return false;
        r = sv_rd(value);
        r = sv_der_take(&r, SV_DER_SEQUENCE);
        ca = sv_der_take(&r, SV_DER_BOOLEAN);
        return sv_rd_u8(&ca) == 0xff && !r.bad && !ca.bad;
}

/* ECDSA's signatures are two numbers in DER; in the form that sv_verify_sig takes. */
static bool put_raw_signature(struct sv_buf *out, enum sv_scheme scheme, enum sv_key_type type,
                              struct sv_bytes signature)
{
        size_t half = type == SV_KEY_P384 ? 48 : 32;
        struct sv_rd whole = sv_rd(signature), r;

        if (scheme < SV_ECDSA_SHA256) {
                sv_buf_put(out, signature);
                return true;
        }
        r = sv_der_take(&whole, SV_DER_SEQUENCE);
        for (int i = 0; i < 2; i++) {
                struct sv_bytes n = sv_der_number(&r);

                if (r.bad || n.n > half)
                        return false;
                sv_buf_grow(out, half - n.n);
                sv_buf_put(out, n);
        }
        return !sv_rd_left(&r) && !sv_rd_left(&whole);
}

static int check_link(const struct sv_signed_cert *c, const struct sv_signed_cert *issuer,
                      enum sv_scheme scheme, const char *check, struct sv_err *err)
{
        SV_KEY *key = sv_signed_cert_key(issuer, check, err);
        SV_BUF sig = SV_BUF_NULL;

        if (!key)
                return -1;
        if (!is_ca(issuer))
                return sv_fail(err, SV_PROOF, check,
                               "a certificate was issued by one that is not a CA's");
        if ((scheme < SV_ECDSA_SHA256) != (sv_key_type(key) == SV_KEY_RSA) ||
            !put_raw_signature(&sig, scheme, sv_key_type(key), c->signature))
                return sv_fail(err, SV_PROOF, check,
                               "a certificate's signature has another form than its maker's");
        if (sv_buf_ok(&sig, "a signature", err) < 0)
                return -1;
        return sv_verify_sig(key, scheme, c->tbs, sv_buf_bytes(&sig), check, err);
}

int sv_signed_chain_check(const struct sv_bytes *ders, size_t n, enum sv_scheme scheme,
                          struct sv_signed_cert *leaf, const char *check, struct sv_err *err)
{
        struct sv_signed_cert c, issuer;

        if (sv_signed_cert_read(ders[0], leaf, check, err) < 0)
                return -1;
        c = *leaf;
        for (size_t i = 1; i < n; i++) {
                if (sv_signed_cert_read(ders[i], &issuer, check, err) < 0 ||
                    check_link(&c, &issuer, scheme, check, err) < 0)
                        return -1;
                c = issuer;
        }
        return 0;
}
