/* SPDX-License-Identifier: Apache-2.0 */
/* A machine's ACPI files as QEMU would make them, small; what the stub makes of them, in memory of
 * the test's at addresses below 4 GiB. */
#pragma once

#include "base/core/buf.h"
#include "stub/tables.h"
#include "tests/unit/unit.h"

/* Where the tables lie in etc/acpi/tables. */
enum {
        AT_FACS = 0,
        AT_DSDT = 64,
        AT_FACP = 128,
        AT_APIC = 276,
        AT_SSDT = 320,
        AT_TPM2 = 360,
        AT_RSDT = 412,
        TABLES_SIZE = 480,
        LOG_SIZE = 256,
};

static const struct {
        const char *name;
        size_t at, n;
} machine_tables[] = {{"FACS", AT_FACS, 64}, {"DSDT", AT_DSDT, 60}, {"FACP", AT_FACP, 148},
                      {"APIC", AT_APIC, 44}, {"SSDT", AT_SSDT, 40}, {"TPM2", AT_TPM2, 52},
                      {"RSDT", AT_RSDT, 52}};
#define N_MACHINE_TABLES (sizeof(machine_tables) / sizeof(*machine_tables))

struct machine {
        struct sv_buf script, tables, rsdp;
        uint32_t log_size;
        bool refuse;
};

static inline void set_le(uint8_t *p, uint64_t v, size_t n)
{
        for (size_t i = 0; i < n; i++)
                p[i] = (uint8_t)(v >> (8 * i));
}

static inline uint8_t *add_command(struct machine *m, uint32_t what, const char *file)
{
        uint8_t *p = sv_buf_grow(&m->script, 128);

        set_le(p, what, 4);
        memcpy(p + 4, file, strlen(file));
        return p;
}

static inline void put_allocate(struct machine *m, const char *file, uint32_t align)
{
        set_le(add_command(m, 1, file) + 60, align, 4);
}

static inline void put_pointer(struct machine *m, const char *file, const char *source,
                               uint32_t offset, uint8_t size)
{
        uint8_t *p = add_command(m, 2, file);

        memcpy(p + 60, source, strlen(source));
        set_le(p + 116, offset, 4);
        p[120] = size;
}

static inline void put_checksum(struct machine *m, const char *file, uint32_t result,
                                uint32_t start, uint32_t length)
{
        uint8_t *p = add_command(m, 3, file);

        set_le(p + 60, result, 4);
        set_le(p + 64, start, 4);
        set_le(p + 68, length, 4);
}

static inline void put_script(struct machine *m)
{
        static const uint32_t listed[] = {AT_FACP, AT_APIC, AT_SSDT, AT_TPM2};
        const char *tables = SV_LOADER_TABLES;

        put_allocate(m, SV_LOADER_RSDP, 16);
        put_allocate(m, tables, 64);
        put_allocate(m, "etc/tpm/log", 1);
        put_pointer(m, tables, tables, AT_FACP + 36, 4);
        put_pointer(m, tables, tables, AT_FACP + 40, 4);
        put_pointer(m, tables, "etc/tpm/log", AT_TPM2 + 44, 8);
        set_le(m->tables.p + AT_FACP + 36, AT_FACS, 4);
        set_le(m->tables.p + AT_FACP + 40, AT_DSDT, 4);
        for (uint32_t i = 0; i < 4; i++) {
                put_pointer(m, tables, tables, AT_RSDT + 36 + 4 * i, 4);
                set_le(m->tables.p + AT_RSDT + 36 + 4 * i, listed[i], 4);
        }
        for (size_t i = 1; i < N_MACHINE_TABLES; i++)
                put_checksum(m, tables, (uint32_t)machine_tables[i].at + 9,
                             (uint32_t)machine_tables[i].at, (uint32_t)machine_tables[i].n);
        put_pointer(m, SV_LOADER_RSDP, tables, 16, 4);
        set_le(m->rsdp.p + 16, AT_RSDT, 4);
        put_checksum(m, SV_LOADER_RSDP, 8, 0, 20);
        add_command(m, 0, ""); /* as at the end of QEMU's */
}

static inline struct machine make_machine(void)
{
        struct machine m = {.log_size = LOG_SIZE};

        sv_buf_grow(&m.tables, TABLES_SIZE);
        for (size_t i = 0; i < N_MACHINE_TABLES; i++) {
                memcpy(m.tables.p + machine_tables[i].at, machine_tables[i].name, 4);
                set_le(m.tables.p + machine_tables[i].at + 4, machine_tables[i].n, 4);
                memset(m.tables.p + machine_tables[i].at + 10, 0x40 + (int)i, 16);
        }
        memcpy(m.tables.p + AT_DSDT + 44, SV_FW_CFG_HIDDEN, 8);
        sv_buf_grow(&m.rsdp, 20);
        memcpy(m.rsdp.p, "RSD PTR ", 8);
        put_script(&m);
        return m;
}

static inline void free_machine(struct machine *m)
{
        sv_buf_free(&m->script);
        sv_buf_free(&m->tables);
        sv_buf_free(&m->rsdp);
}

static inline void put_bundle_file(struct sv_buf *b, const char *name, uint32_t size,
                                   struct sv_bytes content)
{
        memcpy(sv_buf_grow(b, 56), name, strlen(name));
        sv_buf_u32le(b, size);
        sv_buf_u32le(b, (uint32_t)content.n);
        sv_buf_put(b, content);
}

/* The section .acpi. */
static inline void put_bundle(const struct machine *m, struct sv_buf *b)
{
        sv_buf_put(b, sv_bytes(SV_BUNDLE_MAGIC, 8));
        sv_buf_u32le(b, m->refuse);
        sv_buf_u32le(b, 4);
        put_bundle_file(b, SV_LOADER_SCRIPT, (uint32_t)m->script.n, sv_buf_bytes(&m->script));
        put_bundle_file(b, SV_LOADER_RSDP, 20, sv_buf_bytes(&m->rsdp));
        put_bundle_file(b, SV_LOADER_TABLES, (uint32_t)m->tables.n, sv_buf_bytes(&m->tables));
        put_bundle_file(b, "etc/tpm/log", m->log_size, SV_BYTES_NULL);
}

/* --- memory of the machine's --- */

struct memory {
        struct sv_bundle bundle;
        uint64_t base;
        struct sv_loader_memory loader;
        struct sv_memory_view view;
        unsigned allocations;
};

static inline int allocate_test(const struct sv_loader_memory *m, struct sv_bundle_file *f,
                                uint32_t align, struct sv_err *e)
{
        struct memory *mem = m->context;

        f->memory = malloc(f->size);
        assert_non_null(f->memory);
        memset(f->memory, 0xa5, f->size); /* as the firmware gives it */
        f->address = mem->base + ((uint64_t)mem->allocations++ << 20);
        return 0;
}

static inline const uint8_t *view_test(const struct sv_memory_view *v, uint64_t address, size_t n)
{
        const struct memory *mem = v->context;

        for (size_t i = 0; i < mem->bundle.n; i++) {
                const struct sv_bundle_file *f = &mem->bundle.files[i];

                if (f->memory && address >= f->address && address - f->address <= f->size &&
                    n <= f->size - (address - f->address))
                        return f->memory + (address - f->address);
        }
        return NULL;
}

static inline void prepare_memory(struct memory *mem, uint64_t base)
{
        *mem = (struct memory){.base = base};
        mem->loader = (struct sv_loader_memory){allocate_test, mem};
        mem->view = (struct sv_memory_view){view_test, mem};
}

static inline void free_memory(struct memory *mem)
{
        for (size_t i = 0; i < mem->bundle.n; i++)
                free(mem->bundle.files[i].memory);
        mem->bundle.n = 0;
}
