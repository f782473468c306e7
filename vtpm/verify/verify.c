/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the checks: the key's public area, the quotes, where the key comes from, the event
 * log. Each failure has its own name. */
#include "vtpm/verify/verify.h"

#include <stdio.h>
#include <stdlib.h>

#include "vtpm/verify/challenge.h"
#include "vtpm/verify/ek.h"
#include "vtpm/verify/evidence.h"
#include "vtpm/verify/quote.h"
#include "vtpm/verify/replay.h"
#include "vtpm/verify/template.h"
#include "tee/limits.h"
#include "tee/root.h"

struct opened { /* evidence, read once */
        struct sv_evidence head;
        struct sv_vtpm_evidence e;
};

/* What the verification finds out, on its way into the claims. */
struct found {
        const struct sv_vtpm_evidence *e;
        struct sv_key *ak;
        struct sv_tpm_public ak_public; /* points into e->ak_tpm2b */
        struct sv_tpm_name ak_name;     /* n == 0: the evidence has no TPM2B_PUBLIC */
        struct sv_tpm_quote quotes[SV_VTPM_BANKS];
        struct sv_vtpm_ek ek;
        struct sv_bytes logs[SV_VTPM_LOGS_MAX];
        size_t n_logs;
        uint32_t replayed;
        size_t events;
};

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

static int check_ak(struct found *f, struct sv_err *err)
{
        SV_KEY *inner = NULL;
        SV_BUF a = SV_BUF_NULL, b = SV_BUF_NULL;

        f->ak = sv_key_from_spki(sv_buf_bytes(&f->e->ak_spki), err);
        if (!f->ak)
                return sv_wrap(err, "\"ak_public\"");
        if (!f->e->ak_tpm2b.n)
                return 0;
        if (sv_tpm_read_public2b(sv_buf_bytes(&f->e->ak_tpm2b), &f->ak_public, err) < 0)
                return -1;
        inner = sv_tpm_public_key(&f->ak_public, err);
        if (!inner)
                return sv_wrap(err, "\"ak_tpm2b\"");
        if (sv_key_spki(inner, &a, err) < 0 || sv_key_spki(f->ak, &b, err) < 0)
                return -1;
        if (!sv_bytes_eq(sv_buf_bytes(&a), sv_buf_bytes(&b)))
                return sv_fail(err, SV_PROOF, "vtpm.ak.mismatch",
                               "\"ak_public\" and \"ak_tpm2b\" are different keys");
        if (check_name_alg(&f->ak_public, err) < 0 || check_attributes(&f->ak_public, err) < 0)
                return -1;
        return sv_tpm_name(sv_buf_bytes(&f->e->ak_tpm2b), &f->ak_name, err);
}

/* The qualified names that our AK may have: primary in the endorsement or owner hierarchy, or child
 * of the endorsement key. */
static int list_signers(const struct found *f, struct sv_tpm_name out[3], size_t *n,
                        struct sv_err *err)
{
        /* SV_TPM_RH_ENDORSEMENT, SV_TPM_RH_OWNER */
        static const uint8_t endorsement[] = {0x40, 0x00, 0x00, 0x0b};
        static const uint8_t owner[] = {0x40, 0x00, 0x00, 0x01};
        SV_KEY *ek = NULL;
        SV_BUF ek2b = SV_BUF_NULL;
        struct sv_tpm_name ek_name, ek_qualified;

        *n = 0;
        if (!f->ak_name.n)
                return 0;
        if (sv_tpm_qualified_name(sv_bytes(endorsement, 4), &f->ak_name, &out[0], err) < 0 ||
            sv_tpm_qualified_name(sv_bytes(owner, 4), &f->ak_name, &out[1], err) < 0)
                return -1;
        *n = 2;
        if (!f->e->ek)
                return 0;
        ek = sv_cert_key(f->e->ek, err);
        if (!ek || sv_tpm_put_ek(&ek2b, ek, true, err) < 0 || sv_buf_ok(&ek2b, "EK", err) < 0 ||
            sv_tpm_name(sv_buf_bytes(&ek2b), &ek_name, err) < 0 ||
            sv_tpm_qualified_name(sv_bytes(endorsement, 4), &ek_name, &ek_qualified, err) < 0 ||
            sv_tpm_qualified_name(sv_tpm_name_bytes(&ek_qualified), &f->ak_name, &out[2], err) < 0)
                return -1;
        *n = 3;
        return 0;
}

static int check_quotes(const struct sv_verify_in *in, struct found *f, struct sv_err *err)
{
        struct sv_tpm_name names[3];
        struct sv_tpm_quote_in q = {
                .ak = f->ak,
                .ak_public = f->ak_name.n ? &f->ak_public : NULL,
                .signers = names,
                .report_data = in->report_data,
                .skip_signatures = in->skip_signatures,
        };

        if (list_signers(f, names, &q.n_signers, err) < 0)
                return -1;
        for (size_t i = 0; i < SV_VTPM_BANKS; i++) {
                const struct sv_vtpm_bank *b = &f->e->banks[i];

                if (!b->present)
                        continue;
                q.bank = b->bank;
                q.message = sv_buf_bytes(&b->message);
                q.signature = sv_buf_bytes(&b->signature);
                q.pcrs = b->pcrs;
                if (sv_tpm_quote_verify(&q, &f->quotes[i], err) < 0)
                        return sv_wrap(err, "%s quote", sv_digest_name(b->bank));
        }
        if (f->e->banks[1].present && (f->quotes[0].reset_count != f->quotes[1].reset_count ||
                                       f->quotes[0].restart_count != f->quotes[1].restart_count))
                return sv_fail(err, SV_PROOF, "vtpm.quote.boot",
                               "the two banks were quoted in different boots of the TPM");
        return 0;
}

/* Did the TPM of this EK certificate say that this AK is its own? */
static int check_activation(const struct sv_verify_in *in, const struct found *f,
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
        if (!f->e->activation.n || !in->report_data.n)
                return sv_fail(err, SV_PROOF, "vtpm.ak.origin",
                               "%s, so nothing says that the attestation key is in a TPM",
                               in->report_data.n
                                       ? "the evidence holds no \"activation\""
                                       : "no report data is given to check \"activation\"");
        if (sv_vtpm_activation_subject(&f->ak_name, f->e->ek, subject, err) < 0 ||
            sv_vtpm_activation_mac(sv_bytes(secret.p, SV_VTPM_SECRET_SIZE), in->report_data, mac,
                                   err) < 0)
                return -1;
        if (in->skip_signatures)
                return 0;
        if (!sv_bytes_eq(sv_bytes(subject, 32), sv_bytes(secret.p + SV_VTPM_SECRET_SIZE, 32)))
                return sv_fail(err, SV_PROOF, "vtpm.ak.other",
                               "the credential was made for another attestation key or endorsement "
                               "key than the evidence shows");
        if (!sv_bytes_eq(sv_bytes(mac, 32), sv_buf_bytes(&f->e->activation)))
                return sv_fail(err, SV_PROOF, "vtpm.ak.activation",
                               "the TPM did not open the credential: \"activation\" is not the "
                               "expected HMAC");
        return 0;
}

static int check_origin(const struct sv_verify_in *in, struct found *f, struct sv_err *err)
{
        if (!f->ak_name.n || !f->e->ek)
                return sv_fail(err, SV_PROOF, "vtpm.ak.origin",
                               "the evidence has no \"%s\", so nothing says that the attestation "
                               "key is in a TPM",
                               f->ak_name.n ? "ek_certs" : "ak_tpm2b");
        if (sv_vtpm_ek_verify(f->e->ek, &f->e->issuers, in, &f->ek, err) < 0)
                return -1;
        return check_activation(in, f, err);
}

/* An event log may also be given separately: it is replayed like the evidence's own. */
static int gather_logs(const struct sv_collateral *c, struct found *f, struct sv_err *err)
{
        struct sv_bytes log;

        for (size_t i = 0; i < f->e->n_logs; i++)
                f->logs[f->n_logs++] = sv_buf_bytes(&f->e->logs[i]);
        for (size_t i = 0; sv_collateral_get(c, "event-log", i, &log); i++) {
                if (f->n_logs == SV_VTPM_LOGS_MAX)
                        return sv_fail(err, SV_FORMAT, "vtpm.evidence.event-logs",
                                       "more than %d event logs", SV_VTPM_LOGS_MAX);
                f->logs[f->n_logs++] = log;
        }
        return 0;
}

/* What sv_vtpm_confirm_root begins with: who made the TPM is left open. */
static int add_ek_chain(struct sv_json *ek, const struct sv_vtpm_evidence *e, struct sv_err *err)
{
        struct sv_json *chain = sv_json_set(ek, "chain", sv_json_array());

        for (size_t i = 0; i <= e->issuers.n; i++) {
                SV_BUF pem = SV_BUF_NULL;

                if (sv_cert_pem(i ? e->issuers.list[i - 1] : e->ek, &pem, err) < 0)
                        return -1;
                sv_json_add(chain, sv_json_new_str(sv_buf_str(&pem)));
        }
        return 0;
}

static int add_key_claims(struct sv_json *claims, const struct sv_verify_in *in,
                          const struct found *f, struct sv_err *err)
{
        struct sv_json *ak = sv_json_set(claims, "ak", sv_json_object());
        struct sv_json *ek = sv_json_set(claims, "ek", sv_json_object());
        uint8_t spki[32];

        sv_json_set_hex(ak, "name", sv_tpm_name_bytes(&f->ak_name));
        sv_json_set_str(ak, "origin", "ek-activation");
        if (sv_digest(SV_SHA256, sv_buf_bytes(&f->e->ak_spki), spki, NULL) == 0)
                sv_json_set_hex(ak, "spki_sha256", sv_bytes(spki, 32));
        sv_json_set_str(ek, "subject_cn", f->ek.subject_cn);
        sv_json_set_str(ek, "manufacturer", f->ek.manufacturer);
        sv_json_set_str(ek, "model", f->ek.model);
        sv_json_set_str(ek, "version", f->ek.version);
        sv_json_set_hex(ek, "cert_sha256", sv_bytes(f->ek.cert_sha256, 32));
        if (in->any_root)
                return add_ek_chain(ek, f->e, err);
        sv_json_set_hex(ek, "root_sha256", sv_bytes(f->ek.root_sha256, 32));
        return 0;
}

static void add_pcr_claims(struct sv_json *claims, const struct found *f)
{
        struct sv_json *pcrs = sv_json_set(claims, "pcrs", sv_json_object());

        for (size_t i = 0; i < SV_VTPM_BANKS; i++) {
                const struct sv_vtpm_bank *b = &f->e->banks[i];
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

static void add_quote_claims(struct sv_json *claims, const struct sv_verify_in *in,
                             const struct found *f)
{
        const struct sv_tpm_quote *q = &f->quotes[0];
        struct sv_json *quote = sv_json_set(claims, "quote", sv_json_object());
        struct sv_json *log = sv_json_set(claims, "event_log", sv_json_object());
        struct sv_json *replayed;
        char version[17];

        sv_json_set_int(quote, "clock", (int64_t)(q->clock & INT64_MAX));
        sv_json_set_int(quote, "reset_count", q->reset_count);
        sv_json_set_int(quote, "restart_count", q->restart_count);
        sv_json_set_bool(quote, "safe", q->safe);
        snprintf(version, sizeof(version), "%016llx", (unsigned long long)q->firmware_version);
        sv_json_set_str(quote, "firmware_version", version);
        sv_json_set_int(log, "events", (int64_t)f->events);
        replayed = sv_json_set(log, "replayed", sv_json_array());
        for (unsigned pcr = 0; pcr < SV_TPM_PCRS; pcr++)
                if (f->replayed >> pcr & 1)
                        sv_json_add(replayed, sv_json_new_int(pcr));
        sv_json_set_hex(claims, "report_data", q->extra_data);
        sv_json_set_bool(claims, "report_data_checked", in->report_data.n > 0);
}

/* What no policy may read out of this proof, in the verdict's words (policy/evaluate.h). */
static void add_limits(struct sv_json *claims)
{
        static const char why[] =
                "the vTPM is run by the host: its quote proves nothing against the host";

        sv_claims_limit(claims, "instance-identity", why, NULL);
        sv_claims_limit(claims, "hardware", why, NULL);
}

static int verify_vtpm(const struct sv_verify_in *in, struct found *f, struct sv_json **claims,
                       struct sv_err *err)
{
        SV_JSON *made = NULL;

        if (check_ak(f, err) < 0 || check_quotes(in, f, err) < 0 || check_origin(in, f, err) < 0 ||
            gather_logs(&in->collateral, f, err) < 0 ||
            sv_vtpm_replay(f->e, f->logs, f->n_logs, &f->replayed, &f->events, err) < 0)
                return -1;
        made = sv_json_object();
        if (add_key_claims(made, in, f, err) < 0)
                return -1;
        *claims = sv_json_ref(made);
        add_pcr_claims(*claims, f);
        add_quote_claims(*claims, in, f);
        add_limits(*claims);
        return 0;
}

int sv_vtpm_verify(const struct sv_evidence *e, const struct sv_verify_in *in,
                   struct sv_json **claims, struct sv_err *err)
{
        struct found f = {.e = &((const struct opened *)e)->e};
        int r = verify_vtpm(in, &f, claims, err);

        sv_key_free(f.ak);
        return r;
}

int sv_vtpm_confirm_root(struct sv_json *claims, const struct sv_collateral *anchors, int64_t time,
                         struct sv_err *err)
{
        const struct sv_json *chain = sv_json_pointer(claims, "/ek/chain");
        SV_CERTS certs = {0}, issuers = {0};
        struct sv_vtpm_ek ek = {0};
        struct sv_cert *leaf;
        int r;

        for (size_t i = 0; i < sv_json_len(chain); i++) {
                const char *pem = sv_json_str(sv_json_at(chain, i));

                if (sv_certs_parse(sv_bytes_str(pem ? pem : ""), i ? &issuers : &certs,
                                   "vtpm.ek.chain", err) < 0)
                        return -1;
        }
        leaf = certs.n ? certs.list[0] : NULL;
        if (!leaf)
                return sv_fail(err, SV_PROOF, "vtpm.ek.chain",
                               "the claims say nothing of the endorsement key's certificate");
        r = sv_vtpm_ek_chain(leaf, &issuers, anchors, time, &ek, err);
        if (r == 0)
                sv_json_set_hex(sv_json_get(claims, "ek"), "root_sha256",
                                sv_bytes(ek.root_sha256, 32));
        return r;
}

int sv_vtpm_check_anchor(const char *kind, struct sv_bytes data, struct sv_err *err)
{
        return sv_anchor_check(data, "vtpm.ek.collateral", err);
}

void sv_vtpm_close(struct sv_evidence *e)
{
        struct opened *o = (struct opened *)e;

        sv_vtpm_evidence_free(&o->e);
        free(o);
}

int sv_vtpm_open(const struct sv_json *evidence, struct sv_evidence **out, struct sv_err *err)
{
        struct opened *o = calloc(1, sizeof(*o));

        if (!o)
                return sv_fail_errno(err, "base.memory", "no memory for evidence");
        if (sv_vtpm_evidence_read(evidence, &o->e, err) < 0) {
                free(o);
                return -1;
        }
        *out = &o->head;
        return 0;
}
