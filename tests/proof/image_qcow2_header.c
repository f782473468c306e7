/* SPDX-License-Identifier: Apache-2.0 */
/* proves: an image of changes that is opened has the header of the specification (QEMU's
 *         docs/interop/qcow2.rst): no backing file, encryption, snapshots or feature that is not
 *         known, a disk of a size that may be, and a first table of entries enough for it.
 * for:    every header, every size of the file, however much of it can be read
 * stubs:  texts of errors, the file
 * unwind: 9
 * fault:  `{"encryption", 32, 4, 0},` => `{"encryption", 33, 4, 0},`
 * fault:  `if (n < count_l1(q->size))` => `if (n + 1 < count_l1(q->size))`
 * fault:  `if (!q->size || q->size > SV_QCOW2_DISK_MAX)` => `if (!q->size)`
 * fault:  `if ((size_t)got < n)` => `if (got < 0)`
 * fault:  `q->l1 = sv_rd_u64be(&r);` => `q->l1 = sv_rd_u32be(&r);`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/rd.c"
#include "image/qcow2.c"

static struct sv_bytes header; /* the first bytes of the file, while they are read */
static uint64_t file;
static bool whole; /* it was read to its end */

/* stat(2): of a file, which has no negative size */
int fstat(int fd, struct stat *st)
{
        st->st_size = (off_t)file;
        return nondet_bool() ? 0 : -1;
}

ssize_t sv_fd_read_at(int fd, void *out, size_t n, uint64_t at)
{
        size_t got = nondet_size();

        PROVE(at == 0 && n == 104 && n <= file);
        ASSUME(got <= n);
        memcpy(out, header.p, 104);
        whole = got == 104 && nondet_bool();
        return whole || got < 104 && nondet_bool() ? (ssize_t)got : -1;
}

static uint64_t number(size_t at, size_t n)
{
        uint64_t v = 0;

        for (size_t i = 0; i < n; i++)
                v = v << 8 | header.p[at + i];
        return v;
}

static void prove_header(const struct sv_qcow2 *q)
{
        PROVE(number(0, 4) == 0x514649fb && number(4, 4) == 3);
        PROVE(!number(8, 4) && !number(12, 4) && !number(16, 4)); /* a backing file */
        PROVE(number(20, 4) == 16);
        PROVE(q->size == (number(24, 4) << 32 | number(28, 4)));
        PROVE(!number(32, 4) && !number(60, 4)); /* encryption, snapshots */
        PROVE(!number(72, 4) && !number(76, 4)); /* incompatible features */
        PROVE(q->size && q->size <= 64ull << 40);
        /* 512 MiB of the disk for an entry of the first table */
        PROVE(number(36, 4) >= (q->size - 1 >> 29) + 1);
        PROVE(q->l1 == (number(40, 4) << 32 | number(44, 4)));
        PROVE(q->file == file && file >= 104);
}

void prove(void)
{
        struct sv_qcow2 q = {0};

        header = any_exactly(104);
        file = nondet_u64();
        ASSUME(file <= INT64_MAX);
        if (sv_qcow2_open(0, "image", &q, NULL) < 0) {
                PROVE(failed_check && !q.size);
                return;
        }
        PROVE(whole);
        prove_header(&q);
}
