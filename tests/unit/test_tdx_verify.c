/* SPDX-License-Identifier: Apache-2.0 */
/* Quotes of real platforms with Intel's collateral of their time, and cases with one thing wrong
 * (tests/vectors). */
#include "tests/unit/tdx_raw.h"
#include "base/core/file.h"
#include "base/core/text.h"
#include "tdx/verify/verify.h"
#include "tests/unit/unit.h"

#define DIR "tdx/"

struct files {
        struct sv_buf quote, info, info_chain, qe, qe_chain, pck_crl, root_crl, root;
        struct sv_certs roots;
};

static void load(struct sv_buf *out, const char *dir, const char *name, bool may_miss)
{
        struct sv_err err = SV_ERR_NULL;
        SV_STR rel = sv_asprintf(DIR "%s%s%s", dir, *name ? "/" : "", name);

        if (sv_file_read(vector_name(rel), 1u << 20, out, "test.file", &err) < 0 && !may_miss)
                fail_msg("%s", err.msg);
}

static void free_files(struct files *f)
{
        struct sv_buf *all[] = {&f->quote,    &f->info,    &f->info_chain, &f->qe,
                                &f->qe_chain, &f->pck_crl, &f->root_crl,   &f->root};

        for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
                sv_buf_free(all[i]);
        sv_certs_free(&f->roots);
}

/* The same collateral for a second and third quote, when everything is warm: the same answer. */
static void again(const struct sv_tdx_in *in, int r, const struct sv_tdx_out *out,
                  const struct sv_err *err)
{
        SV_TDX_COLLATERAL c = {.tcb_info = in->tcb_info,
                               .tcb_info_chain = in->tcb_info_chain,
                               .qe_identity = in->qe_identity,
                               .qe_identity_chain = in->qe_identity_chain,
                               .pck_crl = in->pck_crl,
                               .root_ca_crl = in->root_ca_crl,
                               .roots = {in->test_roots, false}};

        for (int i = 0; i < 3; i++) {
                struct sv_err e = SV_ERR_NULL;
                struct sv_tdx_out o = {0};

                assert_int_equal(verify_raw(&c, in->quote, in->report_data, in->time, &o, &e), r);
                if (r < 0)
                        assert_string_equal(e.check, err->check);
                else
                        assert_true(o.status == out->status && o.expires == out->expires &&
                                    o.test_root == out->test_root && o.tcb_date == out->tcb_date);
                sv_tdx_out_free(&o);
        }
}

static int verify(const struct sv_json *row, struct sv_tdx_out *out, struct files *f,
                  struct sv_err *err)
{
        const char *col = sv_json_str(sv_json_get(row, "collateral")),
                   *root = sv_json_str(sv_json_get(row, "root"));
        struct sv_tdx_in in = {0};
        int r;

        load(&f->quote, sv_json_str(sv_json_get(row, "quote")), "", false);
        load(&f->info, col, "tcb_info.json", true);
        load(&f->info_chain, col, "tcb_info_chain.pem", true);
        load(&f->qe, col, "qe_identity.json", true);
        load(&f->qe_chain, col, "qe_identity_chain.pem", true);
        load(&f->pck_crl, col, "pck_crl.der", true);
        load(&f->root_crl, col, "root_ca_crl.der", true);
        if (root && !strstr(root, "Intel_SGX_Root_CA")) {
                load(&f->root, root, "", false);
                if (sv_certs_parse(sv_buf_bytes(&f->root), &f->roots, "test.root", err) < 0)
                        fail_msg("%s", err->msg);
                in.test_roots = &f->roots;
        }
        in.quote = sv_buf_bytes(&f->quote);
        in.tcb_info = sv_buf_bytes(&f->info);
        in.tcb_info_chain = sv_buf_bytes(&f->info_chain);
        in.qe_identity = sv_buf_bytes(&f->qe);
        in.qe_identity_chain = sv_buf_bytes(&f->qe_chain);
        in.pck_crl = sv_buf_bytes(&f->pck_crl);
        in.root_ca_crl = sv_buf_bytes(&f->root_crl);
        if (sv_parse_time(sv_json_str(sv_json_get(row, "at")), &in.time, "test.time", err) < 0)
                fail_msg("%s", err->msg);
        r = sv_tdx_verify(&in, out, err);
        again(&in, r, out, err);
        return r;
}

static struct sv_json *read_json(const char *name)
{
        struct sv_err err = SV_ERR_NULL;
        SV_BUF text = SV_BUF_NULL;
        struct sv_json *j = NULL;

        load(&text, name + strlen(DIR), "", false);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &j, &err));
        return j;
}

static void same_advisories(const struct sv_json *want, const struct sv_json *have, const char *id)
{
        for (size_t i = 0; i < sv_json_len(want); i++) {
                bool found = false;

                for (size_t k = 0; k < sv_json_len(have); k++)
                        found |= sv_json_equal(sv_json_at(want, i), sv_json_at(have, k));
                if (!found)
                        fail_msg("%s: advisory %s is not reported", id,
                                 sv_json_str(sv_json_at(want, i)));
        }
}

static void real_pairs(void **state)
{
        SV_JSON *rows = read_json(DIR "expected-real.json");
        unsigned held = 0, refused = 0;

        for (size_t i = 0; i < sv_json_len(rows); i++) {
                const struct sv_json *row = sv_json_at(rows, i),
                                     *want = sv_json_get(row, "expected");
                const char *id = sv_json_str(sv_json_get(row, "quote")),
                           *status = sv_json_str(sv_json_get(want, "status"));
                struct sv_err err = SV_ERR_NULL;
                struct sv_tdx_out out = {0};
                struct files f = {0};
                int r = verify(row, &out, &f, &err);

                if (!status || !strncmp(status, "REJECT", 6) || sv_json_get(want, "reject")) {
                        if (r == 0)
                                fail_msg("%s was accepted", id);
                        refused++;
                } else {
                        char date[32];

                        if (r < 0)
                                fail_msg("%s: %s [%s]", id, err.msg, err.check);
                        assert_string_equal(sv_tcb_status_name(out.status), status);
                        same_advisories(sv_json_get(want, "advisories"), out.advisories, id);
                        assert_string_equal(sv_format_time(out.tcb_date, date),
                                            sv_json_str(sv_json_get(want, "tcb_date")));
                        assert_false(out.test_root);
                        /* Of documents and lists; certificates may end sooner. */
                        assert_true(strcmp(sv_format_time(out.expires, date),
                                           sv_json_str(sv_json_at(sv_json_get(row, "window"),
                                                                  1))) <= 0);
                        held++;
                }
                sv_tdx_out_free(&out);
                free_files(&f);
        }
        print_message("%u real pairs hold, %u are refused\n", held, refused);
        assert_true(held >= 8);
}

/* The vectors' own code words, and the checks of ours that stand for each. */
static const struct {
        const char *code, *checks;
} codes[] = {
        {"FORMAT",
         " tdx.quote.size tdx.quote.version tdx.quote.type tdx.quote.body tdx.quote.signature "},
        {"FORMAT_COLLATERAL", " tdx.tcb_info.json tdx.tcb_info.member tdx.tcb.status "},
        {"QUOTE_SIGNATURE", " tdx.signature "},
        {"QE_REPORT_DATA", " tdx.qe.report_data "},
        {"QE_REPORT_SIGNATURE", " tdx.qe.signature "},
        {"PCK_CERT_TYPE", " tdx.quote.certification "},
        {"PCK_CHAIN_UNTRUSTED", " tdx.root tdx.pck.chain "},
        {"PCK_CHAIN_SHORT", " tdx.pck.chain "},
        {"PCK_CHAIN_EXPIRED", " tdx.pck.expired "},
        {"PCK_CERT_INVALID", " tdx.pck.extension tdx.pck.name "},
        {"PCK_REVOKED", " tdx.pck.revoked "},
        {"CRL_SIGNATURE", " tdx.pck.crl "},
        {"CRL_MISSING", " tdx.pck.crl "},
        {"CRL_EXPIRED", " tdx.pck.crl "},
        {"TCB_INFO_SIGNATURE", " tdx.tcb_info.signature "},
        {"TCB_INFO_MISMATCH", " tdx.tcb_info.mismatch "},
        {"TCB_INFO_EXPIRED", " tdx.tcb_info.expired "},
        {"QE_IDENTITY_MISMATCH", " tdx.qe.mismatch "},
        {"QE_IDENTITY_EXPIRED", " tdx.qe_identity.expired "},
        {"TDX_MODULE_MISMATCH", " tdx.module.mismatch "},
        {"TCB_NOT_SUPPORTED", " tdx.tcb.unsupported "},
        {"TCB_REVOKED", " tdx.tcb.revoked "},
};

static void refused_as(const char *id, const char *code, const struct sv_err *err)
{
        char want[80];

        snprintf(want, sizeof(want), " %s ", err->check);
        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
                if (strcmp(codes[i].code, code))
                        continue;
                if (!strstr(codes[i].checks, want))
                        fail_msg("%s: refused by %s (%s), %s was expected", id, err->check,
                                 err->msg, code);
                return;
        }
        fail_msg("%s: the code %s is not in the table", id, code);
}

static void every_case(void **state)
{
        SV_JSON *rows = read_json(DIR "cases/index.json");
        unsigned held = 0, refused = 0;

        for (size_t i = 0; i < sv_json_len(rows); i++) {
                const struct sv_json *row = sv_json_at(rows, i), *want = sv_json_get(row, "expect");
                const char *id = sv_json_str(sv_json_get(row, "id")),
                           *result = sv_json_str(sv_json_get(want, "result"));
                struct sv_err err = SV_ERR_NULL;
                struct sv_tdx_out out = {0};
                struct files f = {0};
                int r = verify(row, &out, &f, &err);

                if (!strcmp(result, "reject")) {
                        if (r == 0)
                                fail_msg("%s was accepted: %s", id,
                                         sv_json_str(sv_json_get(row, "meaning")));
                        refused_as(id, sv_json_str(sv_json_get(want, "code")), &err);
                        refused++;
                } else if (!strcmp(result, "accept")) {
                        if (r < 0)
                                fail_msg("%s: %s [%s]", id, err.msg, err.check);
                        if (strcmp(sv_tcb_status_name(out.status),
                                   sv_json_str(sv_json_get(want, "status"))))
                                fail_msg("%s: %s", id, sv_tcb_status_name(out.status));
                        same_advisories(sv_json_get(want, "advisories"), out.advisories, id);
                        held++;
                }
                sv_tdx_out_free(&out);
                free_files(&f);
        }
        print_message("%u cases hold, %u are refused by the check expected\n", held, refused);
        assert_true(held >= 20 && refused >= 60);
}

static void every_length(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        SV_BUF raw = SV_BUF_NULL;
        struct sv_quote q;
        size_t whole;

        load(&raw, "quotes/gtg-v5-td15.bin", "", false);
        OK(sv_quote_parse(sv_buf_bytes(&raw), &q, &err));
        assert_int_equal(q.td.type, SV_TD_15);
        whole = raw.n - q.trailing;
        for (size_t n = 0; n < whole; n++)
                FAILS(sv_quote_parse(sv_bytes(raw.p, n), &q, &err), SV_FORMAT,
                      n < 48 + 6 + 648 ? "tdx.quote.size" : "tdx.quote.signature");
}

/* One collateral, the quotes of three platforms in turn, a changed one between them, and times at
 * which it is no longer valid. */
static void collateral_serves_many(void **state)
{
        static const char *const quotes[] = {"quotes/tr-azure-v4.bin", "quotes/gtg-cos113.bin",
                                             "quotes/tr-azure-v4.bin"};
        static const enum sv_tcb_status statuses[] = {SV_TCB_OUT_OF_DATE, SV_TCB_UP_TO_DATE,
                                                      SV_TCB_OUT_OF_DATE};
        const int64_t time = 1740714290; /* 2025-02-28T03:44:50Z, the collateral's own */
        struct sv_err err = SV_ERR_NULL;
        SV_TDX_COLLATERAL c = {.skip_signatures = false};
        struct files f = {0};

        load(&f.info, "collateral/00806f-2025-02", "tcb_info.json", false);
        load(&f.info_chain, "collateral/00806f-2025-02", "tcb_info_chain.pem", false);
        load(&f.qe, "collateral/00806f-2025-02", "qe_identity.json", false);
        load(&f.qe_chain, "collateral/00806f-2025-02", "qe_identity_chain.pem", false);
        load(&f.pck_crl, "collateral/00806f-2025-02", "pck_crl.der", false);
        load(&f.root_crl, "collateral/00806f-2025-02", "root_ca_crl.der", false);
        c = (struct sv_tdx_collateral){.tcb_info = sv_buf_bytes(&f.info),
                                       .tcb_info_chain = sv_buf_bytes(&f.info_chain),
                                       .qe_identity = sv_buf_bytes(&f.qe),
                                       .qe_identity_chain = sv_buf_bytes(&f.qe_chain),
                                       .pck_crl = sv_buf_bytes(&f.pck_crl),
                                       .root_ca_crl = sv_buf_bytes(&f.root_crl)};
        for (unsigned i = 0; i < 12; i++) {
                SV_BUF raw = SV_BUF_NULL;
                struct sv_tdx_out out = {0};

                load(&raw, quotes[i % 3], "", false);
                OK(verify_raw(&c, sv_buf_bytes(&raw), sv_bytes(NULL, 0), time, &out, &err));
                assert_int_equal(out.status, statuses[i % 3]);
                sv_tdx_out_free(&out);
                FAILS(verify_raw(&c, sv_buf_bytes(&raw), sv_bytes(NULL, 0), time + 365 * 86400,
                                 &out, &err),
                      SV_PROOF, "tdx.pck.crl");
                raw.p[0x100] ^= 1; /* the TD report */
                FAILS(verify_raw(&c, sv_buf_bytes(&raw), sv_bytes(NULL, 0), time, &out, &err),
                      SV_PROOF, "tdx.signature");
                raw.p[0x100] ^= 1;
                raw.p[0x2c0] ^= 1; /* the attestation key */
                FAILS(verify_raw(&c, sv_buf_bytes(&raw), sv_bytes(NULL, 0), time, &out, &err),
                      SV_PROOF, "tdx.qe.report_data");
        }
        free_files(&f);
}

/* A chain whose second certificate hides behind a character is not whole. What was read before does
 * not make it so, and it does not spoil what comes after. */
static void chains_do_not_mix(void **state)
{
        static const char end[] = "-----END CERTIFICATE-----\n";
        const int64_t time = 1740714290;
        struct sv_err err = SV_ERR_NULL;
        SV_TDX_COLLATERAL c = {.skip_signatures = false};
        SV_BUF raw = SV_BUF_NULL, pck = SV_BUF_NULL, root = SV_BUF_NULL, bent = SV_BUF_NULL;
        struct sv_quote q;
        size_t first;

        load(&raw, "quotes/gtg-cos113.bin", "", false);
        load(&pck, "collateral/00806f-2025-02", "pck_crl.der", false);
        load(&root, "collateral/00806f-2025-02", "root_ca_crl.der", false);
        c.pck_crl = sv_buf_bytes(&pck);
        c.root_ca_crl = sv_buf_bytes(&root);
        OK(sv_quote_parse(sv_buf_bytes(&raw), &q, &err));
        first = (size_t)((const uint8_t *)memmem(q.pck_chain.p, q.pck_chain.n, end, strlen(end)) -
                         q.pck_chain.p) +
                strlen(end);
        sv_buf_put(&bent, sv_bytes(q.pck_chain.p, first));
        sv_buf_u8(&bent, 'x');
        sv_buf_put(&bent, sv_bytes(q.pck_chain.p + first, q.pck_chain.n - first));
        for (int i = 0; i < 3; i++) {
                FAILS(sv_tdx_collateral_pck(&c, sv_buf_bytes(&bent), time, &err), SV_PROOF,
                      "tdx.pck.chain");
                OK(sv_tdx_collateral_pck(&c, q.pck_chain, time, &err));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(chains_do_not_mix),
                cmocka_unit_test(real_pairs),
                cmocka_unit_test(every_case),
                cmocka_unit_test(every_length),
                cmocka_unit_test(collateral_serves_many),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
