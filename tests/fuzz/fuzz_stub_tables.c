/* SPDX-License-Identifier: Apache-2.0 */
/* A host's memory with its ACPI tables, which may say anything: the input is what lies at 0x1000,
 * and is compared with a machine of which it is the other half. */
#include "stub/tables.h"

#define BASE 0x1000u

static const uint8_t *view(const struct sv_memory_view *m, uint64_t address, size_t n)
{
        const struct sv_bytes *all = m->context;

        return address >= BASE && address - BASE <= all->n && n <= all->n - (address - BASE)
                       ? all->p + (address - BASE)
                       : NULL;
}

static void say(const struct sv_tables_report *r, const struct sv_table *t, enum sv_difference how,
                size_t offset)
{
        volatile uint8_t byte = t->bytes.p[how == SV_TABLE_CONTENT ? offset : 0];

        (void)byte;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct sv_tables ours, theirs;
        struct sv_bytes half = sv_bytes(data, size / 2),
                        rest = sv_bytes(data + size / 2, size - size / 2);
        const struct sv_memory_view first = {view, &half}, second = {view, &rest};
        const struct sv_tables_report report = {say};
        struct sv_bundle none = {.n = 0};
        struct sv_err err = SV_ERR_NULL;

        if (sv_tables_find(&first, BASE, &ours, &err) < 0)
                ours.n = 0;
        if (sv_tables_find(&second, BASE, &theirs, &err) < 0)
                theirs.n = 0;
        sv_tables_compare(&none, &ours, &theirs, &report);
        return 0;
}
