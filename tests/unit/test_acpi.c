/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/acpi: against a program that plays QEMU, with one thing wrong at a time; and against
 * QEMU itself where it and a firmware are. */
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/virt/acpi.h"
#include "tests/unit/firmware.h"

static struct sv_err err;
static char dir[] = "/tmp/sv-acpi-XXXXXX";

static int setup(void **state)
{
        return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
        return sv_remove_tree(dir, &err);
}

static const char *below(const char *name)
{
        static char path[300];

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        return path;
}

static struct sv_acpi_machine fake(const char *wrong)
{
        static char qemu[4096];

        snprintf(qemu, sizeof(qemu), "%s/tests/unit/fake_qemu.py",
                 getenv("SV_SOURCE") ? getenv("SV_SOURCE") : ".");
        return (struct sv_acpi_machine){.qemu = qemu,
                                        .machine = "q35",
                                        .firmware = wrong,
                                        .memory = 1ull << 30,
                                        .vcpus = 3};
}

static int probe(const struct sv_acpi_machine *m, unsigned seconds, size_t *n)
{
        SV_ARGV command = {0};

        sv_acpi_make_argv(m, &command);
        return sv_acpi_probe(&command, seconds, dir, n, &err);
}

static void expect_file(const char *name, struct sv_bytes want)
{
        SV_BUF got = SV_BUF_NULL;

        OK(sv_file_read(below(name), 1u << 20, &got, "test", &err));
        assert_int_equal(got.n, want.n);
        assert_memory_equal(got.p, want.p, want.n);
}

static void takes_files(void **state)
{
        struct sv_acpi_machine m = fake("good");
        SV_BUF tables = SV_BUF_NULL;
        size_t n = 0;

        OK(probe(&m, 1, &n));
        assert_int_equal(n, 5); /* those that are measured; the empty one not */
        for (int i = 0; i < 1000; i++)
                sv_buf_puts(&tables, "tables");
        expect_file("etc/acpi/tables", sv_buf_bytes(&tables));
        expect_file("etc/acpi/rsdp", sv_bytes_str("rsdp"));
        expect_file("bootorder", sv_bytes("/rom@x\0", 7));
        expect_file("BootMenu", sv_bytes("\0", 2));
        assert_int_equal(access(below("etc/boot-fail-wait"), F_OK), -1);
        assert_int_equal(access(below("etc/boot-menu-wait"), F_OK), -1);
        /* another machine's file does not stay */
        OK(sv_file_write(below("etc/boot-menu-wait"), 0644, sv_bytes_str("ab"), &err));
        OK(probe(&m, 1, &n));
        assert_int_equal(n, 5);
        assert_int_equal(access(below("etc/boot-menu-wait"), F_OK), -1);
        /* and one that cannot go is said */
        OK(sv_mkdirs(below("etc/boot-menu-wait"), 0755, &err));
        FAILS(probe(&m, 1, &n), SV_SYSTEM, "acpi.out");
        assert_int_equal(rmdir(below("etc/boot-menu-wait")), 0);
}

static void one_thing_wrong(void **state)
{
        static const struct {
                const char *what, *check, *says;
        } t[] = {
                {"ends", "acpi.qemu", "fake: no such machine"},
                {"never", "acpi.firmware", "--timeout"},
                {"no", "acpi.fw_cfg", "Unknown command"},
                {"dma", "acpi.fw_cfg", "did not give"},
                {"short", "acpi.fw_cfg", "were expected"},
                {"many", "acpi.fw_cfg", "4294967295 files"},
                {"huge", "acpi.fw_cfg", "1073741824 bytes"},
                {"no-tables", "acpi.fw_cfg", "acpi/tables"},
                {"unsteady", "acpi.fw_cfg", "differently"},
        };
        struct sv_acpi_machine m;
        size_t n;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                m = fake(t[i].what);
                OK(sv_file_write(below("bootorder"), 0644, sv_bytes_str("kept"), &err));
                FAILS(probe(&m, 1, &n), SV_SYSTEM, t[i].check);
                assert_non_null(strstr(err.msg, t[i].says));
                expect_file("bootorder", sv_bytes_str("kept")); /* all or nothing */
        }
        m = fake("good");
        m.qemu = "/nonexistent/qemu";
        FAILS(probe(&m, 1, &n), SV_SYSTEM, "acpi.qemu");
        FAILS(sv_acpi_check_memory(64 << 20, &err), SV_USAGE, "acpi.memory");
}

/* Real tables, other ones for other CPUs; QEMU's own boot order is what tdx/measure/rtmr0.c takes
 * for granted. */
static void real_qemu(void **state)
{
        static const char linuxboot[] = "/rom@genroms/linuxboot_dma.bin";
        const char *firmware =
                cached_firmware("OVMF.inteltdx.ms.fd",
                                "a265075b4147a096109e501e76196df1ec8a18659c26f7401492c597ec88f312");
        struct sv_acpi_machine m = {.qemu = "qemu-system-x86_64",
                                    .machine = "q35,smm=off,pic=off,hpet=off",
                                    .firmware = firmware,
                                    .kernel = below("kernel"),
                                    .memory = 1ull << 30,
                                    .vcpus = 2};
        SV_BUF first = SV_BUF_NULL;
        size_t n = 0;

        if (!firmware || access("/usr/bin/qemu-system-x86_64", X_OK) < 0) {
                print_message("SKIP: this needs qemu-system-x86_64 and a firmware "
                              "(tools/fetch-firmware)\n");
                skip();
        }
        for (int i = 0; i < 2; i++) {
                SV_BUF tables = SV_BUF_NULL;
                uint8_t kernel[0x2000] = {0};

                memcpy(kernel + 0x1f1, "\2", 1); /* enough of a kernel for QEMU */
                memcpy(kernel + 0x202, "HdrS\x0f\2", 6);
                OK(sv_file_write(below("kernel"), 0644, sv_bytes(kernel, sizeof(kernel)), &err));
                m.kernel = below("kernel");
                m.vcpus = i + 2u;
                OK(probe(&m, 100, &n));
                assert_int_equal(n, 5);
                OK(sv_file_read(below("etc/acpi/tables"), 1u << 20, &tables, "test", &err));
                assert_int_equal(tables.n, 128 << 10);
                /* only after the firmware has placed the configuration space */
                assert_non_null(memmem(tables.p, tables.n, "MCFG", 4));
                if (i == 0)
                        sv_buf_put(&first, sv_buf_bytes(&tables));
                else
                        assert_memory_not_equal(first.p, tables.p, first.n);
        }
        expect_file("bootorder", sv_bytes(linuxboot, sizeof(linuxboot)));
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(takes_files),
                                           cmocka_unit_test(one_thing_wrong),
                                           cmocka_unit_test(real_qemu)};

        return cmocka_run_group_tests(tests, setup, teardown);
}
