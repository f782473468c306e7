/* SPDX-License-Identifier: Apache-2.0 */
/* The order of the checks: the key's public area, the quotes, where the key comes from, the event
 * log. Each failure has its own name. */
#include "vtpm/verify/verify.h"

#include <stdlib.h>

#include "vtpm/verify/ek.h"
#include "vtpm/verify/evidence.h"
#include "vtpm/verify/replay.h"
#include "vtpm/verify/shown.h"
#include "tee/confirm.h"
#include "tee/root.h"

struct opened { /* evidence, read once */
        struct sv_evidence head;
        struct sv_vtpm_evidence e;
};

/* What the verification finds out, on its way into the claims. */
struct found {
        const struct sv_vtpm_evidence *e;
        struct sv_key *ak, *ek_key;
        struct sv_tpm_public ak_public; /* points into e->ak_tpm2b */
        struct sv_vtpm_shown s;
        struct sv_vtpm_ek ek;
        struct sv_bytes logs[SV_VTPM_LOGS_MAX];
        size_t n_logs;
        uint32_t replayed;
        size_t events;
};

static int check_ak(struct found *f, struct sv_err *err)
{
        SV_KEY *inner = NULL;
        SV_BUF a = SV_BUF_NULL, b = SV_BUF_NULL;

        f->ak = sv_key_from_spki(sv_buf_bytes(&f->e->ak_spki), err);
        if (!f->ak)
                return sv_wrap(err, "\"ak_public\"");
        f->s.ak = f->ak;
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
        if (sv_vtpm_check_ak(&f->ak_public, err) < 0)
                return -1;
        f->s.ak_public = &f->ak_public;
        return sv_tpm_name(sv_buf_bytes(&f->e->ak_tpm2b), &f->s.ak_name, err);
}

static int check_quotes(const struct sv_verify_in *in, struct found *f, struct sv_err *err)
{
        f->s.banks = f->e->banks;
        f->s.activation = sv_buf_bytes(&f->e->activation);
        if (f->e->ek && f->s.ak_name.n) {
                sv_cert_fingerprint(f->e->ek, f->s.ek_sha256);
                f->s.ek = f->ek_key = sv_cert_key(f->e->ek, err);
                if (!f->ek_key)
                        return -1;
        }
        return sv_vtpm_check_quotes(&f->s, in, err);
}

static int check_origin(const struct sv_verify_in *in, struct found *f, struct sv_err *err)
{
        if (!f->s.ak_name.n || !f->e->ek)
                return sv_fail(err, SV_PROOF, "vtpm.ak.origin",
                               "the evidence has no \"%s\", so nothing says that the attestation "
                               "key is in a TPM",
                               f->s.ak_name.n ? "ek_certs" : "ak_tpm2b");
        if (sv_vtpm_ek_verify(f->e->ek, &f->e->issuers, in, &f->ek, err) < 0)
                return -1;
        return sv_vtpm_check_activation(&f->s, in, err);
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

static void add_ek_names(struct sv_json *ek, const struct sv_vtpm_ek *names)
{
        sv_json_set_str(ek, "subject_cn", names->subject_cn);
        sv_json_set_str(ek, "manufacturer", names->manufacturer);
        sv_json_set_str(ek, "model", names->model);
        sv_json_set_str(ek, "version", names->version);
        sv_json_set_hex(ek, "cert_sha256", sv_bytes(names->cert_sha256, 32));
}

static int add_ek_claims(struct sv_json *claims, const struct sv_verify_in *in,
                         const struct found *f, struct sv_err *err)
{
        struct sv_json *ek = sv_json_set(claims, "ek", sv_json_object());

        add_ek_names(ek, &f->ek);
        if (in->any_root)
                return add_ek_chain(ek, f->e, err);
        sv_json_set_hex(ek, "root_sha256", sv_bytes(f->ek.root_sha256, 32));
        return 0;
}

static void add_log_claims(struct sv_json *claims, const struct found *f)
{
        struct sv_json *log = sv_json_set(claims, "event_log", sv_json_object()), *replayed;

        sv_json_set_int(log, "events", (int64_t)f->events);
        replayed = sv_json_set(log, "replayed", sv_json_array());
        for (unsigned pcr = 0; pcr < SV_TPM_PCRS; pcr++)
                if (f->replayed >> pcr & 1)
                        sv_json_add(replayed, sv_json_new_int(pcr));
}

/* In the order in which `confirm` reads them. */
static int put_vtpm_proof(const struct sv_vtpm_evidence *e, struct sv_buf *out, struct sv_err *err)
{
        SV_BUF der = SV_BUF_NULL;

        if (sv_cert_der(e->ek, &der, err) < 0)
                return -1;
        sv_put_part(out, sv_buf_bytes(&e->ak_tpm2b));
        sv_put_part(out, sv_buf_bytes(&der));
        sv_put_part(out, sv_buf_bytes(&e->activation));
        for (size_t i = 0; i < SV_VTPM_BANKS; i++) {
                const struct sv_vtpm_bank *b = &e->banks[i];

                sv_buf_u8(out, b->present);
                sv_put_part(out, sv_buf_bytes(&b->message));
                sv_put_part(out, sv_buf_bytes(&b->signature));
                sv_buf_put(out, sv_bytes(b->pcrs[0], sizeof(b->pcrs)));
        }
        return sv_buf_ok(out, "the proof", err);
}

static int verify_vtpm(const struct sv_verify_in *in, struct found *f, struct sv_json **claims,
                       struct sv_err *err)
{
        SV_JSON *made = NULL;

        if (check_ak(f, err) < 0 || check_quotes(in, f, err) < 0 || check_origin(in, f, err) < 0 ||
            gather_logs(&in->collateral, f, err) < 0 ||
            sv_vtpm_replay(f->e, f->logs, f->n_logs, &f->replayed, &f->events, err) < 0)
                return -1;
        made = sv_vtpm_claims(&f->s, in->report_data.n > 0);
        if (add_ek_claims(made, in, f, err) < 0)
                return -1;
        add_log_claims(made, f);
        if (in->proof && put_vtpm_proof(f->e, in->proof, err) < 0)
                return -1;
        *claims = sv_json_ref(made);
        return 0;
}

int sv_vtpm_verify(const struct sv_evidence *e, const struct sv_verify_in *in,
                   struct sv_json **claims, struct sv_err *err)
{
        struct found f = {.e = &((const struct opened *)e)->e};
        int r = verify_vtpm(in, &f, claims, err);

        sv_key_free(f.ak);
        sv_key_free(f.ek_key);
        return r;
}

/* The certificate that the chain was verified for is the one whose names the claims say. */
static int check_ek_claims(const struct sv_json *said, const struct sv_cert *leaf,
                           struct sv_vtpm_ek *ek, struct sv_err *err)
{
        static const char *const others[] = {"chain", "root_sha256", NULL};
        SV_JSON *own = sv_json_object();

        if (sv_vtpm_ek_read(leaf, ek, err) < 0)
                return -1;
        add_ek_names(own, ek);
        return sv_claims_confirm(own, others, said, err);
}

int sv_vtpm_confirm_root(struct sv_json *claims, const struct sv_collateral *anchors, int64_t time,
                         struct sv_err *err)
{
        struct sv_json *said = sv_json_get(claims, "ek");
        const struct sv_json *chain = sv_json_get(said, "chain");
        SV_CERTS certs = {0}, issuers = {0};
        struct sv_vtpm_ek ek = {0};
        struct sv_cert *leaf;

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
        if (sv_vtpm_ek_chain(leaf, &issuers, anchors, time, &ek, err) < 0 ||
            check_ek_claims(said, leaf, &ek, err) < 0)
                return -1;
        sv_json_set_hex(said, "root_sha256", sv_bytes(ek.root_sha256, 32));
        return 0;
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
