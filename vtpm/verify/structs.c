/* SPDX-License-Identifier: Apache-2.0 */
/* TPM 2.0 Library, Part 2, as tables. A read past the end sticks in the reader and is reported
 * once, at the end. */
#include "vtpm/verify/structs.h"

#include "base/core/rd.h"

/* Every TPM2B: UINT16 size, then so many bytes. */
static struct sv_bytes read_2b(struct sv_rd *r)
{
        return sv_rd_bytes(r, sv_rd_u16be(r));
}

static void put_2b(struct sv_buf *out, struct sv_bytes b)
{
        sv_buf_u16be(out, (uint16_t)b.n);
        sv_buf_put(out, b);
}

enum sv_digest sv_tpm_digest(uint16_t alg)
{
        switch (alg) {
        case SV_TPM_ALG_SHA1:
                return SV_SHA1;
        case SV_TPM_ALG_SHA256:
                return SV_SHA256;
        case SV_TPM_ALG_SHA384:
                return SV_SHA384;
        case SV_TPM_ALG_SHA512:
                return SV_SHA512;
        }
        return 0;
}

uint16_t sv_tpm_alg(enum sv_digest digest)
{
        switch (digest) {
        case SV_SHA1:
                return SV_TPM_ALG_SHA1;
        case SV_SHA256:
                return SV_TPM_ALG_SHA256;
        case SV_SHA384:
                return SV_TPM_ALG_SHA384;
        case SV_SHA512:
                return SV_TPM_ALG_SHA512;
        }
        return SV_TPM_ALG_NULL;
}

/* Table 133, TPMT_SYM_DEF_OBJECT. */
static void read_symmetric(struct sv_rd *r, struct sv_tpm_public *p)
{
        p->symmetric.alg = sv_rd_u16be(r);
        if (p->symmetric.alg == SV_TPM_ALG_NULL)
                return;
        p->symmetric.bits = sv_rd_u16be(r);
        p->symmetric.mode = sv_rd_u16be(r);
}

/* Tables 159 and 168, TPMT_RSA_SCHEME and TPMT_ECC_SCHEME; the details of a scheme are Tables 149
 * to 157. */
static void read_scheme(struct sv_rd *r, struct sv_tpm_public *p)
{
        p->scheme.alg = sv_rd_u16be(r);
        if (p->scheme.alg == SV_TPM_ALG_NULL || p->scheme.alg == SV_TPM_ALG_RSAES)
                return;
        p->scheme.hash = sv_rd_u16be(r);
        if (p->scheme.alg == SV_TPM_ALG_ECDAA)
                p->scheme.count = sv_rd_u16be(r);
}

/* Table 198, TPMS_RSA_PARMS, and TPM2B_PUBLIC_KEY_RSA. */
static void read_rsa(struct sv_rd *r, struct sv_tpm_public *p)
{
        read_symmetric(r, p);
        read_scheme(r, p);
        p->bits = sv_rd_u16be(r);
        p->exponent = sv_rd_u32be(r);
        p->x = read_2b(r);
}

/* Table 199, TPMS_ECC_PARMS, and Table 173, TPMS_ECC_POINT. */
static void read_ecc(struct sv_rd *r, struct sv_tpm_public *p)
{
        read_symmetric(r, p);
        read_scheme(r, p);
        p->curve = sv_rd_u16be(r);
        p->kdf.alg = sv_rd_u16be(r);
        if (p->kdf.alg != SV_TPM_ALG_NULL)
                p->kdf.hash = sv_rd_u16be(r);
        p->x = read_2b(r);
        p->y = read_2b(r);
}

/* Table 203, TPM2B_PUBLIC. */
int sv_tpm_read_public2b(struct sv_bytes tpm2b, struct sv_tpm_public *out, struct sv_err *err)
{
        struct sv_rd r = sv_rd(tpm2b);
        struct sv_tpm_public p = {0};
        uint16_t size = sv_rd_u16be(&r);

        if (!r.bad && size != sv_rd_left(&r))
                return sv_fail(err, SV_FORMAT, "vtpm.public.size",
                               "TPM2B_PUBLIC says %u bytes, there are %zu", size, sv_rd_left(&r));
        p.type = sv_rd_u16be(&r);
        p.name_alg = sv_rd_u16be(&r);
        p.attributes = sv_rd_u32be(&r);
        p.auth_policy = read_2b(&r);
        if (sv_rd_ok(&r, "vtpm.public.size", "TPM2B_PUBLIC", err) < 0)
                return -1;
        if (p.type == SV_TPM_ALG_RSA)
                read_rsa(&r, &p);
        else if (p.type == SV_TPM_ALG_ECC)
                read_ecc(&r, &p);
        else
                return sv_fail(err, SV_FORMAT, "vtpm.public.type",
                               "expected an RSA (0x0001) or ECC (0x0023) key, found 0x%04x",
                               p.type);
        if (sv_rd_done(&r, "vtpm.public.size", "TPM2B_PUBLIC", err) < 0)
                return -1;
        *out = p;
        return 0;
}

static void put_symmetric(struct sv_buf *out, const struct sv_tpm_public *p)
{
        sv_buf_u16be(out, p->symmetric.alg);
        if (p->symmetric.alg == SV_TPM_ALG_NULL)
                return;
        sv_buf_u16be(out, p->symmetric.bits);
        sv_buf_u16be(out, p->symmetric.mode);
}

static void put_scheme(struct sv_buf *out, const struct sv_tpm_public *p)
{
        sv_buf_u16be(out, p->scheme.alg);
        if (p->scheme.alg == SV_TPM_ALG_NULL || p->scheme.alg == SV_TPM_ALG_RSAES)
                return;
        sv_buf_u16be(out, p->scheme.hash);
        if (p->scheme.alg == SV_TPM_ALG_ECDAA)
                sv_buf_u16be(out, p->scheme.count);
}

static void put_tpm_public(struct sv_buf *out, const struct sv_tpm_public *p)
{
        sv_buf_u16be(out, p->type);
        sv_buf_u16be(out, p->name_alg);
        sv_buf_u32be(out, p->attributes);
        put_2b(out, p->auth_policy);
        put_symmetric(out, p);
        put_scheme(out, p);
        if (p->type == SV_TPM_ALG_RSA) {
                sv_buf_u16be(out, p->bits);
                sv_buf_u32be(out, p->exponent);
                put_2b(out, p->x);
                return;
        }
        sv_buf_u16be(out, p->curve);
        sv_buf_u16be(out, p->kdf.alg);
        if (p->kdf.alg != SV_TPM_ALG_NULL)
                sv_buf_u16be(out, p->kdf.hash);
        put_2b(out, p->x);
        put_2b(out, p->y);
}

void sv_tpm_put_public2b(struct sv_buf *out, const struct sv_tpm_public *pub)
{
        SV_BUF body = SV_BUF_NULL;

        put_tpm_public(&body, pub);
        if (body.bad)
                out->bad = true;
        put_2b(out, sv_buf_bytes(&body));
}

/* Table 105, TPML_PCR_SELECTION. */
static int read_selections(struct sv_rd *r, struct sv_tpm_quote *q, struct sv_err *err)
{
        q->n_select = sv_rd_u32be(r);
        if (q->n_select > SV_TPM_SELECT_MAX)
                return sv_fail(err, SV_FORMAT, "vtpm.quote.banks",
                               "the quote selects %u banks, at most %d are read", q->n_select,
                               SV_TPM_SELECT_MAX);
        for (uint32_t i = 0; i < q->n_select; i++) {
                q->select[i].hash = sv_rd_u16be(r);
                q->select[i].bitmap = sv_rd_bytes(r, sv_rd_u8(r));
        }
        return 0;
}

/* Table 127, TPMS_ATTEST; 115, TPMS_CLOCK_INFO; 119, TPMS_QUOTE_INFO. */
int sv_tpm_read_quote(struct sv_bytes tpms_attest, struct sv_tpm_quote *out, struct sv_err *err)
{
        struct sv_rd r = sv_rd(tpms_attest);
        struct sv_tpm_quote q = {0};
        uint32_t magic = sv_rd_u32be(&r);
        uint16_t type = sv_rd_u16be(&r);
        uint8_t safe;

        if (sv_rd_ok(&r, "vtpm.quote.size", "TPMS_ATTEST", err) < 0)
                return -1;
        if (magic != SV_TPM_GENERATED)
                return sv_fail(
                        err, SV_FORMAT, "vtpm.quote.magic",
                        "expected TPM_GENERATED (0xff544347), found 0x%08x: not made inside a TPM",
                        magic);
        if (type != SV_TPM_ST_ATTEST_QUOTE)
                return sv_fail(err, SV_FORMAT, "vtpm.quote.type",
                               "expected a quote (0x8018), found 0x%04x", type);
        q.signer = read_2b(&r);
        q.extra_data = read_2b(&r);
        q.clock = sv_rd_u64be(&r);
        q.reset_count = sv_rd_u32be(&r);
        q.restart_count = sv_rd_u32be(&r);
        safe = sv_rd_u8(&r);
        q.firmware_version = sv_rd_u64be(&r);
        if (read_selections(&r, &q, err) < 0)
                return -1;
        q.pcr_digest = read_2b(&r);
        if (sv_rd_done(&r, "vtpm.quote.size", "TPMS_ATTEST", err) < 0)
                return -1;
        if (safe > 1)
                return sv_fail(err, SV_FORMAT, "vtpm.quote.safe", "TPMI_YES_NO is 0 or 1, found %u",
                               safe);
        q.safe = safe;
        *out = q;
        return 0;
}

/* Table 188, TPMT_SIGNATURE; 181, TPMS_SIGNATURE_RSA; 183, TPMS_SIGNATURE_ECC. */
int sv_tpm_read_signature(struct sv_bytes tpmt, struct sv_tpm_signature *out, struct sv_err *err)
{
        struct sv_rd r = sv_rd(tpmt);
        struct sv_tpm_signature s = {0};

        s.alg = sv_rd_u16be(&r);
        s.hash = sv_rd_u16be(&r);
        if (sv_rd_ok(&r, "vtpm.signature.size", "TPMT_SIGNATURE", err) < 0)
                return -1;
        if (s.alg != SV_TPM_ALG_RSASSA && s.alg != SV_TPM_ALG_RSAPSS && s.alg != SV_TPM_ALG_ECDSA)
                return sv_fail(
                        err, SV_FORMAT, "vtpm.signature.scheme",
                        "expected RSASSA (0x0014), RSAPSS (0x0016) or ECDSA (0x0018), found 0x%04x",
                        s.alg);
        s.r = read_2b(&r);
        if (s.alg == SV_TPM_ALG_ECDSA)
                s.s = read_2b(&r);
        if (sv_rd_done(&r, "vtpm.signature.size", "TPMT_SIGNATURE", err) < 0)
                return -1;
        *out = s;
        return 0;
}

static int compute_name(uint16_t alg, struct sv_bytes a, struct sv_bytes b, struct sv_tpm_name *out,
                        struct sv_err *err)
{
        enum sv_digest digest = sv_tpm_digest(alg);
        SV_BUF in = SV_BUF_NULL;
        struct sv_tpm_name name = {{(uint8_t)(alg >> 8), (uint8_t)alg}, 2};

        if (!digest)
                return sv_fail(err, SV_FORMAT, "vtpm.public.name-alg", "unknown nameAlg 0x%04x",
                               alg);
        sv_buf_put(&in, a);
        sv_buf_put(&in, b);
        if (sv_buf_ok(&in, "TPM name", err) < 0 ||
            sv_digest(digest, sv_buf_bytes(&in), name.p + 2, err) < 0)
                return -1;
        name.n += sv_digest_size(digest);
        *out = name;
        return 0;
}

int sv_tpm_name(struct sv_bytes tpm2b_public, struct sv_tpm_name *out, struct sv_err *err)
{
        struct sv_tpm_public pub;

        if (sv_tpm_read_public2b(tpm2b_public, &pub, err) < 0)
                return -1;
        return compute_name(pub.name_alg, sv_bytes(tpm2b_public.p + 2, tpm2b_public.n - 2),
                            SV_BYTES_NULL, out, err);
}

int sv_tpm_qualified_name(struct sv_bytes parent, const struct sv_tpm_name *name,
                          struct sv_tpm_name *out, struct sv_err *err)
{
        return compute_name((uint16_t)(name->p[0] << 8 | name->p[1]), parent,
                            sv_tpm_name_bytes(name), out, err);
}

struct sv_key *sv_tpm_public_key(const struct sv_tpm_public *pub, struct sv_err *err)
{
        uint32_t e = pub->exponent ? pub->exponent : 65537; /* Table 198 */
        uint8_t exponent[4] = {(uint8_t)(e >> 24), (uint8_t)(e >> 16), (uint8_t)(e >> 8),
                               (uint8_t)e};
        size_t skip = 0;

        if (pub->type == SV_TPM_ALG_RSA) {
                while (skip < 3 && !exponent[skip])
                        skip++;
                return sv_key_from_rsa(pub->x, sv_bytes(exponent + skip, 4 - skip), err);
        }
        switch (pub->curve) {
        case SV_TPM_ECC_P256:
                return sv_key_from_ec(SV_KEY_P256, pub->x, pub->y, err);
        case SV_TPM_ECC_P384:
                return sv_key_from_ec(SV_KEY_P384, pub->x, pub->y, err);
        case SV_TPM_ECC_P521:
                return sv_key_from_ec(SV_KEY_P521, pub->x, pub->y, err);
        }
        sv_fail(err, SV_FORMAT, "vtpm.public.curve",
                "expected the curve P-256, P-384 or P-521, found 0x%04x", pub->curve);
        return NULL;
}
