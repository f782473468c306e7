/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate tables, HCL reports, and the KBS evidence of SNP: there and back, and each with one
 * thing wrong. */
#include "base/crypto/crypto.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "sev/verify/evidence.h"
#include "sev/verify/hcl.h"
#include "tests/unit/unit.h"

static struct sv_err err;

static void load(const char *name, struct sv_buf *out)
{
        char path[256];

        snprintf(path, sizeof(path), "snp/%s", name);
        OK(sv_file_read(vector_path(path), 1u << 20, out, "test.file", &err));
}

static void each_table(void **state)
{
        static const struct {
                const char *name, *check;
                size_t n;
        } t[] = {
                {"ok-der", NULL, 3},
                {"ok-nopad", NULL, 3},
                {"ok-unknown-guid", NULL, 0},
                {"ok-empty", NULL, 0},
                {"bad-garbage-der", NULL, 3},
                {"bad-noterm", "snp.certtable.size", 0},
                {"bad-offset", "snp.certtable.offset", 0},
                {"bad-dup-vcek", "snp.certtable.duplicate", 0},
                {"bad-zero-len", "snp.certtable.length", 0},
                {"bad-short", "snp.certtable.size", 0},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_BUF raw = SV_BUF_NULL;
                struct sv_cert_table table;
                char name[64];

                snprintf(name, sizeof(name), "certtable/%s.bin", t[i].name);
                load(name, &raw);
                if (t[i].check) {
                        FAILS(sv_cert_table_parse(sv_buf_bytes(&raw), &table, &err), SV_FORMAT,
                              t[i].check);
                        continue;
                }
                OK(sv_cert_table_parse(sv_buf_bytes(&raw), &table, &err));
                if (t[i].n)
                        assert_int_equal(table.n, t[i].n);
        }
}

static void own_table(void **state)
{
        struct sv_cert_table t = {.n = 2,
                                  .list = {{.kind = SV_CERT_VCEK, .data = sv_bytes("vcek", 4)},
                                           {.kind = SV_CERT_CRL, .data = sv_bytes("list", 4)}}};
        struct sv_cert_table back;
        SV_BUF raw = SV_BUF_NULL;

        OK(sv_cert_table_write(&t, &raw, &err));
        OK(sv_cert_table_parse(sv_buf_bytes(&raw), &back, &err));
        assert_int_equal(back.n, 2);
        assert_int_equal(sv_cert_table_find(&back, SV_CERT_CRL)->data.n, 4);
        assert_null(sv_cert_table_find(&back, SV_CERT_ARK));
        for (size_t n = 1; n < raw.n; n++)
                assert_int_equal(sv_cert_table_parse(sv_bytes(raw.p, n), &back, &err), -1);
        raw.p[16] = 24; /* inside the list */
        FAILS(sv_cert_table_parse(sv_buf_bytes(&raw), &back, &err), SV_FORMAT,
              "snp.certtable.offset");
        OK(sv_cert_table_parse(SV_BYTES_NULL, &back, &err));
        assert_int_equal(back.n, 0);
}

/* As many entries as there may be, and one more; their GUIDs differ. */
static void too_many_entries(void **state)
{
        for (unsigned n = SV_SNP_CERTS_MAX; n <= SV_SNP_CERTS_MAX + 1; n++) {
                struct sv_cert_table table;
                SV_BUF raw = SV_BUF_NULL;

                for (unsigned i = 0; i < n; i++) {
                        sv_buf_u32le(&raw, i + 1);
                        sv_buf_grow(&raw, 12);
                        sv_buf_u32le(&raw, 24 * (n + 1));
                        sv_buf_u32le(&raw, 1);
                }
                sv_buf_grow(&raw, 24);
                sv_buf_u8(&raw, 'c');
                if (n <= SV_SNP_CERTS_MAX)
                        OK(sv_cert_table_parse(sv_buf_bytes(&raw), &table, &err));
                else
                        FAILS(sv_cert_table_parse(sv_buf_bytes(&raw), &table, &err), SV_FORMAT,
                              "snp.certtable.entries");
        }
}

/* GHCB specification 2.03, table 9: the GUIDs as that text writes them. */
static void guids(void **state)
{
        static const char *const guid[] = {
                [SV_CERT_ARK] = "c0b406a4-a803-4952-9743-3fb6014cd0ae",
                [SV_CERT_ASK] = "4ab7b379-bbac-4fe4-a02f-05aef327c782",
                [SV_CERT_VCEK] = "63da758d-e664-4564-adc5-f4b93be8accd",
                [SV_CERT_VLEK] = "a8074bc2-a25a-483e-aae6-39c045a0b8a1",
                [SV_CERT_CRL] = "92f81bc3-5811-4d3d-97ff-d19f88dc67ea",
        };

        for (enum sv_cert_kind k = SV_CERT_ARK; k <= SV_CERT_CRL; k++) {
                struct sv_cert_table t = {.n = 1, .list = {{.kind = k, .data = sv_bytes("x", 1)}}};
                SV_BUF raw = SV_BUF_NULL;
                char text[37];

                OK(sv_cert_table_write(&t, &raw, &err));
                assert_string_equal(sv_format_uuid(raw.p, text), guid[k]);
                for (size_t at = 0; at < 16;
                     at++) { /* one bit beside it is no kind that is known */
                        raw.p[at] ^= 1;
                        OK(sv_cert_table_parse(sv_buf_bytes(&raw), &t, &err));
                        assert_int_equal(t.list[0].kind, SV_CERT_OTHER);
                        raw.p[at] ^= 1;
                }
                OK(sv_cert_table_parse(sv_buf_bytes(&raw), &t, &err));
                assert_int_equal(t.list[0].kind, k);
        }
}

static const char *const real[] = {"milan-v2-a",     "milan-v2-debug", "milan-v2-azure",
                                   "milan-v3-azure", "genoa-v3-azure", "turin-v5-azure"};

static void there_and_back(void **state)
{
        for (size_t i = 0; i < sizeof(real) / sizeof(real[0]); i++) {
                SV_BUF raw = SV_BUF_NULL;
                SV_BUF text = SV_BUF_NULL;
                SV_JSON *made = NULL;
                SV_JSON *parsed = NULL;
                SV_SNP_EVIDENCE e = {0};
                char name[64];

                snprintf(name, sizeof(name), "reports/%s.bin", real[i]);
                load(name, &raw);
                OK(sv_snp_evidence_wrap(sv_buf_bytes(&raw), &made, &err));
                sv_json_print(made, &text);
                OK(sv_json_parse(sv_buf_bytes(&text), "test", &parsed, &err));
                OK(sv_snp_evidence_read(parsed, &e, &err));
                assert_memory_equal(e.report, raw.p, SV_REPORT_SIZE);
                assert_int_equal(e.certs.n, 0);
                for (size_t n = 0; n < SV_REPORT_SIZE; n += 13) {
                        struct sv_json *none = NULL;

                        FAILS(sv_snp_evidence_wrap(sv_bytes(raw.p, n), &none, &err), SV_FORMAT,
                              "snp.report.size");
                }
        }
}

static void with_certificates(void **state)
{
        SV_BUF raw = SV_BUF_NULL;
        SV_JSON *made = NULL;
        SV_SNP_EVIDENCE e = {0};
        struct sv_cert_table table;
        SV_BUF certs = SV_BUF_NULL;

        load("reports/milan-v2-a.bin", &raw);
        load("certtable/ok-der.bin", &certs);
        OK(sv_cert_table_parse(sv_buf_bytes(&certs), &table, &err));
        sv_buf_put(&raw, sv_buf_bytes(&certs));
        OK(sv_snp_evidence_wrap(sv_buf_bytes(&raw), &made, &err));
        OK(sv_snp_evidence_read(made, &e, &err));
        assert_int_equal(e.certs.n, table.n);
        for (size_t i = 0; i < table.n; i++) {
                assert_int_equal(e.certs.list[i].kind, table.list[i].kind);
                assert_true(sv_bytes_eq(e.certs.list[i].data, table.list[i].data));
        }
        sv_buf_u8(&raw, 1);
        raw.p[SV_REPORT_SIZE] ^= 1;
        raw.n = SV_REPORT_SIZE + 23;
        sv_json_freep(&made);
        FAILS(sv_snp_evidence_wrap(sv_buf_bytes(&raw), &made, &err), SV_FORMAT, "snp.report.size");
}

/* Replace one member of the object at `at` and expect one check. */
static void one_thing_wrong(void **state)
{
        static const struct {
                const char *at, *member, *json, *check;
        } t[] = {
                {"", "extra", "1", "snp.evidence.unknown"},
                {"", "attestation_report", "[]", "snp.evidence.member"},
                {"", "hcl_runtime_data", "\"A\"", "snp.evidence.member"}, /* no base64 */
                {"", "cert_chain", "{}", "snp.evidence.cert_chain"},
                {"", "cert_chain", "[{\"cert_type\":\"PEK\",\"data\":[1]}]",
                 "snp.evidence.cert_chain"},
                {"", "cert_chain", "[{\"cert_type\":{\"OTHER\":\"x\"},\"data\":[1]}]",
                 "snp.evidence.cert_chain"},
                {"", "cert_chain",
                 "[{\"cert_type\":\"VCEK\",\"data\":[1]},{\"cert_type\":\"VCEK\",\"data\":[1]}]",
                 "snp.evidence.cert_chain"},
                {"", "cert_chain", "[{\"cert_type\":\"VCEK\",\"data\":[256]}]",
                 "snp.evidence.bytes"},
                {"", "cert_chain", "[{\"cert_type\":\"VCEK\",\"data\":\"AAAA\"}]",
                 "snp.evidence.member"},
                {"/attestation_report", "version", "-1", "snp.evidence.member"},
                {"/attestation_report", "version", "4294967296", "snp.evidence.member"},
                {"/attestation_report", "policy", "\"0x30000\"", "snp.evidence.member"},
                {"/attestation_report", "measurement", "[1,2]", "snp.evidence.bytes"},
                {"/attestation_report", "cpuid_fam_id", "null", "snp.evidence.member"},
                {"/attestation_report", "cpuid_fam_id", "256", "snp.evidence.member"},
                {"/attestation_report", "launch_mit_vector", "null", "snp.evidence.member"},
                {"/attestation_report", "_reserved_0", "0", "snp.evidence.unknown"},
                {"/attestation_report/current_tcb", "fmc", "null", "snp.evidence.tcb"},
                {"/attestation_report/current_tcb", "snp", "256", "snp.evidence.member"},
                {"/attestation_report/current_tcb", "ucode", "1", "snp.evidence.unknown"},
                {"/attestation_report/current", "minor", "true", "snp.evidence.member"},
                {"/attestation_report/signature", "r", "[]", "snp.evidence.bytes"},
                {"/attestation_report/signature", "t", "[]", "snp.evidence.unknown"},
        };
        SV_BUF raw = SV_BUF_NULL;

        load("reports/turin-v5-azure.bin", &raw);
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_JSON *made = NULL;
                SV_JSON *value = NULL;
                SV_SNP_EVIDENCE e = {0};

                OK(sv_snp_evidence_wrap(sv_buf_bytes(&raw), &made, &err));
                OK(sv_json_parse(sv_bytes_str(t[i].json), "test", &value, &err));
                sv_json_set(sv_json_pointer(made, t[i].at), t[i].member, sv_json_ref(value));
                FAILS(sv_snp_evidence_read(made, &e, &err), SV_FORMAT, t[i].check);
        }
}

static void hcl_blob(struct sv_buf *out, struct sv_bytes report, const char *json)
{
        sv_buf_puts(out, "HCLA");
        sv_buf_grow(out, 28);
        sv_buf_put(out, report);
        sv_buf_u32le(out, (uint32_t)(20 + strlen(json)));
        sv_buf_u32le(out, 1);
        sv_buf_u32le(out, 2);
        sv_buf_u32le(out, 1);
        sv_buf_u32le(out, (uint32_t)strlen(json));
        sv_buf_puts(out, json);
}

static void hcl(void **state)
{
        static const char json[] = "{\"keys\":[]}";
        uint8_t report[SV_REPORT_SIZE] = {0}, bound[64] = {0};
        SV_BUF raw = SV_BUF_NULL;
        struct sv_hcl h;
        size_t whole;

        hcl_blob(&raw, sv_bytes(report, sizeof(report)), json);
        whole = raw.n;
        sv_buf_grow(&raw, 64); /* the NV index is longer */
        OK(sv_hcl_parse(sv_buf_bytes(&raw), &h, &err));
        assert_true(sv_bytes_eq(h.runtime_data, sv_bytes_str(json)));
        OK(sv_digest(SV_SHA256, h.runtime_data, bound, &err));
        OK(sv_hcl_bound(bound, h.runtime_data, &err));
        bound[63] = 1;
        FAILS(sv_hcl_bound(bound, h.runtime_data, &err), SV_PROOF, "snp.hcl.runtime_data");
        for (size_t n = 0; n < whole; n++)
                FAILS(sv_hcl_parse(sv_bytes(raw.p, n), &h, &err), SV_FORMAT, "snp.hcl.size");
        raw.p[whole] = 1;
        FAILS(sv_hcl_parse(sv_buf_bytes(&raw), &h, &err), SV_FORMAT, "snp.hcl.reserved");
        raw.p[whole] = 0;
        raw.p[0] = 'X';
        FAILS(sv_hcl_parse(sv_buf_bytes(&raw), &h, &err), SV_FORMAT, "snp.hcl.magic");
        assert_false(sv_hcl_is(sv_buf_bytes(&raw)));
        raw.p[0] = 'H';
        raw.p[1216 + 8] = 4;
        FAILS(sv_hcl_parse(sv_buf_bytes(&raw), &h, &err), SV_FORMAT, "snp.hcl.type");
        raw.p[1216 + 8] = 2;
        raw.p[1216 + 12] = 2;
        FAILS(sv_hcl_parse(sv_buf_bytes(&raw), &h, &err), SV_FORMAT, "snp.hcl.hash");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_table),
                cmocka_unit_test(own_table),
                cmocka_unit_test(guids),
                cmocka_unit_test(there_and_back),
                cmocka_unit_test(with_certificates),
                cmocka_unit_test(one_thing_wrong),
                cmocka_unit_test(hcl),
                cmocka_unit_test(too_many_entries),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
