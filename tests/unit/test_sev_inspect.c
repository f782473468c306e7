/* SPDX-License-Identifier: Apache-2.0 */
/* What inspect says of SNP's files: each kind by its beginning, each with a fault by that fault's
 * name, and others' files not at all. */
#include "base/core/file.h"
#include "sev/verify/certtable.h"
#include "sev/verify/evidence.h"
#include "sev/measure/idblock.h"
#include "sev/measure/measure.h"
#include "tests/unit/unit.h"

static struct sv_err err;

static void load(const char *name, struct sv_buf *out)
{
        const char *dir = getenv("SV_SOURCE");
        SV_STR path = sv_asprintf("%s/tests/fuzz/corpus/%s", dir ? dir : "..", name);

        OK(sv_file_read(path, 1u << 20, out, "test.file", &err));
}

static struct sv_json *is(struct sv_bytes file, const char *kind)
{
        struct sv_json *j = NULL;

        OK(sv_sev_inspect(file, &j, &err));
        assert_non_null(j);
        assert_string_equal(sv_json_str(sv_json_get(j, "kind")), kind);
        return j;
}

static void is_not(struct sv_bytes file)
{
        struct sv_json *j = NULL;

        OK(sv_sev_inspect(file, &j, &err));
        assert_null(j);
}

static void fails(struct sv_bytes file, const char *check)
{
        struct sv_json *j = NULL;

        FAILS(sv_sev_inspect(file, &j, &err), SV_FORMAT, check);
        assert_null(j);
}

static void add_table(struct sv_buf *raw)
{
        const struct sv_cert_table t = {
                .n = 2,
                .list = {{.kind = SV_CERT_VCEK, .data = sv_bytes("no certificate", 14)},
                         {.kind = SV_CERT_CRL, .data = sv_bytes("list", 4)}}};

        OK(sv_cert_table_write(&t, raw, &err));
}

static void reports(void **state)
{
        SV_BUF raw = SV_BUF_NULL, text = SV_BUF_NULL;
        SV_JSON *alone = NULL, *with = NULL, *wrapped = NULL, *evidence = NULL;
        struct sv_bytes file;

        load("sev-report/v5-turin", &raw);
        alone = is(sv_buf_bytes(&raw), "snp-report");
        assert_string_equal(sv_json_str(sv_json_pointer(alone, "/report/product")), "Turin");
        OK(sv_snp_evidence_wrap(sv_buf_bytes(&raw), &evidence, &err));
        sv_json_print(evidence, &text);
        wrapped = is(sv_buf_bytes(&text), "snp-evidence");
        assert_true(sv_json_equal(sv_json_get(wrapped, "report"), sv_json_get(alone, "report")));
        add_table(&raw);
        file = sv_buf_bytes(&raw);
        with = is(file, "snp-report");
        assert_string_equal(sv_json_str(sv_json_pointer(with, "/certificates/0/error")),
                            "not an X.509 certificate");
        assert_string_equal(sv_json_str(sv_json_pointer(with, "/certificates/1/kind")), "CRL");
        fails(sv_bytes(file.p, file.n - 1), "snp.certtable.offset");
        for (size_t n = 0; n < SV_REPORT_SIZE; n += 7)
                is_not(sv_bytes(file.p, n == 96 ? 95 : n));
        raw.p[0x08] ^= 0xff; /* POLICY: bits that are reserved, or missing */
        raw.p[0x0a] = 0;
        fails(sv_bytes(raw.p, SV_REPORT_SIZE), "snp.report.policy");
        is_not(sv_bytes(raw.p, SV_REPORT_SIZE + 1)); /* longer, and not even a report */
}

/* Azure's wrapper: 32 bytes of header, report, 20 bytes, JSON text. */
static void hcl(void **state)
{
        static const char json[] = "{\"keys\":[]}";
        SV_BUF report = SV_BUF_NULL, raw = SV_BUF_NULL;
        uint8_t digest[SV_DIGEST_MAX];
        SV_JSON *j = NULL, *other = NULL;

        load("sev-report/v3", &report);
        OK(sv_digest(SV_SHA256, sv_bytes_str(json), digest, &err));
        memset(report.p + 0x50, 0, 64);
        memcpy(report.p + 0x50, digest, 32);
        sv_buf_puts(&raw, "HCLA");
        sv_buf_grow(&raw, 28);
        sv_buf_put(&raw, sv_buf_bytes(&report));
        sv_buf_u32le(&raw, 20 + sizeof(json) - 1);
        sv_buf_u32le(&raw, 1);
        sv_buf_u32le(&raw, 2);
        sv_buf_u32le(&raw, 1);
        sv_buf_u32le(&raw, sizeof(json) - 1);
        sv_buf_puts(&raw, json);
        j = is(sv_buf_bytes(&raw), "hcl-report");
        assert_true(sv_json_bool(sv_json_get(j, "runtime_data_bound"), false));
        assert_int_equal(sv_json_len(sv_json_pointer(j, "/runtime_data/keys")), 0);
        raw.p[raw.n - 3] = 'x'; /* no JSON any more, and not what the report is over */
        other = is(sv_buf_bytes(&raw), "hcl-report");
        assert_false(sv_json_bool(sv_json_get(other, "runtime_data_bound"), true));
        assert_int_equal(sv_json_int(sv_json_get(other, "runtime_data_size"), 0), sizeof(json) - 1);
        for (size_t n = 4; n < raw.n; n += 3)
                fails(sv_bytes(raw.p, n), "snp.hcl.size");
}

static void tables(void **state)
{
        SV_BUF raw = SV_BUF_NULL;
        SV_JSON *j = NULL;

        add_table(&raw);
        j = is(sv_buf_bytes(&raw), "certificate-table");
        assert_int_equal(sv_json_len(sv_json_get(j, "certificates")), 2);
        raw.p[24] ^= 1; /* the second GUID is somebody's own: still a table */
        sv_json_freep(&j);
        j = is(sv_buf_bytes(&raw), "certificate-table");
        assert_string_equal(sv_json_str(sv_json_pointer(j, "/certificates/1/kind")), "OTHER");
        raw.p[20] = 0; /* the first has no bytes */
        fails(sv_buf_bytes(&raw), "snp.certtable.length");
        raw.p[0] ^= 1; /* and nobody knows its GUID */
        is_not(sv_buf_bytes(&raw));
}

/* What should be a certificate and is none is said to be none; a list of revoked ones is not. */
static void kinds_in_a_table(void **state)
{
        struct sv_cert_table t = {.n = 5};
        SV_BUF raw = SV_BUF_NULL;
        SV_JSON *j = NULL;

        for (enum sv_cert_kind k = SV_CERT_ARK; k <= SV_CERT_CRL; k++)
                t.list[k] = (struct sv_cert_entry){.kind = k, .data = sv_bytes("none", 4)};
        OK(sv_cert_table_write(&t, &raw, &err));
        j = is(sv_buf_bytes(&raw), "certificate-table");
        for (enum sv_cert_kind k = SV_CERT_ARK; k <= SV_CERT_CRL; k++) {
                const struct sv_json *row = sv_json_at(sv_json_get(j, "certificates"), k);

                assert_string_equal(sv_json_str(sv_json_get(row, "kind")), sv_cert_kind_name(k));
                assert_int_equal(sv_json_get(row, "error") != NULL, k != SV_CERT_CRL);
        }
}

static void id_blocks(void **state)
{
        const struct sv_id_block b = {.launch_digest = {1}, .version = 1, .policy = 0x30000};
        uint8_t block[SV_ID_BLOCK_SIZE], auth[SV_ID_AUTH_SIZE];
        SV_JSON *jb = NULL, *ja = NULL;

        sv_id_block_write(&b, block);
        OK(sv_id_auth_anonymous(block, auth, &err));
        jb = is(sv_bytes(block, sizeof(block)), "id-block");
        assert_string_equal(sv_json_str(sv_json_pointer(jb, "/id_block/policy")), "0x30000");
        ja = is(sv_bytes(auth, sizeof(auth)), "id-auth");
        assert_true(sv_json_bool(sv_json_pointer(ja, "/id_auth/anonymous"), false));
        assert_null(sv_json_pointer(ja, "/id_auth/policy"));
        block[80] = 2;
        fails(sv_bytes(block, sizeof(block)), "snp.id_block.version");
        auth[0x40] ^= 1; /* a signature that does not hold: inspect verifies nothing */
        sv_json_freep(&ja);
        ja = is(sv_bytes(auth, sizeof(auth)), "id-auth");
        auth[0x30] = 1;
        fails(sv_bytes(auth, sizeof(auth)), "snp.id_auth.reserved");
        auth[0] = 2;
        is_not(sv_bytes(auth, sizeof(auth)));
}

static void igvm(void **state)
{
        SV_BUF raw = SV_BUF_NULL;
        SV_JSON *j = NULL;

        load("sev-igvm/small", &raw);
        j = is(sv_buf_bytes(&raw), "igvm");
        assert_int_equal(strlen(sv_json_str(sv_json_get(j, "launch_digest"))), 96);
        fails(sv_bytes(raw.p, raw.n - 1), "igvm.header");
        fails(sv_bytes(raw.p, 4), "igvm.header");
}

static void others(void **state)
{
        is_not(SV_BYTES_NULL);
        is_not(sv_bytes_str("text"));
        is_not(sv_bytes_str("{\"no\":\"evidence\"}"));
        fails(sv_bytes_str("{\"attestation_report\":7}"), "snp.evidence.member");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reports),   cmocka_unit_test(hcl),
                cmocka_unit_test(tables),    cmocka_unit_test(kinds_in_a_table),
                cmocka_unit_test(id_blocks), cmocka_unit_test(igvm),
                cmocka_unit_test(others),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
