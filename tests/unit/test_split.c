/* SPDX-License-Identifier: Apache-2.0 */
/* A guest of a daemon whose post-copy broke: what is told of it, and what is refused. The daemon is
 * libvirt's own for tests, which is made to say that. */
#include "base/core/file.h"
#include "launcher/keeper/facts.h"
#include "launcher/keeper/keeper.h"
#include "launcher/keeper/migrate.h"
#include "launcher/keeper/move.h"
#include "launcher/virt/virt-int.h"
#include "tests/unit/unit.h"

#define URI "test:///default"

static struct sv_err err;
static struct sv_virt *v; /* holds it in memory */
static int said_state, said_reason;
static char dir[] = "/tmp/svsplitXXXXXX";
static unsigned asked;

static int say_state(virDomainPtr dom, int *state, int *reason, unsigned flags)
{
        *state = said_state;
        if (reason)
                *reason = said_reason;
        return 0;
}

/* What QEMU is asked for; that of a part would not answer. */
static int tell_memory(virDomainPtr dom, virDomainMemoryStatPtr stats, unsigned n, unsigned flags)
{
        asked++;
        return 0;
}

static char *tell_scheduler(virDomainPtr dom, int *n)
{
        asked++;
        *n = 0;
        return NULL;
}

/* The tests' driver has no host of a UUID. */
static char *tell_host(virConnectPtr conn)
{
        return strdup("<capabilities><host><uuid>1</uuid></host></capabilities>");
}

static char *print_nothing(virDomainPtr dom, unsigned flags)
{
        return NULL;
}

static char *print_domain(virDomainPtr dom, unsigned flags)
{
        return strdup(
                "<domain type='kvm'><name>test</name><uuid>u</uuid><memory unit='KiB'>1</memory>"
                "<os><type arch='x86_64' machine='q35'>hvm</type></os><devices>"
                "<emulator>/qemu</emulator></devices></domain>");
}

static int set_up(void **state)
{
        assert_non_null(mkdtemp(dir));
        setenv("SECURE_VM_DIR", dir, 1);
        OK(sv_virt_open(URI, &v, &err));
        OK(sv_virt_lookup(v, "test", &err));
        assert_int_equal(vir.DomainSetMetadata(v->dom, VIR_DOMAIN_METADATA_ELEMENT,
                                               "<guest>{\"format\": 1}</guest>", SV_VIRT_KEY,
                                               SV_VIRT_FACTS, 0),
                         0);
        OK(sv_facts_begin_run(v, &err));
        vir.DomainMemoryStats = tell_memory;
        vir.DomainGetSchedulerType = tell_scheduler;
        vir.DomainGetState = say_state;
        vir.ConnectGetCapabilities = tell_host;
        return 0;
}

static int tear_down(void **state)
{
        sv_virt_close(v);
        return sv_remove_tree(dir, NULL);
}

static const struct {
        int state, reason;
        const char *word, *paused_for;
        bool split;
} rows[] = {
        {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY_FAILED, "paused", "post-copy", true},
        {VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_POSTCOPY_FAILED, "paused", "post-copy", true},
        {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_POSTCOPY, "paused", "migration", false},
        {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION, "paused", "migration", false},
        {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_USER, "paused", "asked", false},
        {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_IOERROR, "paused", "disk", false},
        {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_WATCHDOG, "paused", "watchdog", false},
        {VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_SNAPSHOT, "paused", "other", false},
        {VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_POSTCOPY, "running", NULL, false},
        {VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_FAILED, "stopped", NULL, false},
};

static void expect_told(const struct sv_json *status, size_t i)
{
        const struct sv_json *error = sv_json_get(status, "error");

        assert_string_equal(sv_json_text(status, "state", ""), rows[i].word);
        assert_int_equal(error != NULL, rows[i].split);
        if (error) {
                assert_string_equal(sv_json_text(error, "check", ""), "migrate.post-copy");
                assert_non_null(strstr(sv_json_text(error, "message", ""), "--recover"));
        }
}

static void show_and_list_tell_it(void **state)
{
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                SV_JSON *list = sv_json_array();
                SV_JSON *shown = NULL;

                said_state = rows[i].state;
                said_reason = rows[i].reason;
                asked = 0;
                OK(sv_keeper_choose(URI)->show(URI, "test", &shown, &err));
                expect_told(shown, i);
                assert_string_equal(sv_json_text(shown, "paused_for", ""),
                                    rows[i].paused_for ? rows[i].paused_for : "");
                OK(sv_keeper_choose(URI)->list(URI, list, &err));
                expect_told(sv_json_at(list, 0), i);
                assert_int_equal(asked > 0, !rows[i].split && said_state != VIR_DOMAIN_SHUTOFF);
        }
}

static int call_nothing(void *arg, struct sv_err *e)
{
        *(bool *)arg = true;
        return 0;
}

static int ask_for_disks(bool copies)
{
        const struct sv_keeper *k = sv_keeper_choose(URI);
        char name[] = "test", id[] = "root", path[] = "/nowhere";
        struct sv_disk disk = {.id = id, .path = path};
        const struct sv_guest g = {.file = name, .name = name, .disks = &disk, .n_disks = 1};
        const struct sv_copy_task task = {.kind = SV_COPY_SNAPSHOT, .name = "s"};
        struct sv_progress progress = {NULL};
        bool called = false;
        int r = copies ? k->copy_disks(URI, &g, &task, &progress, &err)
                       : k->while_off(URI, &g, call_nothing, &called, &err);

        assert_false(called);
        return r;
}

static int ask_to_move(void)
{
        const struct sv_move mv = {.name = "test", .from = URI, .to = URI, .quiet = true};
        SV_JSON *result = sv_json_object();

        return sv_move_guest(&mv, result, &err);
}

static int open_console(void)
{
        int fd = -1, r = sv_keeper_choose(URI)->console(URI, "test", &fd, &err);

        assert_int_equal(fd, -1);
        return r;
}

static int ask(unsigned i)
{
        const struct sv_keeper *k = sv_keeper_choose(URI);
        struct sv_follow f = {.quiet = true};

        switch (i) {
        case 0:
                return k->pause(URI, "test", &err);
        case 1:
                return k->resume(URI, "test", &err);
        case 2:
                return k->stop(URI, "test", 1, true, &err);
        case 3:
                return k->reset(URI, "test", &f, &err);
        case 4:
                return k->resize(URI, "test", &(struct sv_resize){0}, &err);
        case 5:
                return k->start(URI, "test", &f, &err);
        case 6:
                return k->wait(URI, "test", &f, &err);
        case 7:
                return open_console();
        case 8:
                return ask_to_move();
        case 9:
        case 10:
                return ask_for_disks(i == 9);
        default:
                return k->reboot(URI, "test", &f, true, &err);
        }
}

static void nothing_touches_a_part(void **state)
{
        for (size_t row = 0; row < 2; row++)
                for (unsigned i = 0; i < 12; i++) {
                        said_state = rows[row].state;
                        said_reason = rows[row].reason;
                        FAILS(ask(i), SV_SYSTEM, "migrate.post-copy");
                        assert_int_equal(vir.DomainIsActive(v->dom), 1);
                }
        said_state = VIR_DOMAIN_RUNNING;
        said_reason = VIR_DOMAIN_RUNNING_BOOTED;
        OK(ask(0));
}

static void a_part_does_not_migrate(void **state)
{
        const struct sv_migrate m = {.name = "test", .from = URI, .to = URI, .quiet = true};
        SV_JSON *result = sv_json_object();

        said_state = rows[0].state;
        said_reason = rows[0].reason;
        vir.DomainGetXMLDesc = print_nothing;
        FAILS(sv_migrate_guest(&m, result, &err), SV_SYSTEM, "migrate.post-copy");
}

static void what_is_whole_is_not_recovered(void **state)
{
        const struct sv_migrate m = {
                .name = "test", .from = URI, .to = URI, .recover = true, .quiet = true};
        SV_JSON *result = sv_json_object();

        vir.DomainGetXMLDesc = print_domain;
        said_state = VIR_DOMAIN_RUNNING;
        said_reason = VIR_DOMAIN_RUNNING_BOOTED;
        FAILS(sv_migrate_guest(&m, result, &err), SV_USAGE, "migrate.recover");
        assert_non_null(strstr(err.msg, "running where it was"));
}

static unsigned long said_version;
static unsigned migrated;

static int tell_version(virConnectPtr conn, unsigned long *version)
{
        *version = said_version;
        return said_version ? 0 : -1;
}

static virDomainPtr migrate_nothing(virDomainPtr dom, virConnectPtr conn,
                                    virTypedParameterPtr params, unsigned n, unsigned flags)
{
        migrated++;
        assert_true(flags & VIR_MIGRATE_POSTCOPY_RESUME);
        return NULL;
}

static void a_daemon_that_would_end_is_not_asked(void **state)
{
        static const struct {
                unsigned long version;
                bool asked;
        } versions[] = {{11002999, true},
                        {11003000, false},
                        {11003999, false},
                        {11004000, true},
                        {0, true}};
        const struct sv_migrate m = {
                .name = "test", .from = URI, .to = URI, .recover = true, .quiet = true};

        vir.ConnectGetLibVersion = tell_version;
        vir.DomainMigrate3 = migrate_nothing;
        vir.DomainGetXMLDesc = print_domain;
        said_state = rows[0].state;
        said_reason = rows[0].reason;
        for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
                SV_JSON *result = sv_json_object();

                migrated = 0;
                said_version = versions[i].version;
                FAILS(sv_migrate_guest(&m, result, &err), SV_SYSTEM,
                      versions[i].asked ? "migrate.post-copy" : "migrate.recover");
                assert_int_equal(migrated, versions[i].asked);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(show_and_list_tell_it),
                cmocka_unit_test(nothing_touches_a_part),
                cmocka_unit_test(a_part_does_not_migrate),
                cmocka_unit_test(what_is_whole_is_not_recovered),
                cmocka_unit_test(a_daemon_that_would_end_is_not_asked),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
