/* SPDX-License-Identifier: Apache-2.0 */
/* A guest as the flags of `secure-vm measure` make one, its small files, and what a prediction of
 * it says. */
#pragma once

#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "tdx/measure/firmware.h"
#include "tdx/measure/measure.h"
#include "tests/unit/firmware.h"
#include "tests/unit/make_boot.h"

#define DEBIAN        "OVMF.inteltdx.ms.fd" /* Secure Boot with keys, generation 202508 */
#define DEBIAN_SHA256 "a265075b4147a096109e501e76196df1ec8a18659c26f7401492c597ec88f312"
/* of Debian 12: Secure Boot without keys, stable202211 */
#define OLD           "/usr/share/ovmf/OVMF.fd"
#define OLD_SHA256    "7b456907dd0786d415999e801a1ac4637b8ed4d7cf5378cfc6edbe5e574dd773"

static struct sv_err err;
static char dir[] = "/tmp/sv-tdx-measure-XXXXXX";

static inline const char *path_of(const char *name)
{
        static char paths[8][256];
        static unsigned next;
        char *p = paths[next++ % 8];

        snprintf(p, sizeof(paths[0]), "%s/%s", dir, name);
        return p;
}

static inline void write_kernel(const char *name, const char *version, uint8_t flip)
{
        uint8_t kernel[KERNEL_SIZE];

        make_kernel(kernel);
        snprintf((char *)kernel + 0x300, 20, "%s", version);
        kernel[0x700] ^= flip;
        OK(sv_file_write(path_of(name), 0644, sv_bytes(kernel, sizeof(kernel)), &err));
}

/* As much of etc/acpi/tables as tells one machine from another: a FACS with a mark, and a MADT with
 * one CPU more that could be plugged in. */
static inline struct sv_bytes acpi_tables(unsigned cpus, char mark)
{
        static uint8_t tables[4096];
        uint8_t *p = tables + 64, *madt = p;

        memset(tables, 0, sizeof(tables));
        memcpy(tables, "FACS\x40\0\0", 8);
        tables[8] = (uint8_t)mark;
        memcpy(madt, "APIC", 4);
        p += 44;
        for (unsigned i = 0; i <= cpus; i++, p += p[1]) {
                bool x2apic = i & 1;

                p[0] = x2apic ? 9 : 0;
                p[1] = x2apic ? 16 : 8;
                p[x2apic ? 8 : 4] = i < cpus ? 1 : 2;
        }
        memcpy(p, "\1\x0c\0\0\0\0\xc0\xfe\0\0\0", 12); /* an I/O APIC */
        p += 12;
        madt[4] = (uint8_t)(p - madt);
        madt[5] = (uint8_t)((p - madt) >> 8);
        return sv_bytes(tables, (size_t)(p - tables) + 32);
}

static inline int setup(void **state)
{
        if (!mkdtemp(dir))
                return -1;
        write_kernel("kernel", "6.12.0-test", 0);
        write_kernel("kernel-2", "6.12.0-test", 1);
        write_kernel("kernel-old", "6.8.0-test", 0);
        OK(sv_file_write(path_of("initrd"), 0644, sv_bytes_str("initramfs"), &err));
        OK(sv_mkdirs(path_of("acpi/etc/acpi"), 0755, &err));
        OK(sv_file_write(path_of("acpi/etc/table-loader"), 0644, sv_bytes_str("loader"), &err));
        OK(sv_file_write(path_of("acpi/etc/acpi/rsdp"), 0644, sv_bytes_str("rsdp"), &err));
        OK(sv_file_write(path_of("acpi/etc/acpi/tables"), 0644, acpi_tables(2, 't'), &err));
        return 0;
}

static inline int teardown(void **state)
{
        return sv_remove_tree(dir, &err);
}

static inline const char *debian(void)
{
        const char *path = cached_firmware(DEBIAN, DEBIAN_SHA256);

        if (!path)
                skip();
        return path;
}

static inline const char *old_firmware(void)
{
        uint8_t digest[SV_DIGEST_MAX];
        char hex[65];

        if (sv_digest_file(SV_SHA256, OLD, digest, NULL, NULL) < 0 ||
            strcmp(sv_hex(sv_bytes(digest, 32), hex), OLD_SHA256)) {
                print_message("SKIP: %s is not the one of ovmf 2022.11-6+deb12u2\n", OLD);
                skip();
        }
        return OLD;
}

/* A guest as the flags of `secure-vm measure` make one. */
static inline struct sv_guest guest(const char *firmware, const char *options)
{
        struct sv_guest g = {.name = strdup("test"),
                             .vcpus = 2,
                             .memory = 2ull << 30,
                             .firmware = strdup(firmware),
                             .kernel = strdup(path_of("kernel")),
                             .initrd = strdup(path_of("initrd")),
                             .cmdline = strdup("console=ttyS0"),
                             .cmdline_exact = true};

        if (options)
                OK(sv_json_parse(sv_bytes_str(options), "test", &g.tees, &err));
        return g;
}

/* '%' stands for the folder. */
static inline struct sv_guest guest_with(const char *firmware, const char *form)
{
        char text[1024];

        snprintf(text, sizeof(text), "{\"tdx\":{%.*s%s%s}}", (int)strcspn(form, "%"), form,
                 strchr(form, '%') ? dir : "", strchr(form, '%') ? strchr(form, '%') + 1 : "");
        return guest(firmware, text);
}

static inline const char *value(const struct sv_measurement *m, const char *name)
{
        return sv_json_str(sv_json_get(m->values, name));
}

static inline const char *reason(const struct sv_measurement *m, const char *name)
{
        for (size_t i = 0; i < sv_json_len(m->unpredicted); i++)
                if (!strcmp(sv_json_str(sv_json_get(sv_json_at(m->unpredicted, i), "name")), name))
                        return sv_json_str(sv_json_get(sv_json_at(m->unpredicted, i), "reason"));
        return NULL;
}

static inline const struct sv_measure_step *find(const struct sv_measurement *m, const char *begins)
{
        for (size_t i = 0; i < m->n_steps; i++)
                if (!strncmp(m->steps[i].what, begins, strlen(begins)))
                        return &m->steps[i];
        return NULL;
}

static inline void expect_digest(const struct sv_measurement *m, const char *begins,
                                 const char *want)
{
        const struct sv_measure_step *s = find(m, begins);
        char got[97];

        assert_non_null(s);
        assert_non_null(want);
        assert_string_equal(sv_hex(sv_bytes(s->digest[1], s->digest_size[1]), got), want);
}

static inline void expect_data(const struct sv_measurement *m, const char *begins, const void *data,
                               size_t n)
{
        uint8_t digest[SV_DIGEST_MAX];
        char hex[97];

        OK(sv_digest(SV_SHA384, sv_bytes(data, n), digest, &err));
        expect_digest(m, begins, sv_hex(sv_bytes(digest, 48), hex));
}

/* A register from its steps, by this test's own arithmetic. */
static inline void expect_register(const struct sv_measurement *m, unsigned n)
{
        uint8_t both[96] = {0}, digest[SV_DIGEST_MAX];
        char name[16], hex[97];

        snprintf(name, sizeof(name), "rtmr%u", n);
        for (size_t i = 0; i < m->n_steps; i++) {
                if (strcmp(m->steps[i].reg, name))
                        continue;
                assert_int_equal(m->steps[i].digest_size[1], 48);
                memcpy(both + 48, m->steps[i].digest[1], 48);
                OK(sv_digest(SV_SHA384, sv_bytes(both, sizeof(both)), digest, &err));
                memcpy(both, digest, 48);
        }
        assert_non_null(value(m, name));
        assert_string_equal(value(m, name), sv_hex(sv_bytes(both, 48), hex));
}
