/* SPDX-License-Identifier: Apache-2.0 */
/* proves: a table of the host's that is taken has all of its bytes in the machine's memory, is
 *         between a header and SV_TABLE_SIZE_MAX long, and there are never more than there is room
 *         for; the addresses in a FADT are read within it, the wide one before the other; a refusal
 *         writes nothing.
 * for:    every table at every address, each look at which gives other bytes, up to 52 of them;
 *         every number of tables before; every FADT of up to 152 bytes
 * stubs:  texts of errors
 * unwind: 9
 * fault:  `if (out->n == SV_TABLES_MAX)` => `if (0)`
 * fault:  `head ? (size_t)read_number(head + 4, 4) : 0` => `(size_t)read_number(head + 4, 4)`
 * fault:  `n < SV_ACPI_HEADER || n > SV_TABLE_SIZE_MAX || !(head` => `!(head`
 * fault:  `fadt.n >= wide + 8` => `fadt.n >= wide`
 * fault:  `fadt.n < old + 4` => `fadt.n < old`
 */
#include "proof.h"
#include "stub_err.h"

#include "stub/tables.c"

#define ROOM 52u

bool sv_loader_points(struct sv_bundle *b, uint64_t address, size_t n)
{
        return nondet_bool();
}

static const uint8_t *any_view(const struct sv_memory_view *m, uint64_t address, size_t n)
{
        if (n > ROOM || nondet_bool())
                return NULL;
        return any_exactly(ROOM).p + (ROOM - n);
}

static struct sv_tables tables;

static void add_one(void)
{
        const struct sv_memory_view m = {any_view, NULL};
        uint64_t address = nondet_u64();
        const struct sv_table *t;
        size_t before = nondet_size();

        ASSUME(before <= 64);
        tables.n = before;
        if (add_acpi_table(&m, address, &tables, NULL) < 0) {
                PROVE(failed_check && tables.n == before);
                return;
        }
        PROVE(before < 64 && tables.n == before + 1);
        t = &tables.list[before];
        PROVE(t->address == address && t->bytes.n >= 36 && t->bytes.n <= ROOM);
        PROVE(__CPROVER_r_ok(t->bytes.p, t->bytes.n));
}

static void read_fadt(void)
{
        struct sv_bytes fadt = any_bytes(152);
        uint64_t wide = 0, v = read_address(fadt, 40, 140);

        if (fadt.n >= 148)
                for (size_t i = 0; i < 8; i++)
                        wide |= (uint64_t)fadt.p[140 + i] << (8 * i);
        PROVE(!wide || v == wide);
        PROVE(wide || fadt.n >= 44 || !v);
        PROVE(wide || v <= UINT32_MAX);
}

void prove(void)
{
        if (nondet_bool())
                add_one();
        else
                read_fadt();
}
