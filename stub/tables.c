/* SPDX-License-Identifier: Apache-2.0 */
#include "stub/tables.h"

#define CHECKSUM_AT 9u

static uint64_t read_number(const uint8_t *p, size_t n)
{
        uint64_t v = 0;

        for (size_t i = 0; i < n; i++)
                v |= (uint64_t)p[i] << (8 * i);
        return v;
}

static int add_acpi_table(const struct sv_memory_view *m, uint64_t address, struct sv_tables *out,
                          struct sv_err *err)
{
        const uint8_t *head = m->at(m, address, 8);
        size_t n = head ? (size_t)read_number(head + 4, 4) : 0;

        if (n < SV_ACPI_HEADER || n > SV_TABLE_SIZE_MAX || !(head = m->at(m, address, n)))
                return sv_fail(err, SV_FORMAT, "stub.tables.table",
                               "no table of %u to %u bytes is at 0x%llx", SV_ACPI_HEADER,
                               SV_TABLE_SIZE_MAX, (unsigned long long)address);
        if (out->n == SV_TABLES_MAX)
                return sv_fail(err, SV_FORMAT, "stub.tables.number", "more than %d tables",
                               SV_TABLES_MAX);
        out->list[out->n++] = (struct sv_table){address, sv_bytes(head, n)};
        return 0;
}

/* The 64-bit field of newer revisions, or the old one. */
static uint64_t read_address(struct sv_bytes fadt, size_t old, size_t wide)
{
        uint64_t v = fadt.n >= wide + 8 ? read_number(fadt.p + wide, 8) : 0;

        return v || fadt.n < old + 4 ? v : read_number(fadt.p + old, 4);
}

/* The FADT (its signature is FACP) leads to two tables that no list has. */
static int add_fadt(const struct sv_memory_view *m, struct sv_bytes fadt, struct sv_tables *out,
                    struct sv_err *err)
{
        uint64_t facs = read_address(fadt, 36, 132), dsdt = read_address(fadt, 40, 140);

        if (facs && add_acpi_table(m, facs, out, err) < 0)
                return -1;
        return dsdt ? add_acpi_table(m, dsdt, out, err) : 0;
}

static int add_list(const struct sv_memory_view *m, uint64_t address, size_t width,
                    struct sv_tables *out, struct sv_err *err)
{
        const uint8_t *list = m->at(m, address, SV_ACPI_HEADER);
        size_t n = list ? (size_t)read_number(list + 4, 4) : 0;

        if (n < SV_ACPI_HEADER || n > SV_TABLE_SIZE_MAX || !(list = m->at(m, address, n)) ||
            memcmp(list, width == 8 ? "XSDT" : "RSDT", 4) != 0)
                return sv_fail(err, SV_FORMAT, "stub.tables.list", "no list of tables is at 0x%llx",
                               (unsigned long long)address);
        for (size_t at = SV_ACPI_HEADER; n - at >= width; at += width) {
                size_t first = out->n;

                if (add_acpi_table(m, read_number(list + at, width), out, err) < 0)
                        return -1;
                if (memcmp(out->list[first].bytes.p, "FACP", 4) == 0 &&
                    add_fadt(m, out->list[first].bytes, out, err) < 0)
                        return -1;
        }
        return 0;
}

int sv_tables_find(const struct sv_memory_view *m, uint64_t rsdp, struct sv_tables *out,
                   struct sv_err *err)
{
        const uint8_t *root = m->at(m, rsdp, 20), *wide = NULL;

        out->n = 0;
        if (root && root[15] >= 2)
                wide = root = m->at(m, rsdp, 36);
        if (!root || memcmp(root, "RSD PTR ", 8) != 0)
                return sv_fail(err, SV_FORMAT, "stub.tables.root", "no root pointer is at 0x%llx",
                               (unsigned long long)rsdp);
        if (wide && read_number(wide + 24, 8))
                return add_list(m, read_number(wide + 24, 8), 8, out, err);
        return add_list(m, read_number(root + 16, 4), 4, out, err);
}

static bool is_called(const struct sv_table *t, const struct sv_table *other)
{
        return memcmp(t->bytes.p, other->bytes.p, 4) == 0;
}

/* Bytes 36 to 43 and 132 to 147 of a FADT are the addresses of FACS and DSDT. */
static bool is_firmwares(const struct sv_table *t, size_t at)
{
        return memcmp(t->bytes.p, "FACP", 4) == 0 &&
               ((at >= 36 && at < 44) || (at >= 132 && at < 148));
}

/* Does the byte lie in a name that was changed from the one to the other? */
static bool is_hidden(struct sv_bytes ours, struct sv_bytes theirs, size_t at)
{
        size_t n = sizeof(SV_FW_CFG_ID) - 1;

        for (size_t k = at < n ? 0 : at - n + 1; k <= at && k + n <= ours.n; k++)
                if (memcmp(ours.p + k, SV_FW_CFG_HIDDEN, n) == 0 &&
                    memcmp(theirs.p + k, SV_FW_CFG_ID, n) == 0)
                        return true;
        return false;
}

/* The first byte that differs; the length when none does. Tables of equal length. */
static size_t find_difference(struct sv_bundle *b, const struct sv_table *t,
                              const struct sv_table *other)
{
        struct sv_bytes ours = t->bytes, theirs = other->bytes;
        bool excused = memcmp(ours.p, "FACP", 4) == 0 || sv_loader_points(b, t->address, ours.n);

        for (size_t i = 0; i < ours.n && !excused; i++)
                excused = ours.p[i] != theirs.p[i] && is_hidden(ours, theirs, i);
        for (size_t i = 0; i < ours.n; i++)
                if (ours.p[i] != theirs.p[i] && !(excused && i == CHECKSUM_AT) &&
                    !is_firmwares(t, i) && !sv_loader_points(b, t->address + i, 1) &&
                    !is_hidden(ours, theirs, i))
                        return i;
        return ours.n;
}

/* That of their tables that is ours, else one of its name; their number when there is none. A
 * table stands for one. */
static size_t find_match(struct sv_bundle *b, const struct sv_table *t,
                         const struct sv_tables *theirs, const bool *taken)
{
        size_t found = theirs->n;

        for (size_t i = 0; i < theirs->n; i++) {
                const struct sv_table *other = &theirs->list[i];

                if (taken[i] || !is_called(t, other))
                        continue;
                if (t->bytes.n == other->bytes.n && find_difference(b, t, other) == t->bytes.n)
                        return i;
                found = found < theirs->n ? found : i;
        }
        return found;
}

size_t sv_tables_compare(struct sv_bundle *expected, const struct sv_tables *ours,
                         const struct sv_tables *theirs, const struct sv_tables_report *report)
{
        bool taken[SV_TABLES_MAX] = {false};
        size_t n = 0;

        for (size_t i = 0; i < ours->n; i++) {
                const struct sv_table *t = &ours->list[i];
                size_t k = find_match(expected, t, theirs, taken);
                enum sv_difference how = SV_TABLE_MISSING;
                size_t at = 0;

                if (k < theirs->n) {
                        taken[k] = true;
                        how = SV_TABLE_LENGTH;
                        if (t->bytes.n == theirs->list[k].bytes.n) {
                                how = SV_TABLE_CONTENT;
                                at = find_difference(expected, t, &theirs->list[k]);
                        }
                        if (at == t->bytes.n)
                                continue;
                        t = &theirs->list[k];
                }
                report->say(report, t, how, at);
                n++;
        }
        for (size_t k = 0; k < theirs->n; k++)
                if (!taken[k]) {
                        report->say(report, &theirs->list[k], SV_TABLE_EXTRA, 0);
                        n++;
                }
        return n;
}
