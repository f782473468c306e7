/* SPDX-License-Identifier: Apache-2.0 */
/* proves: the marks are set that a bitmap of QEMU's has, and no other one, wherever its table says
 *         that its clusters are; no byte is read or written outside of a buffer or of the marks.
 * for:    every table; disks of 1, 16 and 19 marks in clusters of 2 bytes, of 3 in one of 1 KiB
 * stubs:  texts of errors; opening and reading the image; memset: of its first 4 bytes
 * unwind: 8
 * loops:  read_be.0:9 set_marks.0:17 sv_qcow2_read_at.0:9
 * fault:  `n - first < MARKS_CLUSTER ? n - first : MARKS_CLUSTER` => `MARKS_CLUSTER`
 * fault:  `if (table->n != (n + MARKS_CLUSTER - 1) / MARKS_CLUSTER)` => `if (!table->n)`
 * fault:  `marks[i] |= bits[i / 8] >> i % 8 & 1` => `marks[i] |= bits[i / 8] >> (7 - i % 8) & 1`
 * fault:  `table->at + 8 * i` => `table->at`
 * fault:  `(n + 7) / 8, err` => `n / 8, err`
 * fault:  `entry & ALL_ONES ? 0xff : 0` => `0`
 * fault:  `at % SV_QCOW2_CLUSTER ||` => `0 ||`
 */
#include "proof.h"
#include "stub_err.h"

#include "image/qcow2-int.h"

/* The product's is 64 KiB, of which two in a row are too much to look through. */
static uint32_t cluster_size;
#undef SV_QCOW2_CLUSTER
#define SV_QCOW2_CLUSTER cluster_size

#define memset(to, c, n) fill_cluster(to, c, n)
static void fill_cluster(uint8_t *to, int c, size_t n);

#include "base/core/bytes.c"
#include "base/core/rd.c"
#include "image/qcow2-bitmap.c"

static uint64_t table;    /* where the bitmap's is */
static uint8_t *part;     /* a cluster of the bitmap is read to it */
static size_t mark;       /* the one that is looked at */
static uint64_t at_entry; /* of the table, read last */
static uint64_t entry;    /* of the table, for that mark */
static uint8_t byte;      /* of the bitmap, with that mark */

static size_t marks_in_cluster(void)
{
        return (size_t)cluster_size * 8;
}

static void fill_cluster(uint8_t *to, int c, size_t n)
{
        PROVE(__CPROVER_w_ok(to, n) && n == cluster_size);
        for (size_t i = 0; i < 4 && i < n; i++)
                to[i] = (uint8_t)c;
}

int sv_qcow2_make_as(int fd, const char *path, uint64_t size, uint64_t features, struct sv_err *err)
{
        return -1;
}

int sv_qcow2_open_as(int fd, const char *path, uint64_t features, struct sv_qcow2 *out,
                     struct sv_err *err)
{
        return -1;
}

static void see_read(uint64_t at, const uint8_t *out, size_t n)
{
        bool ours = at_entry == table + 8 * (mark / marks_in_cluster());

        if (out == part && ours) {
                PROVE(at == (entry & 0x00fffffffffffe00) && n > mark % marks_in_cluster() / 8);
                byte = out[mark % marks_in_cluster() / 8];
        }
        if (out == part || n != 8)
                return;
        at_entry = at;
        if (at == table + 8 * (mark / marks_in_cluster())) {
                struct sv_rd r = sv_rd(sv_bytes(out, 8));

                entry = sv_rd_u64be(&r);
        }
}

/* As image_qcow2_tables proves it: what there is is anything. */
int sv_qcow2_read_at(const struct sv_qcow2 *q, uint64_t at, uint8_t *out, size_t n,
                     struct sv_err *err)
{
        PROVE(__CPROVER_w_ok(out, n));
        if (at > q->file || n > q->file - at || nondet_bool())
                return sv_fail(err, SV_FORMAT, "image.qcow2.table", "behind the end");
        for (size_t i = 0; i < 8 && i < n; i++)
                out[i] = nondet_u8();
        see_read(at, out, n);
        return 0;
}

/* Of a disk of n marks. */
static void prove_marks(size_t n)
{
        struct sv_qcow2 q = {.path = "image", .file = nondet_u64(), .size = n << 20};
        struct place t = {nondet_u64(), nondet_u64()};
        bool *marks = malloc(n), before, bit;

        part = malloc(cluster_size);
        ASSUME(marks && part && q.file <= INT64_MAX);
        mark = any_below(n);
        table = t.at;
        marks[mark] = before = nondet_bool();
        if (read_marks(&q, &t, marks, part, NULL) < 0) {
                PROVE(failed_check);
                return;
        }
        PROVE(!(entry & 0xff000000000001fe) && (entry & 0x00fffffffffffe00) % cluster_size == 0);
        PROVE(!(entry & 1) || entry == 1);
        bit = entry > 1 ? byte >> mark % 8 & 1 : entry;
        PROVE(marks[mark] == (before | bit));
}

void prove(void)
{
        cluster_size = 2;
        switch (nondet_u8()) {
        case 0:
                prove_marks(1);
                break;
        case 1:
                prove_marks(16);
                break;
        case 2:
                prove_marks(19);
                break;
        default:
                cluster_size = 1024;
                prove_marks(3);
        }
}
