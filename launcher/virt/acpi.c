/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/virt/acpi.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "launcher/virt/acpi-played.h"
#include "launcher/virt/qtest.h"

/* fw_cfg's directory, and what is no file (QEMU docs/specs/fw_cfg.rst) */
#define FILE_DIR   0x19
#define BOOT_MENU  0x0e
#define MEMORY_MIN (256ull << 20)

/* Where OVMF keeps the machine's configuration space, newer and older; there, the first four
 * interrupt routes of the ISA bridge (00:1f.0), which it sets just after it has installed the ACPI
 * tables (OvmfPkg/Library/PlatformBootManagerLib, PciAcpiInitialization). */
static const uint64_t ecam[] = {0xe0000000, 0xb0000000};
#define ROUTES_AT   0xf8060
#define ROUTES_DONE 0x0b0b0a0aull

/* What firmware of TDs measures (tdx/measure/rtmr0.c): the ACPI tables and other files; and those
 * that the tables point to, for a measured image (image/bundle.c). */
static const char *const wanted[] = {"etc/table-loader",
                                     "etc/acpi/rsdp",
                                     "etc/acpi/tables",
                                     "bootorder",
                                     "etc/extra-pci-roots",
                                     "etc/boot-menu-wait",
                                     "etc/reserved-memory-end",
                                     "opt/ovmf/X-PciMmio64Mb",
                                     "etc/tpm/log",
                                     "etc/vmgenid_guid",
                                     "etc/hardware_errors",
                                     "BootMenu"};
#define N_WANTED (sizeof(wanted) / sizeof(*wanted))
#define N_NEEDED 3
#define MENU     (N_WANTED - 1) /* a number of old, no file: in no directory */

/* The machine runs on meanwhile: what is read twice and the same was not written over. */
static int read_item_twice(struct sv_qtest *q, uint16_t key, size_t n, struct sv_buf *out,
                           struct sv_err *err)
{
        for (int i = 0; i < 5; i++) {
                SV_BUF a = SV_BUF_NULL;
                SV_BUF b = SV_BUF_NULL;

                if (sv_qtest_read_item(q, key, n, &a, err) < 0 ||
                    sv_qtest_read_item(q, key, n, &b, err) < 0)
                        return -1;
                if (!sv_bytes_eq(sv_buf_bytes(&a), sv_buf_bytes(&b)))
                        continue;
                sv_buf_put(out, sv_buf_bytes(&a));
                return sv_buf_ok(out, "a file of fw_cfg", err);
        }
        return sv_fail(err, SV_SYSTEM, "acpi.fw_cfg",
                       "item 0x%x of fw_cfg reads differently every time", key);
}

static int wait_for_firmware(struct sv_qtest *q, unsigned seconds, struct sv_err *err)
{
        for (unsigned tenth = 0; tenth < 10 * seconds; tenth++) {
                for (size_t i = 0; i < 2; i++) {
                        uint64_t routes;

                        if (sv_qtest_ask(q, &routes, err, "readl 0x%llx",
                                         (unsigned long long)ecam[i] + ROUTES_AT) < 0)
                                return -1;
                        if (routes == ROUTES_DONE)
                                return 0;
                }
                usleep(100000);
        }
        return sv_fail(err, SV_SYSTEM, "acpi.firmware",
                       "the firmware has not placed the machine's devices within %u seconds: give "
                       "it more (--timeout), or it is "
                       "no OVMF",
                       seconds);
}

static uint32_t read_be32(const uint8_t *p)
{
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* One entry of the directory: size, key, two bytes, name. */
static int read_fw_cfg_file(struct sv_qtest *q, const uint8_t entry[64],
                            struct sv_buf files[N_WANTED], struct sv_err *err)
{
        uint32_t size = read_be32(entry);

        for (size_t i = 0; i < N_WANTED; i++) {
                if (strncmp((const char *)entry + 8, wanted[i], 56) || !size)
                        continue;
                if (size > SV_FW_CFG_SIZE_MAX)
                        return sv_fail(err, SV_SYSTEM, "acpi.fw_cfg", "%s has %u bytes", wanted[i],
                                       size);
                sv_buf_clear(&files[i]);
                if (read_item_twice(q, (uint16_t)(entry[4] << 8 | entry[5]), size, &files[i], err) <
                    0)
                        return -1;
        }
        return 0;
}

static int read_fw_cfg_files(struct sv_qtest *q, struct sv_buf files[N_WANTED], struct sv_err *err)
{
        SV_BUF count = SV_BUF_NULL;
        SV_BUF list = SV_BUF_NULL;
        uint32_t n;

        if (read_item_twice(q, FILE_DIR, 4, &count, err) < 0)
                return -1;
        n = read_be32(count.p);
        if (n == 0 || n > SV_FW_CFG_FILES_MAX)
                return sv_fail(err, SV_SYSTEM, "acpi.fw_cfg", "fw_cfg says that it has %u files",
                               n);
        if (read_item_twice(q, FILE_DIR, 4 + 64 * (size_t)n, &list, err) < 0)
                return -1;
        for (uint32_t i = 0; i < n; i++)
                if (read_fw_cfg_file(q, list.p + 4 + 64 * i, files, err) < 0)
                        return -1;
        for (size_t i = 0; i < N_NEEDED; i++)
                if (!files[i].n)
                        return sv_fail(err, SV_SYSTEM, "acpi.fw_cfg",
                                       "this machine has no %s: it has no ACPI tables", wanted[i]);
        return read_item_twice(q, BOOT_MENU, 2, &files[MENU], err);
}

/* What this machine does not have goes: it was another's, and would be measured. */
static int save_fw_cfg_files(const char *dir, const struct sv_buf files[N_WANTED], size_t *n,
                             struct sv_err *err)
{
        *n = 0;
        for (size_t i = 0; i < N_WANTED; i++) {
                SV_STR path = sv_asprintf("%s/%s", dir, wanted[i]);
                SV_STR folder = sv_asprintf("%.*s", (int)(strrchr(path, '/') - path), path);

                if (!files[i].n && unlink(path) < 0 && errno != ENOENT && errno != ENOTDIR)
                        return sv_fail_errno(err, "acpi.out", "%s, which is another machine's",
                                             path);
                if (!files[i].n)
                        continue;
                if (sv_mkdirs(folder, 0755, err) < 0 ||
                    sv_file_write(path, 0644, sv_buf_bytes(&files[i]), err) < 0)
                        return -1;
                (*n)++;
        }
        return 0;
}

int sv_acpi_check_memory(unsigned long long bytes, struct sv_err *err)
{
        if (bytes >= MEMORY_MIN)
                return 0;
        return sv_fail(err, SV_USAGE, "acpi.memory",
                       "a machine of %llu MiB: at least %llu MiB are needed", bytes >> 20,
                       MEMORY_MIN >> 20);
}

void sv_acpi_add_cpu(unsigned bits, struct sv_argv *out)
{
        sv_argv_add(out, "-cpu");
        sv_argv_addf(out, "max,phys-bits=%u", bits);
}

void sv_acpi_make_argv(const struct sv_acpi_machine *m, struct sv_argv *out)
{
        static const char *const plain[] = {"-nodefaults", "-no-user-config", "-display", "none"};

        sv_argv_add(out, m->qemu);
        for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
                sv_argv_add(out, plain[i]);
        sv_argv_add(out, "-machine");
        sv_argv_add(out, m->machine);
        sv_acpi_add_cpu(SV_ACPI_BITS, out);
        sv_argv_add(out, "-bios");
        sv_argv_add(out, m->firmware);
        sv_argv_add(out, "-m");
        sv_argv_addf(out, "%lluM", m->memory >> 20);
        sv_argv_add(out, "-smp");
        sv_argv_addf(out, "%u", m->vcpus);
        if (m->kernel) {
                sv_argv_add(out, "-kernel");
                sv_argv_add(out, m->kernel);
        }
        for (size_t k = 0; m->more && m->more[k]; k++)
                sv_argv_add(out, m->more[k]);
}

int sv_acpi_probe(const struct sv_argv *command, unsigned seconds, const char *dir, size_t *n,
                  struct sv_err *err)
{
        static const char *const emulated[] = {"-accel", "tcg", "-no-reboot"};
        SV_ARGV words = {0};
        struct sv_buf files[N_WANTED] = {0};
        struct sv_acpi_played played = {0};
        struct sv_qtest q;
        int r;

        for (size_t i = 0; i < command->n; i++) {
                sv_argv_add(&words, command->list[i]);
                for (size_t k = 0; i == 0 && k < sizeof(emulated) / sizeof(*emulated); k++)
                        sv_argv_add(&words, emulated[k]);
        }
        if (sv_acpi_play(&words, &played, err) < 0)
                return -1;
        if (sv_qtest_start((const char *const *)words.list, words.n, &q, err) < 0) {
                sv_acpi_played_end(&played);
                return -1;
        }
        r = wait_for_firmware(&q, seconds, err);
        if (r == 0)
                r = read_fw_cfg_files(&q, files, err);
        if (r == 0)
                r = save_fw_cfg_files(dir, files, n, err);
        sv_qtest_end(&q);
        sv_acpi_played_end(&played);
        for (size_t i = 0; i < N_WANTED; i++)
                sv_buf_free(&files[i]);
        return r;
}
