/* SPDX-License-Identifier: Apache-2.0 */
#include "image/qcow2.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/rd.h"
#include "image/qcow2-int.h"
#include "image/run.h"

#define MAGIC    0x514649fbu /* "QFI\xfb" */
#define HEADER   SV_QCOW2_HEADER
#define ENTRIES  (SV_QCOW2_CLUSTER / 8) /* of an L2 table */
#define SPAN     ((uint64_t)ENTRIES * SV_QCOW2_CLUSTER)
#define OFFSET   SV_QCOW2_OFFSET
#define COPIED   (1ull << 63) /* used once, which QEMU asks about, not we */
#define ZEROS    1u
#define REFCOUNT 1u /* clusters of an image in which nothing changed */
#define BLOCK    2u
#define L1       3u

static uint64_t count_l1(uint64_t size)
{
        return size / SPAN + (size % SPAN != 0);
}

/* --- an empty one --- */

static int fail_write(const char *path, struct sv_err *err)
{
        return sv_fail_errno(err, "image.qcow2.write", "%s", path);
}

static void put_empty_header(struct sv_buf *b, uint64_t size, uint64_t features)
{
        sv_buf_u32be(b, MAGIC);
        sv_buf_u32be(b, 3);
        sv_buf_grow(b, 12);  /* no backing file */
        sv_buf_u32be(b, 16); /* a cluster is 1 << 16 */
        sv_buf_u64be(b, size);
        sv_buf_u32be(b, 0); /* no encryption */
        sv_buf_u32be(b, (uint32_t)count_l1(size));
        sv_buf_u64be(b, L1 * SV_QCOW2_CLUSTER);
        sv_buf_u64be(b, REFCOUNT * SV_QCOW2_CLUSTER);
        sv_buf_u32be(b, 1);
        sv_buf_grow(b, 12); /* no snapshots */
        sv_buf_u64be(b, features);
        sv_buf_grow(b, 16); /* none that may be ignored */
        sv_buf_u32be(b, 4); /* a count is 1 << 4 bits */
        sv_buf_u32be(b, HEADER);
}

int sv_qcow2_make_as(int fd, const char *path, uint64_t size, uint64_t features, struct sv_err *err)
{
        SV_BUF header = SV_BUF_NULL;
        SV_BUF table = SV_BUF_NULL;
        SV_BUF counts = SV_BUF_NULL;
        uint64_t clusters = L1 + (count_l1(size) + ENTRIES - 1) / ENTRIES;

        if (!size || size > SV_QCOW2_DISK_MAX)
                return sv_fail(err, SV_USAGE, "image.qcow2.size",
                               "%s: expected a disk of 1 byte to %llu TiB, found %llu bytes", path,
                               SV_QCOW2_DISK_MAX >> 40, (unsigned long long)size);
        put_empty_header(&header, size, features);
        sv_buf_u64be(&table, BLOCK * SV_QCOW2_CLUSTER);
        for (uint64_t i = 0; i < clusters; i++)
                sv_buf_u16be(&counts, 1);
        if (sv_buf_ok(&header, "a header", err) < 0 || sv_buf_ok(&table, "a table", err) < 0 ||
            sv_buf_ok(&counts, "a table", err) < 0)
                return -1;
        if (ftruncate(fd, (off_t)(clusters * SV_QCOW2_CLUSTER)) < 0 ||
            sv_fd_write_at(fd, sv_buf_bytes(&header), 0) < 0 ||
            sv_fd_write_at(fd, sv_buf_bytes(&table), REFCOUNT * SV_QCOW2_CLUSTER) < 0 ||
            sv_fd_write_at(fd, sv_buf_bytes(&counts), BLOCK * SV_QCOW2_CLUSTER) < 0)
                return fail_write(path, err);
        return 0;
}

int sv_qcow2_make(int fd, const char *path, uint64_t size, struct sv_err *err)
{
        return sv_qcow2_make_as(fd, path, size, 0, err);
}

/* --- reading --- */

int sv_qcow2_read_at(const struct sv_qcow2 *q, uint64_t at, uint8_t *out, size_t n,
                     struct sv_err *err)
{
        ssize_t got;

        if (at > q->file || n > q->file - at)
                return sv_fail(err, SV_FORMAT, "image.qcow2.table",
                               "%s: something is said to be at byte %llu of a file that has %llu",
                               q->path, (unsigned long long)at, (unsigned long long)q->file);
        got = sv_fd_read_at(q->fd, out, n, at);
        if (got < 0)
                return sv_fail_errno(err, "image.qcow2.read", "%s", q->path);
        if ((size_t)got < n)
                return sv_fail(err, SV_SYSTEM, "image.qcow2.read", "%s was cut meanwhile", q->path);
        return 0;
}

static int fail_header(const struct sv_qcow2 *q, const char *what, uint64_t expected,
                       uint64_t found, struct sv_err *err)
{
        return sv_fail(err, SV_FORMAT, "image.qcow2.header",
                       "%s: expected %s %llu, found %llu: secure-vm did not have this image made",
                       q->path, what, (unsigned long long)expected, (unsigned long long)found);
}

static int parse_header(struct sv_qcow2 *q, struct sv_rd r, uint64_t features, struct sv_err *err)
{
        const struct {
                const char *what;
                size_t at, bytes;
                uint64_t expected;
        } rows[] = {
                {"the magic number", 0, 4, MAGIC},
                {"version", 4, 4, 3},
                {"a backing file at", 8, 8, 0},
                {"a backing file's name of", 16, 4, 0},
                {"clusters of 2 to the", 20, 4, 16},
                {"encryption", 32, 4, 0},
                {"snapshots", 60, 4, 0},
                {"features (incompatible)", 72, 8, features},
        };
        uint32_t n;

        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                uint64_t found;

                sv_rd_seek(&r, rows[i].at);
                found = rows[i].bytes == 4 ? sv_rd_u32be(&r) : sv_rd_u64be(&r);
                if (found != rows[i].expected)
                        return fail_header(q, rows[i].what, rows[i].expected, found, err);
        }
        sv_rd_seek(&r, 24);
        q->size = sv_rd_u64be(&r);
        sv_rd_seek(&r, 36);
        n = sv_rd_u32be(&r);
        q->l1 = sv_rd_u64be(&r);
        if (!q->size || q->size > SV_QCOW2_DISK_MAX)
                return fail_header(q, "a disk's size of at most", SV_QCOW2_DISK_MAX, q->size, err);
        if (n < count_l1(q->size))
                return fail_header(q, "entries in the first table:", count_l1(q->size), n, err);
        return 0;
}

int sv_qcow2_open_as(int fd, const char *path, uint64_t features, struct sv_qcow2 *out,
                     struct sv_err *err)
{
        struct sv_qcow2 q = {.fd = fd, .path = path};
        uint8_t header[HEADER] = {0};
        struct stat st;

        if (fstat(fd, &st) < 0)
                return sv_fail_errno(err, "image.qcow2.read", "%s", path);
        q.file = (uint64_t)st.st_size;
        if (q.file < HEADER)
                return fail_header(&q, "a file of bytes:", HEADER, q.file, err);
        if (sv_qcow2_read_at(&q, 0, header, HEADER, err) < 0 ||
            parse_header(&q, sv_rd(sv_bytes(header, HEADER)), features, err) < 0)
                return -1;
        *out = q;
        return 0;
}

int sv_qcow2_open(int fd, const char *path, struct sv_qcow2 *out, struct sv_err *err)
{
        return sv_qcow2_open_as(fd, path, 0, out, err);
}

static int fail_table_entry(const struct sv_qcow2 *q, const char *table, uint64_t entry,
                            struct sv_err *err)
{
        return sv_fail(err, SV_FORMAT, "image.qcow2.table",
                       "%s: an entry of the %s table is %#llx, and points to no cluster of the "
                       "file as it is",
                       q->path, table, (unsigned long long)entry);
}

struct walk {
        const struct sv_qcow2 *q;
        int (*fn)(void *arg, const struct sv_qcow2_part *part, struct sv_err *err);
        void *arg;
};

static int walk_entry(const struct walk *w, uint64_t at, uint64_t entry, struct sv_err *err)
{
        const struct sv_qcow2 *q = w->q;
        struct sv_qcow2_part part = {.at = at, .n = SV_QCOW2_CLUSTER, .from = entry & OFFSET};

        if (part.n > q->size - at)
                part.n = q->size - at;
        if (!(entry & ~COPIED))
                return 0;
        if ((entry & ~(OFFSET | COPIED | ZEROS)) || part.from % SV_QCOW2_CLUSTER)
                return fail_table_entry(q, "second", entry, err);
        if (entry & ZEROS)
                part.from = 0;
        else if (part.from > q->file || part.n > q->file - part.from)
                return fail_table_entry(q, "second", entry, err);
        return w->fn(w->arg, &part, err);
}

static int walk_table(const struct walk *w, uint64_t at, uint64_t entry, struct sv_err *err)
{
        uint8_t table[SV_QCOW2_CLUSTER];
        uint64_t from = entry & OFFSET;
        struct sv_rd r = sv_rd(sv_bytes(table, sizeof(table)));

        if ((entry & ~(OFFSET | COPIED)) || from % SV_QCOW2_CLUSTER)
                return fail_table_entry(w->q, "first", entry, err);
        if (!from)
                return 0;
        if (sv_qcow2_read_at(w->q, from, table, sizeof(table), err) < 0)
                return -1;
        for (uint64_t i = 0; i < ENTRIES && at + i * SV_QCOW2_CLUSTER < w->q->size; i++)
                if (walk_entry(w, at + i * SV_QCOW2_CLUSTER, sv_rd_u64be(&r), err) < 0)
                        return -1;
        return 0;
}

int sv_qcow2_each(const struct sv_qcow2 *q,
                  int (*fn)(void *arg, const struct sv_qcow2_part *part, struct sv_err *err),
                  void *arg, struct sv_err *err)
{
        const struct walk w = {q, fn, arg};

        for (uint64_t i = 0; i < count_l1(q->size); i++) {
                uint8_t entry[8];
                struct sv_rd r = sv_rd(sv_bytes(entry, sizeof(entry)));

                if (q->l1 > q->file)
                        return fail_header(q, "a first table within bytes:", q->file, q->l1, err);
                if (sv_qcow2_read_at(q, q->l1 + 8 * i, entry, sizeof(entry), err) < 0 ||
                    walk_table(&w, i * SPAN, sv_rd_u64be(&r), err) < 0)
                        return -1;
        }
        return 0;
}

/* --- what it is for --- */

static int count_part(void *arg, const struct sv_qcow2_part *part, struct sv_err *err)
{
        *(uint64_t *)arg += part->n;
        return 0;
}

int sv_qcow2_count(const struct sv_qcow2 *q, uint64_t *out, struct sv_err *err)
{
        uint64_t n = 0;

        if (sv_qcow2_each(q, count_part, &n, err) < 0)
                return -1;
        *out = n;
        return 0;
}

struct applying {
        const struct sv_qcow2 *q;
        int to;
        uint8_t *head;
        size_t n;
};

static int read_changed_part(const struct applying *a, const struct sv_qcow2_part *part,
                             uint8_t *out, size_t n, struct sv_err *err)
{
        memset(out, 0, n);
        return part->from ? sv_qcow2_read_at(a->q, part->from, out, n, err) : 0;
}

static int apply_part(void *arg, const struct sv_qcow2_part *part, struct sv_err *err)
{
        const struct applying *a = arg;
        uint8_t piece[SV_QCOW2_CLUSTER];

        if (sv_run_interrupted())
                return sv_fail(err, SV_SYSTEM, "image.interrupted", "interrupted");
        /* zeros need no room, where the file system can do without */
        if (!part->from && fallocate(a->to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                     (off_t)part->at, (off_t)part->n) == 0)
                return 0;
        if (read_changed_part(a, part, piece, part->n, err) < 0)
                return -1;
        return sv_fd_write_at(a->to, sv_bytes(piece, part->n), part->at) < 0
                       ? fail_write("the disk", err)
                       : 0;
}

int sv_qcow2_apply(const struct sv_qcow2 *q, int to, struct sv_err *err)
{
        return sv_qcow2_each(q, apply_part, &(struct applying){.q = q, .to = to}, err);
}

static int apply_head_part(void *arg, const struct sv_qcow2_part *part, struct sv_err *err)
{
        const struct applying *a = arg;
        size_t n;

        if (part->at >= a->n)
                return 0;
        n = part->n < a->n - part->at ? part->n : a->n - part->at;
        return read_changed_part(a, part, a->head + part->at, n, err);
}

int sv_qcow2_apply_head(const struct sv_qcow2 *q, uint8_t *out, size_t n, struct sv_err *err)
{
        return sv_qcow2_each(q, apply_head_part, &(struct applying){.q = q, .head = out, .n = n},
                             err);
}
