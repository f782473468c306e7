/* SPDX-License-Identifier: Apache-2.0 */
#include "image/import/table.h"

#include <blkid/blkid.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/rd.h"
#include "image/container.h"
#include "image/import/fstab.h"

#define MIB    (1ull << 20)
#define SECTOR 512

static void free_probe(blkid_probe *p)
{
        if (*p)
                blkid_free_probe(*p);
}
#define PROBE __attribute__((cleanup(free_probe))) blkid_probe

/* libblkid reads a file. It gets one as large as the disk, or a part of it, that has the pieces
 * which it looks at, and is in memory. */
static int put_piece(const struct sv_source *s, uint64_t first, int window, uint64_t at, uint64_t n,
                     struct sv_err *err)
{
        uint8_t piece[65536];

        for (uint64_t end = at + n; at < end; at += n) {
                n = end - at < sizeof(piece) ? end - at : sizeof(piece);
                if (s->read(s, first + at, piece, (size_t)n, err) < 0)
                        return -1;
                if (!sv_bytes_are_zero(sv_bytes(piece, (size_t)n)) &&
                    pwrite(window, piece, (size_t)n, (off_t)at) != (ssize_t)n)
                        return sv_fail_errno(err, "import.table", "cannot keep what was read");
        }
        return 0;
}

static int open_window(const struct sv_source *s, uint64_t first, uint64_t size, struct sv_err *err)
{
        const uint64_t head = size < 2 * MIB ? size : 2 * MIB, left = size - head,
                       tail = left < MIB ? left : MIB;
        SV_FD window = memfd_create("partitions", MFD_CLOEXEC);
        int fd = window;

        if (window < 0 || ftruncate(window, (off_t)size) < 0)
                return sv_fail_errno(err, "import.table", "cannot look for partitions in memory");
        if (put_piece(s, first, window, 0, head, err) < 0 ||
            put_piece(s, first, window, size - tail, tail, err) < 0)
                return -1;
        window = -1;
        return fd;
}

/* Logical partitions of an MBR lie in a chain of sectors, anywhere: the entry of the next one is
 * the second of each. As long as a table can be; a loop ends there. */
static int put_chain(const struct sv_source *s, int window, uint64_t begin, struct sv_err *err)
{
        uint64_t at = begin;

        for (int i = 0; i < SV_PARTITIONS_MAX && at < s->size / SECTOR; i++) {
                uint8_t sector[SECTOR];
                struct sv_rd next = sv_rd(sv_bytes(sector + 446 + 16, 16));

                if (put_piece(s, 0, window, at * SECTOR, SECTOR, err) < 0 ||
                    s->read(s, at * SECTOR, sector, sizeof(sector), err) < 0)
                        return -1;
                sv_rd_skip(&next, 8);
                at = begin + sv_rd_u32le(&next);
                if (at == begin)
                        return 0;
        }
        return 0;
}

static int put_chains(const struct sv_source *s, const uint8_t *mbr, int window, struct sv_err *err)
{
        for (size_t i = 0; i < 4; i++) {
                const uint8_t *p = mbr + 446 + i * 16;
                struct sv_rd r = sv_rd(sv_bytes(p + 8, 4));

                if ((p[4] == 0x05 || p[4] == 0x0f || p[4] == 0x85) &&
                    put_chain(s, window, sv_rd_u32le(&r), err) < 0)
                        return -1;
        }
        return 0;
}

static void put_probed_text(char *to, size_t size, const char *from)
{
        snprintf(to, size, "%s", from ? from : "");
}

static void set_probed(blkid_probe probe, const char *name, char *to, size_t size)
{
        const char *value = NULL;

        put_probed_text(to, size,
                        blkid_probe_lookup_value(probe, name, &value, NULL) == 0 ? value : "");
}

/* What it holds, as blkid(8) says it. */
static int probe_contents(const struct sv_source *s, struct sv_partition *p, struct sv_err *err)
{
        SV_FD window = open_window(s, p->first, p->size, err);
        PROBE probe = window < 0 ? NULL : blkid_new_probe();
        int r;

        if (window < 0)
                return -1;
        if (!probe || blkid_probe_set_device(probe, window, 0, (blkid_loff_t)p->size) < 0)
                return sv_fail(err, SV_SYSTEM, "import.table",
                               "libblkid cannot look at a partition");
        blkid_probe_enable_superblocks(probe, 1);
        blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_DEFAULT);
        r = blkid_do_safeprobe(probe);
        if (r == -2)
                put_probed_text(p->holds, sizeof(p->holds), "several at once");
        if (r)
                return 0;
        set_probed(probe, "TYPE", p->holds, sizeof(p->holds));
        set_probed(probe, "UUID", p->uuid, sizeof(p->uuid));
        set_probed(probe, "LABEL", p->label, sizeof(p->label));
        return 0;
}

static int add_partition(const struct sv_source *s, blkid_partition from, struct sv_table *t,
                         struct sv_err *err)
{
        const uint64_t sectors = s->size / SECTOR;
        const uint64_t first = (uint64_t)blkid_partition_get_start(from);
        const uint64_t size = (uint64_t)blkid_partition_get_size(from);
        struct sv_partition p = {.number = blkid_partition_get_partno(from)};

        if (blkid_partition_is_extended(from) || t->n == SV_PARTITIONS_MAX)
                return 0;
        if (first >= sectors || size > sectors - first)
                return sv_fail(
                        err, SV_FORMAT, "import.partition",
                        "partition %d ends at %llu bytes and the disk at %llu: the image was "
                        "cut short, or is another disk's",
                        p.number, (unsigned long long)(first + size) * SECTOR,
                        (unsigned long long)s->size);
        p.first = first * SECTOR;
        p.size = size * SECTOR;
        put_probed_text(p.partuuid, sizeof(p.partuuid), blkid_partition_get_uuid(from));
        put_probed_text(p.partlabel, sizeof(p.partlabel), blkid_partition_get_name(from));
        if (probe_contents(s, &p, err) < 0)
                return -1;
        t->list[t->n++] = p;
        return 0;
}

/* A GPT says itself how large its disk is. */
static int fail_table(const struct sv_source *s, const uint8_t *head, const char *kind,
                      struct sv_err *err)
{
        struct sv_rd r = sv_rd(sv_bytes(head + SECTOR, SECTOR));
        uint64_t last;

        sv_rd_seek(&r, 32);
        last = sv_rd_u64le(&r);
        if (strcmp(kind, "GPT") == 0 && last >= s->size / SECTOR && last < 1ull << 50)
                return sv_fail(err, SV_FORMAT, "import.table",
                               "the disk's GPT is for %llu bytes, and the disk has %llu: the image "
                               "was cut short",
                               (unsigned long long)(last + 1) * SECTOR,
                               (unsigned long long)s->size);
        return sv_fail(err, SV_FORMAT, "import.table",
                       "the disk begins with a table of partitions (%s), but it is damaged", kind);
}

static int add_partitions(const struct sv_source *s, blkid_partlist from, struct sv_table *t,
                          struct sv_err *err)
{
        int n = blkid_partlist_numof_partitions(from);

        for (int i = 0; i < n; i++)
                if (add_partition(s, blkid_partlist_get_partition(from, i), t, err) < 0)
                        return -1;
        return 0;
}

/* Disks of 4096-byte sectors have their GPT at another place. */
static blkid_partlist probe_table(blkid_probe probe, int window, uint64_t size, unsigned sector)
{
        blkid_partlist list;

        if (blkid_probe_set_device(probe, window, 0, (blkid_loff_t)size) < 0 ||
            blkid_probe_set_sectorsize(probe, sector) < 0)
                return NULL;
        blkid_probe_enable_superblocks(probe, 0);
        blkid_probe_enable_partitions(probe, 1);
        if (blkid_do_fullprobe(probe) != 0)
                return NULL;
        list = blkid_probe_get_partitions(probe);
        return list && blkid_partlist_get_table(list) ? list : NULL;
}

static int read_table(const struct sv_source *s, const uint8_t *head, int window,
                      struct sv_table *t, struct sv_err *err)
{
        const char *kind = sv_container_table(sv_bytes(head, SV_CONTAINER_HEAD));
        PROBE probe = blkid_new_probe();
        blkid_partlist list = NULL;

        if (!probe)
                return sv_fail_errno(err, "base.memory", "no memory to look for partitions");
        if (!kind) {
                t->n = 1;
                t->list[0].size = s->size;
                return probe_contents(s, &t->list[0], err);
        }
        list = probe_table(probe, window, s->size, SECTOR);
        if (!list)
                list = probe_table(probe, window, s->size, 4096);
        return list ? add_partitions(s, list, t, err) : fail_table(s, head, kind, err);
}

int sv_table_read(const struct sv_source *disk, struct sv_table *out, struct sv_err *err)
{
        uint8_t head[SV_CONTAINER_HEAD];
        SV_FD window = -1;

        *out = (struct sv_table){.n = 0};
        if (disk->size < sizeof(head))
                return sv_fail(err, SV_FORMAT, "import.table",
                               "expected a disk of 64 KiB or more, found %llu bytes",
                               (unsigned long long)disk->size);
        if (disk->read(disk, 0, head, sizeof(head), err) < 0)
                return -1;
        window = open_window(disk, 0, disk->size, err);
        if (window < 0 || put_chains(disk, head, window, err) < 0)
                return -1;
        return read_table(disk, head, window, out, err);
}

const char *sv_partition_describe(const struct sv_partition *p)
{
        static const struct {
                const char *holds, *says;
        } names[] = {
                {"", "nothing that is known"},
                {"LVM2_member", "LVM, whose volumes are not read"},
                {"LVM1_member", "LVM, whose volumes are not read"},
                {"linux_raid_member", "a member of a RAID, which is not put together"},
                {"crypto_LUKS", "an encrypted volume (LUKS), whose key nobody gave"},
                {"vfat", "vfat (an EFI system partition has this)"},
                {"zfs_member", "ZFS, which is not read"},
                {"swap", "swap"},
        };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (strcmp(p->holds, names[i].holds) == 0)
                        return names[i].says;
        return p->holds;
}

/* "/dev/sda1", "/dev/nvme0n1p1": which disk it was on cannot be known, so the number counts. */
static bool has_number(const char *spec, int number)
{
        const char *last = spec + strlen(spec);
        char text[16];

        snprintf(text, sizeof(text), "%d", number);
        while (last > spec && last[-1] >= '0' && last[-1] <= '9')
                last--;
        return strncmp(spec, "/dev/", 5) == 0 && !strchr(spec + 5, '/') && strcmp(last, text) == 0;
}

bool sv_partition_is_named(const struct sv_partition *p, const char *spec)
{
        return sv_fstab_names(spec, "UUID=", "/dev/disk/by-uuid/", p->uuid) ||
               sv_fstab_names(spec, "LABEL=", "/dev/disk/by-label/", p->label) ||
               sv_fstab_names(spec, "PARTUUID=", "/dev/disk/by-partuuid/", p->partuuid) ||
               sv_fstab_names(spec, "PARTLABEL=", "/dev/disk/by-partlabel/", p->partlabel) ||
               (p->number && has_number(spec, p->number));
}
