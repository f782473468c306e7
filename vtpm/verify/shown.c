/* SPDX-License-Identifier: Apache-2.0 */
#include "vtpm/verify/shown.h"

#include <stdio.h>

#include "tee/limits.h"
#include "vtpm/verify/challenge.h"
#include "vtpm/verify/template.h"

/* Part 2, section 8.3: only a key that never was outside of this TPM and that signs nothing but the
 * TPM's own statements can quote. */
static int check_attributes(const struct sv_tpm_public *pub, struct sv_err *err)
{
        static const struct {
                uint32_t bit;
                const char *name;
        } must[] = {
                {SV_TPMA_FIXED_TPM, "fixedTPM"},
                {SV_TPMA_FIXED_PARENT, "fixedParent"},
                {SV_TPMA_RESTRICTED, "restricted"},
                {SV_TPMA_SENSITIVE_DATA_ORIGIN, "sensitiveDataOrigin"},
                {SV_TPMA_SIGN, "sign"},
        };

        for (size_t i = 0; i < sizeof(must) / sizeof(*must); i++)
                if (!(pub->attributes & must[i].bit))
                        return sv_fail(err, SV_PROOF, "vtpm.ak.attributes",
                                       "the attestation key lacks the attribute %s (0x%08x)",
                                       must[i].name, pub->attributes);
        if (pub->attributes & SV_TPM_AK_MUST_NOT)
                return sv_fail(err, SV_PROOF, "vtpm.ak.attributes",
                               "the attestation key may also decrypt (0x%08x)", pub->attributes);
        return 0;
}

static int check_name_alg(const struct sv_tpm_public *pub, struct sv_err *err)
{
        if (sv_tpm_digest(pub->name_alg) && pub->name_alg != SV_TPM_ALG_SHA1)
                return 0;
        return sv_fail(err, SV_PROOF, "vtpm.ak.name-alg",
                       "expected SHA-256, SHA-384 or SHA-512 as the attestation key's nameAlg, "
                       "found 0x%04x",
                       pub->name_alg);
}

int sv_vtpm_check_ak(const struct sv_tpm_public *ak, struct sv_err *err)
{
        return check_name_alg(ak, err) < 0 ? -1 : check_attributes(ak, err);
}

/* The qualified names that our AK may have: primary in the endorsement or owner hierarchy, or child
 * of the endorsement key. */
static int list_signers(const struct sv_vtpm_shown *s, struct sv_tpm_name out[3], size_t *n,
                        struct sv_err *err)
{
        /* SV_TPM_RH_ENDORSEMENT, SV_TPM_RH_OWNER */
        static const uint8_t endorsement[] = {0x40, 0x00, 0x00, 0x0b};
        static const uint8_t owner[] = {0x40, 0x00, 0x00, 0x01};
        SV_BUF ek2b = SV_BUF_NULL;
        struct sv_tpm_name ek_name, ek_qualified;

        *n = 0;
        if (!s->ak_name.n)
                return 0;
        if (sv_tpm_qualified_name(sv_bytes(endorsement, 4), &s->ak_name, &out[0], err) < 0 ||
            sv_tpm_qualified_name(sv_bytes(owner, 4), &s->ak_name, &out[1], err) < 0)
                return -1;
        *n = 2;
        if (!s->ek)
                return 0;
        if (sv_tpm_put_ek(&ek2b, s->ek, true, err) < 0 || sv_buf_ok(&ek2b, "EK", err) < 0 ||
            sv_tpm_name(sv_buf_bytes(&ek2b), &ek_name, err) < 0 ||
            sv_tpm_qualified_name(sv_bytes(endorsement, 4), &ek_name, &ek_qualified, err) < 0 ||
            sv_tpm_qualified_name(sv_tpm_name_bytes(&ek_qualified), &s->ak_name, &out[2], err) < 0)
                return -1;
        *n = 3;
        return 0;
}

int sv_vtpm_check_quotes(struct sv_vtpm_shown *s, const struct sv_verify_in *in, struct sv_err *err)
{
        struct sv_tpm_name names[3] = {{{0}, 0}};
        struct sv_tpm_quote_in q = {
                .ak = s->ak,
                .ak_public = s->ak_public,
                .signers = names,
                .report_data = in->report_data,
                .skip_signatures = in->skip_signatures,
        };

        if (list_signers(s, names, &q.n_signers, err) < 0)
                return -1;
        for (size_t i = 0; i < SV_VTPM_BANKS; i++) {
                const struct sv_vtpm_bank *b = &s->banks[i];

                if (!b->present)
                        continue;
                q.bank = b->bank;
                q.message = sv_buf_bytes(&b->message);
                q.signature = sv_buf_bytes(&b->signature);
                q.pcrs = b->pcrs;
                if (sv_tpm_quote_verify(&q, &s->quotes[i], err) < 0)
                        return sv_wrap(err, "%s quote", sv_digest_name(b->bank));
        }
        if (s->banks[1].present && (s->quotes[0].reset_count != s->quotes[1].reset_count ||
                                    s->quotes[0].restart_count != s->quotes[1].restart_count))
                return sv_fail(err, SV_PROOF, "vtpm.quote.boot",
                               "the two banks were quoted in different boots of the TPM");
        return 0;
}

/* Did the TPM of this EK certificate say that this AK is its own? */
int sv_vtpm_check_activation(const struct sv_vtpm_shown *s, const struct sv_verify_in *in,
                             struct sv_err *err)
{
        struct sv_bytes secret;
        uint8_t subject[32], mac[32];

        if (!sv_collateral_get(&in->collateral, SV_VTPM_ACTIVATION_KIND, 0, &secret))
                return sv_fail(err, SV_PROOF, "vtpm.ak.origin",
                               "no credential was activated in this session, so nothing says that "
                               "the attestation key is in a TPM");
        if (secret.n != SV_VTPM_ACTIVATION_SIZE)
                return sv_fail(err, SV_USAGE, "vtpm.activation-secret",
                               "expected %d bytes of collateral \"%s\", found %zu",
                               SV_VTPM_ACTIVATION_SIZE, SV_VTPM_ACTIVATION_KIND, secret.n);
        if (!s->activation.n || !in->report_data.n)
                return sv_fail(err, SV_PROOF, "vtpm.ak.origin",
                               "%s, so nothing says that the attestation key is in a TPM",
                               in->report_data.n
                                       ? "the evidence holds no \"activation\""
                                       : "no report data is given to check \"activation\"");
        if (sv_vtpm_activation_subject(&s->ak_name, s->ek_sha256, subject, err) < 0 ||
            sv_vtpm_activation_mac(sv_bytes(secret.p, SV_VTPM_SECRET_SIZE), in->report_data, mac,
                                   err) < 0)
                return -1;
        if (in->skip_signatures)
                return 0;
        if (!sv_bytes_eq(sv_bytes(subject, 32), sv_bytes(secret.p + SV_VTPM_SECRET_SIZE, 32)))
                return sv_fail(err, SV_PROOF, "vtpm.ak.other",
                               "the credential was made for another attestation key or endorsement "
                               "key than the evidence shows");
        if (!sv_bytes_eq(sv_bytes(mac, 32), s->activation))
                return sv_fail(err, SV_PROOF, "vtpm.ak.activation",
                               "the TPM did not open the credential: \"activation\" is not the "
                               "expected HMAC");
        return 0;
}

/* --- claims --- */

static void add_ak_claims(struct sv_json *claims, const struct sv_vtpm_shown *s)
{
        struct sv_json *ak = sv_json_set(claims, "ak", sv_json_object());
        SV_BUF der = SV_BUF_NULL;
        uint8_t spki[32];

        sv_json_set_hex(ak, "name", sv_tpm_name_bytes(&s->ak_name));
        sv_json_set_str(ak, "origin", "ek-activation");
        if (sv_key_spki(s->ak, &der, NULL) == 0 &&
            sv_digest(SV_SHA256, sv_buf_bytes(&der), spki, NULL) == 0)
                sv_json_set_hex(ak, "spki_sha256", sv_bytes(spki, 32));
}

static void add_pcr_claims(struct sv_json *claims, const struct sv_vtpm_shown *s)
{
        struct sv_json *pcrs = sv_json_set(claims, "pcrs", sv_json_object());

        for (size_t i = 0; i < SV_VTPM_BANKS; i++) {
                const struct sv_vtpm_bank *b = &s->banks[i];
                struct sv_json *bank;

                if (!b->present)
                        continue;
                bank = sv_json_set(pcrs, sv_digest_name(b->bank), sv_json_object());
                for (unsigned pcr = 0; pcr < SV_TPM_PCRS; pcr++) {
                        char name[12];

                        snprintf(name, sizeof(name), "%u", pcr);
                        sv_json_set_hex(bank, name,
                                        sv_bytes(b->pcrs[pcr], sv_digest_size(b->bank)));
                }
        }
}

static void add_quote_claims(struct sv_json *claims, const struct sv_vtpm_shown *s, bool checked)
{
        const struct sv_tpm_quote *q = &s->quotes[0];
        struct sv_json *quote = sv_json_set(claims, "quote", sv_json_object());
        char version[17];

        sv_json_set_int(quote, "clock", (int64_t)(q->clock & INT64_MAX));
        sv_json_set_int(quote, "reset_count", q->reset_count);
        sv_json_set_int(quote, "restart_count", q->restart_count);
        sv_json_set_bool(quote, "safe", q->safe);
        snprintf(version, sizeof(version), "%016llx", (unsigned long long)q->firmware_version);
        sv_json_set_str(quote, "firmware_version", version);
        sv_json_set_hex(claims, "report_data", q->extra_data);
        sv_json_set_bool(claims, "report_data_checked", checked);
}

/* What no policy may read out of this proof, in the verdict's words (policy/evaluate.h). */
static void add_limits(struct sv_json *claims)
{
        static const char why[] =
                "the vTPM is run by the host: its quote proves nothing against the host";

        sv_claims_limit(claims, "instance-identity", why, NULL);
        sv_claims_limit(claims, "hardware", why, NULL);
}

struct sv_json *sv_vtpm_claims(const struct sv_vtpm_shown *s, bool checked)
{
        struct sv_json *claims = sv_json_object();

        add_ak_claims(claims, s);
        add_pcr_claims(claims, s);
        add_quote_claims(claims, s, checked);
        add_limits(claims);
        return claims;
}
