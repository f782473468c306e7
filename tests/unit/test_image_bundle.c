/* SPDX-License-Identifier: Apache-2.0 */
/* image/bundle: from the folder of `image acpi` to what the stub reads. */
#include "tests/unit/stub_machine.h"

#include <unistd.h>

#include "base/core/file.h"
#include "image/bundle.h"

static struct sv_err err;
static char dir[] = "/tmp/sv-bundle-XXXXXX";

static int setup(void **state)
{
        return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
        return sv_remove_tree(dir, &err);
}

static void write_below(const char *name, struct sv_bytes content)
{
        SV_STR path = sv_asprintf("%s/%s", dir, name);
        SV_STR folder = sv_asprintf("%.*s", (int)(strrchr(path, '/') - path), path);

        OK(sv_mkdirs(folder, 0755, &err));
        OK(sv_file_write(path, 0644, content, &err));
}

static void write_machine(const struct machine *m)
{
        static const uint8_t log[LOG_SIZE];

        write_below(SV_LOADER_SCRIPT, sv_buf_bytes(&m->script));
        write_below(SV_LOADER_TABLES, sv_buf_bytes(&m->tables));
        write_below(SV_LOADER_RSDP, sv_buf_bytes(&m->rsdp));
        write_below("etc/tpm/log", sv_bytes(log, sizeof(log)));
}

static void makes_bundle(void **state)
{
        struct machine m = make_machine();
        struct sv_bundle_made made = {0};
        SV_BUF section = SV_BUF_NULL;
        SV_BUF again = SV_BUF_NULL;
        struct sv_bundle_file *f;
        struct sv_bundle b;

        memcpy(m.tables.p + AT_DSDT + 44, SV_FW_CFG_ID, 8);
        write_machine(&m);
        OK(sv_bundle_make(dir, true, &section, &made, &err));
        OK(sv_bundle_make(dir, true, &again, &made, &err));
        assert_true(sv_bytes_eq(sv_buf_bytes(&section), sv_buf_bytes(&again)));
        assert_int_equal(made.tables, 6);
        assert_int_equal(made.hidden, 1);
        OK(sv_bundle_read(sv_buf_bytes(&section), &b, &err));
        assert_true(b.refuse);
        assert_int_equal(b.n, 4);
        f = sv_bundle_find(&b, sv_bytes_str(SV_LOADER_TABLES));
        assert_memory_equal(f->content.p + AT_DSDT + 44, SV_FW_CFG_HIDDEN, 8);
        assert_int_equal(f->size, TABLES_SIZE);
        assert_int_equal(f->content.n, AT_RSDT + 50); /* zeros at the end are not stored */
        f = sv_bundle_find(&b, sv_bytes_str("etc/tpm/log"));
        assert_int_equal(f->size, LOG_SIZE);
        assert_int_equal(f->content.n, 0);
        sv_buf_clear(&section);
        OK(sv_bundle_make(dir, false, &section, &made, &err));
        OK(sv_bundle_read(sv_buf_bytes(&section), &b, &err));
        assert_false(b.refuse);
        free_machine(&m);
}

static void refuses_folder(void **state)
{
        struct machine m = make_machine();
        struct sv_bundle_made made = {0};
        SV_BUF section = SV_BUF_NULL;

        write_machine(&m);
        write_below("etc/tpm/log", SV_BYTES_NULL);
        FAILS(sv_bundle_make(dir, false, &section, &made, &err), SV_FORMAT, "image.acpi");
        OK(sv_remove_tree(dir, &err));
        FAILS(sv_bundle_make(dir, false, &section, &made, &err), SV_SYSTEM, "image.acpi");
        /* a name that leads out of the folder; a script that cannot run */
        put_allocate(&m, "etc/../../passwd", 1);
        write_machine(&m);
        FAILS(sv_bundle_make(dir, false, &section, &made, &err), SV_FORMAT, "image.acpi");
        m.script.n -= 128;
        put_allocate(&m, "/etc/passwd", 1);
        write_machine(&m);
        FAILS(sv_bundle_make(dir, false, &section, &made, &err), SV_FORMAT, "image.acpi");
        m.script.n -= 128;
        add_command(&m, 9, "");
        write_machine(&m);
        FAILS(sv_bundle_make(dir, false, &section, &made, &err), SV_FORMAT, "stub.loader.command");
        assert_int_equal(section.n, 0);
        free_machine(&m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(makes_bundle),
                cmocka_unit_test(refuses_folder),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
