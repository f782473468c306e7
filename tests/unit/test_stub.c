/* SPDX-License-Identifier: Apache-2.0 */
/* stub/bundle and stub/loader: what the measured image carries, and QEMU's loader script over it.
 * One thing wrong at a time. */
#include "tests/unit/stub_machine.h"

#include "base/core/limits.h"

static struct sv_err err;

/* --- the section .acpi --- */

enum { FIRST = 16, RSDP_FIELDS = FIRST + 64 };

static size_t find_bytes(const struct sv_buf *b, const char *what)
{
        const uint8_t *at = memmem(b->p, b->n, what, strlen(what));

        assert_non_null(at);
        return (size_t)(at - b->p);
}

static void reads_bundle(void **state)
{
        struct machine m = make_machine();
        SV_BUF b = SV_BUF_NULL;
        struct sv_bundle out;

        m.refuse = true;
        put_bundle(&m, &b);
        OK(sv_bundle_read(sv_buf_bytes(&b), &out, &err));
        assert_true(out.refuse);
        assert_int_equal(out.n, 4);
        assert_int_equal(sv_bundle_find(&out, sv_bytes_str("etc/tpm/log"))->size, LOG_SIZE);
        assert_int_equal(sv_bundle_find(&out, sv_bytes_str("etc/tpm/log"))->content.n, 0);
        assert_int_equal(sv_bundle_find(&out, sv_bytes_str(SV_LOADER_RSDP))->content.n, 20);
        assert_null(sv_bundle_find(&out, sv_bytes_str("etc/tpm/lo")));
        for (size_t n = 0; n < b.n; n++)
                FAILS(sv_bundle_read(sv_bytes(b.p, n), &out, &err), SV_FORMAT,
                      n < 8 ? "stub.acpi.magic" : "stub.acpi.files");
        sv_buf_u8(&b, 0);
        FAILS(sv_bundle_read(sv_buf_bytes(&b), &out, &err), SV_FORMAT, "stub.acpi.files");
        free_machine(&m);
}

static void refuses_bundle(void **state)
{
        struct machine m = make_machine();
        SV_BUF b = SV_BUF_NULL;
        struct sv_bundle out = {.n = 77};
        size_t rsdp, log;

        put_bundle(&m, &b);
        rsdp = find_bytes(&b, "etc/acpi/rsdp"); /* in the script first */
        rsdp = FIRST + 64 + m.script.n;
        log = b.n - 64;

        const struct {
                size_t at;
                uint32_t value;
                size_t n;
                const char *check;
        } t[] = {
                {0, 0, 1, "stub.acpi.magic"},
                {7, 1, 1, "stub.acpi.magic"},
                {8, 2, 4, "stub.acpi.flags"},
                {8, 0x80000001, 4, "stub.acpi.flags"},
                {12, 9, 4, "stub.acpi.files"},
                {12, 5, 4, "stub.acpi.files"},
                {12, 3, 4, "stub.acpi.files"},
                {FIRST, 0, 1, "stub.acpi.name"},        /* no name, and something behind */
                {FIRST + 55, 'x', 1, "stub.acpi.name"}, /* does not end */
                {FIRST + 30, 'x', 1, "stub.acpi.name"}, /* something behind its end */
                {rsdp + 56, 0, 4, "stub.acpi.size"},    /* empty */
                {rsdp + 56, 19, 4, "stub.acpi.size"},   /* smaller than what is stored */
                {log + 56, SV_FW_CFG_SIZE_MAX + 1, 4, "stub.acpi.size"},
                {log + 60, 1, 4, "stub.acpi.files"}, /* more than there is */
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_BUF copy = SV_BUF_NULL;

                sv_buf_put(&copy, sv_buf_bytes(&b));
                set_le(copy.p + t[i].at, t[i].value, t[i].n);
                FAILS(sv_bundle_read(sv_buf_bytes(&copy), &out, &err), SV_FORMAT, t[i].check);
                assert_int_equal(out.n, 77);
        }
        set_le(b.p + log + 56, SV_FW_CFG_SIZE_MAX, 4);
        OK(sv_bundle_read(sv_buf_bytes(&b), &out, &err));
        /* a name twice */
        memset(b.p + log, 0, 56);
        memcpy(b.p + log, SV_LOADER_RSDP, strlen(SV_LOADER_RSDP));
        FAILS(sv_bundle_read(sv_buf_bytes(&b), &out, &err), SV_FORMAT, "stub.acpi.name");
        free_machine(&m);
}

static void counts_files(void **state)
{
        struct sv_bundle out;

        for (uint32_t n = SV_BUNDLE_FILES; n <= SV_BUNDLE_FILES + 1; n++) {
                SV_BUF b = SV_BUF_NULL;

                sv_buf_put(&b, sv_bytes(SV_BUNDLE_MAGIC, 8));
                sv_buf_u32le(&b, 0);
                sv_buf_u32le(&b, n);
                for (uint32_t i = 0; i < n; i++)
                        put_bundle_file(&b, (char[]){(char)('a' + i), 0}, 1, SV_BYTES_NULL);
                if (n == SV_BUNDLE_FILES)
                        OK(sv_bundle_read(sv_buf_bytes(&b), &out, &err));
                else
                        FAILS(sv_bundle_read(sv_buf_bytes(&b), &out, &err), SV_FORMAT,
                              "stub.acpi.files");
        }
}

/* --- the script --- */

static int run_machine(const struct machine *m, struct memory *mem, uint64_t base, uint64_t *rsdp,
                       struct sv_buf *b)
{
        put_bundle(m, b);
        prepare_memory(mem, base);
        OK(sv_bundle_read(sv_buf_bytes(b), &mem->bundle, &err));
        return sv_loader_run(&mem->bundle, &mem->loader, rsdp, &err);
}

static uint8_t add_up(const uint8_t *p, size_t n)
{
        uint8_t sum = 0;

        while (n--)
                sum = (uint8_t)(sum + *p++);
        return sum;
}

static void runs_script(void **state)
{
        struct machine m = make_machine();
        SV_BUF b = SV_BUF_NULL;
        struct memory mem;
        const uint8_t *tables, *log;
        uint64_t rsdp;

        OK(run_machine(&m, &mem, 0x7000000, &rsdp, &b));
        assert_int_equal(rsdp, 0x7000000);
        tables = view_test(&mem.view, 0x7100000, TABLES_SIZE);
        log = view_test(&mem.view, 0x7200000, LOG_SIZE);
        for (size_t i = 0; i < LOG_SIZE; i++)
                assert_int_equal(log[i], 0);
        for (size_t i = 1; i < N_MACHINE_TABLES; i++)
                assert_int_equal(add_up(tables + machine_tables[i].at, machine_tables[i].n), 0);
        assert_int_equal(add_up(view_test(&mem.view, rsdp, 20), 20), 0);
        assert_memory_equal(tables + AT_FACP + 36, "\0\0\x10\x07\x40\0\x10\x07", 8);
        assert_memory_equal(tables + AT_TPM2 + 44, "\0\0\x20\x07\0\0\0\0", 8);
        assert_memory_equal(tables + AT_RSDT + 36, "\x80\0\x10\x07", 4);
        /* which bytes are the script's */
        assert_true(sv_loader_points(&mem.bundle, 0x7100000 + AT_FACP + 36, 1));
        assert_true(sv_loader_points(&mem.bundle, 0x7100000 + AT_FACP + 43, 1));
        assert_false(sv_loader_points(&mem.bundle, 0x7100000 + AT_FACP + 35, 1));
        assert_false(sv_loader_points(&mem.bundle, 0x7100000 + AT_FACP + 44, 1));
        assert_true(sv_loader_points(&mem.bundle, 0x7100000 + AT_TPM2, 52));
        assert_false(sv_loader_points(&mem.bundle, 0x7100000 + AT_APIC, 44));
        free_memory(&mem);
        free_machine(&m);
}

/* Offsets of commands in the script. */
enum { ALLOCATE_RSDP = 0, ALLOCATE_TABLES = 128, POINT_FACS = 3 * 128, POINT_LOG = 5 * 128 };
#define CHECKSUM_DSDT (10 * 128)
#define POINT_RSDT    (16 * 128)

static void refuses_script(void **state)
{
        static const struct {
                size_t at;
                uint64_t value;
                size_t n;
                const char *check;
        } t[] = {
                {ALLOCATE_RSDP, 5, 4, "stub.loader.command"},
                {ALLOCATE_RSDP, 0, 4, "stub.loader.name"}, /* the pointer in it comes later */
                {ALLOCATE_TABLES, 0, 4, "stub.loader.name"},
                {ALLOCATE_TABLES + 4, 'x', 1, "stub.loader.name"},
                {ALLOCATE_TABLES + 60, 0, 4, "stub.loader.align"},
                {ALLOCATE_TABLES + 60, 48, 4, "stub.loader.align"},
                {ALLOCATE_TABLES + 60, 8192, 4, "stub.loader.align"},
                {POINT_FACS + 4, 'x', 1, "stub.loader.name"},
                {POINT_FACS + 60, 'x', 1, "stub.loader.name"},
                {POINT_FACS + 116, TABLES_SIZE - 3, 4, "stub.loader.pointer"},
                {POINT_FACS + 116, 0xffffffff, 4, "stub.loader.pointer"},
                {POINT_FACS + 120, 0, 1, "stub.loader.pointer"},
                {POINT_FACS + 120, 3, 1, "stub.loader.pointer"},
                {POINT_FACS + 120, 1, 1, "stub.loader.pointer"}, /* the address needs four */
                {POINT_FACS + 120, 16, 1, "stub.loader.pointer"},
                {CHECKSUM_DSDT + 4, 'x', 1, "stub.loader.name"},
                {CHECKSUM_DSDT + 60, TABLES_SIZE, 4, "stub.loader.checksum"},
                {CHECKSUM_DSDT + 64, TABLES_SIZE - 59, 4, "stub.loader.checksum"},
                {CHECKSUM_DSDT + 68, TABLES_SIZE + 1, 4, "stub.loader.checksum"},
                {CHECKSUM_DSDT + 64, 0xfffffff0, 4, "stub.loader.checksum"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                struct machine m = make_machine();
                SV_BUF b = SV_BUF_NULL;
                struct memory mem;
                uint64_t rsdp = 42;

                set_le(m.script.p + t[i].at, t[i].value, t[i].n);
                FAILS(run_machine(&m, &mem, 0x7000000, &rsdp, &b), SV_FORMAT, t[i].check);
                assert_int_equal(rsdp, 42);
                free_memory(&mem);
                free_machine(&m);
        }
}

/* Where a pointer leads, and up to where the memory may lie. */
static void pointer_limits(void **state)
{
        static const struct {
                uint32_t points_to;
                uint64_t base;
                const char *check;
        } t[] = {
                {TABLES_SIZE - 1, 0x7000000, NULL},
                {TABLES_SIZE, 0x7000000, "stub.loader.pointer"},
                {AT_FACS, 0xffef0000, NULL},
                {AT_FACS, 0xfff00000, "stub.loader.pointer"}, /* the tables lie at 4 GiB */
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                struct machine m = make_machine();
                SV_BUF b = SV_BUF_NULL;
                struct memory mem;
                uint64_t rsdp;

                set_le(m.tables.p + AT_FACP + 36, t[i].points_to, 4);
                if (t[i].check)
                        FAILS(run_machine(&m, &mem, t[i].base, &rsdp, &b), SV_FORMAT, t[i].check);
                else
                        OK(run_machine(&m, &mem, t[i].base, &rsdp, &b));
                free_memory(&mem);
                free_machine(&m);
        }
}

static void other_scripts(void **state)
{
        struct machine m = make_machine();
        SV_BUF b = SV_BUF_NULL;
        struct memory mem;
        uint64_t rsdp;

        /* what tells the host is left out; twice is once too often; half a command is none */
        add_command(&m, 4, SV_LOADER_TABLES);
        OK(run_machine(&m, &mem, 0x7000000, &rsdp, &b));
        free_memory(&mem);
        put_allocate(&m, SV_LOADER_RSDP, 1);
        sv_buf_clear(&b);
        FAILS(run_machine(&m, &mem, 0x7000000, &rsdp, &b), SV_FORMAT, "stub.loader.name");
        free_memory(&mem);
        m.script.n -= 64;
        sv_buf_clear(&b);
        FAILS(run_machine(&m, &mem, 0x7000000, &rsdp, &b), SV_FORMAT, "stub.loader.command");
        free_memory(&mem);
        /* nothing at all */
        m.script.n = 128;
        set_le(m.script.p, 0, 4);
        sv_buf_clear(&b);
        FAILS(run_machine(&m, &mem, 0x7000000, &rsdp, &b), SV_FORMAT, "stub.loader.files");
        free_memory(&mem);
        mem.bundle.n = 0;
        FAILS(sv_loader_run(&mem.bundle, &mem.loader, &rsdp, &err), SV_FORMAT, "stub.loader.files");
        free_machine(&m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reads_bundle),   cmocka_unit_test(refuses_bundle),
                cmocka_unit_test(counts_files),   cmocka_unit_test(runs_script),
                cmocka_unit_test(refuses_script), cmocka_unit_test(pointer_limits),
                cmocka_unit_test(other_scripts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
