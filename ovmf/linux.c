/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/linux.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>

/* q35: with more, only 2 GiB lie below 4 GiB (hw/i386/pc_q35.c) */
#define LOW_MEMORY_MAX  0xb0000000u
#define LOW_MEMORY      0x80000000u
#define ACPI_DATA       0x28000u /* kept free at the end of low memory */
#define REAL_ADDR       0x10000u /* where a boot loader puts setup, and the command line */
#define CMDLINE_ADDR    0x20000u
#define CAN_BE_ABOVE_4G 0x2

static void read_kernel_version(struct sv_bytes image, uint16_t at, struct sv_linux *l)
{
        size_t from = 0x200u + at, n = 0;

        while (at && from + n < image.n && n + 1 < sizeof(l->version) &&
               isprint(image.p[from + n])) {
                l->version[n] = (char)image.p[from + n];
                n++;
        }
        l->version[n] = 0;
}

int sv_linux_parse(struct sv_bytes image, struct sv_linux *out, struct sv_err *err)
{
        struct sv_rd r = sv_rd(image);
        struct sv_linux l = {0};
        const uint8_t *magic;
        uint8_t sectors;
        uint16_t version;

        sv_rd_seek(&r, 0x1f1);
        sectors = sv_rd_u8(&r);
        sv_rd_seek(&r, 0x202);
        magic = sv_rd_take(&r, 4);
        if (!magic || memcmp(magic, "HdrS", 4) != 0)
                return sv_fail(err, SV_FORMAT, "ovmf.linux.magic",
                               "not a Linux kernel image for x86 (bzImage): no HdrS");
        l.protocol = sv_rd_u16le(&r);
        sv_rd_seek(&r, 0x20e);
        version = sv_rd_u16le(&r);
        sv_rd_seek(&r, 0x22c);
        l.initrd_max = sv_rd_u32le(&r);
        sv_rd_seek(&r, 0x236);
        l.xloadflags = sv_rd_u16le(&r);
        sv_rd_seek(&r, 0x268);
        l.setup_size = ((size_t)(sectors ? sectors : 4) + 1) * 512;
        if (sv_rd_ok(&r, "ovmf.linux.header", "the setup header", err) < 0)
                return -1;
        /* 2.12 is of 2012 and has what an EFI stub needs. */
        if (l.protocol < 0x20c || l.protocol > 0x2ff)
                return sv_fail(err, SV_FORMAT, "ovmf.linux.protocol",
                               "boot protocol %u.%02u, expected 2.12 or newer", l.protocol >> 8,
                               l.protocol & 0xff);
        if (l.setup_size > image.n || l.setup_size < 0x268)
                return sv_fail(err, SV_FORMAT, "ovmf.linux.header",
                               "the image ends in its setup part");
        read_kernel_version(image, version, &l);
        *out = l;
        return 0;
}

int sv_initramfs_check(struct sv_bytes head, struct sv_err *err)
{
        static const struct {
                const char *magic;
                size_t n;
        } forms[] = {
                {"070701", 6},   {"070702", 6},      /* cpio, newc without and with checksums */
                {"\x1f\x8b", 2}, {"\x1f\x9e", 2},    /* gzip */
                {"BZh", 3},      {"\xfd\x37zXZ", 5}, /* bzip2, xz */
                {"\x5d\0\0", 3}, {"\x89LZO", 4},     /* lzma, lzo */
                {"\x02\x21", 2}, {"\x28\xb5\x2f\xfd", 4}, /* lz4, zstd */
        };
        static const uint8_t zeros[4];
        size_t n;

        while (head.n >= 4 && memcmp(head.p, zeros, 4) == 0)
                head = sv_bytes(head.p + 4, head.n - 4);
        n = head.n;
        for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
                if (n >= forms[i].n && memcmp(head.p, forms[i].magic, forms[i].n) == 0)
                        return 0;
        return sv_fail(err, SV_FORMAT, "ovmf.initramfs.magic",
                       "not an initramfs: expected a cpio archive, plain or packed with gzip, xz, "
                       "zstd, lz4, lzo, lzma or bzip2, found neither at its beginning; make one "
                       "with \"secure-vm image initrd\"");
}

static void put_u32le(uint8_t *p, uint32_t v)
{
        for (unsigned i = 0; i < 4; i++)
                p[i] = (uint8_t)(v >> 8 * i);
}

/* As QEMU reads it: the first "vga=" anywhere in the line. */
static int set_video_mode(const char *cmdline, uint8_t *header, struct sv_err *err)
{
        static const char *const names[] = {"normal", "ext", "ask"};
        const char *vga = strstr(cmdline, "vga=");
        unsigned long mode = 0;
        char *end = NULL;

        if (!vga)
                return 0;
        vga += 4;
        for (unsigned i = 0; i < 3; i++)
                if (strncmp(vga, names[i], strlen(names[i])) == 0)
                        mode = 0xffff - i;
        if (!mode) {
                mode = isdigit((unsigned char)*vga) ? strtoul(vga, &end, 0) : ULONG_MAX;
                if (mode > 0xffff || !end || (*end && *end != ' '))
                        return sv_fail(
                                err, SV_USAGE, "ovmf.linux.vga",
                                "QEMU does not understand vga= in the command line; take it out");
        }
        header[0x1fa] = (uint8_t)mode;
        header[0x1fb] = (uint8_t)(mode >> 8);
        return 0;
}

static int place_initrd(const struct sv_linux *l, uint8_t *image, const struct sv_linux_boot *boot,
                        struct sv_err *err)
{
        uint64_t low = boot->memory >= LOW_MEMORY_MAX ? LOW_MEMORY : boot->memory;
        uint64_t max = l->xloadflags & CAN_BE_ABOVE_4G ? UINT32_MAX : l->initrd_max;

        if (low <= ACPI_DATA)
                return sv_fail(err, SV_USAGE, "ovmf.linux.memory",
                               "a guest with so little memory cannot start; give it more");
        if (max >= low - ACPI_DATA)
                max = low - ACPI_DATA - 1;
        if (boot->initrd_size >= max)
                return sv_fail(err, SV_USAGE, "ovmf.linux.memory",
                               "the initramfs (%llu bytes) does not fit into the guest's memory "
                               "(%llu bytes); give it more",
                               (unsigned long long)boot->initrd_size,
                               (unsigned long long)boot->memory);
        put_u32le(image + 0x218, (uint32_t)(max - boot->initrd_size) & ~4095u);
        put_u32le(image + 0x21c, (uint32_t)boot->initrd_size);
        return 0;
}

int sv_linux_qemu(const struct sv_linux *l, uint8_t *image, const struct sv_linux_boot *boot,
                  struct sv_err *err)
{
        uint16_t heap_end = CMDLINE_ADDR - REAL_ADDR - 0x200;

        if (set_video_mode(boot->cmdline, image, err) < 0 ||
            (boot->initrd_size && place_initrd(l, image, boot, err) < 0))
                return -1;
        put_u32le(image + 0x228, CMDLINE_ADDR);
        image[0x210] = 0xb0;  /* loader: QEMU */
        image[0x211] |= 0x80; /* there is a heap */
        image[0x224] = (uint8_t)heap_end;
        image[0x225] = (uint8_t)(heap_end >> 8);
        return 0;
}
