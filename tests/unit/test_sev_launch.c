/* SPDX-License-Identifier: Apache-2.0 */
/* The launch digest against rows that two independent tools computed and that real machines
 * confirmed, and every malformed firmware of the set. */
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/json/json.h"
#include "sev/measure/cpu.h"
#include "sev/measure/launch.h"
#include "sev/measure/measure.h"
#include "tests/unit/firmware.h"

#define DIR "snp/"

struct row { /* a command of the vector's, taken apart */
        struct sv_sev_launch in;
        struct sv_boot_hashes hashes;
        const char *kernel, *initrd, *append, *ovmf;
        bool plain; /* only options that the launch digest of SNP knows */
};

static void load(const char *path, struct sv_buf *out)
{
        struct sv_err err = SV_ERR_NULL;

        OK(sv_file_read(path, 16u << 20, out, "test.file", &err));
}

/* The 4 MiB firmware is a Debian package's: tools/test puts it into the cache. Ours is 16 KiB. */
static const char *firmware_path(const char *name)
{
        if (!strcmp(name, "OVMF.amdsev.fd"))
                return cached_firmware(
                        name, "3e4fd0b3fe3b2dbe481c3d9e99418a034174f26cbe1f55aa212b0f18c12d2d6f");
        assert_string_equal(name, "ok-base.fd");
        return vector_path(DIR "negative/fw/ok-base.fd");
}

static void option(struct row *r, const char *name, const char *value)
{
        struct sv_err err = SV_ERR_NULL;

        if (!strcmp(name, "--ovmf"))
                r->ovmf = value;
        else if (!strcmp(name, "--kernel"))
                r->kernel = value;
        else if (!strcmp(name, "--initrd"))
                r->initrd = value;
        else if (!strcmp(name, "--append"))
                r->append = value;
        else if (!strcmp(name, "--vcpus"))
                r->in.vcpus = (unsigned)strtoul(value, NULL, 10);
        else if (!strcmp(name, "--vcpu-sig"))
                r->in.cpu_sig = (uint32_t)strtoul(value, NULL, 0);
        else if (!strcmp(name, "--guest-features"))
                r->in.features = strtoul(value, NULL, 0);
        else if (!strcmp(name, "--vmm-type"))
                OK(sv_vmm_by_name(value, &r->in.vmm, &err));
        else if (!strcmp(name, "--vcpu-type"))
                OK(sv_cpu_sig_of(value, &r->in.cpu_sig, &err));
        else
                r->plain = false;
}

/* "tool --mode snp --vcpus=1 '--append=a b'": words apart by blanks, quotes around some. Takes the
 * text apart in place. */
static void take_apart(char *cmd, struct row *r)
{
        char *p = strchr(cmd, ' ');

        r->plain = strstr(cmd, "--mode snp ") != NULL;
        while (p) {
                char *word = p + 1, *eq, quote = *word == '\'' ? '\'' : ' ';

                word += quote == '\'';
                p = strchr(word, quote);
                if (p)
                        *p = 0;
                if (p && quote == '\'')
                        p = p[1] ? p + 1 : NULL;
                eq = strchr(word, '=');
                if (!eq)
                        continue;
                *eq = 0;
                option(r, word, eq + 1);
        }
}

static bool run_row(const struct sv_json *j, unsigned *skipped)
{
        const char *expected = sv_json_str(sv_json_get(j, "digest"));
        struct row r = {.in = {.features = 1}};
        struct sv_err err = SV_ERR_NULL;
        uint8_t digest[SV_SNP_DIGEST];
        char hex[2 * SV_SNP_DIGEST + 1], *cmd = strdup(sv_json_str(sv_json_get(j, "cmd")));
        SV_STR kernel = NULL;
        SV_STR initrd = NULL;
        SV_BUF fw = SV_BUF_NULL;
        bool ran = false;

        take_apart(cmd, &r);
        if (r.plain && expected && r.in.vcpus &&
            !strstr(sv_json_str(sv_json_get(j, "cmd")), "base64")) {
                const char *path = firmware_path(r.ovmf);

                if (path) {
                        load(path, &fw);
                        r.in.firmware = sv_buf_bytes(&fw);
                        if (r.kernel) {
                                kernel = strdup(vector_path(DIR "measure/kernel.bin"));
                                initrd = r.initrd ? strdup(vector_path(DIR "measure/initrd.bin"))
                                                  : NULL;
                                OK(sv_boot_hashes(kernel, initrd, r.append, &r.hashes, &err));
                                r.in.hashes = &r.hashes;
                        }
                        OK(sv_sev_launch_digest(&r.in, digest, NULL, &err));
                        assert_string_equal(sv_hex(sv_bytes(digest, sizeof(digest)), hex),
                                            expected);
                        ran = true;
                } else {
                        (*skipped)++;
                }
        }
        free(cmd);
        return ran;
}

static void digests_equal_the_peers(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *all = NULL;
        struct sv_json *rows;
        unsigned ran = 0, skipped = 0;

        load(vector_path(DIR "measure/measure-expected.json"), &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &all, &err));
        rows = sv_json_get(all, "rows");
        for (size_t i = 0; i < sv_json_len(rows); i++)
                ran += run_row(sv_json_at(rows, i), &skipped);
        if (skipped)
                print_message("%u more launch digests need that build of OVMF.amdsev.fd\n",
                              skipped);
        print_message("%u launch digests equal\n", ran);
        assert_true(ran + skipped == 56 && ran >= 28);
}

/* The peer's rows for an SVSM and the firmware above it. Rows of its own mistake (a field's name)
 * are passed over. */
static void check_svsm(const char *rows_path, const char *firmware, const char *image)
{
        struct sv_err err = SV_ERR_NULL;
        SV_BUF text = SV_BUF_NULL;
        SV_BUF fw = SV_BUF_NULL;
        SV_BUF svsm = SV_BUF_NULL;
        SV_JSON *all = NULL;
        struct sv_json *rows;
        unsigned ran = 0;

        load(rows_path, &text);
        load(firmware, &fw);
        load(image, &svsm);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &all, &err));
        rows = sv_json_get(all, "rows");
        for (size_t i = 0; i < sv_json_len(rows); i++) {
                const struct sv_json *r = sv_json_at(rows, i);
                const char *mxcsr = sv_json_str(sv_json_get(r, "mxcsr")),
                           *fcw = sv_json_str(sv_json_get(r, "x87_fcw"));
                struct sv_sev_launch in = {.firmware = sv_buf_bytes(&fw),
                                           .svsm = sv_buf_bytes(&svsm),
                                           .svsm_vars = 540672,
                                           .features = 1};
                uint8_t digest[SV_SNP_DIGEST];
                char hex[2 * SV_SNP_DIGEST + 1];

                if (strcmp(mxcsr, "0x0") && !strcmp(fcw, "0x0"))
                        continue; /* the peer's own mistake */
                in.old_fpu = !strcmp(mxcsr, "0x0");
                in.vcpus = (unsigned)sv_json_int(sv_json_get(r, "vcpus"), 0);
                OK(sv_cpu_sig_of("EPYC-v4", &in.cpu_sig, &err));
                OK(sv_sev_launch_digest(&in, digest, NULL, &err));
                assert_string_equal(sv_hex(sv_bytes(digest, sizeof(digest)), hex),
                                    sv_json_str(sv_json_get(r, "digest")));
                ran++;
        }
        assert_int_equal(ran, 4);
}

static void svsm_digests(void **state)
{
        SV_STR rows = strdup(vector_path(DIR "svsm/expected.json"));
        SV_STR firmware = strdup(vector_path(DIR "svsm/firmware.fd"));

        check_svsm(rows, firmware, vector_path(DIR "svsm/svsm.bin"));
}

/* A real SVSM and its firmware: the rows for old kernels were measured on hardware. */
static void extra_svsm_digests(void **state)
{
        SV_STR rows = strdup(extra_path(DIR "measure/svsm-variants.json"));
        SV_STR firmware = strdup(extra_path(DIR "measure/svsm_ovmf.fd"));

        check_svsm(rows, firmware, extra_path(DIR "measure/svsm.bin"));
}

static void bad_firmware_is_refused_by_name(void **state)
{
        static const struct {
                const char *file, *check;
                bool kernel;
        } t[] = {
                {"bad-empty", "ovmf.size", false},
                {"bad-size-unaligned", "ovmf.size", false},
                {"bad-footer-guid", "ovmf.footer", false},
                {"bad-footer-size-3", "ovmf.footer", false},
                {"bad-entry-size-0", "ovmf.footer.entry", false},
                {"bad-entry-size-big", "ovmf.footer.entry", false},
                {"bad-no-metadata", "ovmf.sev.metadata", false},
                {"bad-meta-sig", "ovmf.sev.metadata", false},
                {"bad-meta-version2", "ovmf.sev.metadata", false},
                {"bad-meta-num-gt-size", "ovmf.sev.metadata", false},
                {"bad-meta-size-small", "ovmf.sev.metadata", false},
                {"bad-meta-offset-0", "ovmf.sev.metadata", false},
                {"bad-meta-offset-big", "ovmf.sev.metadata", false},
                {"bad-reset-missing", "ovmf.footer.missing", false},
                {"bad-sec-type-unknown", "ovmf.sev.section", false},
                {"bad-sec-size-unaligned", "ovmf.sev.section", false},
                {"bad-sec-gpa-unaligned", "ovmf.sev.section", false},
                {"bad-secrets-2pages", "ovmf.sev.section", false},
                {"bad-hashes-2pages", "ovmf.sev.section", false},
                {"bad-hashes-straddle", "ovmf.sev.hashes", true},
                {"bad-hashes-gpa-0", "ovmf.sev.hashes", true},
        };
        static const struct sv_boot_hashes none;
        struct sv_err err = SV_ERR_NULL;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct sv_sev_launch in = {.vcpus = 2,
                                           .cpu_sig = 0x800f12,
                                           .features = 1,
                                           .hashes = t[i].kernel ? &none : NULL};
                uint8_t digest[SV_SNP_DIGEST] = {0xaa};
                SV_BUF fw = SV_BUF_NULL;
                char path[256];

                snprintf(path, sizeof(path), DIR "negative/fw/%.64s.fd", t[i].file);
                load(vector_path(path), &fw);
                in.firmware = sv_buf_bytes(&fw);
                FAILS(sv_sev_launch_digest(&in, digest, NULL, &err), SV_FORMAT, t[i].check);
                assert_int_equal(digest[0], 0xaa);
        }
}

/* What is asked of the launch itself, before the firmware is looked at. */
static void launches_that_are_refused(void **state)
{
        static const struct sv_boot_hashes none;
        struct sv_sev_launch in = {.cpu_sig = 0x800f12, .features = 1};
        struct sv_err err = SV_ERR_NULL;
        uint8_t digest[SV_SNP_DIGEST];
        SV_BUF fw = SV_BUF_NULL, svsm = SV_BUF_NULL;
        enum sv_vmm vmm;

        load(vector_path(DIR "svsm/firmware.fd"), &fw);
        load(vector_path(DIR "svsm/svsm.bin"), &svsm);
        in.firmware = sv_buf_bytes(&fw);
        in.svsm = sv_buf_bytes(&svsm);
        in.svsm_vars = 540672;
        FAILS(sv_sev_launch_digest(&in, digest, NULL, &err), SV_USAGE, "sev.vcpus");
        in.vcpus = 4097;
        FAILS(sv_sev_launch_digest(&in, digest, NULL, &err), SV_USAGE, "sev.vcpus");
        in.vcpus = 4096;
        OK(sv_sev_launch_digest(&in, digest, NULL, &err));
        in.hashes = &none;
        FAILS(sv_sev_launch_digest(&in, digest, NULL, &err), SV_USAGE, "sev.svsm");
        FAILS(sv_vmm_by_name("xen", &vmm, &err), SV_USAGE, "sev.vmm");
}

/* Each file that a guest file names, and that is not there or larger than any; and words that are
 * not what they must be. */
static void files_of_a_guest(void **state)
{
        static const struct {
                const char *members, *check;
                enum sv_class class;
        } t[] = {
                {"\"firmware\":\"none\"", "sev.firmware", SV_SYSTEM},
                {"\"firmware\":\"large\"", "sev.firmware", SV_FORMAT},
                {"\"tees\":{\"sev-snp\":{\"igvm\":\"none\"}}", "sev.igvm", SV_SYSTEM},
                {"\"tees\":{\"sev-snp\":{\"igvm\":\"large\"}}", "sev.igvm", SV_FORMAT},
                {"\"firmware\":\"file\",\"tees\":{\"sev-snp\":{\"svsm\":\"none\"}}", "sev.svsm",
                 SV_SYSTEM},
                {"\"firmware\":\"file\",\"tees\":{\"sev-snp\":{\"svsm\":\"large\"}}", "sev.svsm",
                 SV_FORMAT},
                {"\"tees\":{\"sev-snp\":{\"firmware_digest\":\"00\"}}",
                 "guest.sev-snp.firmware_digest", SV_USAGE},
                {"\"firmware\":\"file\",\"tees\":{\"sev-snp\":{\"vmm\":\"xen\"}}", "sev.vmm",
                 SV_USAGE},
        };
        char dir[] = "/tmp/sv-sev-launch-XXXXXX";
        struct sv_err err = SV_ERR_NULL;
        SV_STR large = NULL;
        SV_STR file = NULL;

        assert_non_null(mkdtemp(dir));
        large = sv_asprintf("%s/large", dir);
        file = sv_asprintf("%s/file", dir);
        OK(sv_file_write(large, 0600, SV_BYTES_NULL, &err));
        assert_int_equal(truncate(large, SV_FIRMWARE_SIZE_MAX + 1), 0);
        OK(sv_file_write(file, 0600, sv_bytes_str("no firmware"), &err));
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_STR text = sv_asprintf("{\"name\":\"g\",\"tee\":\"sev-snp\",\"kernel\":\"file\","
                                          "\"initrd\":\"file\",\"cpu\":\"EPYC-v4\",%s}",
                                          t[i].members);
                struct sv_measurement m = {0};
                SV_GUEST g = {0};

                OK(sv_guest_parse(sv_bytes_str(text), "g.json", dir, &g, &err));
                FAILS(sv_sev_measure(&g, &m, &err), t[i].class, t[i].check);
                assert_null(m.values);
        }
        OK(sv_remove_tree(dir, &err));
}

static void cpu_models(void **state)
{
        static const struct {
                const char *name;
                uint32_t sig;
        } t[] = {
                {"EPYC", 0x800f12},
                {"EPYC-v4", 0x800f12},
                {"EPYC-IBPB", 0x800f12},
                {"EPYC-Rome-v2", 0x830f10},
                {"EPYC-Milan", 0xa00f11},
                {"EPYC-Genoa", 0xa10f10},
                {"EPYC-Turin", 0xb00f00},
                {"EPYC-v5", 0x800f12},
                {"EPYC-Rome-v5", 0x830f10},
                {"EPYC-Milan-v4", 0xa00f11},
                {"EPYC-Genoa-v3", 0xa10f10},
                {"EPYC-Turin-v2", 0xb00f00},
                {"EPYC-v6", 0},
                {"EPYC-v99", 0},
                {"EPYC-Rome-v6", 0},
                {"EPYC-Milan-v5", 0},
                {"EPYC-Genoa-v4", 0},
                {"EPYC-Turin-v3", 0},
                {"EPYC-IBPB-v1", 0},
                {"EPYC-v0", 0},
                {"EPYC-v01", 0},
                {"EPYC-v4294967297", 0},
                {"EPYC-v1x", 0},
                {"host", 0},
                {"EPYC-Milan-v", 0},
                {"EPYC-Milan-2", 0},
                {"EPYC-Milano", 0},
                {"Skylake", 0},
                {"", 0},
        };
        struct sv_err err = SV_ERR_NULL;
        uint32_t sig;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                if (!t[i].sig) {
                        FAILS(sv_cpu_sig_of(t[i].name, &sig, &err), SV_USAGE, "sev.cpu");
                        continue;
                }
                OK(sv_cpu_sig_of(t[i].name, &sig, &err));
                assert_int_equal(sig, t[i].sig);
        }
        FAILS(sv_cpu_sig_of("EPYC-Milan-v9", &sig, &err), SV_USAGE, "sev.cpu");
        assert_non_null(strstr(err.msg, "EPYC-Milan-v1 to EPYC-Milan-v4"));
}

/* One field each way: every field of the page is shown by name. */
static void count_field(void *arg, const char *field, unsigned offset, uint64_t value)
{
        unsigned *seen = arg;

        if (!strcmp(field, "rip"))
                seen[0] = (unsigned)value;
        if (!strcmp(field, "cs.base"))
                seen[1] = (unsigned)(value >> 16);
        seen[2]++;
}

static void vmsa_shows_its_fields(void **state)
{
        const struct sv_vmsa_in in = {.vmm = SV_VMM_QEMU,
                                      .eip = 0x0080b004,
                                      .ap = true,
                                      .cpu_sig = 0x800f12,
                                      .features = 1};
        uint8_t page[SV_VMSA_SIZE];
        unsigned seen[3] = {0};

        sv_vmsa_make(&in, page);
        sv_vmsa_each(page, count_field, seen);
        assert_int_equal(seen[0], 0xb004);
        assert_int_equal(seen[1], 0x80);
        assert_true(seen[2] > 30);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(digests_equal_the_peers),
                cmocka_unit_test(svsm_digests),
                cmocka_unit_test(extra_svsm_digests),
                cmocka_unit_test(bad_firmware_is_refused_by_name),
                cmocka_unit_test(launches_that_are_refused),
                cmocka_unit_test(files_of_a_guest),
                cmocka_unit_test(cpu_models),
                cmocka_unit_test(vmsa_shows_its_fields),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
