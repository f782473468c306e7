/* SPDX-License-Identifier: Apache-2.0 */
/* tdx/measure: every value of measure-expected.json; small files whose events are worked out here;
 * which input moves which register; what is not predicted, and why; the rows of
 * tdx/measure/firmware.c against event logs of real TDs. */
#include "tests/unit/tdvf.h"
#include "tests/unit/tdx_guest.h"

/* --- the vectors --- */

static void read_expected(struct sv_json **j)
{
        SV_BUF text = SV_BUF_NULL;

        OK(sv_file_read(vector_path("tdx/measure-expected.json"), 1u << 20, &text, "test", &err));
        OK(sv_json_parse(sv_buf_bytes(&text), "test", j, &err));
}

static unsigned compared;

static int hob_row(void *arg, const char *name, struct sv_json *want, struct sv_err *e)
{
        SV_GUEST g = guest(debian(), NULL);
        struct sv_measurement m = {0};

        g.memory = strtoull(name, NULL, 10) << 30; /* "64G" */
        OK(sv_tdx_measure(&g, &m, &err));
        expect_digest(&m, "hand-off blocks", sv_json_str(want));
        sv_measurement_free(&m);
        compared++;
        return 0;
}

static void expected_json(void **state)
{
        SV_JSON *j = NULL;
        const struct sv_json *row, *list;
        struct sv_measurement m = {0};

        read_expected(&j);
        row = sv_json_pointer(j, "/firmware/0");
        for (int two_pass = 0; two_pass < 2; two_pass++) {
                SV_GUEST g = guest_with(debian(), two_pass ? "\"page_order\":\"two-pass\"" : "");
                const struct sv_json *want = sv_json_get(row, "mrtd");

                if (two_pass)
                        want = sv_json_get(
                                sv_json_get(row, "mrtd_other_orders"),
                                "region (QEMU 8.x out-of-tree, dstack two_pass_add_pages)");
                OK(sv_tdx_measure(&g, &m, &err));
                assert_string_equal(value(&m, "mrtd"), sv_json_str(want));
                compared++;
                if (!two_pass)
                        expect_digest(
                                &m, "configuration volume",
                                sv_json_str(sv_json_pointer(row, "/rtmr0_events/cfv_sha384")));
                list = sv_json_pointer(row, "/rtmr0_events/secure_boot_vars");
                for (size_t i = 0; i < sv_json_len(list); i++, compared++) {
                        char begins[64];

                        snprintf(begins, sizeof(begins), "variable %s,",
                                 sv_json_str(sv_json_get(sv_json_at(list, i), "name")));
                        expect_digest(&m, begins,
                                      sv_json_str(sv_json_get(sv_json_at(list, i), "sha384")));
                }
                sv_measurement_free(&m);
        }
        compared++; /* the configuration volume */
        assert_int_equal(sv_json_each(sv_json_pointer(row, "/rtmr0_events/td_hob_sha384"), hob_row,
                                      NULL, &err),
                         0);
        assert_int_equal(compared, 2 + 2 * 5 + 1 + 8);
        print_message("%u values of measure-expected.json: the same\n", compared);
}

/* --- small files --- */

static void utf16(const char *text, struct sv_buf *out)
{
        for (; *text; text++)
                sv_buf_u16le(out, (uint8_t)*text);
        sv_buf_u16le(out, 0);
}

/* Generation by generation: what changed, and only that. */
static void generations(void **state)
{
        static const struct {
                const char *name, *options;
                bool rtmr0_separator, rtmr1_separator, fw_cfg;
                const char *line;
        } t[] = {
                {"202202", "UiApp", true, false, false, "console=ttyS0 initrd=initrd"},
                {"202411", "UiApp", false, true, false, "console=ttyS0 initrd=initrd"},
                {"202502", "UiApp", false, true, false, "console=ttyS0 initrd=initrd"},
                {"202505", "EFI Firmware Setup", false, true, true, "console=ttyS0 initrd=initrd"},
                {"202508", "EFI Firmware Setup", false, true, true, "initrd=initrd console=ttyS0"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                char form[200];
                unsigned separators[3] = {0}, per_register[3] = {0};
                struct sv_measurement m = {0};
                SV_BUF line = SV_BUF_NULL;

                snprintf(form, sizeof(form), "\"generation\":\"%s\",\"acpi\":\"%%/acpi\"",
                         t[i].name);

                SV_GUEST g = guest_with(old_firmware(), form);

                OK(sv_tdx_measure(&g, &m, &err));
                for (size_t k = 0; k < m.n_steps; k++)
                        if (!strncmp(m.steps[k].reg, "rtmr", 4)) {
                                per_register[m.steps[k].reg[4] - '0']++;
                                separators[m.steps[k].reg[4] - '0'] +=
                                        !strcmp(m.steps[k].type, "EV_SEPARATOR");
                        }
                assert_int_equal(separators[0], 1 + t[i].rtmr0_separator);
                assert_int_equal(separators[1], t[i].rtmr1_separator);
                assert_int_equal(per_register[0],
                                 2 + 5 + 1 + 3 + 2 + t[i].rtmr0_separator + 2 * t[i].fw_cfg);
                assert_int_equal(per_register[1], 4 + t[i].rtmr1_separator);
                assert_int_equal(per_register[2], 2);
                assert_non_null(strstr(find(&m, "Boot0000")->what, t[i].options));
                assert_int_equal(find(&m, "fw_cfg BootMenu") != NULL, t[i].fw_cfg);
                utf16(t[i].line, &line);
                expect_data(&m, "command line", line.p, line.n);
                expect_data(&m, "initramfs", "initramfs", 9);
                expect_data(&m, "ACPI etc/acpi/tables", acpi_tables(2, 't').p,
                            acpi_tables(2, 't').n);
                for (unsigned k = 0; k < 3; k++)
                        expect_register(&m, k);
                assert_int_equal(sv_json_len(m.unpredicted), 1); /* RTMR3 */
                sv_measurement_free(&m);
        }
}

/* Which registers a change of the guest moves: bit 0 MRTD, bits 1 to 3 RTMR0 to RTMR2. */
static unsigned moved(const struct sv_measurement *a, const struct sv_measurement *b)
{
        static const char *const names[] = {"mrtd", "rtmr0", "rtmr1", "rtmr2"};
        unsigned bits = 0;

        for (unsigned i = 0; i < 4; i++)
                bits |= (unsigned)(strcmp(value(a, names[i]), value(b, names[i])) != 0) << i;
        return bits;
}

static void what_moves(void **state)
{
        static const char form[] = "\"generation\":\"202505\",\"acpi\":\"%/acpi\"";
        static const unsigned expected[] = {2, 8, 8, 4, 2, 2, 8, 1 | 4, 2};
        SV_GUEST before = guest_with(old_firmware(), form);
        struct sv_measurement a = {0};

        OK(sv_tdx_measure(&before, &a, &err));
        for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
                SV_GUEST g = guest_with(OLD, i == 7 ? "\"generation\":\"202505\",\"page_order\":"
                                                      "\"two-pass\",\"acpi\":\"%/acpi\""
                                                    : form);
                struct sv_measurement b = {0};

                if (i == 0)
                        g.memory += 1 << 20;
                if (i == 1)
                        g.cmdline[0] = 'C';
                if (i == 2) {
                        free(g.initrd);
                        g.initrd = strdup(path_of("kernel"));
                }
                if (i == 3) {
                        free(g.kernel);
                        g.kernel = strdup(path_of("kernel-2"));
                }
                if (i == 4)
                        OK(sv_file_write(path_of("acpi/etc/acpi/tables"), 0644, acpi_tables(2, 'T'),
                                         &err));
                if (i == 5)
                        OK(sv_file_write(path_of("acpi/bootorder"), 0644, sv_bytes("/pci\0", 5),
                                         &err));
                if (i == 6) {
                        free(g.initrd);
                        g.initrd = NULL;
                }
                if (i == 8) {
                        g.vcpus++; /* shows in the ACPI tables only */
                        OK(sv_file_write(path_of("acpi/etc/acpi/tables"), 0644, acpi_tables(3, 't'),
                                         &err));
                }
                OK(sv_tdx_measure(&g, &b, &err));
                assert_int_equal(moved(&a, &b), expected[i]);
                sv_measurement_free(&b);
                if (i == 4 || i == 8)
                        OK(sv_file_write(path_of("acpi/etc/acpi/tables"), 0644, acpi_tables(2, 't'),
                                         &err));
                if (i == 5)
                        unlink(path_of("acpi/bootorder"));
        }
        sv_measurement_free(&a);
}

/* What is not predicted has its reason, and no value. */
static void not_predicted(void **state)
{
        static const struct {
                const char *options, *kernel, *names, *reason, *shim;
        } t[] = {
                {"\"acpi\":\"%/acpi\"", "kernel", "rtmr0 rtmr1", "stable202411"},
                {"\"generation\":\"202411\"", "kernel", "rtmr0", "ACPI tables"},
                {"\"generation\":\"202411\",\"acpi\":\"%/acpi\"", "kernel-old", "rtmr2", "6.9"},
                {"\"generation\":\"202508\",\"acpi\":\"%/acpi\"", "kernel", "rtmr0 rtmr2",
                 ".vendor_cert", "kernel-2"},
                {"", NULL, "rtmr0 rtmr1 rtmr2", "without a kernel"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                char options[600] = "", *o = options;
                struct sv_measurement m = {0};

                for (const char *c = t[i].options; *c; c++)
                        o += *c == '%' ? sprintf(o, "%s", dir) : sprintf(o, "%c", *c);

                SV_GUEST g = guest_with(old_firmware(), options);

                free(g.kernel);
                g.kernel = t[i].kernel ? strdup(path_of(t[i].kernel)) : NULL;
                g.shim = t[i].shim ? strdup(path_of(t[i].shim)) : NULL;
                OK(sv_tdx_measure(&g, &m, &err));
                for (unsigned k = 0; k < 3; k++) {
                        char name[] = "rtmr0";

                        name[4] = (char)('0' + k);
                        assert_int_equal(strstr(t[i].names, name) != NULL,
                                         reason(&m, name) != NULL);
                        assert_int_equal(strstr(t[i].names, name) != NULL, value(&m, name) == NULL);
                }
                t[i].names[4] == '0' ? assert_non_null(strstr(reason(&m, "rtmr0"), t[i].reason))
                                     : assert_non_null(strstr(reason(&m, "rtmr2"), t[i].reason));
                assert_non_null(value(&m, "mrtd"));
                assert_non_null(reason(&m, "rtmr3"));
                sv_measurement_free(&m);
        }
}

/* A firmware whose volumes are not known: its command line's event has no value, and its place all
 * the same. */
static void unknown_firmware(void **state)
{
        const struct sv_measure_step *line;
        struct sv_measurement m = {0};
        SV_BUF image = SV_BUF_NULL;

        tdvf_build(&image, tdvf_good, 3, 1);
        OK(sv_file_write(path_of("unknown.fd"), 0644, sv_buf_bytes(&image), &err));

        SV_GUEST g = guest(path_of("unknown.fd"), NULL);

        OK(sv_tdx_measure(&g, &m, &err));
        assert_non_null(value(&m, "mrtd"));
        assert_non_null(strstr(reason(&m, "rtmr2"), "where the firmware adds"));
        line = find(&m, "command line");
        assert_non_null(line);
        assert_string_equal(line->reg, "rtmr2");
        assert_int_equal(line->digest_size[1], 0);
        assert_string_equal(find(&m, "initramfs")->reg, "rtmr2");
        sv_measurement_free(&m);
}

static void secure_boot(void **state)
{
        SV_GUEST g = guest_with(debian(), "\"acpi\":\"%/acpi\"");
        struct sv_measurement m = {0};

        OK(sv_tdx_measure(&g, &m, &err));
        assert_non_null(strstr(reason(&m, "rtmr0"),
                               "does not start the kernel, which is signed for other contents"));
        assert_null(value(&m, "rtmr0"));
        assert_non_null(strstr(find(&m, "Boot0000")->what, "BootManagerMenuApp"));
        expect_register(&m, 1);
        expect_register(&m, 2);
        sv_measurement_free(&m);
        /* A shim that the firmware does not start is not asked about the kernel. */
        g.shim = strdup(path_of("kernel-2"));
        OK(sv_tdx_measure(&g, &m, &err));
        assert_non_null(strstr(reason(&m, "rtmr0"), "the firmware does not start the shim"));
        sv_measurement_free(&m);
}

/* Tables that are not this guest's: of another number of CPUs, without their table, cut off inside
 * it. */
static void other_tables(void **state)
{
        static const char form[] = "\"generation\":\"202508\",\"acpi\":\"%/acpi\"";
        static const struct {
                unsigned cpus;
                size_t size;
                enum sv_class class;
                const char *says;
        } t[] = {
                {1, 4096, SV_USAGE, "with 1 vCPUs, and the guest has 2"},
                {3, 4096, SV_USAGE, "with 3 vCPUs"},
                {300, 4096, SV_USAGE, "with 300 vCPUs"},
                {2, 64, SV_FORMAT, "MADT"},
                {2, 64 + 50, SV_FORMAT, "MADT"},
                {2, 0, SV_FORMAT, "MADT"},
        };
        SV_GUEST g = guest_with(old_firmware(), form);
        struct sv_measurement m = {0};

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct sv_bytes tables = acpi_tables(t[i].cpus, 't');

                tables.n = tables.n < t[i].size ? tables.n : t[i].size;
                OK(sv_file_write(path_of("acpi/etc/acpi/tables"), 0644, tables, &err));
                FAILS(sv_tdx_measure(&g, &m, &err), t[i].class, "tdx.acpi");
                assert_non_null(strstr(err.msg, t[i].says));
        }
        OK(sv_file_write(path_of("acpi/etc/acpi/tables"), 0644, acpi_tables(2, 't'), &err));
}

/* What image acpi says of its machine holds for this guest, or the tables are another's. */
static void other_machine(void **state)
{
        static const struct {
                const char *machine;
                enum sv_class class;
                const char *check, *says;
        } t[] = {
                {"{\"memory\":2147483648,\"vcpus\":2,\"disks\":0,\"nics\":0,\"vsock\":0}", SV_OK,
                 NULL, NULL},
                /* of parts: nothing is said of devices */
                {"{\"memory\":2147483648}", SV_OK, NULL, NULL},
                {"{\"memory\":1073741824,\"vcpus\":2}", SV_USAGE, "tdx.acpi",
                 "memory 1073741824, and the guest has 2147483648"},
                {"{\"vcpus\":3}", SV_USAGE, "tdx.acpi", "vcpus 3"},
                {"{\"disks\":1}", SV_USAGE, "tdx.acpi", "disks 1"},
                {"{\"nics\":1}", SV_USAGE, "tdx.acpi", "nics 1"},
                {"{\"vsock\":1}", SV_USAGE, "tdx.acpi", "vsock 1"},
                /* what the guest sees of "tuning" */
                {"{\"cells\":0,\"threads\":0}", SV_OK, NULL, NULL},
                {"{\"cells\":2}", SV_USAGE, "tdx.acpi", "cells 2, and the guest has 0"},
                {"{\"threads\":2}", SV_USAGE, "tdx.acpi", "threads 2"},
                {"{\"memory\":", SV_FORMAT, "tdx.acpi.json", "machine.json"},
        };
        SV_GUEST g = guest_with(old_firmware(), "\"generation\":\"202508\",\"acpi\":\"%/acpi\"");

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct sv_measurement m = {0};

                OK(sv_file_write(path_of("acpi/machine.json"), 0644, sv_bytes_str(t[i].machine),
                                 &err));
                if (!t[i].says) {
                        OK(sv_tdx_measure(&g, &m, &err));
                        sv_measurement_free(&m);
                        continue;
                }
                FAILS(sv_tdx_measure(&g, &m, &err), t[i].class, t[i].check);
                assert_non_null(strstr(err.msg, t[i].says));
        }
        /* and a folder from before there were any, for a guest that has */
        g.tune.numa.cells = 2;
        OK(sv_file_write(path_of("acpi/machine.json"), 0644, sv_bytes_str(t[0].machine), &err));
        {
                struct sv_measurement m = {0};

                FAILS(sv_tdx_measure(&g, &m, &err), SV_USAGE, "tdx.acpi");
                assert_non_null(strstr(err.msg, "cells 0, and the guest has 2"));
        }
        unlink(path_of("acpi/machine.json"));
}

/* Disks change the order of boot devices, which is measured since 202505. */
static void boot_order(void **state)
{
        static const char form[] = "\"generation\":\"202505\",\"acpi\":\"%/acpi\"";
        SV_GUEST g = guest_with(old_firmware(), form);
        struct sv_measurement m = {0};

        OK(sv_tdx_measure(&g, &m, &err));
        /* by flags: QEMU's own */
        expect_data(&m, "fw_cfg bootorder", "/rom@genroms/linuxboot_dma.bin", 31);
        sv_measurement_free(&m);
        g.cmdline_exact = false;
        OK(sv_tdx_measure(&g, &m, &err));
        /* as launch starts it: libvirt's */
        expect_data(&m, "fw_cfg bootorder", "/rom@genroms/linuxboot_dma.bin\nHALT", 36);
        sv_measurement_free(&m);
        g.disks = calloc(1, sizeof(*g.disks));
        g.n_disks = 1;
        OK(sv_tdx_measure(&g, &m, &err));
        assert_non_null(strstr(reason(&m, "rtmr0"), "bootorder"));
        sv_measurement_free(&m);
        /* as /sys/firmware/qemu_fw_cfg/by_name has it */
        OK(sv_mkdirs(path_of("acpi/bootorder"), 0755, &err));
        OK(sv_file_write(path_of("acpi/bootorder/raw"), 0644, sv_bytes("/pci\0", 5), &err));
        OK(sv_tdx_measure(&g, &m, &err));
        expect_data(&m, "fw_cfg bootorder", "/pci", 5);
        expect_register(&m, 0);
        sv_measurement_free(&m);
        OK(sv_remove_tree(path_of("acpi/bootorder"), &err));
}

/* Logs of real TDs, booted with -kernel under firmware of the older generations: all events that do
 * not depend on files that we do not have are those of the table, in their order. The firmware here
 * knows Secure Boot, theirs did not: SecureBoot itself differs. */
static void real_logs(void **state)
{
        static const struct {
                const char *log, *generation;
                unsigned rows, same[3];
                const char *differ, *first, *meaning;
        } t[] = {
                /* 2 GiB of memory */
                {"trustee-CCEL_data_ovmf.bin",
                 "202202",
                 20,
                 {9, 3, 0},
                 "configuration volume|SecureBoot|ACPI|kernel|command line|initramfs",
                 "RTMR0: EV_EFI_PLATFORM_FIRMWARE_BLOB2 configuration volume",
                 ": another variable store"},
                {"dstack-ccel.bin",
                 "202411",
                 20,
                 {7, 4, 0},
                 "hand-off|configuration volume|SecureBoot|ACPI|kernel|command line|initramfs",
                 "RTMR0: EV_EFI_HANDOFF_TABLES2 hand-off blocks",
                 ": another size of memory"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                char path[200], form[100];
                struct sv_measurement m = {0};
                unsigned same[3] = {0};
                SV_JSON *rows = NULL;
                SV_BUF log = SV_BUF_NULL;

                snprintf(path, sizeof(path), "tdx/ccel/%s", t[i].log);
                OK(sv_file_read(vector_path(path), 1u << 20, &log, "test", &err));
                rows = sv_json_array();
                snprintf(form, sizeof(form), "\"generation\":\"%s\"", t[i].generation);

                SV_GUEST g = guest_with(old_firmware(), form);

                OK(sv_tdx_measure(&g, &m, &err));
                FAILS(sv_tdx_compare(&m, sv_buf_bytes(&log), rows, &err), SV_PROOF,
                      "measure.differs");
                /* RTMR0 has no value without ACPI tables; what comes before them counts all the
                 * same. */
                assert_null(value(&m, "rtmr0"));
                assert_non_null(strstr(err.msg, t[i].first));
                assert_non_null(strstr(err.msg, t[i].meaning));
                assert_int_equal(sv_json_len(rows), t[i].rows);
                for (size_t k = 0; k < sv_json_len(rows); k++) {
                        const struct sv_json *row = sv_json_at(rows, k);
                        const char *text = sv_json_str(sv_json_get(row, "text"));
                        bool known = false;

                        if (sv_json_bool(sv_json_get(row, "same"), false)) {
                                same[sv_json_str(sv_json_get(row, "register"))[4] - '0']++;
                                continue;
                        }
                        for (const char *d = t[i].differ; d;
                             d = strchr(d, '|') ? strchr(d, '|') + 1 : NULL) {
                                char word[40];

                                snprintf(word, sizeof(word), "%.*s", (int)strcspn(d, "|"), d);
                                known |= strstr(text, word) != NULL;
                        }
                        if (!known)
                                fail_msg("%s: %s", t[i].log, text);
                }
                for (unsigned k = 0; k < 3; k++)
                        assert_int_equal(same[k], t[i].same[k]);
                sv_measurement_free(&m);
        }
}

static void refuses(void **state)
{
        static const struct {
                const char *options;
                enum sv_class class;
                const char *check, *shim;
        } t[] = {
                {"\"page_order\":\"backwards\"", SV_USAGE, "guest.tdx.page_order"},
                {"\"generation\":\"202506\"", SV_USAGE, "guest.tdx.generation"},
                {"\"generation\":\"202508\",\"acpi\":\"%/nowhere\"", SV_USAGE, "tdx.fw_cfg"},
                {"\"generation\":\"202411\"", SV_USAGE, "tdx.shim", "kernel"},
                {"\"generation\":\"202508\"", SV_SYSTEM, "tdx.shim", "nowhere"},
                {"\"generation\":\"202508\"", SV_FORMAT, "ovmf.pe.magic", "initrd"},
                {"\"unknown\":1", SV_USAGE, "guest.tdx.unknown"},
        };
        struct sv_measurement m = {0};

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_GUEST g = guest_with(old_firmware(), t[i].options);

                g.shim = t[i].shim ? strdup(path_of(t[i].shim)) : NULL;
                FAILS(sv_tdx_measure(&g, &m, &err), t[i].class, t[i].check);
        }

        SV_GUEST no_tdx = guest(path_of("kernel"), NULL);
        SV_GUEST missing = guest(path_of("nowhere"), NULL);
        SV_GUEST not_kernel = guest(OLD, NULL);

        FAILS(sv_tdx_measure(&no_tdx, &m, &err), SV_FORMAT, "ovmf.size");
        FAILS(sv_tdx_measure(&missing, &m, &err), SV_SYSTEM, "tdx.firmware");
        free(not_kernel.kernel);
        not_kernel.kernel = strdup(path_of("initrd"));
        FAILS(sv_tdx_measure(&not_kernel, &m, &err), SV_FORMAT, "ovmf.linux.magic");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(expected_json),    cmocka_unit_test(generations),
                cmocka_unit_test(what_moves),       cmocka_unit_test(not_predicted),
                cmocka_unit_test(secure_boot),      cmocka_unit_test(boot_order),
                cmocka_unit_test(other_tables),     cmocka_unit_test(other_machine),
                cmocka_unit_test(real_logs),        cmocka_unit_test(refuses),
                cmocka_unit_test(unknown_firmware),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
