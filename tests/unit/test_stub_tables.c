/* SPDX-License-Identifier: Apache-2.0 */
/* stub/tables: the tables of two machines, beside each other. */
#include "tests/unit/stub_machine.h"

static struct sv_err err;

static void start_machine(const struct machine *m, struct memory *mem, uint64_t base,
                          struct sv_buf *b, struct sv_tables *out)
{
        uint64_t rsdp;

        prepare_memory(mem, base);
        put_bundle(m, b);
        OK(sv_bundle_read(sv_buf_bytes(b), &mem->bundle, &err));
        OK(sv_loader_run(&mem->bundle, &mem->loader, &rsdp, &err));
        OK(sv_tables_find(&mem->view, rsdp, out, &err));
}

static void finds_tables(void **state)
{
        static const char *const order[] = {"FACP", "FACS", "DSDT", "APIC", "SSDT", "TPM2"};
        struct machine m = make_machine();
        SV_BUF b = SV_BUF_NULL;
        struct sv_tables out;
        struct memory mem;

        start_machine(&m, &mem, 0x7000000, &b, &out);
        assert_int_equal(out.n, 6);
        for (size_t i = 0; i < 6; i++)
                assert_memory_equal(out.list[i].bytes.p, order[i], 4);
        assert_int_equal(out.list[2].address, 0x7100000 + AT_DSDT);
        free_memory(&mem);
        free_machine(&m);
}

/* Bytes of the machine's memory, changed after the script. */
static void refuses_tables(void **state)
{
        static const struct {
                uint32_t file;
                size_t at;
                uint64_t value;
                size_t n;
                const char *check;
        } t[] = {
                {0, 0, 'X', 1, "stub.tables.root"},
                {0, 15, 2, 1, "stub.tables.root"}, /* of 36 bytes, which are not there */
                {0, 16, 0, 4, "stub.tables.list"},
                {0, 16, 0x7100000 + AT_APIC, 4, "stub.tables.list"},
                {1, AT_RSDT, 'X', 1, "stub.tables.list"}, /* XSDT */
                {1, AT_RSDT + 4, 35, 4, "stub.tables.list"},
                {1, AT_RSDT + 4, TABLES_SIZE - AT_RSDT + 1, 4, "stub.tables.list"},
                {1, AT_RSDT + 36, 0, 4, "stub.tables.table"},
                {1, AT_RSDT + 40, 0xffffffff, 4, "stub.tables.table"},
                {1, AT_APIC + 4, 35, 4, "stub.tables.table"},
                {1, AT_APIC + 4, TABLES_SIZE - AT_APIC + 1, 4, "stub.tables.table"},
                {1, AT_APIC + 4, SV_TABLE_SIZE_MAX + 1, 4, "stub.tables.table"},
                {1, AT_FACP + 40, 4, 4, "stub.tables.table"},
                {1, AT_FACP + 140, 4, 8, "stub.tables.table"}, /* the wide one counts */
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                struct machine m = make_machine();
                SV_BUF b = SV_BUF_NULL;
                struct sv_tables out;
                struct memory mem;

                start_machine(&m, &mem, 0x7000000, &b, &out);
                set_le((uint8_t *)(uintptr_t)view_test(&mem.view, 0x7000000 + (t[i].file << 20),
                                                       1) +
                               t[i].at,
                       t[i].value, t[i].n);
                FAILS(sv_tables_find(&mem.view, 0x7000000, &out, &err), SV_FORMAT, t[i].check);
                free_memory(&mem);
                free_machine(&m);
        }
}

/* A root pointer of ACPI 2.0 with a list of 64-bit addresses, as OVMF's. */
static const uint8_t *wide_memory(const struct sv_memory_view *v, uint64_t address, size_t n)
{
        static uint8_t room[36 + 36 + 8 * (SV_TABLES_MAX + 2)];
        size_t tables = *(const size_t *)v->context;

        memset(room, 0, sizeof(room));
        memcpy(room, "RSD PTR ", 8);
        room[15] = 2;
        set_le(room + 24, 0x1000 + 36, 8);
        memcpy(room + 36, "XSDT", 4);
        set_le(room + 40, 36 + 8 * tables + 7, 4); /* an eighth of an entry more does not count */
        for (size_t i = 0; i < tables; i++)
                set_le(room + 72 + 8 * i, 0x100000000, 8);
        if (address == 0x100000000)
                return n <= 36 ? (const uint8_t *)"OEM1\x24\0\0\0                            "
                               : NULL;
        return address >= 0x1000 && address - 0x1000 <= sizeof(room) - n ? room + (address - 0x1000)
                                                                         : NULL;
}

static void reads_wide_lists(void **state)
{
        size_t n = SV_TABLES_MAX;
        const struct sv_memory_view view = {wide_memory, &n};
        struct sv_tables out;

        OK(sv_tables_find(&view, 0x1000, &out, &err));
        assert_int_equal(out.n, SV_TABLES_MAX);
        assert_int_equal(out.list[7].address, 0x100000000);
        n = SV_TABLES_MAX + 1;
        FAILS(sv_tables_find(&view, 0x1000, &out, &err), SV_FORMAT, "stub.tables.number");
}

/* --- differences --- */

static char said[512];

static void say(const struct sv_tables_report *r, const struct sv_table *t, enum sv_difference how,
                size_t offset)
{
        static const char *const words[] = {"extra", "missing", "length", "content"};
        size_t n = strlen(said);

        snprintf(said + n, sizeof(said) - n, "%.4s %s %zu;", (const char *)t->bytes.p, words[how],
                 offset);
}

static size_t compare(const struct machine *ours, const struct machine *theirs, bool twice)
{
        const struct sv_tables_report report = {say};
        SV_BUF a = SV_BUF_NULL;
        SV_BUF b = SV_BUF_NULL;
        struct sv_tables x, y;
        struct memory mine, others;
        size_t n;

        said[0] = 0;
        start_machine(ours, &mine, 0x7000000, &a, &x);
        start_machine(theirs, &others, 0x2000000, &b, &y);
        if (twice)
                y.list[y.n++] = y.list[4];
        n = sv_tables_compare(&mine.bundle, &x, &y, &report);
        free_memory(&mine);
        free_memory(&others);
        return n;
}

/* What a firmware changes, where the tables lie, and the device that was taken out. */
static void same_machine(void **state)
{
        struct machine a = make_machine(), b = make_machine();

        assert_int_equal(compare(&a, &b, false), 0);
        memcpy(b.tables.p + AT_DSDT + 44, SV_FW_CFG_ID, 8);
        set_le(b.tables.p + AT_FACP + 132, 0x2100000 + AT_FACS, 8);
        set_le(b.tables.p + AT_FACP + 140, 0x2100000 + AT_DSDT, 8);
        b.log_size = 2 * LOG_SIZE;
        if (compare(&a, &b, false))
                fail_msg("%s", said);
        free_machine(&a);
        free_machine(&b);
}

static void other_machines(void **state)
{
        static const struct {
                size_t at;
                uint64_t value;
                size_t n;
                const char *says;
        } t[] = {
                {AT_DSDT + 59, 1, 1, "DSDT content 9;"}, /* its checksum comes first */
                {AT_DSDT + 44, 'X', 1, "DSDT content 9;"},
                {AT_DSDT + 10, 'H', 1, "DSDT content 9;"}, /* a foreign OEM id */
                {AT_FACS + 20, 1, 1, "FACS content 20;"},
                {AT_FACP + 44, 1, 1, "FACP content 44;"},
                {AT_FACP + 131, 1, 1, "FACP content 131;"},
                {AT_TPM2 + 43, 1, 1, "TPM2 content 43;"},
                {AT_SSDT, 'P', 1, "SSDT missing 0;PSDT extra 0;"},
                {AT_SSDT + 4, 36, 4, "SSDT length 0;"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                struct machine a = make_machine(), b = make_machine();

                set_le(b.tables.p + t[i].at, t[i].value, t[i].n);
                assert_int_equal(compare(&a, &b, false), strchr(t[i].says, ';')[1] ? 2 : 1);
                assert_string_equal(said, t[i].says);
                free_machine(&a);
                free_machine(&b);
        }
}

static void extra_tables(void **state)
{
        struct machine a = make_machine(), b = make_machine();

        assert_int_equal(compare(&a, &b, true), 1);
        assert_string_equal(said, "SSDT extra 0;");
        /* the same name and another content, ahead of the right one */
        set_le(b.tables.p + AT_APIC, 'S' | 'S' << 8 | 'D' << 16 | 'T' << 24, 4);
        assert_int_equal(compare(&a, &b, false), 2);
        assert_string_equal(said, "APIC missing 0;SSDT extra 0;");
        free_machine(&a);
        free_machine(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(finds_tables),     cmocka_unit_test(refuses_tables),
                cmocka_unit_test(reads_wide_lists), cmocka_unit_test(same_machine),
                cmocka_unit_test(other_machines),   cmocka_unit_test(extra_tables),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
