/* SPDX-License-Identifier: Apache-2.0 */
#include "image/container.h"

#include "base/core/rd.h"
#include "image/superblock.h"

#define SECTOR  512
#define SECTORS (SV_CONTAINER_HEAD / SECTOR)

/* QEMU reads a VMDK's text here, whatever the head says about it. */
#define VMDK_TEXT_AT   SECTOR
#define VMDK_TEXT_SIZE (20 * SECTOR)

struct magic {
        size_t at;
        struct sv_bytes bytes;
        struct sv_container is;
};

#define MAGIC(at, text, ...)                                   \
        {                                                      \
                at, {(const uint8_t *)text, sizeof(text) - 1}, \
                {                                              \
                        __VA_ARGS__                            \
                }                                              \
        }

static const struct magic magics[] = {
        MAGIC(0, "QFI\xfb\0\0\0\1", "image of the first version of qcow"),
        MAGIC(0, "QFI\xfb", "qcow2 image", "qcow2"),
        MAGIC(0, "KDMV", "VMDK image", "vmdk"),
        MAGIC(0, "COWD", "VMDK image of an old ESX"),
        MAGIC(0, "# Disk DescriptorFile",
              "description of a VMDK image whose data are in other files"),
        MAGIC(0, "vhdxfile", "VHDX image", "vhdx"),
        MAGIC(0, "conectix", "VHD image"),
        MAGIC(64, "\x7f\x10\xda\xbe", "VDI image"),
        MAGIC(0, "QED\0", "QED image"),
        MAGIC(0, "LUKS\xba\xbe", "disk that is encrypted already (LUKS)"),
        MAGIC(32769, "CD001", "CD-ROM (ISO 9660)"),
        MAGIC(0, "\x1f\x8b", "compressed file (gzip)"),
        MAGIC(0,
              "\xfd"
              "7zXZ",
              "compressed file (xz)"),
        MAGIC(0, "\x28\xb5\x2f\xfd", "compressed file (zstd)"),
        MAGIC(0, "BZh", "compressed file (bzip2)"),
        MAGIC(0, "PK\3\4", "zip archive"),
};

static bool has_bytes(struct sv_bytes head, size_t at, struct sv_bytes bytes)
{
        return head.n >= at + bytes.n && memcmp(head.p + at, bytes.p, bytes.n) == 0;
}

struct sv_container sv_container_of(struct sv_bytes head)
{
        for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
                if (has_bytes(head, magics[i].at, magics[i].bytes))
                        return magics[i].is;
        return (struct sv_container){0};
}

static int fail_parts(struct sv_err *err, const char *what)
{
        return sv_fail(err, SV_USAGE, "image.container.parts",
                       "%s: make one whole image of it first, with \"qemu-img convert -O qcow2 "
                       "FROM TO\"",
                       what);
}

static int check_head_rest(const struct sv_rd *r, const struct sv_container *c, struct sv_err *err)
{
        return sv_rd_ok(r, "image.container.head", c->name, err);
}

/* Version 3 has a bit for data that are in another file; before it there was none. */
static int check_qcow2(const struct sv_container *c, struct sv_bytes head, struct sv_err *err)
{
        struct sv_rd r = sv_rd(head);
        uint64_t backing, features = 0;
        uint32_t version, method;

        sv_rd_seek(&r, 4);
        version = sv_rd_u32be(&r);
        backing = sv_rd_u64be(&r);
        sv_rd_seek(&r, 32);
        method = sv_rd_u32be(&r);
        if (version >= 3) {
                sv_rd_seek(&r, 72);
                features = sv_rd_u64be(&r);
        }
        if (check_head_rest(&r, c, err) < 0)
                return -1;
        if (backing)
                return fail_parts(err, "the qcow2 image has only what differs from a backing file");
        if (features & 4)
                return fail_parts(err, "the qcow2 image's data are in another file");
        return method ? fail_parts(err, "the qcow2 image is encrypted") : 0;
}

static bool has_text(struct sv_bytes text, const char *what)
{
        return memmem(text.p, text.n, what, strlen(what)) != NULL;
}

/* The text says where the data are: in this file when the disk was made in one piece. */
static int check_vmdk_text(struct sv_bytes text, struct sv_err *err)
{
        if (!has_text(text, "createType=\"monolithicSparse\"") &&
            !has_text(text, "createType=\"streamOptimized\""))
                return fail_parts(err, "the VMDK image's data are in other files");
        if (!has_text(text, "parentCID=ffffffff"))
                return fail_parts(err, "the VMDK image has only what differs from its parent");
        return 0;
}

/* QEMU opens a parent that is named, whatever else the text says. */
static int check_vmdk(const struct sv_container *c, struct sv_bytes head, struct sv_err *err)
{
        struct sv_rd r = sv_rd(head);
        struct sv_bytes text, seen;
        uint64_t capacity, at, size;

        sv_rd_seek(&r, 12);
        capacity = sv_rd_u64le(&r);
        sv_rd_skip(&r, 8);
        at = sv_rd_u64le(&r);
        size = sv_rd_u64le(&r);
        sv_rd_seek(&r, VMDK_TEXT_AT);
        seen = sv_rd_bytes(&r, VMDK_TEXT_SIZE);
        /* What is not in the head is beyond its end, whatever the numbers are. */
        sv_rd_seek(&r, VMDK_TEXT_AT);
        text = sv_rd_bytes(&r, size < SECTORS ? (size_t)size * SECTOR : SIZE_MAX);
        if (check_head_rest(&r, c, err) < 0)
                return -1;
        if (!capacity)
                return fail_parts(err, "the VMDK image is the description of others");
        if (at != VMDK_TEXT_AT / SECTOR)
                return sv_fail(err, SV_FORMAT, "image.container.head",
                               "%s: expected its description in sector 1, found %llu", c->name,
                               (unsigned long long)at);
        if (has_text(seen, "parentFileNameHint"))
                return fail_parts(err, "the VMDK image names a parent");
        return check_vmdk_text(text, err);
}

int sv_container_check(const struct sv_container *c, struct sv_bytes head, struct sv_err *err)
{
        if (c->driver && strcmp(c->driver, "qcow2") == 0)
                return check_qcow2(c, head, err);
        if (c->driver && strcmp(c->driver, "vmdk") == 0)
                return check_vmdk(c, head, err);
        return 0;
}

/* What can be an entry of the table, and not code or text of a boot sector: 0x80 or nothing, and
 * then a type with a size or nothing at all. */
static bool is_partition_entry(const uint8_t *p)
{
        bool sized = !sv_bytes_are_zero(sv_bytes(p + 12, 4));

        return (p[0] == 0 || p[0] == 0x80) && (p[4] != 0) == sized;
}

static bool is_mbr(struct sv_bytes head)
{
        unsigned used = 0;

        for (size_t i = 0; i < 4; i++) {
                const uint8_t *p = head.p + 446 + i * 16;

                if (!is_partition_entry(p))
                        return false;
                used += p[4] != 0;
        }
        return used > 0;
}

/* File systems whose first sector a boot loader or they themselves end with the MBR's mark. */
static bool is_filesystem(struct sv_bytes head)
{
        static const struct magic known[] = {
                MAGIC(54, "FAT"),  MAGIC(82, "FAT32"), MAGIC(3, "NTFS"),
                MAGIC(3, "EXFAT"), MAGIC(0, "XFSB"),
        };
        uint64_t block;

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
                if (has_bytes(head, known[i].at, known[i].bytes))
                        return true;
        return sv_superblock_is_ext(head, &block);
}

const char *sv_container_table(struct sv_bytes head)
{
        static const struct magic gpt[] = {MAGIC(512, "EFI PART"), MAGIC(4096, "EFI PART")};
        static const struct magic mark = MAGIC(510, "\x55\xaa");

        for (size_t i = 0; i < 2; i++)
                if (has_bytes(head, gpt[i].at, gpt[i].bytes))
                        return "GPT";
        return has_bytes(head, mark.at, mark.bytes) && is_mbr(head) && !is_filesystem(head) ? "MBR"
                                                                                            : NULL;
}
