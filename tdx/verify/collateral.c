/* SPDX-License-Identifier: Apache-2.0 */
#include "tdx/verify/collateral.h"

static void free_trust(struct sv_tdx_trust *t)
{
        sv_tdx_chain_free(&t->chain);
        *t = (struct sv_tdx_trust){.from = 0};
}

static void free_doc(struct sv_tdx_doc *d)
{
        sv_tcb_doc_free(&d->doc);
        free_trust(&d->signer);
        *d = (struct sv_tdx_doc){.read = false};
}

static void free_platform(struct sv_tdx_collateral *c)
{
        free_trust(&c->pck);
        c->platform_read = false;
        sv_key_freep(&c->att_key);
        sv_buf_clear(&c->pck_pem);
        sv_buf_clear(&c->qe);
}

void sv_tdx_collateral_free(struct sv_tdx_collateral *c)
{
        free_doc(&c->info);
        free_doc(&c->identity);
        free_platform(c);
        sv_buf_free(&c->pck_pem);
        sv_buf_free(&c->qe);
}

/* For how long what was found at `time` stays so: all certificates and lists are valid. A list's
 * beginning is not asked for: from `time` on. */
static int set_span(struct sv_tdx_collateral *c, struct sv_tdx_trust *t, int first_crl,
                    int64_t time, struct sv_err *err)
{
        const struct sv_bytes crls[2] = {c->pck_crl, c->root_ca_crl};
        int64_t until = t->chain.expires;

        for (int i = first_crl; i < 2; i++) {
                /* A list that names no end would hold for ever. */
                if (!c->crl_until[i] &&
                    sv_crl_next_update(crls[i], &c->crl_until[i], "tdx.crl.end", err) < 0)
                        return -1;
                until = c->crl_until[i] < until ? c->crl_until[i] : until;
        }
        t->from = time;
        t->until = until;
        return 0;
}

/* A list that does not hold is old or another's: in either case a new one is what helps. */
static int advise_new_crl(struct sv_err *err)
{
        const char *last = err ? strrchr(err->check, '.') : NULL;
        struct sv_err why;

        if (!last || strcmp(last, ".crl"))
                return -1;
        why = *err;
        return sv_fail(err, why.class, why.check,
                       "%.900s; fetch the lists anew (secure-vm collateral fetch)", why.msg);
}

/* Lists from the first_crl-th on: those of the PCK's issuer and of the root, or of the root only.
 */
static int check_chain_holds(struct sv_tdx_collateral *c, struct sv_tdx_trust *t, int first_crl,
                             int64_t time, const char *check, struct sv_err *err)
{
        const struct sv_bytes crls[2] = {c->pck_crl, c->root_ca_crl};

        if (c->skip_signatures || (time >= t->from && time < t->until))
                return 0;
        if (sv_tdx_chain_verify(&t->chain, crls + first_crl, 2 - (size_t)first_crl, time, check,
                                err) < 0)
                return advise_new_crl(err);
        return set_span(c, t, first_crl, time, err);
}

/* Where the second certificate begins: right behind the first one's last line, so that what is read
 * from there on does not depend on what comes before. 0: there is no second one, or other text
 * stands between the two. */
static size_t find_second_block(struct sv_bytes pem)
{
        static const char begin[] = "-----BEGIN CERTIFICATE-----",
                          end[] = "-----END CERTIFICATE-----\n";
        const size_t n = sizeof(begin) - 1, tail = sizeof(end) - 1;
        const uint8_t *at;

        if (pem.n < n || !sv_bytes_eq(sv_bytes(pem.p, n), sv_bytes(begin, n)))
                return 0;
        at = memmem(pem.p + n, pem.n - n, begin, n);
        if (!at || (size_t)(at - pem.p) < n + tail ||
            !sv_bytes_eq(sv_bytes(at - tail, tail), sv_bytes(end, tail)))
                return 0;
        return (size_t)(at - pem.p);
}

/* Another platform of the same issuers: its own certificate is new, those above it are read
 * already. */
static int exchange_leaf(struct sv_tdx_collateral *c, struct sv_bytes pem, struct sv_certs *out,
                         struct sv_err *err)
{
        size_t old = find_second_block(sv_buf_bytes(&c->pck_pem)), now = find_second_block(pem);
        struct sv_certs *have = &c->pck.chain.certs;
        struct sv_cert *leaf;

        if (!old || !now || !have->n || c->pck.chain.leaf != have->list[0] ||
            !sv_bytes_eq(sv_bytes(c->pck_pem.p + old, c->pck_pem.n - old),
                         sv_bytes(pem.p + now, pem.n - now)))
                return sv_certs_parse(pem, out, "tdx.pck.chain", err);
        if (sv_certs_parse(sv_bytes(pem.p, now), out, "tdx.pck.chain", err) < 0)
                return -1;
        leaf = out->list[0];
        out->list[0] = have->list[0];
        have->list[0] = leaf;
        sv_certs_free(out); /* the old leaf */
        *out = *have;
        *have = (struct sv_certs){NULL, 0};
        return 0;
}

static int read_other_platform(struct sv_tdx_collateral *c, struct sv_bytes pem, struct sv_err *err)
{
        SV_CERTS certs = {0};

        if (exchange_leaf(c, pem, &certs, err) < 0)
                return -1;
        free_platform(c);
        sv_buf_put(&c->pck_pem, pem);
        if (sv_buf_ok(&c->pck_pem, "the PCK chain", err) < 0 ||
            sv_tdx_chain_take(&certs, c->roots, "tdx.pck", &c->pck.chain, err) < 0)
                return -1;
        sv_cert_fingerprint(c->pck.chain.root, c->root);
        return 0;
}

int sv_tdx_collateral_pck(struct sv_tdx_collateral *c, struct sv_bytes pem, int64_t time,
                          struct sv_err *err)
{
        if ((!c->pck.chain.leaf || !sv_bytes_eq(sv_buf_bytes(&c->pck_pem), pem)) &&
            read_other_platform(c, pem, err) < 0)
                return -1;
        if (!c->pck_crl.n || !c->root_ca_crl.n)
                return sv_fail(err, SV_PROOF, "tdx.pck.crl",
                               "the %s is missing: whether the platform is revoked cannot be known",
                               c->pck_crl.n ? "root CA's revocation list" : "PCK revocation list");
        if (check_chain_holds(c, &c->pck, 0, time, "tdx.pck", err) < 0 ||
            (!c->platform_read && sv_pck_parse(c->pck.chain.leaf, &c->platform, err) < 0))
                return -1;
        c->platform_read = true;
        return 0;
}

static int read_doc(struct sv_tdx_collateral *c, struct sv_tdx_doc *d, struct sv_bytes text,
                    struct sv_bytes chain, const char *body, const char *check, struct sv_err *err)
{
        char cn[256];

        if (sv_tcb_doc_parse(text, body, check, &d->doc, err) < 0 ||
            sv_tdx_chain_parse(chain, c->roots, "tdx.tcb_signing", &d->signer.chain, err) < 0)
                return -1;
        sv_cert_subject_cn(d->signer.chain.leaf, cn);
        if (strcmp(cn, "Intel SGX TCB Signing"))
                return sv_fail(err, SV_PROOF, "tdx.tcb_signing.name",
                               "\"Intel SGX TCB Signing\" was expected to sign, this is \"%s\"",
                               cn);
        return 0;
}

static int verify_document(struct sv_tdx_collateral *c, struct sv_tdx_doc *d, struct sv_bytes text,
                           struct sv_bytes chain, const char *body, const char *check, int64_t time,
                           struct sv_err *err)
{
        if (!d->read && read_doc(c, d, text, chain, body, check, err) < 0) {
                free_doc(d);
                return -1;
        }
        d->read = true;
        if (c->skip_signatures)
                return 0;
        if (check_chain_holds(c, &d->signer, 1, time, "tdx.tcb_signing", err) < 0)
                return -1;
        if (!d->proven && sv_tcb_doc_verify(&d->doc, d->signer.chain.leaf, check, err) < 0)
                return -1;
        d->proven = true;
        return sv_tcb_doc_current(&d->doc, time, check, err);
}

int sv_tdx_collateral_docs(struct sv_tdx_collateral *c, int64_t time, struct sv_err *err)
{
        if (verify_document(c, &c->info, c->tcb_info, c->tcb_info_chain, "tcbInfo", "tdx.tcb_info",
                            time, err) < 0)
                return -1;
        return verify_document(c, &c->identity, c->qe_identity, c->qe_identity_chain,
                               "enclaveIdentity", "tdx.qe_identity", time, err);
}
