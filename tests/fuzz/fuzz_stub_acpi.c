/* SPDX-License-Identifier: Apache-2.0 */
/* The section .acpi of a measured image: read, its script run, the tables that it makes walked and
 * compared with themselves. */
#include <stdlib.h>

#include "stub/tables.h"

#define BUDGET (1u << 20) /* bytes for all files of one input */

static size_t spent;

static int allocate(const struct sv_loader_memory *m, struct sv_bundle_file *f, uint32_t align,
                    struct sv_err *err)
{
        const struct sv_bundle *b = m->context;

        if (f->size > BUDGET - spent)
                return sv_fail(err, SV_SYSTEM, "stub.memory", "more than this input may have");
        spent += f->size;
        f->memory = malloc(f->size);
        f->address = (uint64_t)(1 + (f - b->files)) << 24;
        return f->memory ? 0 : -1;
}

static void say(const struct sv_tables_report *r, const struct sv_table *t, enum sv_difference how,
                size_t offset)
{
        abort(); /* a machine does not differ from itself */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct sv_tables tables;
        struct sv_bundle b = {.n = 0};
        const struct sv_loader_memory memory = {allocate, &b};
        const struct sv_memory_view all = {sv_bundle_view, &b};
        const struct sv_tables_report report = {say};
        struct sv_err err = SV_ERR_NULL;
        uint64_t rsdp;

        spent = 0;
        if (sv_bundle_read(sv_bytes(data, size), &b, &err) == 0 &&
            sv_loader_run(&b, &memory, &rsdp, &err) == 0 &&
            sv_tables_find(&all, rsdp, &tables, &err) == 0)
                sv_tables_compare(&b, &tables, &tables, &report);
        for (size_t i = 0; i < b.n; i++)
                free(b.files[i].memory);
        return 0;
}
