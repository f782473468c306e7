/* SPDX-License-Identifier: Apache-2.0 */
/* proves: the directory of an image in which QEMU noted writes is taken when it is of one bitmap of
 *         the name that was asked for, for parts of 1 MiB, not in use, and no longer than what it
 *         is read to; no byte is read outside of the image's first cluster or of the directory.
 * for:    every first cluster of 136 bytes whose header has 96 or more; every directory of up to 40
 * stubs:  texts of errors
 * unwind: 8
 * loops:  find_directory.0:7 read_be.0:9 number.0:9
 * fault:  `directory->n > DIRECTORY_MAX` => `directory->n > 2 * DIRECTORY_MAX`
 * fault:  `if (flags & IN_USE)` => `if (flags & 2u)`
 * fault:  `bits != MARK_BITS || extra ||` => `bits != MARK_BITS ||`
 * fault:  `sv_rd_skip(&r, (8 - length % 8) % 8);` => ``
 */
#include "proof.h"
#include "stub_err.h"

#include "image/qcow2-int.h"

/* The product's is 64 KiB, which is too much to look through. */
static uint32_t cluster_size;
#undef SV_QCOW2_CLUSTER
#define SV_QCOW2_CLUSTER cluster_size

#include "base/core/bytes.c"
#include "base/core/rd.c"
#include "image/qcow2-bitmap.c"

static uint64_t number(const uint8_t *p, size_t n)
{
        uint64_t v = 0;

        for (size_t i = 0; i < n; i++)
                v = v << 8 | p[i];
        return v;
}

/* The first cluster. */
static void prove_directory(void)
{
        struct sv_qcow2 q = {.path = "image"};
        struct place d = {0};
        struct sv_bytes raw = any_exactly(136);

        cluster_size = 136;
        ASSUME(number(raw.p + 100, 4) >= 96);
        if (find_directory(&q, raw.p, &d, NULL) < 0) {
                PROVE(failed_check);
                return;
        }
        PROVE(raw.p[95] & 1); /* autoclear features */
        PROVE(d.n > 0 && d.n <= 4096);
}

static void prove_directory_entry(void)
{
        struct sv_qcow2 q = {.path = "image"};
        struct place t = {0};
        struct sv_bytes raw = any_bytes(40);

        if (read_directory_entry(&q, sv_rd(raw), "writes", &t, NULL) < 0) {
                PROVE(failed_check);
                return;
        }
        PROVE(raw.n == 32 && t.at == number(raw.p, 8) && t.n == number(raw.p + 8, 4));
        PROVE(!(raw.p[15] & 1) && raw.p[16] == 1 && raw.p[17] == 20); /* in use, type, 1 MiB */
        PROVE(raw.p[18] == 0 && raw.p[19] == 6 && !number(raw.p + 20, 4));
        PROVE(raw.p[24] == 'w' && raw.p[27] == 't' && raw.p[29] == 's');
}

void prove(void)
{
        if (nondet_bool())
                prove_directory();
        else
                prove_directory_entry();
}
