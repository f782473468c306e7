/* SPDX-License-Identifier: Apache-2.0 */
/* The advice of the probe, step by step, over made-up machines; the libvirt domain and what it
 * refuses. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "sev/host/host.h"
#include "sev/measure/measure.h"
#include "tests/unit/unit.h"

static char root[] = "/tmp/sev-host.XXXXXX";

static void put(const char *rel, const char *text)
{
        SV_STR path = sv_asprintf("%s%s", root, rel);
        SV_STR dir = sv_asprintf("%.*s", (int)(strrchr(path, '/') - path), path);
        struct sv_err err = SV_ERR_NULL;

        OK(sv_mkdirs(dir, 0755, &err));
        OK(sv_file_write(path, 0644, sv_bytes_str(text), &err));
}

static void advises(const struct sv_sev_cpuid *c, const char *what)
{
        struct sv_err err = SV_ERR_NULL;
        struct sv_probe p;

        OK(sv_sev_probe_at(root, c, &p, &err));
        assert_false(p.ok || p.platform);
        if (!strstr(p.advice, what))
                fail_msg("expected advice with \"%s\", found: %s", what, p.advice);
}

/* A file that is no KVM stands for one without SNP: it refuses every call. */
static void test_why_no_snp(void **state)
{
        struct sv_sev_cpuid c = {0};

        advises(&c, "no /dev/kvm");
        put("/dev/kvm", "");
        advises(&c, "offers no SEV-SNP");
        c.eax = 1u << 4;
        advises(&c, "ASID space limit");
        c.edx = 100;
        advises(&c, "knows no SNP");
        put("/sys/module/kvm_amd/parameters/sev_snp", "N\n");
        advises(&c, "sev_snp is N");
        put("/sys/module/kvm_amd/parameters/sev_snp", "Y\n");
        advises(&c, "kernel's log");
}

/* --- the domain --- */

/* A firmware with the sections of an AmdSev build (hashes: with the one for the kernel), made by
 * the table of ovmf/footer.h. */
static void put_firmware(const char *rel, bool hashes)
{
        static const uint8_t footer_guid[16] = {0xde, 0x82, 0xb5, 0x96, 0xb2, 0x1f, 0xf7, 0x45,
                                                0xba, 0xea, 0xa3, 0x66, 0xc5, 0x5a, 0x08, 0x2d};
        static const uint8_t meta_guid[16] = {0x66, 0x65, 0x88, 0xdc, 0x4a, 0x98, 0x98, 0x47,
                                              0xa7, 0x5e, 0x55, 0x85, 0xa7, 0xbf, 0x67, 0xcc};
        static const uint8_t hash_guid[16] = {0x1f, 0x37, 0x55, 0x72, 0x3b, 0x3a, 0x04, 0x4b,
                                              0x92, 0x7b, 0x1d, 0xa6, 0xef, 0xa8, 0xd4, 0x54};
        SV_BUF b = SV_BUF_NULL, table = SV_BUF_NULL;
        SV_STR path = sv_asprintf("%s%s", root, rel);
        struct sv_err err = SV_ERR_NULL;

        sv_buf_grow(&b, 4096 * 2);
        sv_buf_u32le(&table, 0x810c00);
        sv_buf_u32le(&table, 0x400);
        sv_buf_u16le(&table, 26);
        sv_buf_put(&table, sv_bytes(hash_guid, 16));
        sv_buf_u32le(&table, 1024); /* of the metadata, from the end of the file */
        sv_buf_u16le(&table, 22);
        sv_buf_put(&table, sv_bytes(meta_guid, 16));
        sv_buf_u16le(&table, (uint16_t)(table.n + 18));
        sv_buf_put(&table, sv_bytes(footer_guid, 16));
        memcpy(b.p + b.n - 32 - table.n, table.p, table.n);
        {
                SV_BUF meta = SV_BUF_NULL;

                sv_buf_puts(&meta, "ASEV");
                sv_buf_u32le(&meta, 16 + 12 * 2);
                sv_buf_u32le(&meta, 1);
                sv_buf_u32le(&meta, 2);
                sv_buf_u32le(&meta, 0x80d000);
                sv_buf_u32le(&meta, 0x1000);
                sv_buf_u32le(&meta, 2);
                sv_buf_u32le(&meta, 0x810000);
                sv_buf_u32le(&meta, 0x1000);
                sv_buf_u32le(&meta, hashes ? 0x10 : 1);
                memcpy(b.p + b.n - 1024, meta.p, meta.n);
        }
        OK(sv_file_write(path, 0644, sv_buf_bytes(&b), &err));
}

static int domain(const char *members, struct sv_buf *xml, struct sv_err *err)
{
        SV_STR text = sv_asprintf(
                "{\"name\":\"g\",\"tee\":\"sev-snp\",\"vcpus\":1,\"kernel\":\"kernel\",%s}",
                members);
        struct sv_domain_part part = {0};
        SV_GUEST g = {0};
        int r;

        if (sv_guest_parse(sv_bytes_str(text), "g.json", root, &g, err) < 0)
                return -1;
        r = sv_sev_domain(&g, &part, err);
        if (r == 0) {
                assert_true(part.stateless_firmware);
                sv_buf_puts(xml, sv_buf_str(&part.launch_security));
        }
        sv_buf_free(&part.launch_security);
        sv_buf_free(&part.features);
        return r;
}

static void has(const char *members, const char *fragment)
{
        struct sv_err err = SV_ERR_NULL;
        SV_BUF xml = SV_BUF_NULL;

        OK(domain(members, &xml, &err));
        if (!strstr(sv_buf_str(&xml), fragment))
                fail_msg("\"%s\" is not in %s", fragment, sv_buf_str(&xml));
}

#define GOOD         "\"cpu\":\"EPYC-v4\",\"firmware\":\"good.fd\""
#define SNP(members) GOOD ",\"tees\":{\"sev-snp\":{" members "}}"

/* The algorithm is the one named before the first table; 32 bytes of the digest count. */
static void init_data_sha384(void)
{
        static const char text[] =
                "version = \"0.1.0\"\nalgorithm = \"sha384\"\n\n[data]\nalgorithm = \"none\"\n";
        SV_BUF expected = SV_BUF_NULL;
        struct sv_err err = SV_ERR_NULL;
        uint8_t digest[SV_DIGEST_MAX];

        put("/init.toml", text);
        OK(sv_digest(SV_SHA384, sv_bytes_str(text), digest, &err));
        sv_put_base64(&expected, sv_bytes(digest, 32));
        has(SNP("\"init_data\":\"init.toml\""), sv_buf_str(&expected));
        put("/md5.toml", "algorithm = \"md5\"\n");
        FAILS(domain(SNP("\"init_data\":\"md5.toml\""), &expected, &err), SV_USAGE,
              "sev.init_data");
}

static void test_domain(void **state)
{
        put_firmware("/good.fd", true);
        put("/plain.toml", "abc");
        has(GOOD, "<launchSecurity type='sev-snp' kernelHashes='yes'>");
        has(GOOD, "<policy>0x30000</policy>");
        has(SNP("\"policy\":\"0xb0000\",\"allow_debug\":true"), "<policy>0xb0000</policy>");
        has(SNP("\"host_data\":"
                "\"0101010101010101010101010101010101010101010101010101010101010101\""),
            "<hostData>AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=</hostData>");
        /* SHA-256 of "abc": FIPS 180-4's example. */
        has(SNP("\"init_data\":\"plain.toml\""),
            "<hostData>ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=</hostData>");
        init_data_sha384();
}

/* Signs for that guest and writes both files; the guest file's members otherwise. */
static void sign(const char *members, const char *wanted, bool author)
{
        SV_STR text = sv_asprintf(
                "{\"name\":\"g\",\"tee\":\"sev-snp\",\"vcpus\":1,\"kernel\":\"kernel\",%s}",
                members);
        SV_STR block_path = sv_asprintf("%s/id_block", root);
        SV_STR auth_path = sv_asprintf("%s/id_auth", root);
        struct sv_err err = SV_ERR_NULL;
        SV_KEY *key = sv_key_generate(SV_KEY_P384, 0, &err),
               *who = author ? sv_key_generate(SV_KEY_P384, 0, &err) : NULL;
        struct sv_id_out made = {0};
        struct sv_id_in in = {.key = key, .author = who};
        SV_JSON *extra = NULL;
        SV_GUEST g = {0};

        OK(sv_json_parse(sv_bytes_str(wanted), "test", &extra, &err));
        OK(sv_guest_parse(sv_bytes_str(text), "g.json", root, &g, &err));
        in.guest = &g;
        in.members = extra;
        OK(sv_sev_id_block(&in, &made, &err));
        assert_string_equal(sv_json_str(sv_json_get(made.values, "policy")),
                            strstr(members, "0x130000") ? "0x130000" : "0x30000");
        OK(sv_file_write(block_path, 0644, sv_buf_bytes(&made.block), &err));
        OK(sv_file_write(auth_path, 0644, sv_buf_bytes(&made.auth), &err));
        sv_id_out_free(&made);
}

static void flip(const char *rel, size_t at)
{
        SV_STR path = sv_asprintf("%s/%s", root, rel);
        struct sv_err err = SV_ERR_NULL;
        SV_BUF raw = SV_BUF_NULL;

        OK(sv_file_read(path, 1 << 16, &raw, "test", &err));
        raw.p[at] ^= 1;
        OK(sv_file_write(path, 0644, sv_buf_bytes(&raw), &err));
}

#define WITH_ID "\"id_block\":\"id_block\",\"id_auth\":\"id_auth\""

/* Whatever the firmware would refuse at the end of the launch is refused before it. */
static void test_id_block(void **state)
{
        SV_STR block_path = sv_asprintf("%s/id_block", root);
        struct sv_err err = SV_ERR_NULL;
        SV_BUF xml = SV_BUF_NULL;

        put_firmware("/good.fd", true);
        put("/kernel", "a kernel");
        sign(GOOD, "{}", true);
        has(SNP(WITH_ID ",\"author_key\":true"), " authorKey='yes'>");
        has(SNP(WITH_ID ",\"author_key\":true"), "<idAuth>AQAAAAEAAAA");
        FAILS(domain(SNP(WITH_ID), &xml, &err), SV_USAGE, "sev.domain.author_key");
        flip("id_auth", 0x680);
        FAILS(domain(SNP(WITH_ID ",\"author_key\":true"), &xml, &err), SV_PROOF,
              "snp.id_key.signature");
        sign(GOOD, "{\"svn\":\"7\",\"family-id\":\"000102030405060708090a0b0c0d0e0f\"}", false);
        has(SNP(WITH_ID), "<idBlock>");
        FAILS(domain(SNP(WITH_ID ",\"author_key\":true"), &xml, &err), SV_FORMAT,
              "snp.id_auth.curve");
        /* Another policy, another CPU, another kernel. */
        FAILS(domain(SNP(WITH_ID ",\"policy\":\"0x130000\""), &xml, &err), SV_PROOF,
              "snp.id_block.guest_policy");
        FAILS(domain("\"cpu\":\"EPYC-Milan\",\"firmware\":\"good.fd\",\"tees\":{\"sev-snp\":"
                     "{" WITH_ID "}}",
                     &xml, &err),
              SV_PROOF, "snp.id_block.launch_digest");
        put("/kernel", "another kernel");
        FAILS(domain(SNP(WITH_ID), &xml, &err), SV_PROOF, "snp.id_block.launch_digest");
        sign(SNP("\"policy\":\"0x130000\""), "{}", false);
        has(SNP(WITH_ID ",\"policy\":\"0x130000\""), "<policy>0x130000</policy>");
        flip("id_block", 3);
        FAILS(domain(SNP(WITH_ID ",\"policy\":\"0x130000\""), &xml, &err), SV_PROOF,
              "snp.id_block.signature");
        OK(sv_file_write(block_path, 0644, sv_bytes("short", 5), &err));
        FAILS(domain(SNP(WITH_ID), &xml, &err), SV_FORMAT, "snp.id_block.size");
        FAILS(domain(SNP("\"id_block\":\"none\",\"id_auth\":\"none\""), &xml, &err), SV_SYSTEM,
              "sev.domain.id_block");
        FAILS(domain(SNP("\"id_block\":\"id_block\""), &xml, &err), SV_USAGE,
              "guest.sev-snp.id_block");
}

static void test_refused(void **state)
{
        static const struct {
                const char *members;
                const char *check;
        } cases[] = {
                {"\"firmware\":\"good.fd\"", "sev.domain.cpu"},
                {"\"cpu\":\"host\",\"firmware\":\"good.fd\"", "sev.cpu"},
                {SNP("\"cpu_sig\":\"0xa00f11\""), "sev.domain.cpu"},
                {SNP("\"policy\":\"0x70000\""), "sev.domain.policy"},
                {SNP("\"policy\":\"0xb0000\""), "guest.sev-snp.allow_debug"},
                {SNP("\"policy\":\"0x0\""), "guest.sev-snp.policy"},
                {SNP("\"guest_features\":\"0x21\""), "sev.domain.features"},
                {SNP("\"vmm\":\"ec2\""), "sev.domain.vmm"},
                {SNP("\"svsm\":\"good.fd\""), "sev.domain.svsm"},
                {SNP("\"igvm\":\"good.fd\""), "sev.domain.igvm"},
                {"\"cpu\":\"EPYC-v4\",\"firmware\":\"none.fd\"", "sev.domain.hashes"},
        };
        struct sv_err err = SV_ERR_NULL;
        SV_BUF xml = SV_BUF_NULL;

        put_firmware("/good.fd", true);
        put_firmware("/none.fd", false);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                print_message("%s\n", cases[i].members);
                FAILS(domain(cases[i].members, &xml, &err), SV_USAGE, cases[i].check);
        }
        FAILS(domain("\"cpu\":\"EPYC-v4\",\"firmware\":\"nowhere.fd\"", &xml, &err), SV_SYSTEM,
              "sev.firmware");
        put("/text.fd", "no firmware at all");
        FAILS(domain("\"cpu\":\"EPYC-v4\",\"firmware\":\"text.fd\"", &xml, &err), SV_FORMAT,
              "ovmf.size");
}

static void test_status(void **state)
{
        assert_non_null(strstr(sv_sev_status(0xb), "measured something else"));
        assert_non_null(strstr(sv_sev_status(0x1234), "do not know"));
}

/* QEMU's and KVM's words (target/i386/sev.c), as libvirt passes them on. */
static void test_refusal(void **state)
{
        static const struct {
                const char *message, *check, *says;
                enum sv_class class;
        } t[] = {
                {"internal error: QEMU unexpectedly closed the monitor (vm='g'): SNP_LAUNCH_FINISH "
                 "ret=-5 fw_error=11 'Bad measurement'",
                 "sev.launch.measurement",
                 "(SNP_LAUNCH_FINISH, firmware status 0xb): the guest measured something else",
                 SV_PROOF},
                {"qemu: -accel kvm: sev_snp_launch_start: SNP_LAUNCH_START ret=-5 fw_error=7 "
                 "'Policy is not allowed'\nqemu: failed",
                 "sev.launch.firmware",
                 "(SNP_LAUNCH_START, firmware status 0x7): the policy does not allow it", SV_PROOF},
                {"SNP_LAUNCH_UPDATE ret=-5 fw_error=22 'Invalid parameter'", "sev.launch.firmware",
                 "a parameter is invalid", SV_PROOF},
                {"SNP_LAUNCH_START ret=-22 fw_error=0 ''", "sev.launch.kvm",
                 "SNP_LAUNCH_START: Invalid argument", SV_SYSTEM},
                {"sev_common_kvm_init: failed to initialize ret=-16 fw_error=0 ''",
                 "sev.launch.kvm", "SNP_INIT2: Device or resource busy", SV_SYSTEM},
                {"ret=9999999999999999999 ret=-1 fw_error=99999999999999999999",
                 "sev.launch.firmware", "that we do not know", SV_PROOF},
        };
        static const char *const others[] = {
                "",       "fw_error=",          "fw_error=11",
                "ret=-5", "fw_error=11 ret=-5", "process exited: no such CPU"};
        struct sv_err err = SV_ERR_NULL;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                FAILS(sv_sev_refusal(t[i].message, &err), t[i].class, t[i].check);
                if (!strstr(err.msg, t[i].says))
                        fail_msg("\"%s\" does not say \"%s\"", err.msg, t[i].says);
        }
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                assert_int_equal(sv_sev_refusal(others[i], &err), 0);
}

static int set_up(void **state)
{
        return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
        return sv_remove_tree(root, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_why_no_snp), cmocka_unit_test(test_domain),
                cmocka_unit_test(test_id_block),   cmocka_unit_test(test_refused),
                cmocka_unit_test(test_status),     cmocka_unit_test(test_refusal),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
