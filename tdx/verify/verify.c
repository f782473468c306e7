/* SPDX-License-Identifier: Apache-2.0 */
#include "tdx/verify/verify.h"
#include "tee/report-data.h"

void sv_tdx_out_free(struct sv_tdx_out *out)
{
        sv_json_free(out->advisories);
        sv_json_free(out->shortfall);
        *out = (struct sv_tdx_out){0};
}

struct work {
        struct sv_tdx_collateral *c;
        struct sv_tdx_out *out;
};

static void take_earlier(int64_t *t, int64_t other)
{
        if (other < *t)
                *t = other;
}

/* --- 1 to 3: the PCK chain and its lists, Intel's signed documents --- */

static void note_doc(struct sv_tdx_out *out, const struct sv_tdx_doc *d, int64_t *evaluation)
{
        out->test_root |= d->signer.chain.test_root;
        take_earlier(&out->expires, d->signer.chain.expires);
        take_earlier(&out->expires, d->doc.next_update);
        *evaluation = sv_json_int(sv_json_get(d->doc.body, "tcbEvaluationDataNumber"), -1);
}

static int verify_td_collateral(struct work *w, int64_t time, struct sv_err *err)
{
        struct sv_tdx_collateral *c = w->c;
        struct sv_tdx_out *out = w->out;

        if (sv_tdx_collateral_pck(c, out->quote.pck_chain, time, err) < 0 ||
            sv_tdx_collateral_docs(c, time, err) < 0)
                return -1;
        out->pck = c->platform;
        out->test_root = c->pck.chain.test_root;
        memcpy(out->root, c->root, sizeof(out->root));
        out->expires = c->pck.chain.expires;
        for (int i = 0; i < 2; i++)
                if (c->crl_until[i]) /* 0: signatures and lists are not looked at */
                        take_earlier(&out->expires, c->crl_until[i]);
        note_doc(out, &c->info, &out->evaluation[0]);
        note_doc(out, &c->identity, &out->evaluation[1]);
        return 0;
}

/* --- 5, 6: the quoting enclave and the quote --- */

static int check_p256_signature(const struct sv_key *key, struct sv_bytes msg, struct sv_bytes sig,
                                const char *what, const char *check, struct sv_err *err)
{
        if (sv_key_type(key) != SV_KEY_P256)
                return sv_fail(err, SV_PROOF, check, "a key on P-256 was expected");
        return sv_verify_sig(key, SV_ECDSA_SHA256, msg, sig, check, err) < 0
                       ? sv_wrap(err, "%s", what)
                       : 0;
}

/* The enclave's report names the attestation key: SHA-256(key || authentication data), the rest
 * zero. */
static int check_key_bound(const struct sv_quote *q, struct sv_err *err)
{
        uint8_t want[64] = {0};
        SV_BUF both = SV_BUF_NULL;

        sv_buf_put(&both, q->att_key);
        sv_buf_put(&both, q->qe_auth);
        if (sv_buf_ok(&both, "the attestation key", err) < 0 ||
            sv_digest(SV_SHA256, sv_buf_bytes(&both), want, err) < 0)
                return -1;
        if (sv_bytes_eq(sv_bytes(want, 64), sv_bytes(q->qe.reportdata, 64)))
                return 0;
        return sv_fail(err, SV_PROOF, "tdx.qe.report_data",
                       "the quoting enclave's report does not name this attestation key");
}

int sv_tdx_check_qe(const struct sv_key *pck, const struct sv_quote *q, struct sv_err *err)
{
        if (check_p256_signature(pck, q->qe_report, q->qe_signature, "the quoting enclave's report",
                                 "tdx.qe.signature", err) < 0)
                return -1;
        return check_key_bound(q, err);
}

int sv_tdx_check_quote(const struct sv_key *att_key, const struct sv_quote *q, struct sv_err *err)
{
        return check_p256_signature(att_key, q->signed_part, q->signature, "the quote",
                                    "tdx.signature", err);
}

struct sv_key *sv_tdx_attestation_key(const struct sv_quote *q, struct sv_err *err)
{
        return sv_key_from_ec(SV_KEY_P256, sv_bytes(q->att_key.p, 32),
                              sv_bytes(q->att_key.p + 32, 32), err);
}

/* From the platform's key to the attestation key: the same in every quote that one quoting enclave
 * signs. */
static int read_attestation_key(struct sv_tdx_collateral *c, const struct sv_quote *q,
                                struct sv_err *err)
{
        const struct sv_bytes parts[] = {q->qe_report, q->qe_signature, q->att_key, q->qe_auth};
        SV_KEY *pck = NULL;
        SV_BUF all = SV_BUF_NULL;

        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
                sv_put_part(&all, parts[i]);
        if (sv_buf_ok(&all, "the quoting enclave's report", err) < 0)
                return -1;
        if (c->att_key && sv_bytes_eq(sv_buf_bytes(&all), sv_buf_bytes(&c->qe)))
                return 0;
        sv_key_freep(&c->att_key);
        pck = sv_cert_key(c->pck.chain.leaf, err);
        if (!pck || sv_tdx_check_qe(pck, q, err) < 0)
                return -1;
        sv_buf_clear(&c->qe);
        sv_buf_put(&c->qe, sv_buf_bytes(&all));
        if (sv_buf_ok(&c->qe, "the quoting enclave's report", err) < 0)
                return -1;
        c->att_key = sv_tdx_attestation_key(q, err);
        return c->att_key ? 0 : -1;
}

static int check_quote_signatures(struct work *w, struct sv_err *err)
{
        const struct sv_quote *q = &w->out->quote;

        if (read_attestation_key(w->c, q, err) < 0)
                return -1;
        return sv_tdx_check_quote(w->c->att_key, q, err);
}

/* --- 4, 7 to 10: how current the platform is --- */

static void merge_advisories(struct sv_json *to, const struct sv_json *from)
{
        for (size_t i = 0; i < sv_json_len(from); i++) {
                const char *id = sv_json_str(sv_json_at(from, i));
                bool have = !id;

                for (size_t k = 0; k < sv_json_len(to) && !have; k++)
                        have = !strcmp(sv_json_str(sv_json_at(to, k)), id);
                if (!have)
                        sv_json_add(to, sv_json_new_str(id));
        }
}

/* The three levels for one SVN of the module. */
static int evaluate_levels(struct work *w, const uint8_t svn[16], const struct sv_tcb_found *qe,
                           enum sv_tcb_status *status, bool note, struct sv_err *err)
{
        struct sv_tcb_found platform, module = {0};
        bool has_module;

        if (sv_tcb_module(&w->c->info.doc, &w->out->quote.td, svn, &has_module, &module, err) < 0 ||
            sv_tcb_platform(&w->c->info.doc, &w->out->pck, svn, &platform, err) < 0)
                return -1;
        *status = sv_tcb_converge(platform.status, qe->status, has_module ? &module.status : NULL);
        if (!note)
                return 0;
        w->out->platform = platform;
        w->out->module = module;
        w->out->has_module = has_module;
        w->out->qe = *qe;
        /* They lie in documents that will be gone. */
        w->out->platform.advisories = w->out->module.advisories = w->out->qe.advisories = NULL;
        w->out->tcb_date = platform.date;
        take_earlier(&w->out->tcb_date, qe->date);
        if (has_module)
                take_earlier(&w->out->tcb_date, module.date);
        merge_advisories(w->out->advisories, platform.advisories);
        merge_advisories(w->out->advisories, qe->advisories);
        merge_advisories(w->out->advisories, has_module ? module.advisories : NULL);
        sv_tcb_shortfall(&w->c->info.doc, &w->c->identity.doc, &w->out->pck, &w->out->quote,
                         w->out->shortfall);
        return 0;
}

static int evaluate_td_tcb(struct work *w, struct sv_err *err)
{
        const struct sv_td_report *td = &w->out->quote.td;
        enum sv_tcb_status now;
        struct sv_tcb_found qe;

        if (sv_tcb_info_matches(&w->c->info.doc, &w->out->pck, err) < 0 ||
            sv_tcb_qe(&w->c->identity.doc, &w->out->quote.qe, &qe, err) < 0 ||
            evaluate_levels(w, td->tee_tcb_svn, &qe, &w->out->status, true, err) < 0)
                return -1;
        if (td->type != SV_TD_10) {
                if (evaluate_levels(w, td->tee_tcb_svn2, &qe, &now, false, err) < 0)
                        return -1;
                w->out->status = now == SV_TCB_REVOKED ? now : sv_tcb_relaunch(w->out->status, now);
        }
        if (w->out->status == SV_TCB_REVOKED)
                return sv_fail(err, SV_PROOF, "tdx.tcb.revoked",
                               "Intel has revoked this platform's TCB (platform %s, quoting "
                               "enclave %s%s%s)",
                               sv_tcb_status_name(w->out->platform.status),
                               sv_tcb_status_name(w->out->qe.status),
                               w->out->has_module ? ", module " : "",
                               w->out->has_module ? sv_tcb_status_name(w->out->module.status) : "");
        return 0;
}

static int verify_quote(struct work *w, struct sv_bytes report_data, int64_t time,
                        struct sv_err *err)
{
        if (verify_td_collateral(w, time, err) < 0)
                return -1;
        if (!w->c->skip_signatures && check_quote_signatures(w, err) < 0)
                return -1;
        if (evaluate_td_tcb(w, err) < 0)
                return -1;
        return sv_report_data_check(w->out->quote.td.reportdata, report_data, "tdx.report_data",
                                    "REPORTDATA", "quote", err);
}

int sv_tdx_verify_with(struct sv_tdx_collateral *c, const struct sv_quote *quote,
                       struct sv_bytes report_data, int64_t time, struct sv_tdx_out *out,
                       struct sv_err *err)
{
        struct sv_tdx_out o = {
                .quote = *quote, .advisories = sv_json_array(), .shortfall = sv_json_array()};
        struct work w = {.c = c, .out = &o};

        if (verify_quote(&w, report_data, time, err) < 0) {
                sv_tdx_out_free(&o);
                return -1;
        }
        *out = o;
        return 0;
}

int sv_tdx_verify(const struct sv_tdx_in *in, struct sv_tdx_out *out, struct sv_err *err)
{
        SV_TDX_COLLATERAL c = {
                .tcb_info = in->tcb_info,
                .tcb_info_chain = in->tcb_info_chain,
                .qe_identity = in->qe_identity,
                .qe_identity_chain = in->qe_identity_chain,
                .pck_crl = in->pck_crl,
                .root_ca_crl = in->root_ca_crl,
                .roots = {in->test_roots, false},
                .skip_signatures = in->skip_signatures,
        };

        struct sv_quote quote;

        if (sv_quote_parse(in->quote, &quote, err) < 0)
                return -1;
        return sv_tdx_verify_with(&c, &quote, in->report_data, in->time, out, err);
}
