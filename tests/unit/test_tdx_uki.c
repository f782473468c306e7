/* SPDX-License-Identifier: Apache-2.0 */
/* tdx/rtmr-uki: unified kernel images; and the volume of drivers that tdx/measure/firmware.c looks
 * into. */
#include "tests/unit/tdx_guest.h"

/* --- unified kernel images --- */

static void write_uki(const char *name, const char *const parts[][2], size_t n)
{
        uint8_t k[UKI_SIZE];

        OK(sv_file_write(path_of(name), 0644, sv_bytes(k, make_uki(k, parts, n)), &err));
}

#define STUB(version)                                                        \
        {                                                                    \
                ".sdmagic", "#### LoaderInfo: systemd-stub " version " ####" \
        }
#define PARTS                                                                                     \
        {".osrel", "ID=test"}, {".linux", NULL}, {".cmdline", "quiet"}, {".initrd", "initramfs"}, \
                {".uname", "6.12"},                                                               \
        {                                                                                         \
                ".sbat", "sbat,1"                                                                 \
        }
#define REAL_LOG "tdx/ccel/trustee-CCEL_data_grub_gke.bin" /* booted such an image */

static void unified_image(void **state)
{
        static const char *const old[][2] = {STUB("251"), PARTS},
                                 *const young[][2] = {STUB("263"), PARTS},
                                 *const no_kernel[][2] = {STUB("255")},
                                 *const measured[][2] = {{".acpi", "tables"}, {".linux", NULL}};
        struct sv_measurement m = {0};
        SV_GUEST g = guest_with(old_firmware(), "\"generation\":\"202508\",\"acpi\":\"%/acpi\"");

        write_uki("old.efi", old, 7);
        write_uki("young.efi", young, 7);
        write_uki("no-kernel.efi", no_kernel, 1);
        free(g.kernel);
        free(g.initrd);
        g.kernel = g.initrd = NULL;
        g.uki = strdup(path_of("old.efi"));
        OK(sv_tdx_measure(&g, &m, &err));
        expect_register(&m, 0);
        assert_non_null(strstr(reason(&m, "rtmr1"), "252 to 262"));
        assert_non_null(strstr(reason(&m, "rtmr2"), "252 to 262"));
        expect_data(&m, "section .linux, its", ".linux", 7);
        expect_data(&m, "section .cmdline, 5", "quiet", 5);
        sv_measurement_free(&m);
        free(g.uki);
        g.uki = strdup(path_of("young.efi"));
        OK(sv_tdx_measure(&g, &m, &err));
        assert_non_null(strstr(reason(&m, "rtmr1"), "systemd-stub 263"));
        sv_measurement_free(&m);
        free(g.uki);
        g.uki = strdup(path_of("no-kernel.efi"));
        FAILS(sv_tdx_measure(&g, &m, &err), SV_FORMAT, "tdx.uki");
        free(g.uki);
        g.uki = strdup(path_of("kernel"));
        FAILS(sv_tdx_measure(&g, &m, &err), SV_FORMAT, "tdx.uki");
        /* it would take away what the firmware adds to the tables */
        write_uki("measured.efi", measured, 2);
        free(g.uki);
        g.uki = strdup(path_of("measured.efi"));
        FAILS(sv_tdx_measure(&g, &m, &err), SV_USAGE, "tdx.uki");
        assert_non_null(strstr(err.msg, "RTMR0"));
}

/* Every version that is known: what changed, and only that. */
static void versions(void **state)
{
        SV_GUEST g = guest_with(old_firmware(), "\"generation\":\"202508\",\"acpi\":\"%/acpi\"");
        struct sv_measurement m = {0};

        free(g.kernel);
        free(g.initrd);
        g.kernel = g.initrd = NULL;
        g.uki = strdup(path_of("version.efi"));
        for (unsigned v = 252; v <= 262; v++) {
                SV_STR magic = sv_asprintf("#### LoaderInfo: systemd-stub %u.1 ####", v);
                const char *const parts[][2] = {{".sdmagic", magic}, PARTS};
                const struct sv_measure_step *initrd;
                uint8_t plain[48];

                write_uki("version.efi", parts, 7);
                OK(sv_tdx_measure(&g, &m, &err));
                if (v < 261)
                        expect_register(&m, 0);
                else
                        assert_non_null(strstr(reason(&m, "rtmr0"), "SMBIOS"));
                expect_register(&m, 1);
                expect_register(&m, 2);
                assert_int_equal(find(&m, "kernel inside") != NULL, v < 258);
                assert_int_equal(find(&m, "section .sbat") != NULL, v >= 254);
                OK(sv_digest(SV_SHA384, sv_bytes_str("initramfs"), plain, &err));
                initrd = find(&m, "initramfs (Linux initrd)");
                assert_int_equal(memcmp(initrd->digest[1], plain, 48) == 0, v < 257);
                sv_measurement_free(&m);
        }
}

/* Whose command line is measured: the one from outside, unless Secure Boot is on and the image has
 * one of its own. */
static void command_lines(void **state)
{
        static const char *const parts[][2] = {STUB("254"), PARTS};
        static const struct {
                bool secure_boot;
                const char *outside, *options;
                bool told;
        } t[] = {
                {false, NULL, "\"quiet\"", false},
                {false, "one=1", "\"one=1\"", true},
                {true, NULL, "\"quiet\"", false},
                {true, "one=1", "\"quiet\"", false},
        };

        write_uki("lines.efi", parts, 7);
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_GUEST g = guest_with(t[i].secure_boot ? debian() : old_firmware(),
                                        t[i].secure_boot
                                                ? "\"acpi\":\"%/acpi\""
                                                : "\"generation\":\"202508\",\"acpi\":\"%/acpi\"");
                struct sv_measurement m = {0};

                free(g.kernel);
                free(g.initrd);
                free(g.cmdline);
                g.kernel = g.initrd = NULL;
                g.cmdline = t[i].outside ? strdup(t[i].outside) : NULL;
                g.uki = strdup(path_of("lines.efi"));
                OK(sv_tdx_measure(&g, &m, &err));
                assert_int_equal(find(&m, "command line from outside: \"one=1\"") != NULL,
                                 t[i].told);
                assert_non_null(strstr(find(&m, "command line (LOADED_IMAGE::LoadOptions)")->what,
                                       t[i].options));
                sv_measurement_free(&m);
        }
}

/* What is told from outside does not reach an agent under Secure Boot when the image has a command
 * line of its own. */
static void agent_unreached(void **state)
{
        static const char *const deaf[][2] = {STUB("254"), PARTS},
                                 *const told[][2] = {STUB("254"),
                                                     {".linux", NULL},
                                                     {".cmdline", "quiet securevm.url=https://b"},
                                                     {".initrd", "initramfs"}};
        struct sv_measurement m = {0};
        SV_GUEST g = guest_with(debian(), "\"acpi\":\"%/acpi\"");

        write_uki("deaf.efi", deaf, 7);
        write_uki("told.efi", told, 4);
        free(g.kernel);
        free(g.initrd);
        g.kernel = g.initrd = NULL;
        g.uki = strdup(path_of("deaf.efi"));
        OK(sv_tdx_measure(&g, &m, &err));
        sv_measurement_free(&m);
        g.attestation.url = strdup("https://b");
        FAILS(sv_tdx_measure(&g, &m, &err), SV_USAGE, "tdx.uki");
        free(g.uki);
        g.uki = strdup(path_of("told.efi"));
        OK(sv_tdx_measure(&g, &m, &err));
        expect_register(&m, 2);
        sv_measurement_free(&m);
        free(g.attestation.url);
        g.attestation.url = NULL;
        g.disks = calloc(1, sizeof(*g.disks));
        g.n_disks = 1;
        g.disks[0].id = strdup("root");
        g.disks[0].verity = strdup("ext4");
        FAILS(sv_tdx_measure(&g, &m, &err), SV_USAGE, "tdx.uki");
        assert_non_null(strstr(err.msg, "securevm.verity="));
}

/* The sections' names stand in the log of a real boot as they do in ours. */
static void like_a_real_boot(void **state)
{
        static const char *const parts[][2] = {STUB("255.4-1"), PARTS};
        const char *path = vector_path(REAL_LOG);
        struct sv_measurement m = {0};
        SV_GUEST g = guest_with(old_firmware(), "\"generation\":\"202508\",\"acpi\":\"%/acpi\"");
        SV_JSON *rows = sv_json_array();
        SV_BUF log = SV_BUF_NULL;
        unsigned same = 0;

        OK(sv_file_read(path, 1u << 20, &log, "test", &err));
        write_uki("real.efi", parts, 7);
        free(g.kernel);
        free(g.initrd);
        g.kernel = g.initrd = NULL;
        g.uki = strdup(path_of("real.efi"));
        OK(sv_tdx_measure(&g, &m, &err));
        FAILS(sv_tdx_compare(&m, sv_buf_bytes(&log), rows, &err), SV_PROOF, "measure.differs");
        for (size_t i = 0; i < sv_json_len(rows); i++)
                same += strstr(sv_json_str(sv_json_get(sv_json_at(rows, i), "text")),
                               "its name: ") &&
                        sv_json_bool(sv_json_get(sv_json_at(rows, i), "same"), false);
        assert_int_equal(same, 6);
        sv_measurement_free(&m);
}

/* The seed of the fuzz target: a volume with one of the two files. Damaged, it gives none. */
static void titles(void **state)
{
        static const char ui[] = "462caa21-7614-4503-836e-8ab6f4662331",
                          menu[] = "eec25bdc-67f2-4d95-b1d5-f81b2039d11d";
        const char *source = getenv("SV_SOURCE");
        struct sv_tdx_firmware f = {.readable = true};
        static const struct {
                uint8_t low, high;
                const char *title;
        } letters[] = {{' ', 0, "M nu"},  {'~', 0, "M~nu"}, {0x1f, 0, "M?nu"},
                       {0x7f, 0, "M?nu"}, {'e', 1, "M?nu"}, {'e', 0, "Menu"}};
        char path[4096], title[64];
        SV_BUF volume = SV_BUF_NULL;
        uint8_t *letter;

        snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/tdx-dxe/menu", source ? source : ".");
        OK(sv_file_read(path, 1u << 20, &volume, "test", &err));
        OK(sv_fv_parse(sv_buf_bytes(&volume), &f.dxe, &err));
        assert_int_equal(sv_tdx_firmware_file(&f, ui, title), 0);
        assert_int_equal(sv_tdx_firmware_file(&f, menu, title), 1);
        assert_string_equal(title, "Menu");
        /* what is no printable character of ASCII is shown as such */
        letter = memmem(volume.p, volume.n, "M\0e\0n\0u", 7);
        assert_non_null(letter);
        for (size_t i = 0; i < sizeof(letters) / sizeof(*letters); i++) {
                letter[2] = letters[i].low;
                letter[3] = letters[i].high;
                assert_int_equal(sv_tdx_firmware_file(&f, menu, title), 1);
                assert_string_equal(title, letters[i].title);
        }
        volume.p[f.dxe.files_at + 20] = 0xff; /* the first file's size */
        volume.p[f.dxe.files_at + 22] = 0xff;
        assert_int_equal(sv_tdx_firmware_file(&f, menu, title), -1);
        for (size_t n = 0; n < volume.n; n++)
                assert_int_equal(sv_fv_parse(sv_bytes(volume.p, n), &f.dxe, &err), -1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(unified_image),   cmocka_unit_test(versions),
                cmocka_unit_test(agent_unreached), cmocka_unit_test(like_a_real_boot),
                cmocka_unit_test(command_lines),   cmocka_unit_test(titles)};

        return cmocka_run_group_tests(tests, setup, teardown);
}
