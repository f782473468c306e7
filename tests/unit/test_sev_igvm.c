/* SPDX-License-Identifier: Apache-2.0 */
/* IGVM files: the digest of each good one, the check of each bad one, and what KVM would not launch
 * as written. */
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/json/json.h"
#include "sev/measure/igvm.h"
#include "tests/unit/make_firmware.h"
#include "tests/unit/unit.h"

#define DIR "snp/"

static void load(const char *rel, struct sv_buf *out)
{
        struct sv_err err = SV_ERR_NULL;
        char path[256];

        snprintf(path, sizeof(path), DIR "%s", rel);
        OK(sv_file_read(vector_path(path), 16u << 20, out, "test.file", &err));
}

static void every_file_of_the_set(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *all = NULL;
        const struct sv_json *rows;
        unsigned good = 0, bad = 0;

        load("igvm/expected.json", &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &all, &err));
        rows = sv_json_get(all, "rows");
        for (size_t i = 0; i < sv_json_len(rows); i++) {
                const char *file = sv_json_str(sv_json_get(sv_json_at(rows, i), "file"));
                const char *expected = sv_json_str(sv_json_get(sv_json_at(rows, i), "expected"));
                uint8_t digest[SV_SNP_DIGEST];
                char hex[2 * SV_SNP_DIGEST + 1];
                SV_BUF raw = SV_BUF_NULL;
                bool has_vmsa;

                load(file, &raw);
                if (!strncmp(expected, "ERR", 3)) {
                        assert_int_equal(sv_sev_igvm_digest(sv_buf_bytes(&raw), false, digest,
                                                            &has_vmsa, NULL, &err),
                                         -1);
                        assert_int_equal(err.class, SV_FORMAT);
                        assert_int_equal(strncmp(err.check, "igvm.", 5), 0);
                        bad++;
                        continue;
                }
                OK(sv_sev_igvm_digest(sv_buf_bytes(&raw), false, digest, &has_vmsa, NULL, &err));
                assert_string_equal(sv_hex(sv_bytes(digest, sizeof(digest)), hex), expected);
                assert_int_equal(has_vmsa, !strstr(file, "no-vmsa"));
                good++;
        }
        print_message("%u digests equal, %u files refused\n", good, bad);
        assert_true(good >= 8 && bad >= 12);
}

static void what_kvm_would_launch_otherwise(void **state)
{
        static const char *const files[] = {"igvm/kvm-vmsa-gpa.igvm", "igvm/kvm-two-vmsa.igvm"};
        struct sv_err err = SV_ERR_NULL;
        uint8_t digest[SV_SNP_DIGEST];
        bool has_vmsa;

        for (size_t i = 0; i < 2; i++) {
                SV_BUF raw = SV_BUF_NULL;

                load(files[i], &raw);
                FAILS(sv_sev_igvm_digest(sv_buf_bytes(&raw), true, digest, &has_vmsa, NULL, &err),
                      SV_FORMAT, "igvm.kvm");
        }
}

static void every_length(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        uint8_t digest[SV_SNP_DIGEST];
        SV_BUF raw = SV_BUF_NULL;
        bool has_vmsa;

        load("igvm/ok-basic.igvm", &raw);
        for (size_t n = 0; n < raw.n; n += n < 256 ? 1 : 61)
                FAILS(sv_sev_igvm_digest(sv_bytes(raw.p, n), false, digest, &has_vmsa, NULL, &err),
                      SV_FORMAT, "igvm.header");
}

/* What people see of it: each run of pages, with the digest up to there. */
static void expect_steps(struct sv_bytes file, const char *texts)
{
        struct sv_err err = SV_ERR_NULL;
        struct sv_measurement m = {0};
        uint8_t digest[SV_SNP_DIGEST];
        SV_BUF all = SV_BUF_NULL;
        bool has_vmsa;

        OK(sv_sev_igvm_digest(file, false, digest, &has_vmsa, &m, &err));
        for (size_t i = 0; i < m.n_steps; i++)
                sv_buf_printf(&all, "%s: %s\n", m.steps[i].type, m.steps[i].what);
        assert_string_equal(sv_buf_str(&all), texts);
        assert_memory_equal(m.steps[m.n_steps - 1].digest[1], digest, sizeof(digest));
        sv_measurement_free(&m);
}

static void put_area(struct sv_buf *headers, uint8_t index, uint8_t pages)
{
        const uint8_t area[16] = {0, (uint8_t)(pages << 4), [8] = index};
        const uint8_t insert[16] = {0, 0, 0x10, index, [8] = 1, [12] = index};

        put_igvm_header(headers, 0x301, sv_bytes(area, sizeof(area)));
        put_igvm_header(headers, 0x303, sv_bytes(insert, sizeof(insert)));
}

static void steps(void **state)
{
        SV_BUF raw = SV_BUF_NULL, headers = SV_BUF_NULL;

        load("igvm/ok-basic.igvm", &raw);
        expect_steps(sv_buf_bytes(&raw), "NORMAL: 1 page at 0x100000\n"
                                         "NORMAL: 1 page at 0x101000\n"
                                         "SECRETS: 1 page at 0x102000\n"
                                         "CPUID: 1 page at 0x103000\n"
                                         "UNMEASURED: 1 page at 0x104000\n"
                                         "VMSA: 1 page at 0xfffffffff000\n");
        put_igvm_platform(&headers, 1, 2);
        put_area(&headers, 0, 1);
        put_area(&headers, 1, 2);
        make_igvm(&raw, sv_buf_bytes(&headers));
        expect_steps(sv_buf_bytes(&raw), "UNMEASURED: 1 page at 0x100000\n"
                                         "UNMEASURED: 2 pages at 0x1100000\n");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_file_of_the_set),
                cmocka_unit_test(what_kvm_would_launch_otherwise),
                cmocka_unit_test(every_length),
                cmocka_unit_test(steps),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
