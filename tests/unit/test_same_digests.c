/* SPDX-License-Identifier: Apache-2.0 */
/* The same inputs measure the same in every version: what does not is in CHANGELOG.md, whose tables
 * are the expectations here. Of several the newest counts, which is the first in the file. */
#include "tests/unit/tdvf.h"
#include "tests/unit/tdx_guest.h"

#include <zstd.h>

#include "base/json/json.h"
#include "guest/guest.h"
#include "image/initrd.h"
#include "image/uki.h"
#include "sev/measure/measure.h"
#include "vtpm/measure/measure.h"

static struct sv_buf changelog;

/* What the tables say of `what`, behind its name; NULL: nothing. */
static const char *find_row(const char *what)
{
        const char *top = getenv("SV_SOURCE");
        SV_STR path = sv_asprintf("%s/CHANGELOG.md", top ? top : ".");
        SV_STR row = sv_asprintf("\n| %s | `", what);
        const char *found;

        if (!changelog.n)
                OK(sv_file_read(path, 1u << 20, &changelog, "test", &err));
        found = strstr(sv_buf_str(&changelog), row);
        return found ? found + strlen(row) : NULL;
}

static void expect_same(const char *what, const char *hex)
{
        const char *found = find_row(what);

        if (!found)
                fail_msg("CHANGELOG.md has no row \"%s\"; here it is %s", what, hex);
        if (strncmp(found, hex, strlen(hex)) || found[strlen(hex)] != '`')
                fail_msg("%s is %s now, and CHANGELOG.md says %.*s: what guests measure changes, "
                         "and their policies with it. If that is meant, CHANGELOG must say so: the "
                         "reason and this row, in the table of the version that is being made",
                         what, hex, (int)strcspn(found, "`"), found);
}

static void expect_same_bytes(const char *what, struct sv_bytes data)
{
        uint8_t digest[SV_DIGEST_MAX];
        char hex[65];

        OK(sv_digest(SV_SHA256, data, digest, &err));
        expect_same(what, sv_hex(sv_bytes(digest, 32), hex));
}

/* Registers by their names, as `measure` prints them. */
static void expect_measured(const char *tee, struct sv_measurement *m, const char *const *names)
{
        for (; *names; names++) {
                SV_STR what = sv_asprintf("%s %s", tee, *names);
                SV_STR pointer = sv_asprintf("/%s", *names);
                const char *hex;

                for (char *dot = pointer; (dot = strchr(dot, '.'));)
                        *dot = '/';
                hex = sv_json_str(sv_json_pointer(m->values, pointer));
                assert_non_null(hex);
                expect_same(what, hex);
        }
        sv_measurement_free(m);
}

static void copy_vector(const char *rel, const char *name)
{
        SV_BUF b = SV_BUF_NULL;

        OK(sv_file_read(vector_path(rel), 1u << 20, &b, "test", &err));
        OK(sv_file_write(path_of(name), 0644, sv_buf_bytes(&b), &err));
}

static void sev_snp(void **state)
{
        SV_GUEST g = guest(vector_path("snp/negative/fw/ok-base.fd"), NULL);
        struct sv_measurement m = {0};

        g.cpu = strdup("EPYC-v4");
        OK(sv_sev_measure(&g, &m, &err));
        expect_measured("sev-snp", &m, (const char *const[]){"launch_digest", NULL});
}

static void tdx_pages(void **state)
{
        struct sv_measurement m = {0};
        SV_BUF image = SV_BUF_NULL;

        tdvf_build(&image, tdvf_good, 3, 1);
        OK(sv_file_write(path_of("two-pages.fd"), 0644, sv_buf_bytes(&image), &err));

        SV_GUEST g = guest(path_of("two-pages.fd"), NULL);

        OK(sv_tdx_measure(&g, &m, &err));
        expect_same("tdx mrtd of two pages", value(&m, "mrtd"));
        sv_measurement_free(&m);
}

static void tdx(void **state)
{
        SV_GUEST g = guest_with(old_firmware(), "\"generation\":\"202202\",\"acpi\":\"%/acpi\"");
        struct sv_measurement m = {0};

        OK(sv_tdx_measure(&g, &m, &err));
        expect_measured("tdx", &m, (const char *const[]){"mrtd", "rtmr0", "rtmr1", "rtmr2", NULL});
}

static void vtpm(void **state)
{
        uint8_t store[STORE_SIZE];
        struct sv_measurement m = {0};

        make_store(store);
        copy_vector("firmware/small.fd", "CODE.fd");
        OK(sv_file_write(path_of("VARS.fd"), 0644, sv_bytes(store, sizeof(store)), &err));

        SV_GUEST g = guest(path_of("CODE.fd"), NULL);

        OK(sv_vtpm_measure(&g, &m, &err));
        expect_measured("vtpm", &m, (const char *const[]){"sha256.4", "sha256.9", NULL});
}

/* The agent's words behind the guest file's own. */
static void command_line(void **state)
{
        static const char text[] =
                "{\"name\":\"web\",\"kernel\":\"vmlinuz\",\"cmdline\":\"console=ttyS0 quiet\","
                "\"disks\":[{\"path\":\"disk.img\"}],\"attestation\":{\"url\":\"https://"
                "192.0.2.1:8443\",\"pin\":\"sha256:"
                "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}}";
        SV_BUF line = SV_BUF_NULL;
        SV_GUEST g = {0};

        OK(sv_guest_parse(sv_bytes_str(text), "web.json", "/nonexistent", &g, &err));
        OK(sv_guest_cmdline(&g, &line, &err));
        expect_same_bytes("command line", sv_buf_bytes(&line));
}

static void initramfs(void **state)
{
        SV_STR packed_by = sv_asprintf("initramfs, packed by libzstd %s", ZSTD_versionString());
        SV_BUF archive = SV_BUF_NULL, packed = SV_BUF_NULL;
        SV_CPIO tree = SV_CPIO_NULL;

        OK(sv_cpio_add_file(&tree, "init", 0755, sv_bytes_str("the agent"), &err));
        OK(sv_cpio_add_file(&tree, "etc/secure-vm/modules", 0644, sv_bytes_str("/lib/a.ko\n"),
                            &err));
        OK(sv_cpio_add_link(&tree, "lib64", "usr/lib64", &err));
        OK(sv_cpio_add_chardev(&tree, "dev/console", 0600, 5, 1, &err));
        OK(sv_cpio_write(&tree, &archive, &err));
        expect_same_bytes("initramfs", sv_buf_bytes(&archive));
        OK(sv_initrd_pack(&tree, &packed, &err));
        if (find_row(packed_by))
                expect_same_bytes(packed_by, sv_buf_bytes(&packed));
        else
                print_message("SKIP: CHANGELOG.md has no row for libzstd %s\n",
                              ZSTD_versionString());
}

/* The stub stands for itself: the compiler makes it, and its bytes are the compiler's. */
static void measured_image(void **state)
{
        uint8_t stub[KERNEL_SIZE], kernel[KERNEL_SIZE];
        struct sv_uki_parts parts = {.stub = sv_bytes(stub, KERNEL_CERTS - 0x80),
                                     .acpi = sv_bytes_str("tables"),
                                     .cmdline = sv_bytes_str("console=ttyS0"),
                                     .initrd = sv_bytes_str("initramfs"),
                                     .kernel = sv_bytes(kernel, sizeof(kernel))};
        SV_BUF image = SV_BUF_NULL;

        make_stub(stub);
        make_loadable(kernel);
        OK(sv_uki_make(&parts, &image, &err));
        expect_same_bytes("measured image", sv_buf_bytes(&image));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sev_snp),
                cmocka_unit_test(tdx_pages),
                cmocka_unit_test(tdx),
                cmocka_unit_test(vtpm),
                cmocka_unit_test(command_line),
                cmocka_unit_test(initramfs),
                cmocka_unit_test(measured_image),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
