/* SPDX-License-Identifier: Apache-2.0 */
/* The log is a ring of sectors; each begins with the number of the round in which it was written,
 * or, at the head of a record, has it behind the record's mark. So the newest record ends where the
 * number falls. After an unmount that is a record with one operation, which says so. As
 * xlog_find_head and xlog_check_unmount_rec of Linux do it. */
#include "image/import/xfs.h"

#define SECTOR  512
#define MARK    0xfeedbabeu
#define UNMOUNT 0x20 /* a flag of an operation */
#define BACK \
        2048 /* sectors that are looked through for the record's head: it has at most 256 KiB */

struct ring {
        struct sv_xfs *x;
        uint64_t place; /* in the partition */
        uint64_t n;     /* sectors */
};

static int read_sector(const struct ring *g, uint64_t at, uint8_t p[SECTOR], struct sv_err *err)
{
        return g->x->part.read(&g->x->part, g->place + at % g->n * SECTOR, p, SECTOR, err);
}

static int read_round(const struct ring *g, uint64_t at, uint32_t *out, struct sv_err *err)
{
        uint8_t sector[SECTOR];
        struct sv_rd r = sv_rd(sv_bytes(sector, sizeof(sector)));

        if (read_sector(g, at, sector, err) < 0)
                return -1;
        *out = sv_rd_u32be(&r);
        if (*out == MARK)
                *out = sv_rd_u32be(&r);
        return 0;
}

/* The first sector that is of an older round than the first one; n when there is none. */
static int find_head(const struct ring *g, uint32_t first, uint64_t *out, struct sv_err *err)
{
        uint64_t low = 0, high = g->n; /* of `low` it is known that it is of this round */

        while (high - low > 1) {
                uint64_t middle = low + (high - low) / 2;
                uint32_t round;

                if (read_round(g, middle, &round, err) < 0)
                        return -1;
                if (round == first)
                        low = middle;
                else
                        high = middle;
        }
        *out = high;
        return 0;
}

static bool is_unmount(const struct ring *g, struct sv_rd head, uint64_t record, uint64_t end,
                       struct sv_err *err)
{
        uint8_t sector[SECTOR];
        uint32_t version, length, operations, size;
        uint64_t heads = 1;

        sv_rd_seek(&head, 8);
        version = sv_rd_u32be(&head);
        length = sv_rd_u32be(&head);
        sv_rd_seek(&head, 40);
        operations = sv_rd_u32be(&head);
        sv_rd_seek(&head, 320);
        size = sv_rd_u32be(&head);
        if (version & 2 && size > 32768)
                heads = (size + 32767ull) / 32768;
        if (operations != 1 || record + heads + (length + 511ull) / SECTOR != end)
                return false;
        return read_sector(g, record + heads, sector, err) == 0 && sector[9] & UNMOUNT;
}

/* 1: it ends with an unmount. */
static int check_newest(const struct ring *g, uint64_t end, struct sv_err *err)
{
        for (uint64_t back = 1; back <= BACK && back <= g->n; back++) {
                uint64_t record = end + g->n - back; /* maybe before the ring's beginning */
                uint8_t sector[SECTOR];
                struct sv_rd r = sv_rd(sv_bytes(sector, sizeof(sector)));

                if (read_sector(g, record, sector, err) < 0)
                        return -1;
                if (sv_rd_u32be(&r) == MARK)
                        return is_unmount(g, r, record, end + g->n, err);
        }
        return 0;
}

int sv_xfs_check_log(struct sv_xfs *x, struct sv_err *err)
{
        struct ring g = {.x = x, .n = (uint64_t)x->log_blocks * x->block / SECTOR};
        uint32_t first;
        uint64_t end;
        int clean;

        if (!x->log_start)
                return sv_fail(err, SV_USAGE, "import.xfs.feature",
                               "the XFS has its log on another device, which is not there");
        if (!g.n || sv_xfs_place(x, x->log_start, x->log_blocks, &g.place, err) < 0)
                return g.n ? -1 : sv_xfs_fail(err, "a log of no length", x->log_start);
        if (read_round(&g, 0, &first, err) < 0)
                return -1;
        if (!first)
                return 0; /* never used */
        if (find_head(&g, first, &end, err) < 0)
                return -1;
        clean = check_newest(&g, end, err);
        if (clean > 0)
                return 0;
        return clean < 0 ? -1
                         : sv_fail(err, SV_USAGE, "import.xfs.unclean",
                                   "the XFS was not unmounted, and its log has to be replayed "
                                   "first: start and stop its machine once more");
}
