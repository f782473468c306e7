/* SPDX-License-Identifier: Apache-2.0 */
/* proves: what differs between two tables is found at the first byte that may not, and nothing that
 *         may differ is taken for it: the addresses in a FADT, pointers of the script, the name of
 *         the device that was taken out, and the checksum of a table that has one of these.
 * for:    every two tables of 10 bytes, every pointer of one byte in them; each byte of a FADT
 * stubs:  texts of errors; which bytes are pointers
 * unwind: 11
 * fault:  `!(excused && i == CHECKSUM_AT)` => `i != CHECKSUM_AT`
 * fault:  `k + n <= ours.n` => `k <= ours.n`
 * fault:  `(at >= 36 && at < 44)` => `(at >= 36 && at < 45)`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/rd.c"
#include "stub/tables.c"

#define N 10u

static size_t pointer; /* the one byte; N: none */

bool sv_loader_points(struct sv_bundle *b, uint64_t address, size_t n)
{
        return address <= pointer && pointer < address + n;
}

static bool is_name(const struct sv_table *t, const char *name, size_t at)
{
        return memcmp(t->bytes.p + at, name, 8) == 0;
}

/* May this byte differ? Written apart from the product. */
static bool may_differ(const struct sv_table *a, const struct sv_table *b, size_t i)
{
        if (i == pointer)
                return true;
        for (size_t k = i >= 7 ? i - 7 : 0; k <= i && k <= N - 8; k++)
                if (is_name(a, "NONE0002", k) && is_name(b, "QEMU0002", k))
                        return true;
        return false;
}

static bool differs_elsewhere(const struct sv_table *a, const struct sv_table *b)
{
        for (size_t i = 0; i < N; i++)
                if (i != 9 && a->bytes.p[i] != b->bytes.p[i])
                        return true;
        return false;
}

static void any_fadt(void)
{
        const struct sv_table t = {0, any_exactly(4)};
        size_t at = nondet_size();
        bool fadt = t.bytes.p[0] == 'F' && t.bytes.p[1] == 'A' && t.bytes.p[2] == 'C' &&
                    t.bytes.p[3] == 'P';

        PROVE(is_firmwares(&t, at) ==
              (fadt && ((at >= 36 && at <= 43) || (at >= 132 && at <= 147))));
}

void prove(void)
{
        const struct sv_table a = {0, any_exactly(N)}, b = {4096, any_exactly(N)};
        size_t i = any_below(N), at;

        any_fadt();
        pointer = nondet_size();
        ASSUME(pointer <= N);
        at = find_difference(NULL, &a, &b);
        PROVE(at <= N);
        if (at < N)
                PROVE(a.bytes.p[at] != b.bytes.p[at] && !may_differ(&a, &b, at));
        if (at == N && i != 9 && a.bytes.p[i] != b.bytes.p[i])
                PROVE(may_differ(&a, &b, i));
        /* the checksum may differ only where something else may */
        if (at == N && pointer == N && a.bytes.p[0] != 'F' && a.bytes.p[9] != b.bytes.p[9])
                PROVE(may_differ(&a, &b, 9) || differs_elsewhere(&a, &b));
}
