/* SPDX-License-Identifier: Apache-2.0 */
/* Our tables for the host's. */
#include "stub/machine.h"
#include "stub/tables.h"

static const struct efi_guid acpi20_guid = {
        0x8868e871, 0xe4f1, 0x11d3, {0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81}};
/* ACPI 1.0, SMBIOS, SMBIOS 3 */
static const struct efi_guid removed_guids[] = {
        {0xeb9d2d30, 0x2d88, 0x11d3, {0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}},
        {0xeb9d2d31, 0x2d88, 0x11d3, {0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d}},
        {0xf2fd1544, 0x9794, 0x4a2c, {0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20, 0xe3, 0x94}},
};
#define N_REMOVED (sizeof(removed_guids) / sizeof(*removed_guids))

struct map {
        const uint8_t *rows;
        size_t size, row;
};

/* Large, and there is one stack for all of the firmware's boot services. */
static struct sv_tables ours, theirs;
static uint64_t map_room[8 << 10];

static int allocate_file(const struct sv_loader_memory *m, struct sv_bundle_file *f, uint32_t align,
                         struct sv_err *err)
{
        /* The FACS, which outlives the boot, lies among the others. */
        f->memory = get_pages(f->size, align, EFI_ACPI_NVS);
        f->address = (uint64_t)(uintptr_t)f->memory;
        return f->memory ? 0
                         : sv_fail(err, SV_SYSTEM, "stub.memory",
                                   "no %u bytes of memory for the ACPI tables", f->size);
}

/* Memory that the firmware says is there, and whose reading does nothing. */
static const uint8_t *view_memory(const struct sv_memory_view *view, uint64_t address, size_t n)
{
        const struct map *m = view->context;

        for (size_t at = 0; at + sizeof(struct efi_memory_descriptor) <= m->size; at += m->row) {
                const struct efi_memory_descriptor *d = (const void *)(m->rows + at);

                if (d->type != EFI_BOOT_DATA && d->type != EFI_ACPI_RECLAIM &&
                    d->type != EFI_ACPI_NVS && d->type != EFI_RUNTIME_DATA)
                        continue;
                if (address >= d->start && (address - d->start) / 4096 < d->pages &&
                    n <= d->pages * 4096 - (address - d->start))
                        return (const uint8_t *)(uintptr_t)address;
        }
        return NULL;
}

static int read_map(struct map *m, struct sv_err *err)
{
        uint32_t version;
        size_t key;

        *m = (struct map){.rows = (const uint8_t *)map_room, .size = sizeof(map_room)};
        if (!CHECK_EFI(stub.system->boot->get_memory_map(&m->size, map_room, &key, &m->row,
                                                         &version)) ||
            m->row < sizeof(struct efi_memory_descriptor))
                return sv_fail(err, SV_SYSTEM, "stub.memory", "the firmware gives no memory map");
        return 0;
}

static void say_difference(const struct sv_tables_report *r, const struct sv_table *t,
                           enum sv_difference how, size_t offset)
{
        const char *name = (const char *)t->bytes.p;

        switch (how) {
        case SV_TABLE_EXTRA:
                print_line("secure-vm: ACPI table %.*s at 0x%llx: not expected", 4, name,
                           (unsigned long long)t->address);
                break;
        case SV_TABLE_MISSING:
                print_line("secure-vm: ACPI table %.*s: missing", 4, name);
                break;
        case SV_TABLE_LENGTH:
                print_line("secure-vm: ACPI table %.*s at 0x%llx: another length", 4, name,
                           (unsigned long long)t->address);
                break;
        case SV_TABLE_CONTENT:
                print_line("secure-vm: ACPI table %.*s at 0x%llx: differs at byte %zu", 4, name,
                           (unsigned long long)t->address, offset);
                break;
        }
}

static void *find_table(const struct efi_guid *guid)
{
        for (size_t i = 0; i < stub.system->n_tables; i++)
                if (memcmp(&stub.system->tables[i].guid, guid, sizeof(*guid)) == 0)
                        return stub.system->tables[i].table;
        return NULL;
}

/* Nothing of theirs is used, so this is for people; and for the guest that does not start with
 * them. */
static size_t compare_host(struct sv_bundle *b, const struct sv_memory_view *view)
{
        struct sv_tables_report report;
        struct sv_err why;

        report.say = say_difference;
        if (sv_tables_find(view, (uint64_t)(uintptr_t)find_table(&acpi20_guid), &theirs, &why) <
            0) {
                print_line("secure-vm: the host's ACPI tables: %s [%s]", why.msg, why.check);
                return 1;
        }
        return sv_tables_compare(b, &ours, &theirs, &report);
}

static int install_tables(uint64_t rsdp, struct sv_err *err)
{
        struct efi_boot_services *boot = stub.system->boot;
        void *root = (void *)(uintptr_t)rsdp;

        boot->install_configuration_table(&acpi20_guid, root);
        for (size_t i = 0; i < N_REMOVED; i++)
                if (find_table(&removed_guids[i]))
                        boot->install_configuration_table(&removed_guids[i], NULL);
        for (size_t i = 0; i < N_REMOVED; i++)
                if (find_table(&removed_guids[i]))
                        return sv_fail(err, SV_SYSTEM, "stub.install",
                                       "the firmware keeps its own ACPI or SMBIOS tables");
        if (find_table(&acpi20_guid) != root)
                return sv_fail(err, SV_SYSTEM, "stub.install",
                               "the firmware does not take the ACPI tables");
        return 0;
}

int replace_tables(struct sv_err *err)
{
        struct sv_loader_memory memory;
        struct sv_memory_view view;
        struct sv_bundle bundle;
        struct map map;
        uint64_t rsdp;
        size_t n;

        memory.allocate = allocate_file;
        view.at = view_memory;
        view.context = &map;
        if (sv_bundle_read(stub.acpi, &bundle, err) < 0 ||
            sv_loader_run(&bundle, &memory, &rsdp, err) < 0 || read_map(&map, err) < 0 ||
            sv_tables_find(&view, rsdp, &ours, err) < 0)
                return -1;
        n = compare_host(&bundle, &view);
        if (n && bundle.refuse)
                return sv_fail(err, SV_POLICY, "stub.refuse",
                               "%zu of the host's ACPI tables are not those that were measured", n);
        if (install_tables(rsdp, err) < 0)
                return -1;
        print_line("secure-vm: %zu ACPI tables of this image, %zu differences on the host", ours.n,
                   n);
        return 0;
}
