/* SPDX-License-Identifier: Apache-2.0 */
/* proves: what an image says to be changed lies in the disk, cluster by cluster in its order, and its
 *         bytes lie in the file; no byte is read or written outside of either, of a head, or of a
 *         buffer.
 * for:    every size of disk and file; second tables of up to 3 entries, wherever they stand in the
 *         disk, a first one of 1; heads of up to 3 clusters
 * stubs:  texts of errors; reading, writing, memset: where they read and write is proven, not what
 * unwind: 5
 * loops:  read_be.0:9
 * fault:  `at > q->file || n > q->file - at` => `at > q->file`
 * fault:  `if (part.n > q->size - at)` => `if (part.n > q->size)`
 * fault:  `part.from > q->file || part.n > q->file - part.from` => `part.from > q->file`
 * fault:  `n = part->n < a->n - part->at ?` => `n = part->n < a->n ?`
 * fault:  `if (walk_entry(w, at + i * SV_QCOW2_CLUSTER,` => `if (walk_entry(w, at,`
 */
#include "proof.h"
#include "stub_err.h"

#define memset(to, c, n) check_set(to, n)
static void check_set(const uint8_t *to, size_t n);

#include "base/core/rd.c"
#include "image/qcow2.c"

static uint64_t file, disk, next;

static void check_set(const uint8_t *to, size_t n)
{
        PROVE(__CPROVER_w_ok(to, n));
}

/* What is read is anything, as what is in there already. */
ssize_t sv_fd_read_at(int fd, void *out, size_t n, uint64_t at)
{
        size_t got = nondet_size();

        PROVE(__CPROVER_w_ok(out, n) && at <= file && n <= file - at);
        ASSUME(got <= n);
        return nondet_bool() ? (ssize_t)got : -1;
}

int sv_fd_write_at(int fd, struct sv_bytes data, uint64_t at)
{
        PROVE(__CPROVER_r_ok(data.p, data.n) && at <= disk && data.n <= disk - at);
        return nondet_bool() ? 0 : -1;
}

int fallocate(int fd, int mode, off_t at, off_t n)
{
        PROVE(at >= 0 && n > 0 && (uint64_t)at <= disk && (uint64_t)n <= disk - (uint64_t)at);
        return nondet_bool() ? 0 : -1;
}

int ftruncate(int fd, off_t n)
{
        return nondet_bool() ? 0 : -1;
}

int sv_run_interrupted(void)
{
        return nondet_bool();
}

static int see_part(void *arg, const struct sv_qcow2_part *part, struct sv_err *err)
{
        PROVE(part->at >= next && part->at % 65536 == 0);
        PROVE(part->n > 0 && part->n <= 65536);
        PROVE(part->at < disk && part->n <= disk - part->at);
        PROVE(part->n == 65536 || part->n == disk - part->at);
        PROVE(part->from % 65536 == 0 && part->from <= file);
        PROVE(!part->from || part->n <= file - part->from);
        next = part->at + part->n;
        return nondet_bool() ? 0 : sv_fail(err, SV_SYSTEM, "proof.enough", "enough");
}

/* A second table anywhere in a disk. */
static void prove_table(struct sv_qcow2 *q)
{
        const struct walk w = {q, see_part, NULL};
        uint64_t i = nondet_u64(), left = nondet_u64();

        ASSUME(i < 131072 && left && left <= 3 * 65536);
        disk = q->size = (i << 29) + left;
        next = i << 29;
        if (walk_table(&w, i << 29, nondet_u64(), NULL) < 0)
                PROVE(failed_check);
}

/* And the first table, of one entry. */
static void prove_tables(struct sv_qcow2 *q)
{
        ASSUME(q->size <= 65536);
        disk = q->size;
        if (sv_qcow2_each(q, see_part, NULL, NULL) < 0)
                PROVE(failed_check);
}

/* What see_part was given. */
static void prove_part(struct sv_qcow2 *q)
{
        struct sv_qcow2_part part = {nondet_u64(), nondet_u64(), nondet_u64()};
        struct applying a = {.q = q, .to = 1, .n = nondet_size()};

        disk = q->size;
        ASSUME(part.n > 0 && part.n <= 65536 && part.at < disk && part.n <= disk - part.at);
        ASSUME(part.from <= file && (!part.from || part.n <= file - part.from));
        if (apply_part(&a, &part, NULL) < 0)
                PROVE(failed_check);
        ASSUME(a.n <= 3 * 65536);
        a.head = malloc(a.n);
        ASSUME(a.head);
        if (apply_head_part(&a, &part, NULL) < 0)
                PROVE(failed_check);
}

void prove(void)
{
        struct sv_qcow2 q = {.l1 = nondet_u64(), .size = nondet_u64()};

        q.file = file = nondet_u64();
        /* as sv_qcow2_open says, which image_qcow2_header proves */
        ASSUME(file <= INT64_MAX && q.size && q.size <= SV_QCOW2_DISK_MAX);
        switch (nondet_u8()) {
        case 0:
                prove_part(&q);
                break;
        case 1:
                prove_table(&q);
                break;
        default:
                prove_tables(&q);
        }
}
