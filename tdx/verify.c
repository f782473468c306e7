#include "tdx/verify.h"

#include "tdx/chain.h"

void sv_tdx_out_free(struct sv_tdx_out *out)
{
        sv_json_free(out->advisories);
        *out = (struct sv_tdx_out){0};
}

struct work {
        const struct sv_tdx_in *in;
        struct sv_tdx_out *out;
        struct sv_tdx_chain pck, signer[2];
        struct sv_tcb_doc info, identity;
};

static void first(int64_t *t, int64_t other)
{
        if (other < *t)
                *t = other;
}

/* --- 1, 2: the PCK chain and its lists --- */

static int pck_chain(struct work *w, struct sv_err *err)
{
        const struct sv_bytes crls[2] = {w->in->pck_crl, w->in->root_ca_crl};

        if (sv_tdx_chain_parse(w->out->quote.pck_chain, w->in->test_roots, "tdx.pck", &w->pck, err) < 0)
                return -1;
        w->out->test_root = w->pck.test_root;
        sv_cert_fingerprint(w->pck.root, w->out->root);
        w->out->expires = w->pck.expires;
        for (int i = 0; i < 2; i++)
                if (!crls[i].n)
                        return sv_fail(err, SV_PROOF, "tdx.pck.crl", "the %s is missing: whether the platform is revoked cannot be known",
                                       i ? "root CA's revocation list" : "PCK revocation list");
        if (!w->in->skip_signatures && sv_tdx_chain_verify(&w->pck, crls, 2, w->in->time, "tdx.pck", err) < 0)
                return -1;
        return sv_pck_parse(w->pck.leaf, &w->out->pck, err);
}

/* --- 3: signed documents --- */

static int document(struct work *w, struct sv_bytes text, struct sv_bytes chain, const char *body, const char *check, struct sv_tdx_chain *signer,
                    struct sv_tcb_doc *doc, struct sv_err *err)
{
        char cn[256];

        if (sv_tcb_doc_parse(text, body, check, doc, err) < 0 ||
            sv_tdx_chain_parse(chain, w->in->test_roots, "tdx.tcb_signing", signer, err) < 0)
                return -1;
        sv_cert_subject_cn(signer->leaf, cn);
        if (strcmp(cn, "Intel SGX TCB Signing"))
                return sv_fail(err, SV_PROOF, "tdx.tcb_signing.name", "\"Intel SGX TCB Signing\" was expected to sign, this is \"%s\"", cn);
        w->out->test_root |= signer->test_root;
        first(&w->out->expires, signer->expires);
        first(&w->out->expires, doc->next_update);
        w->out->evaluation[doc == &w->identity] = sv_json_int(sv_json_get(doc->body, "tcbEvaluationDataNumber"), -1);
        if (w->in->skip_signatures)
                return 0;
        if (sv_tdx_chain_verify(signer, &w->in->root_ca_crl, 1, w->in->time, "tdx.tcb_signing", err) < 0 ||
            sv_tcb_doc_verify(doc, signer->leaf, check, err) < 0)
                return -1;
        return sv_tcb_doc_current(doc, w->in->time, check, err);
}

/* --- 5, 6: the quoting enclave and the quote --- */

static int signed_by(const struct sv_key *key, struct sv_bytes msg, struct sv_bytes sig, const char *check, struct sv_err *err)
{
        if (sv_key_type(key) != SV_KEY_P256)
                return sv_fail(err, SV_PROOF, check, "a key on P-256 was expected");
        return sv_verify_sig(key, SV_ECDSA_SHA256, msg, sig, check, err);
}

/* The enclave's report names the attestation key: SHA-256(key || authentication data), the rest zero. */
static int key_bound(const struct sv_quote *q, struct sv_err *err)
{
        uint8_t want[64] = {0};
        SV_BUF both = SV_BUF_NULL;

        sv_buf_put(&both, q->att_key);
        sv_buf_put(&both, q->qe_auth);
        if (sv_buf_ok(&both, "the attestation key", err) < 0 || sv_digest(SV_SHA256, sv_buf_bytes(&both), want, err) < 0)
                return -1;
        if (sv_bytes_eq(sv_bytes(want, 64), sv_bytes(q->qe.reportdata, 64)))
                return 0;
        return sv_fail(err, SV_PROOF, "tdx.qe.report_data", "the quoting enclave's report does not name this attestation key");
}

static int signatures(struct work *w, struct sv_err *err)
{
        const struct sv_quote *q = &w->out->quote;
        SV_KEY *pck = sv_cert_key(w->pck.leaf, err);
        SV_KEY *att = NULL;

        if (!pck || signed_by(pck, q->qe_report, q->qe_signature, "tdx.qe.signature", err) < 0 || key_bound(q, err) < 0)
                return -1;
        att = sv_key_from_ec(SV_KEY_P256, sv_bytes(q->att_key.p, 32), sv_bytes(q->att_key.p + 32, 32), err);
        return att ? signed_by(att, q->signed_part, q->signature, "tdx.signature", err) : -1;
}

/* --- 4, 7 to 10: how current the platform is --- */

static void add_advisories(struct sv_json *to, const struct sv_json *from)
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
static int evaluate(struct work *w, const uint8_t svn[16], const struct sv_tcb_found *qe, enum sv_tcb_status *status, bool note,
                    struct sv_err *err)
{
        struct sv_tcb_found platform, module = {0};
        bool has_module;

        if (sv_tcb_module(&w->info, &w->out->quote.td, svn, &has_module, &module, err) < 0 ||
            sv_tcb_platform(&w->info, &w->out->pck, svn, &platform, err) < 0)
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
        first(&w->out->tcb_date, qe->date);
        if (has_module)
                first(&w->out->tcb_date, module.date);
        add_advisories(w->out->advisories, platform.advisories);
        add_advisories(w->out->advisories, qe->advisories);
        add_advisories(w->out->advisories, has_module ? module.advisories : NULL);
        return 0;
}

static int tcb(struct work *w, struct sv_err *err)
{
        const struct sv_td_report *td = &w->out->quote.td;
        enum sv_tcb_status now;
        struct sv_tcb_found qe;

        if (sv_tcb_info_matches(&w->info, &w->out->pck, err) < 0 || sv_tcb_qe(&w->identity, &w->out->quote.qe, &qe, err) < 0 ||
            evaluate(w, td->tee_tcb_svn, &qe, &w->out->status, true, err) < 0)
                return -1;
        if (td->type != SV_TD_10) {
                if (evaluate(w, td->tee_tcb_svn2, &qe, &now, false, err) < 0)
                        return -1;
                w->out->status = now == SV_TCB_REVOKED ? now : sv_tcb_relaunch(w->out->status, now);
        }
        if (w->out->status == SV_TCB_REVOKED)
                return sv_fail(err, SV_PROOF, "tdx.tcb.revoked", "Intel has revoked this platform's TCB (platform %s, quoting enclave %s%s%s)",
                               sv_tcb_status_name(w->out->platform.status), sv_tcb_status_name(w->out->qe.status), w->out->has_module ? ", module " : "",
                               w->out->has_module ? sv_tcb_status_name(w->out->module.status) : "");
        return 0;
}

static int bound(const struct sv_td_report *td, struct sv_bytes want, struct sv_err *err)
{
        uint8_t all[64] = {0};

        if (!want.n)
                return 0;
        if (want.n > sizeof(all))
                return sv_fail(err, SV_USAGE, "tdx.report_data", "report data has at most 64 bytes, %zu are given", want.n);
        memcpy(all, want.p, want.n);
        if (!sv_bytes_eq(sv_bytes(all, sizeof(all)), sv_bytes(td->reportdata, sizeof(td->reportdata))))
                return sv_fail(err, SV_PROOF, "tdx.report_data", "REPORTDATA is not what was asked for: the quote is of another exchange");
        return 0;
}

static int run(struct work *w, struct sv_err *err)
{
        const struct sv_tdx_in *in = w->in;

        if (sv_quote_parse(in->quote, &w->out->quote, err) < 0 || pck_chain(w, err) < 0)
                return -1;
        if (document(w, in->tcb_info, in->tcb_info_chain, "tcbInfo", "tdx.tcb_info", &w->signer[0], &w->info, err) < 0 ||
            document(w, in->qe_identity, in->qe_identity_chain, "enclaveIdentity", "tdx.qe_identity", &w->signer[1], &w->identity, err) < 0)
                return -1;
        if (!in->skip_signatures && signatures(w, err) < 0)
                return -1;
        return tcb(w, err) < 0 ? -1 : bound(&w->out->quote.td, in->report_data, err);
}

int sv_tdx_verify(const struct sv_tdx_in *in, struct sv_tdx_out *out, struct sv_err *err)
{
        struct sv_tdx_out o = {.advisories = sv_json_array()};
        struct work w = {.in = in, .out = &o};
        int r = run(&w, err);

        sv_tdx_chain_free(&w.pck);
        sv_tdx_chain_free(&w.signer[0]);
        sv_tdx_chain_free(&w.signer[1]);
        sv_tcb_doc_free(&w.info);
        sv_tcb_doc_free(&w.identity);
        if (r < 0) {
                sv_tdx_out_free(&o);
                return -1;
        }
        *out = o;
        return 0;
}
