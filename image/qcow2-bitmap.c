/* SPDX-License-Identifier: Apache-2.0 */
#include "image/qcow2-bitmap.h"

#include <stdlib.h>
#include <string.h>

#include "base/core/rd.h"
#include "image/qcow2-int.h"

#define CHECK         "image.qcow2.bitmap"
#define AUTOCLEAR     88u /* in the header */
#define HEADER_LENGTH 100u
#define HAS_BITMAPS   1u /* autoclear feature: who changed the image minded the bitmaps */
#define EXTENSION     0x23852875u
#define DIRECTORY_MAX 4096u
#define IN_USE        1u
#define TRACKING      1u /* type of a bitmap */
#define MARK_BITS     20 /* SV_QCOW2_MARK */
#define MARKS_CLUSTER ((size_t)SV_QCOW2_CLUSTER * 8)
#define ALL_ONES      1u

size_t sv_qcow2_count_marks(uint64_t size)
{
        return (size_t)(size / SV_QCOW2_MARK + (size % SV_QCOW2_MARK != 0));
}

int sv_qcow2_make_notes(int fd, const char *path, uint64_t size, struct sv_err *err)
{
        return sv_qcow2_make_as(fd, path, size, SV_QCOW2_EXTERNAL, err);
}

struct place {
        uint64_t at;
        uint64_t n; /* bytes of the directory, entries of the table */
};

static int fail_bitmap(const struct sv_qcow2 *q, const char *what, struct sv_err *err)
{
        return sv_fail(err, SV_FORMAT, CHECK,
                       "%s: %s: QEMU did not end as expected, and what it noted is not to be told",
                       q->path, what);
}

/* --- the directory --- */

static int read_extension(const struct sv_qcow2 *q, struct sv_rd *r, struct place *directory,
                          struct sv_err *err)
{
        uint32_t n = sv_rd_u32be(r);

        sv_rd_skip(r, 4);
        directory->n = sv_rd_u64be(r);
        directory->at = sv_rd_u64be(r);
        if (n != 1 || !directory->n || directory->n > DIRECTORY_MAX)
                return fail_bitmap(q, "there is not one bitmap", err);
        return sv_rd_done(r, CHECK, "the bitmaps extension", err);
}

static int find_directory(const struct sv_qcow2 *q, const uint8_t *cluster, struct place *directory,
                          struct sv_err *err)
{
        struct sv_rd r = sv_rd(sv_bytes(cluster, SV_QCOW2_CLUSTER));

        sv_rd_seek(&r, AUTOCLEAR);
        if (!(sv_rd_u64be(&r) & HAS_BITMAPS))
                return fail_bitmap(q, "there is no bitmap", err);
        sv_rd_seek(&r, HEADER_LENGTH);
        sv_rd_seek(&r, sv_rd_u32be(&r));
        while (!r.bad) {
                uint32_t type = sv_rd_u32be(&r), n = sv_rd_u32be(&r);
                struct sv_rd data = sv_rd_sub(&r, n);

                if (type == EXTENSION)
                        return read_extension(q, &data, directory, err);
                if (!type)
                        break;
                sv_rd_skip(&r, (8 - n % 8) % 8);
        }
        return fail_bitmap(q, "there is no bitmap", err);
}

static int read_directory_entry(const struct sv_qcow2 *q, struct sv_rd r, const char *name,
                                struct place *table, struct sv_err *err)
{
        struct sv_bytes found;
        uint32_t flags, extra;
        uint16_t length;
        uint8_t type, bits;

        table->at = sv_rd_u64be(&r);
        table->n = sv_rd_u32be(&r);
        flags = sv_rd_u32be(&r);
        type = sv_rd_u8(&r);
        bits = sv_rd_u8(&r);
        length = sv_rd_u16be(&r);
        extra = sv_rd_u32be(&r);
        found = sv_rd_bytes(&r, length);
        sv_rd_skip(&r, (8 - length % 8) % 8);
        if (sv_rd_done(&r, CHECK, "the directory of bitmaps", err) < 0)
                return -1;
        if (flags & IN_USE)
                return fail_bitmap(q, "the bitmap is in use", err);
        if (type != TRACKING || bits != MARK_BITS || extra ||
            !sv_bytes_eq(found, sv_bytes_str(name)))
                return fail_bitmap(q, "the bitmap is another", err);
        return 0;
}

/* --- the bitmap --- */

static void set_marks(const uint8_t *bits, size_t n, bool *marks)
{
        for (size_t i = 0; i < n; i++)
                marks[i] |= bits[i / 8] >> i % 8 & 1;
}

static int read_mark_cluster(const struct sv_qcow2 *q, uint64_t entry, size_t n, uint8_t *part,
                             struct sv_err *err)
{
        uint64_t at = entry & SV_QCOW2_OFFSET;

        if (entry & ~(SV_QCOW2_OFFSET | ALL_ONES) || at % SV_QCOW2_CLUSTER ||
            (at && (entry & ALL_ONES)))
                return fail_bitmap(q, "the bitmap's table points to no cluster", err);
        memset(part, entry & ALL_ONES ? 0xff : 0, SV_QCOW2_CLUSTER);
        return at ? sv_qcow2_read_at(q, at, part, (n + 7) / 8, err) : 0;
}

static int read_marks(const struct sv_qcow2 *q, const struct place *table, bool *marks,
                      uint8_t *part, struct sv_err *err)
{
        size_t n = sv_qcow2_count_marks(q->size);

        if (table->n != (n + MARKS_CLUSTER - 1) / MARKS_CLUSTER)
                return fail_bitmap(q, "the bitmap is of another disk", err);
        for (size_t i = 0; i < table->n; i++) {
                size_t first = i * MARKS_CLUSTER,
                       some = n - first < MARKS_CLUSTER ? n - first : MARKS_CLUSTER;
                uint8_t entry[8];
                struct sv_rd r = sv_rd(sv_bytes(entry, sizeof(entry)));

                if (sv_qcow2_read_at(q, table->at, entry, 0, err) < 0 ||
                    sv_qcow2_read_at(q, table->at + 8 * i, entry, sizeof(entry), err) < 0 ||
                    read_mark_cluster(q, sv_rd_u64be(&r), some, part, err) < 0)
                        return -1;
                set_marks(part, some, marks + first);
        }
        return 0;
}

static int read_bitmap(const struct sv_qcow2 *q, const char *name, bool *marks, uint8_t *cluster,
                       struct sv_err *err)
{
        struct place directory = {0}, table = {0};
        uint8_t entry[DIRECTORY_MAX];

        if (sv_qcow2_read_at(q, 0, cluster, SV_QCOW2_CLUSTER, err) < 0 ||
            find_directory(q, cluster, &directory, err) < 0 ||
            sv_qcow2_read_at(q, directory.at, entry, directory.n, err) < 0 ||
            read_directory_entry(q, sv_rd(sv_bytes(entry, directory.n)), name, &table, err) < 0)
                return -1;
        return read_marks(q, &table, marks, cluster, err);
}

int sv_qcow2_read_bitmap(int fd, const char *path, const char *name, uint64_t size, bool *marks,
                         struct sv_err *err)
{
        struct sv_qcow2 q;
        uint8_t *cluster;
        int r;

        if (sv_qcow2_open_as(fd, path, SV_QCOW2_EXTERNAL, &q, err) < 0)
                return -1;
        if (q.size != size)
                return fail_bitmap(&q, "it is of a disk of another size", err);
        cluster = malloc(SV_QCOW2_CLUSTER);
        if (!cluster)
                return sv_fail(err, SV_SYSTEM, "base.memory", "out of memory");
        r = read_bitmap(&q, name, marks, cluster, err);
        free(cluster);
        return r;
}
