/* SPDX-License-Identifier: Apache-2.0 */
/* From evidence and collateral to claims. */
#include "tdx/verify/bundle.h"
#include "tdx/verify/ccel.h"
#include "tdx/verify/opened.h"
#include "tdx/verify/cached.h"
#include "tdx/verify/tee.h"
#include "tee/root.h"

struct found {
        const struct sv_tdx_opened *o;
        struct sv_tdx_bundle bundle;
        struct sv_blobs what;    /* of what the verifier may know something */
        struct sv_cached *known; /* the memory's, or made for this evidence: */
        bool fresh;
        struct sv_tdx_out out;
        struct sv_bytes log;
        bool rtmr3_logged; /* the log leads to RTMR3 as well */
};

static void free_td_found(struct found *f)
{
        if (f->fresh)
                sv_cached_free(f->known);
        sv_blobs_free(&f->what);
        sv_tdx_out_free(&f->out);
        sv_tdx_bundle_free(&f->bundle);
}

/* Files of a bundle know which platform they are for. */
static int open_bundle(struct sv_bytes text, struct found *f, struct sv_err *err)
{
        struct sv_pck pck;
        bool processor;

        return sv_tdx_platform(&f->o->quote, &pck, &processor, err) < 0
                       ? -1
                       : sv_tdx_bundle_read(text, &pck, processor, &f->bundle, err);
}

/* Of each there is one. Of two only one would be looked at, and the other might be the list that
 * revokes. */
static int refuse_twice(const struct sv_collateral *c, struct sv_err *err)
{
        static const char *const beside[] = {"bundle", "event-log"};
        struct sv_bytes data;

        for (size_t i = 0; i < SV_TDX_PARTS + 2; i++) {
                const char *kind =
                        i < SV_TDX_PARTS ? sv_tdx_part_kind(i) : beside[i - SV_TDX_PARTS];

                if (sv_collateral_get(c, kind, 1, &data))
                        return sv_fail(err, SV_USAGE, "tdx.collateral.twice",
                                       "one %s was expected, more are given: leave one", kind);
        }
        return 0;
}

static int gather_td_collateral(const struct sv_collateral *c, bool any_root, struct found *f,
                                struct sv_err *err)
{
        struct sv_bytes data;

        if (refuse_twice(c, err) < 0)
                return -1;

        if (sv_collateral_get(c, "bundle", 0, &data) && open_bundle(data, f, err) < 0)
                return -1;
        sv_blobs_add(&f->what, "pck-chain", f->o->quote.pck_chain);
        for (enum sv_tdx_part i = 0; i < SV_TDX_PARTS; i++) {
                if (!sv_collateral_get(c, sv_tdx_part_kind(i), 0, &data))
                        data = sv_buf_bytes(&f->bundle.part[i]);
                if (data.n)
                        sv_blobs_add(&f->what, sv_tdx_part_kind(i), data);
        }
        for (size_t i = 0; sv_collateral_get(c, "sgx-root", i, &data); i++)
                sv_blobs_add(&f->what, "sgx-root", data);
        if (any_root)
                sv_blobs_add(&f->what, "any-root", SV_BYTES_NULL);
        return 0;
}

/* Without revocation lists nothing can be said (tdx/verify/verify.c); without the others there is
 * nothing to compare with. */
static int refuse_missing(const struct sv_collateral *what, struct sv_err *err)
{
        struct sv_bytes data;

        for (enum sv_tdx_part i = 0; i < SV_TDX_PCK_CRL; i++)
                if (!sv_collateral_get(what, sv_tdx_part_kind(i), 0, &data))
                        return sv_fail(err, SV_PROOF, "tdx.collateral.missing",
                                       "the collateral has no %s for this platform: give a folder "
                                       "or bundle that has it with --collateral, or --fetch it",
                                       sv_tdx_part_kind(i));
        return 0;
}

static int prove_quote(const struct sv_verify_in *in, struct found *f, struct sv_err *err)
{
        const struct sv_collateral what = {f->what.list, f->what.n, NULL};
        struct sv_tdx_cached *s;

        f->known = in->skip_signatures ? NULL : sv_trust_cache_find(in->cache, "tdx", &what);
        f->fresh = !f->known;
        if (f->fresh)
                f->known = sv_tdx_cached_new(&what, err);
        if (!f->known || refuse_missing(&what, err) < 0)
                return -1;
        s = f->known->state;
        s->c.skip_signatures = in->skip_signatures;
        return sv_tdx_verify_with(&s->c, &f->o->quote, in->report_data, in->time, &f->out, err);
}

static int verify_td(const struct sv_verify_in *in, struct found *f, struct sv_err *err)
{
        if (gather_td_collateral(&in->collateral, in->any_root, f, err) < 0 ||
            prove_quote(in, f, err) < 0)
                return -1;
        if (!sv_collateral_get(&in->collateral, "event-log", 0, &f->log))
                f->log = sv_buf_bytes(&f->o->e.event_log);
        return f->log.n ? sv_tdx_ccel_check(f->log, f->out.quote.td.rtmr, &f->rtmr3_logged, err)
                        : 0;
}

/* A log proves nothing that the registers do not; it says what they mean. RTMR3 belongs to whatever
 * runs later, and Linux logs nothing. */
static void add_log(struct sv_json *claims, const struct found *f)
{
        struct sv_json *log = sv_json_set(claims, "event_log", sv_json_object());
        struct sv_tdx_ccel c;

        sv_json_set_bool(log, "checked", f->log.n > 0);
        if (!f->log.n || sv_tdx_ccel_replay(f->log, &c, NULL) < 0)
                return;
        sv_json_set_int(log, "events", (int64_t)c.events);
        sv_json_set_bool(log, "rtmr3_agrees", f->rtmr3_logged);
}

/* In the order in which `confirm` reads them. */
static int put_quote_proof(const struct found *f, struct sv_buf *out, struct sv_err *err)
{
        const struct sv_tdx_cached *s = f->known->state;
        const struct sv_tdx_chain *chain = &s->c.pck.chain;
        const struct sv_cert *certs[3] = {chain->leaf, NULL, chain->root};

        for (size_t i = 0; i < chain->certs.n; i++)
                if (chain->certs.list[i] != chain->leaf && chain->certs.list[i] != chain->root)
                        certs[1] = chain->certs.list[i];
        sv_put_part(out, sv_buf_bytes(&f->o->e.quote));
        for (size_t i = 0; i < 3; i++) {
                SV_BUF der = SV_BUF_NULL;

                if (certs[i] && sv_cert_der(certs[i], &der, err) < 0)
                        return -1;
                sv_put_part(out, sv_buf_bytes(&der));
        }
        return sv_buf_ok(out, "the proof", err);
}

int sv_tdx_tee_verify(const struct sv_evidence *e, const struct sv_verify_in *in,
                      struct sv_json **claims, struct sv_err *err)
{
        struct found f = {.o = (const struct sv_tdx_opened *)e};
        int r = verify_td(in, &f, err);

        if (r == 0 && in->proof)
                r = put_quote_proof(&f, in->proof, err);
        if (r == 0) {
                *claims = sv_tdx_claims(&f.out, in->time);
                sv_json_set_bool(*claims, "report_data_checked", in->report_data.n > 0);
                add_log(*claims, &f);
                if (f.fresh && !in->skip_signatures) {
                        sv_tdx_cache_keep(in->cache, f.known);
                        f.known = NULL;
                }
        }
        free_td_found(&f);
        return r;
}

int sv_tdx_confirm_root(struct sv_json *claims, const struct sv_collateral *anchors, int64_t time,
                        struct sv_err *err)
{
        if (sv_json_bool(sv_json_pointer(claims, "/root/intel"), false))
                return 0;
        return sv_root_confirm(sv_json_str(sv_json_pointer(claims, "/root/sha256")), anchors,
                               "sgx-root", "tdx.root.form", "tdx.root", err);
}

int sv_tdx_check_anchor(const char *kind, struct sv_bytes data, struct sv_err *err)
{
        return sv_anchor_check(data, "tdx.root.form", err);
}
