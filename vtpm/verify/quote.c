/* SPDX-License-Identifier: Apache-2.0 */
/* The order is: signature over the raw bytes, then parsing, then what the quote says. */
#include "vtpm/verify/quote.h"

#include "base/core/rd.h"

/* How much of the binding a quote carries: TPM2B_DATA may be as short as a SHA-256 digest, and the
 * KBS protocol cuts there. */
#define EXTRA_DATA_SIZE 32

static const struct {
        uint16_t alg;
        uint16_t hash;
        enum sv_scheme scheme;
} schemes[] = {
        {SV_TPM_ALG_RSASSA, SV_TPM_ALG_SHA256, SV_RSASSA_SHA256},
        {SV_TPM_ALG_RSASSA, SV_TPM_ALG_SHA384, SV_RSASSA_SHA384},
        {SV_TPM_ALG_RSASSA, SV_TPM_ALG_SHA512, SV_RSASSA_SHA512},
        {SV_TPM_ALG_RSAPSS, SV_TPM_ALG_SHA256, SV_RSAPSS_SHA256},
        {SV_TPM_ALG_RSAPSS, SV_TPM_ALG_SHA384, SV_RSAPSS_SHA384},
        {SV_TPM_ALG_RSAPSS, SV_TPM_ALG_SHA512, SV_RSAPSS_SHA512},
        {SV_TPM_ALG_ECDSA, SV_TPM_ALG_SHA256, SV_ECDSA_SHA256},
        {SV_TPM_ALG_ECDSA, SV_TPM_ALG_SHA384, SV_ECDSA_SHA384},
        {SV_TPM_ALG_ECDSA, SV_TPM_ALG_SHA512, SV_ECDSA_SHA512},
};

static int find_scheme(const struct sv_tpm_signature *s, enum sv_scheme *out, struct sv_err *err)
{
        for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
                if (schemes[i].alg == s->alg && schemes[i].hash == s->hash) {
                        *out = schemes[i].scheme;
                        return 0;
                }
        return sv_fail(err, SV_PROOF, "vtpm.signature.hash",
                       "expected SHA-256, SHA-384 or SHA-512 in the quote's signature, found the "
                       "algorithm 0x%04x%s",
                       s->hash, s->hash == SV_TPM_ALG_SHA1 ? " (SHA-1)" : "");
}

static int check_key_fits(const struct sv_tpm_quote_in *in, const struct sv_tpm_signature *s,
                          struct sv_err *err)
{
        enum sv_key_type type = sv_key_type(in->ak);
        bool fits = s->alg == SV_TPM_ALG_ECDSA ? type == SV_KEY_P256 || type == SV_KEY_P384
                                               : type == SV_KEY_RSA;
        const struct sv_tpm_public *pub = in->ak_public;

        if (!fits)
                return sv_fail(err, SV_PROOF, "vtpm.signature.key",
                               "a signature of scheme 0x%04x cannot come from this kind of "
                               "attestation key",
                               s->alg);
        if (pub && (pub->scheme.alg != s->alg || pub->scheme.hash != s->hash))
                return sv_fail(err, SV_PROOF, "vtpm.signature.ak-scheme",
                               "the attestation key signs with scheme 0x%04x and hash 0x%04x only, "
                               "the quote has 0x%04x and 0x%04x",
                               pub->scheme.alg, pub->scheme.hash, s->alg, s->hash);
        return 0;
}

/* A number of at most n bytes, in exactly n. */
static int put_padded(struct sv_buf *out, struct sv_bytes number, size_t n, struct sv_err *err)
{
        if (number.n > n)
                return sv_fail(err, SV_FORMAT, "vtpm.signature.size",
                               "expected at most %zu bytes in an ECDSA signature's half, found %zu",
                               n, number.n);
        sv_buf_grow(out, n - number.n);
        sv_buf_put(out, number);
        return 0;
}

static int verify_signature(const struct sv_tpm_quote_in *in, const struct sv_tpm_signature *s,
                            enum sv_scheme scheme, struct sv_err *err)
{
        SV_BUF sig = SV_BUF_NULL;
        size_t half = sv_key_type(in->ak) == SV_KEY_P384 ? 48 : 32;

        if (s->alg == SV_TPM_ALG_ECDSA) {
                if (put_padded(&sig, s->r, half, err) < 0 || put_padded(&sig, s->s, half, err) < 0)
                        return -1;
        } else {
                sv_buf_put(&sig, s->r);
        }
        if (sv_buf_ok(&sig, "signature", err) < 0)
                return -1;
        if (in->skip_signatures)
                return 0;
        return sv_verify_sig(in->ak, scheme, in->message, sv_buf_bytes(&sig), "vtpm.signature",
                             err);
}

static int check_tpm_signature(const struct sv_tpm_quote_in *in, enum sv_digest *hash,
                               struct sv_err *err)
{
        struct sv_tpm_signature s;
        enum sv_scheme scheme = 0;

        if (sv_tpm_read_signature(in->signature, &s, err) < 0 ||
            find_scheme(&s, &scheme, err) < 0 || check_key_fits(in, &s, err) < 0 ||
            verify_signature(in, &s, scheme, err) < 0)
                return -1;
        *hash = sv_tpm_digest(s.hash);
        return 0;
}

/* Part 1, section 26.5: the qualified name says where in the TPM the key stands; it is fixed by the
 * key's Name and its parents. */
static int check_signer(const struct sv_tpm_quote_in *in, const struct sv_tpm_quote *q,
                        struct sv_err *err)
{
        for (size_t i = 0; i < in->n_signers; i++)
                if (sv_bytes_eq(q->signer, sv_tpm_name_bytes(&in->signers[i])))
                        return 0;
        if (!in->n_signers)
                return 0;
        return sv_fail(err, SV_PROOF, "vtpm.quote.signer",
                       "the quote's qualified signer is not the attestation key, as a primary key "
                       "of the endorsement or owner "
                       "hierarchy or as a child of the endorsement key");
}

static int check_nonce(const struct sv_tpm_quote_in *in, const struct sv_tpm_quote *q,
                       struct sv_err *err)
{
        if (!in->report_data.n)
                return 0;
        if (in->report_data.n < EXTRA_DATA_SIZE)
                return sv_fail(err, SV_USAGE, "vtpm.report-data",
                               "expected at least %d bytes of report data, found %zu",
                               EXTRA_DATA_SIZE, in->report_data.n);
        if (!sv_bytes_eq(q->extra_data, sv_bytes(in->report_data.p, EXTRA_DATA_SIZE)))
                return sv_fail(err, SV_PROOF, "vtpm.quote.nonce",
                               "the quote's extraData is not the first %d bytes of this session's "
                               "binding: a quote made for another "
                               "nonce or another key",
                               EXTRA_DATA_SIZE);
        return 0;
}

/* One bank, the one claimed, and all of its PCRs: what is not selected is not proven. */
static int check_selection(const struct sv_tpm_quote_in *in, const struct sv_tpm_quote *q,
                           struct sv_err *err)
{
        const struct sv_tpm_selection *sel = &q->select[0];

        if (q->n_select != 1)
                return sv_fail(err, SV_PROOF, "vtpm.quote.banks",
                               "expected a quote over exactly one PCR bank, found %u", q->n_select);
        if (sel->hash != sv_tpm_alg(in->bank))
                return sv_fail(err, SV_PROOF, "vtpm.quote.bank",
                               "expected the %s bank (0x%04x), the quote is over bank 0x%04x",
                               sv_digest_name(in->bank), sv_tpm_alg(in->bank), sel->hash);
        if (sel->bitmap.n < SV_TPM_PCRS / 8)
                return sv_fail(err, SV_FORMAT, "vtpm.quote.selection",
                               "expected a bitmap of %d PCRs, found %zu bytes", SV_TPM_PCRS,
                               sel->bitmap.n);
        for (size_t i = 0; i < sel->bitmap.n * 8; i++) {
                bool selected = sel->bitmap.p[i / 8] >> (i % 8) & 1;

                if (selected != (i < SV_TPM_PCRS))
                        return sv_fail(err, SV_PROOF, "vtpm.quote.selection",
                                       "expected all %d PCRs and no other, PCR %zu is %s",
                                       SV_TPM_PCRS, i, selected ? "selected" : "missing");
        }
        return 0;
}

/* Part 3, section 18.4: the digest over the selected PCRs, by the hash of the signing scheme. */
static int check_pcr_digest(const struct sv_tpm_quote_in *in, const struct sv_tpm_quote *q,
                            enum sv_digest hash, struct sv_err *err)
{
        SV_BUF values = SV_BUF_NULL;
        uint8_t digest[SV_DIGEST_MAX];

        for (size_t i = 0; i < SV_TPM_PCRS; i++)
                sv_buf_put(&values, sv_bytes(in->pcrs[i], sv_digest_size(in->bank)));
        if (sv_buf_ok(&values, "PCR values", err) < 0 ||
            sv_digest(hash, sv_buf_bytes(&values), digest, err) < 0)
                return -1;
        if (!sv_bytes_eq(q->pcr_digest, sv_bytes(digest, sv_digest_size(hash))))
                return sv_fail(err, SV_PROOF, "vtpm.quote.digest",
                               "the PCR values sent (%s bank) are not those that were quoted",
                               sv_digest_name(in->bank));
        return 0;
}

int sv_tpm_quote_verify(const struct sv_tpm_quote_in *in, struct sv_tpm_quote *out,
                        struct sv_err *err)
{
        struct sv_tpm_quote q;
        enum sv_digest hash;

        if (check_tpm_signature(in, &hash, err) < 0 ||
            sv_tpm_read_quote(in->message, &q, err) < 0 || check_signer(in, &q, err) < 0 ||
            check_nonce(in, &q, err) < 0 || check_selection(in, &q, err) < 0 ||
            check_pcr_digest(in, &q, hash, err) < 0)
                return -1;
        *out = q;
        return 0;
}
