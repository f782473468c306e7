/* From evidence and collateral to claims. */
#include "tdx/bundle.h"
#include "tdx/ccel.h"
#include "tdx/evidence.h"
#include "tdx/tee.h"

struct found {
        struct sv_tdx_evidence e;
        struct sv_tdx_bundle bundle;
        struct sv_bytes part[SV_TDX_PARTS];
        struct sv_certs roots;
        struct sv_tdx_out out;
        struct sv_bytes log;
        bool rtmr3_logged; /* the log leads to RTMR3 as well */
};

static void found_free(struct found *f)
{
        sv_tdx_evidence_free(&f->e);
        sv_tdx_bundle_free(&f->bundle);
        sv_certs_free(&f->roots);
        sv_tdx_out_free(&f->out);
}

/* Files of a bundle know which platform they are for. */
static int open_bundle(struct sv_bytes text, struct found *f, struct sv_err *err)
{
        struct sv_quote quote;
        struct sv_pck pck;
        bool processor;

        return sv_quote_parse(sv_buf_bytes(&f->e.quote), &quote, err) < 0 || sv_tdx_platform(&quote, &pck, &processor, err) < 0
                       ? -1
                       : sv_tdx_bundle_read(text, &pck, processor, &f->bundle, err);
}

/* Without revocation lists nothing can be said (tdx/verify.c); without the others there is nothing to compare with. */
static int all_there(const struct found *f, struct sv_err *err)
{
        for (enum sv_tdx_part i = 0; i < SV_TDX_PCK_CRL; i++)
                if (!f->part[i].n)
                        return sv_fail(err, SV_PROOF, "tdx.collateral.missing",
                                       "the collateral has no %s for this platform: give a folder or bundle that has it with --collateral, or --fetch it",
                                       sv_tdx_part_kind(i));
        return 0;
}

/* Of each there is one. Of two only one would be looked at, and the other might be the list that revokes. */
static int each_once(const struct sv_collateral *c, struct sv_err *err)
{
        static const char *const beside[] = {"bundle", "event-log"};
        struct sv_bytes data;

        for (size_t i = 0; i < SV_TDX_PARTS + 2; i++) {
                const char *kind = i < SV_TDX_PARTS ? sv_tdx_part_kind(i) : beside[i - SV_TDX_PARTS];

                if (sv_collateral_get(c, kind, 1, &data))
                        return sv_fail(err, SV_USAGE, "tdx.collateral.twice", "one %s was expected, more are given: leave one", kind);
        }
        return 0;
}

static int collateral(const struct sv_collateral *c, struct found *f, struct sv_err *err)
{
        struct sv_bytes data;

        if (each_once(c, err) < 0)
                return -1;

        if (sv_collateral_get(c, "bundle", 0, &data) && open_bundle(data, f, err) < 0)
                return -1;
        for (enum sv_tdx_part i = 0; i < SV_TDX_PARTS; i++)
                if (!sv_collateral_get(c, sv_tdx_part_kind(i), 0, &f->part[i]))
                        f->part[i] = sv_buf_bytes(&f->bundle.part[i]);
        for (size_t i = 0; sv_collateral_get(c, "sgx-root", i, &data); i++)
                if (sv_certs_parse(data, &f->roots, "tdx.root.form", err) < 0)
                        return -1;
        return all_there(f, err);
}

static int prove(const struct sv_verify_in *in, struct found *f, struct sv_err *err)
{
        struct sv_tdx_in tdx = {
                .quote = sv_buf_bytes(&f->e.quote),
                .tcb_info = f->part[SV_TDX_TCB_INFO],
                .tcb_info_chain = f->part[SV_TDX_TCB_INFO_CHAIN],
                .qe_identity = f->part[SV_TDX_QE_IDENTITY],
                .qe_identity_chain = f->part[SV_TDX_QE_IDENTITY_CHAIN],
                .pck_crl = f->part[SV_TDX_PCK_CRL],
                .root_ca_crl = f->part[SV_TDX_ROOT_CA_CRL],
                .test_roots = &f->roots,
                .time = in->time,
                .report_data = in->report_data,
                .skip_signatures = in->skip_signatures,
        };

        return sv_tdx_verify(&tdx, &f->out, err);
}

static int run(const struct sv_verify_in *in, struct found *f, struct sv_err *err)
{
        struct sv_quote quote;

        if (sv_tdx_evidence_read(in->evidence, &f->e, err) < 0 || sv_quote_parse(sv_buf_bytes(&f->e.quote), &quote, err) < 0 ||
            collateral(&in->collateral, f, err) < 0)
                return -1;
        if (prove(in, f, err) < 0)
                return -1;
        if (!sv_collateral_get(&in->collateral, "event-log", 0, &f->log))
                f->log = sv_buf_bytes(&f->e.event_log);
        return f->log.n ? sv_tdx_ccel_check(f->log, f->out.quote.td.rtmr, &f->rtmr3_logged, err) : 0;
}

/* A log proves nothing that the registers do not; it says what they mean. RTMR3 belongs to whatever runs later, and Linux logs nothing. */
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

int sv_tdx_tee_verify(const struct sv_verify_in *in, struct sv_json **claims, struct sv_err *err)
{
        struct found f = {0};
        int r = run(in, &f, err);

        if (r == 0) {
                *claims = sv_tdx_claims(&f.out, in->time);
                sv_json_set_bool(*claims, "report_data_checked", in->report_data.n > 0);
                add_log(*claims, &f);
        }
        found_free(&f);
        return r;
}
