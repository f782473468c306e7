/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of real machines under AMD's pinned roots, and a test PKI's reports and certificates,
 * each with one thing wrong. */
#include "base/core/file.h"
#include "base/json/json.h"
#include "sev/verify/verify.h"
#include "tests/unit/unit.h"

#define DIR       "snp/"
#define JUNE_2026 1780272000

struct inputs {
        struct sv_buf report, vek_raw, ca_raw, root_raw, crl;
        struct sv_certs vek, ca, root;
};

static void load(const char *rel, struct sv_buf *out)
{
        struct sv_err err = SV_ERR_NULL;
        char path[256];

        snprintf(path, sizeof(path), DIR "%s", rel);
        OK(sv_file_read(vector_path(path), 1u << 20, out, "test.file", &err));
}

static void load_certs(const char *rel, struct sv_buf *raw, struct sv_certs *out)
{
        struct sv_err err = SV_ERR_NULL;

        load(rel, raw);
        OK(sv_certs_parse(sv_buf_bytes(raw), out, "test.cert", &err));
}

static void free_inputs(struct inputs *i)
{
        sv_buf_free(&i->report);
        sv_buf_free(&i->vek_raw);
        sv_buf_free(&i->ca_raw);
        sv_buf_free(&i->root_raw);
        sv_buf_free(&i->crl);
        sv_certs_free(&i->vek);
        sv_certs_free(&i->ca);
        sv_certs_free(&i->root);
}

/* NULL: what is built in. */
static void load_ca(const char *rel, struct inputs *i)
{
        struct sv_err err = SV_ERR_NULL;
        struct sv_vek vek;

        if (rel) {
                load_certs(rel, &i->ca_raw, &i->ca);
                return;
        }
        OK(sv_vek_parse(i->vek.list[0], &vek, &err));
        OK(sv_sev_complete_ca(&vek, &i->ca, &err));
}

/* The signature of a report is looked at before what the report says of its platform. */
static bool skip_signatures;
static bool mask_chip_id; /* as MASK_CHIP_ID does */

static int verify(const char *report, const char *vek, const char *ca, const char *root,
                  const char *crl, struct sv_err *err)
{
        struct inputs i = {0};
        struct sv_snp_in in = {.chain = {.time = JUNE_2026}};
        struct sv_report r;
        struct sv_bytes crl_bytes;
        struct sv_vek v;
        bool test = false;
        int ret;

        load(report, &i.report);
        if (mask_chip_id)
                memset(i.report.p + 0x1a0, 0, 64);
        load_certs(vek, &i.vek_raw, &i.vek);
        load_ca(ca, &i);
        if (root)
                load_certs(root, &i.root_raw, &i.root);
        if (crl) {
                load(crl, &i.crl);
                crl_bytes = sv_buf_bytes(&i.crl);
                in.chain.crls = &crl_bytes;
                in.chain.n_crls = 1;
        }
        in.report = sv_buf_bytes(&i.report);
        in.skip_signatures = skip_signatures;
        in.chain.vek = i.vek.list[0];
        in.chain.ca = &i.ca;
        in.chain.test_roots = root ? &i.root : NULL;
        ret = sv_snp_verify(&in, &r, &v, &test, err);
        if (ret == 0)
                assert_int_equal(test, root != NULL);
        free_inputs(&i);
        return ret;
}

static void parse_json(const char *rel, struct sv_json **out)
{
        struct sv_err err = SV_ERR_NULL;
        SV_BUF text = SV_BUF_NULL;

        load(rel, &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", out, &err));
}

static int real_one(void *arg, const char *name, struct sv_json *row, struct sv_err *unused)
{
        struct sv_err err = SV_ERR_NULL;
        const struct sv_json *fields = sv_json_get(row, "fields");
        const char *file = sv_json_str(sv_json_get(row, "file"));
        struct sv_report r;
        SV_BUF raw = SV_BUF_NULL;
        SV_JSON *claims = NULL;

        OK(verify(file, sv_json_str(sv_json_get(row, "vek")),
                  sv_json_str(sv_json_get(row, "chain")), NULL, NULL, &err));
        load(file, &raw);
        OK(sv_report_parse(sv_buf_bytes(&raw), &r, &err));
        claims = sv_report_claims(&r);
        assert_string_equal(sv_json_str(sv_json_get(claims, "product")),
                            sv_json_str(sv_json_get(row, "product")));
        assert_string_equal(sv_json_str(sv_json_get(claims, "measurement")),
                            sv_json_str(sv_json_get(fields, "meas")));
        assert_string_equal(sv_json_str(sv_json_get(claims, "chip_id")),
                            sv_json_str(sv_json_get(fields, "chip")));
        assert_string_equal(sv_json_str(sv_json_get(claims, "policy")),
                            sv_json_str(sv_json_get(fields, "policy")));
        assert_string_equal(sv_json_str(sv_json_get(claims, "current_version")),
                            sv_json_str(sv_json_get(fields, "cur_ver")));
        assert_string_equal(sv_json_str(sv_json_get(claims, "committed_version")),
                            sv_json_str(sv_json_get(fields, "com_ver")));
        (*(unsigned *)arg)++;
        return 0;
}

static void real_reports_hold(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        SV_JSON *all = NULL;
        unsigned n = 0;

        parse_json("reports/expected-fields.json", &all);
        OK(sv_json_each(all, real_one, &n, &err));
        print_message("%u real reports hold under AMD's roots\n", n);
        assert_true(n >= 6);
}

/* Which check each report of the set must fail; NULL: it holds (policy decides about it later). */
static const struct {
        const char *name, *check;
        enum sv_class class;
} reports[] = {
        {"ok-milan-v3", NULL, 0},
        {"ok-milan-v2", NULL, 0},
        {"ok-milan-v5", NULL, 0},
        {"ok-turin-v5", NULL, 0},
        {"ok-milan-vlek", NULL, 0},
        {"ok-lows", NULL, 0},
        {"policy-debug", NULL, 0},
        {"policy-migrate", NULL, 0},
        {"policy-authorkey", NULL, 0},
        {"bad-chipid", "snp.chip_id", SV_PROOF},
        {"bad-tcb-mismatch", "snp.tcb", SV_PROOF},
        {"bad-keyinfo-none", "snp.key.none", SV_PROOF},
        {"bad-keyinfo-mbz", "snp.report.key_info", SV_FORMAT},
        {"bad-masked-key", "snp.key.masked", SV_PROOF},
        {"bad-version-0", "snp.report.version", SV_FORMAT},
        {"future-version-6", "snp.report.version", SV_FORMAT},
        {"bad-sigalgo-2", "snp.report.signature_algo", SV_FORMAT},
        {"bad-policy-bit17", "snp.report.policy", SV_FORMAT},
        {"bad-policy-mbz", "snp.report.policy", SV_FORMAT},
        {"bad-resv-4c", "snp.report.reserved", SV_FORMAT},
        {"bad-resv-210", "snp.report.reserved", SV_FORMAT},
        {"bad-sigpad", "snp.report.reserved", SV_FORMAT},
        {"bad-flip-body", "snp.signature", SV_PROOF},
        {"bad-flip-r", "snp.signature", SV_PROOF},
        {"bad-flip-s", "snp.signature", SV_PROOF},
        {"bad-r-zero", "snp.signature", SV_PROOF},
        {"bad-otherkey", "snp.signature", SV_PROOF},
        {"bad-truncated", "snp.report.size", SV_FORMAT},
        {"bad-empty", "snp.report.size", SV_FORMAT},
};

static void each_synthetic_report(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        SV_JSON *all = NULL;
        const struct sv_json *rows;

        parse_json("synth/expected.json", &all);
        rows = sv_json_get(all, "reports");
        assert_int_equal(sv_json_len(rows), sizeof(reports) / sizeof(reports[0]));
        for (size_t i = 0; i < sv_json_len(rows); i++) {
                const struct sv_json *row = sv_json_at(rows, i);
                const char *file = sv_json_str(sv_json_get(row, "file")),
                           *ca = sv_json_str(sv_json_get(row, "ca"));
                const char *vek = sv_json_str(sv_json_get(row, "vek"));
                const char *root =
                        strstr(ca, "turin") ? "synth/certs/ark-turin.der" : "synth/certs/ark.der";

                assert_non_null(strstr(file, reports[i].name));
                if (!reports[i].check) {
                        OK(verify(file, vek, ca, root, NULL, &err));
                        /* not under AMD's own */
                        FAILS(verify(file, vek, ca, NULL, NULL, &err), SV_PROOF, "snp.chain.root");
                } else {
                        FAILS(verify(file, vek, ca, root, NULL, &err), reports[i].class,
                              reports[i].check);
                }
        }
}

/* The platform hides which chip it is. A VLEK is not a chip's. */
static void hidden_chip(void **state)
{
        const char *ca = "synth/certs/ca-milan-vcek.pem", *root = "synth/certs/ark.der";
        struct sv_err err = SV_ERR_NULL;

        mask_chip_id = skip_signatures = true;
        FAILS(verify("synth/reports/ok-milan-v3.bin", "synth/certs/vcek.der", ca, root, NULL, &err),
              SV_PROOF, "snp.chip_id.masked");
        OK(verify("synth/reports/ok-milan-vlek.bin", "synth/certs/vlek.der", ca, root, NULL, &err));
        mask_chip_id = skip_signatures = false;
}

static void each_bad_certificate(void **state)
{
        static const struct {
                const char *name, *check;
                enum sv_class class;
        } t[] = {
                {"expired", "snp.chain.expired", SV_PROOF},
                {"notyet", "snp.chain.expired", SV_PROOF},
                {"otherhw", "snp.chip_id", SV_PROOF},
                {"tcb", "snp.tcb", SV_PROOF},
                {"noucode", "snp.vek.extension", SV_FORMAT},
                {"nohwid", "snp.vek.extension", SV_FORMAT},
                {"cn", "snp.vek.subject", SV_FORMAT},
                {"pkcs1", "snp.chain.signature", SV_PROOF},
        };
        const char *report = "synth/reports/ok-milan-v3.bin", *ca = "synth/certs/ca-milan-vcek.pem",
                   *root = "synth/certs/ark.der";
        struct sv_err err = SV_ERR_NULL;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                char vek[64];

                snprintf(vek, sizeof(vek), "synth/certs/bad-vcek-%s.der", t[i].name);
                FAILS(verify(report, vek, ca, root, NULL, &err), t[i].class, t[i].check);
        }
        FAILS(verify(report, "negative/vcek-badsig-rawhwid.der", "certs/cert_chain-milan-vcek.pem",
                     NULL, NULL, &err),
              SV_PROOF, "snp.chain.chain");
        FAILS(verify("synth/reports/ok-milan-vlek.bin", "synth/certs/vcek.der", ca, root, NULL,
                     &err),
              SV_PROOF, "snp.key.type");
        OK(verify(report, "synth/certs/vcek.der", ca, root, "synth/certs/crl-empty.der", &err));
        FAILS(verify(report, "synth/certs/vcek.der", ca, root, "synth/certs/crl-ask-revoked.der",
                     &err),
              SV_PROOF, "snp.chain.revoked");
}

/* What is built in is what AMD gives. */
static void built_in(void **state)
{
        static const struct {
                const char *file;
                enum sv_sev_product product;
                enum sv_sev_key key;
        } t[] = {{"certs/cert_chain-milan-vcek.pem", SV_SEV_MILAN, SV_SEV_VCEK},
                 {"certs/cert_chain-milan-vlek.pem", SV_SEV_MILAN, SV_SEV_VLEK},
                 {"certs/cert_chain-genoa-vcek.pem", SV_SEV_GENOA, SV_SEV_VCEK},
                 {"certs/cert_chain-genoa-vlek.pem", SV_SEV_GENOA, SV_SEV_VLEK},
                 {"certs/cert_chain-turin-vcek.pem", SV_SEV_TURIN, SV_SEV_VCEK},
                 {"certs/cert_chain-turin-vlek.pem", SV_SEV_TURIN, SV_SEV_VLEK}};
        struct sv_err err = SV_ERR_NULL;
        struct sv_bytes none;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                const struct sv_vek vek = {.product = t[i].product, .key = t[i].key};
                struct inputs theirs = {0};

                load_certs(t[i].file, &theirs.ca_raw, &theirs.ca);
                for (int have = 0; have < 3; have++) { /* none, theirs first, theirs second */
                        struct sv_certs one = {.list = NULL};

                        if (have) {
                                SV_BUF der = SV_BUF_NULL;

                                OK(sv_cert_der(theirs.ca.list[have - 1], &der, &err));
                                OK(sv_certs_parse(sv_buf_bytes(&der), &one, "test", &err));
                        }
                        OK(sv_sev_complete_ca(&vek, &one, &err));
                        assert_int_equal(one.n, 2);
                        for (int k = 0; k < 2; k++)
                                assert_true(sv_certs_have(&one, theirs.ca.list[k]));
                        sv_certs_free(&one);
                }
                OK(sv_chain_verify(theirs.ca.list[0], NULL,
                                   &(struct sv_certs){theirs.ca.list + 1, 1}, NULL, 0, JUNE_2026,
                                   NULL, NULL, "test", &err));
                free_inputs(&theirs);
        }
        assert_false(sv_sev_builtin(SV_SEV_VENICE, SV_SEV_VCEK, &none, &none));
}

static void vek_alone(void **state)
{
        static const char *const t[][2] = {
                {"reports/milan-v3-azure.bin", "certs/vcek-milan-e.pem"},
                {"reports/genoa-v3-azure.bin", "certs/vcek-genoa-a.pem"},
                {"reports/turin-v5-azure.bin", "certs/vcek-turin-a.pem"}};
        const struct sv_vek vek = {.product = SV_SEV_MILAN, .key = SV_SEV_VCEK};
        struct sv_err err = SV_ERR_NULL;
        struct inputs i = {0};

        for (size_t k = 0; k < sizeof(t) / sizeof(t[0]); k++)
                OK(verify(t[k][0], t[k][1], NULL, NULL, NULL, &err));
        /* somebody else's is none of AMD's, and AMD's ASK proves nothing under somebody's root */
        FAILS(verify("synth/reports/ok-milan-v3.bin", "synth/certs/vcek.der", NULL, NULL, NULL,
                     &err),
              SV_PROOF, "snp.chain.chain");
        load_certs("synth/certs/ark.der", &i.ca_raw, &i.ca);
        OK(sv_sev_complete_ca(&vek, &i.ca, &err));
        assert_int_equal(i.ca.n, 1);
        free_inputs(&i);
}

/* Real reports beside what another product's key or chain would say. */
static void of_another_product(void **state)
{
        static const struct {
                const char *report, *vek, *ca, *check;
        } t[] = {
                {"reports/milan-v3-azure.bin", "certs/vcek-genoa-a.pem",
                 "certs/cert_chain-genoa-vcek.pem", "snp.product"},
                {"reports/milan-v2-a.bin", "certs/vcek-turin-a.pem",
                 "certs/cert_chain-turin-vcek.pem", "snp.product"},
                {"reports/milan-v2-a.bin", "certs/vcek-milan-a.der",
                 "certs/cert_chain-genoa-vcek.pem", "snp.chain.name"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct sv_err err = SV_ERR_NULL;

                skip_signatures = !strcmp(t[i].check, "snp.product");
                FAILS(verify(t[i].report, t[i].vek, t[i].ca, NULL, NULL, &err), SV_PROOF,
                      t[i].check);
                skip_signatures = false;
        }
}

/* What a report's form is refused for, before any signature is looked at. */
static void form_of_a_report(void **state)
{
        static const struct {
                size_t at;
                const char *check;
        } t[] = {{0x188, "snp.report.product"}, {0x2a0 + 48, "snp.report.signature"}};

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_BUF raw = SV_BUF_NULL;
                struct sv_report r;
                struct sv_err err = SV_ERR_NULL;

                load("reports/turin-v5-azure.bin", &raw);
                raw.p[t[i].at] ^= 0x40;
                FAILS(sv_report_parse(sv_buf_bytes(&raw), &r, &err), SV_FORMAT, t[i].check);
        }
}

/* Version 2 does not name its processor: only a chip identifier of 8 bytes is Turin's. */
static void product_of_version_2(void **state)
{
        static const uint16_t tcbs[] = {0x38, 0x180, 0x1e0, 0x1f0};
        static const struct {
                int at[2]; /* bytes of the chip identifier that are not zero; -1: none */
                enum sv_sev_product product;
        } t[] = {
                {{-1, -1}, SV_SEV_MILAN}, {{0, -1}, SV_SEV_TURIN},  {{7, -1}, SV_SEV_TURIN},
                {{8, -1}, SV_SEV_MILAN},  {{0, 8}, SV_SEV_MILAN},   {{7, 9}, SV_SEV_MILAN},
                {{0, 63}, SV_SEV_MILAN},  {{63, -1}, SV_SEV_MILAN},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_BUF raw = SV_BUF_NULL;
                struct sv_report r;
                struct sv_err err = SV_ERR_NULL;

                load("reports/milan-v2-a.bin", &raw);
                for (size_t k = 0; k < 4; k++) /* their layouts differ */
                        memset(raw.p + tcbs[k], 0, 8);
                memset(raw.p + 0x1a0, 0, 64);
                for (size_t k = 0; k < 2; k++)
                        if (t[i].at[k] >= 0)
                                raw.p[0x1a0 + t[i].at[k]] = 1;
                OK(sv_report_parse(sv_buf_bytes(&raw), &r, &err));
                assert_int_equal(r.product, t[i].product);
        }
}

static void every_bit_and_every_length(void **state)
{
        struct inputs i = {0};
        struct sv_snp_in in = {.chain = {.time = JUNE_2026}};
        struct sv_report r = {0};
        struct sv_vek v;
        struct sv_err err = SV_ERR_NULL;
        bool test;

        load("reports/turin-v5-azure.bin", &i.report);
        load_certs("certs/vcek-turin-a.pem", &i.vek_raw, &i.vek);
        load_certs("certs/cert_chain-turin-vcek.pem", &i.ca_raw, &i.ca);
        in.chain.vek = i.vek.list[0];
        in.chain.ca = &i.ca;
        for (size_t n = 0; n < i.report.n; n++) {
                in.report = sv_bytes(i.report.p, n);
                FAILS(sv_snp_verify(&in, &r, &v, &test, &err), SV_FORMAT, "snp.report.size");
        }
        in.report = sv_buf_bytes(&i.report);
        for (size_t bit = 0; bit < 8 * SV_REPORT_SIGNED; bit++) {
                i.report.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
                if (sv_snp_verify(&in, &r, &v, &test, &err) == 0)
                        fail_msg("a report with bit %zu of byte 0x%zx flipped was accepted",
                                 bit % 8, bit / 8);
                i.report.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        assert_int_equal(r.version, 0); /* nothing was written */
        OK(sv_snp_verify(&in, &r, &v, &test, &err));
        in.report_data = sv_bytes(r.report_data, 64);
        OK(sv_snp_verify(&in, &r, &v, &test, &err));
        in.report_data = sv_bytes("another", 7);
        FAILS(sv_snp_verify(&in, &r, &v, &test, &err), SV_PROOF, "snp.report_data");
        free_inputs(&i);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(real_reports_hold),
                cmocka_unit_test(each_synthetic_report),
                cmocka_unit_test(hidden_chip),
                cmocka_unit_test(each_bad_certificate),
                cmocka_unit_test(of_another_product),
                cmocka_unit_test(built_in),
                cmocka_unit_test(vek_alone),
                cmocka_unit_test(form_of_a_report),
                cmocka_unit_test(product_of_version_2),
                cmocka_unit_test(every_bit_and_every_length),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
