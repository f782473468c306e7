/* SPDX-License-Identifier: Apache-2.0 */
/* The ACPI tables that a root pointer leads to (ACPI specification 6.5, sections 5.2.5 to 5.2.10),
 * and how those of two machines differ. The tables of the host's may say anything: nothing is
 * read that the firmware's memory map does not have, and nothing of them is ever used. Pure. */
#pragma once

#include "stub/loader.h"

#define SV_TABLES_MAX     64         /* tables of one machine */
#define SV_TABLE_SIZE_MAX (1u << 20) /* bytes of one of them */
#define SV_ACPI_HEADER    36u

/* Memory of the machine that runs. */
struct sv_memory_view {
        /* n bytes at that address; NULL when not all of them are there. */
        const uint8_t *(*at)(const struct sv_memory_view *m, uint64_t address, size_t n);
        const void *context;
};
/* A view of the files of a bundle (`context`) where the loader script put them, for programs that
 * run the script as the stub will. */
const uint8_t *sv_bundle_view(const struct sv_memory_view *m, uint64_t address, size_t n);

struct sv_table {
        uint64_t address;
        struct sv_bytes bytes;
};

struct sv_tables {
        size_t n;
        struct sv_table list[SV_TABLES_MAX];
};

/* All but RSDT and XSDT, which are the firmware's own. SV_FORMAT "stub.tables.root",
 * "stub.tables.list", "stub.tables.table", "stub.tables.number". */
int sv_tables_find(const struct sv_memory_view *m, uint64_t rsdp, struct sv_tables *out,
                   struct sv_err *err);

/* What is said of a table. */
enum sv_difference { SV_TABLE_EXTRA, SV_TABLE_MISSING, SV_TABLE_LENGTH, SV_TABLE_CONTENT };
struct sv_tables_report {
        void (*say)(const struct sv_tables_report *r, const struct sv_table *t,
                    enum sv_difference how, size_t offset);
};

/* Compares what is there with what was expected, but for what a firmware writes into tables itself,
 * the script's pointers, and the name of the device that was taken out (below). The number of
 * differences. */
size_t sv_tables_compare(struct sv_bundle *expected, const struct sv_tables *ours,
                         const struct sv_tables *theirs, const struct sv_tables_report *report);

/* fw_cfg's device in a DSDT, and the name that it has in ours: no driver knows that. */
#define SV_FW_CFG_ID     "QEMU0002"
#define SV_FW_CFG_HIDDEN "NONE0002"
