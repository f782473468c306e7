/* SPDX-License-Identifier: Apache-2.0 */
/* What a migration is refused for before anything moves. Both hosts' daemons are stood in for by
 * the table (--wrap). */
#include <stdlib.h>

#include "base/core/file.h"
#include "launcher/keeper/migrate-int.h"
#include "launcher/virt/virt-migrate.h"
#include "launcher/virt/virt.h"
#include "tests/unit/unit.h"

#define LAUNCHES "<launchSecurity supported='yes'><value>sev-snp</value></launchSecurity>"
#define CAPABILITIES(maximum, model)                                             \
        "<domainCapabilities><cpu><mode name='maximum' supported='yes'>" maximum \
        "</mode><mode name='custom' supported='yes'><model usable='yes'>" model  \
        "</model></mode></cpu></domainCapabilities>"

static struct world {
        enum sv_virt_state state;
        const char *taken;
        const char *here, *there; /* domain capabilities; NULL: none */
        uint64_t free;
        int network, cpu;
        bool split;
} world;

int __wrap_sv_virt_get_state(struct sv_virt *v, enum sv_virt_state *out, struct sv_err *err);
bool __wrap_sv_virt_is_split(struct sv_virt *v);
const char *__wrap_sv_virt_find_taken(struct sv_virt *v, const char *name, const char *uuid);
char *__wrap_sv_virt_get_domain_capabilities(struct sv_virt *v, const struct sv_domain_facts *f,
                                             struct sv_err *err);
uint64_t __wrap_sv_virt_get_free_memory(struct sv_virt *v);
int __wrap_sv_virt_has_network(struct sv_virt *v, const char *name);
int __wrap_sv_virt_compare_cpu(struct sv_virt *v, const struct sv_domain_facts *f, const char *xml);
int __wrap_sv_migrate_check_disks(struct sv_migrate_run *r, struct sv_err *err);

int __wrap_sv_virt_get_state(struct sv_virt *v, enum sv_virt_state *out, struct sv_err *err)
{
        *out = world.state;
        return 0;
}

bool __wrap_sv_virt_is_split(struct sv_virt *v)
{
        return world.split;
}

const char *__wrap_sv_virt_find_taken(struct sv_virt *v, const char *name, const char *uuid)
{
        return world.taken;
}

/* The source is NULL, as in a run of these tests nothing looks into it. */
char *__wrap_sv_virt_get_domain_capabilities(struct sv_virt *v, const struct sv_domain_facts *f,
                                             struct sv_err *err)
{
        const char *text = v ? world.there : world.here;

        if (text)
                return sv_asprintf("%s", text);
        sv_fail(err, SV_SYSTEM, "virt.qemu", "asking for what QEMU can do");
        return NULL;
}

uint64_t __wrap_sv_virt_get_free_memory(struct sv_virt *v)
{
        return world.free;
}

int __wrap_sv_virt_has_network(struct sv_virt *v, const char *name)
{
        return world.network;
}

int __wrap_sv_virt_compare_cpu(struct sv_virt *v, const struct sv_domain_facts *f, const char *xml)
{
        return world.cpu;
}

int __wrap_sv_migrate_check_disks(struct sv_migrate_run *r, struct sv_err *err)
{
        return 0;
}

static const struct world good = {
        .state = SV_VIRT_RUNNING,
        .here = CAPABILITIES("<a/>", "EPYC"),
        .there = CAPABILITIES("<a/>", "EPYC"),
        .free = 1 << 20,
        .network = 1,
        .cpu = 1,
};

/* One thing of the guest, the hosts or the command that is otherwise. */
struct change {
        const char *to, *address, *hostname;
        const char *there_uuid, *there_cpu, *there_models, *there_user;
        const char *type, *mode, *model, *tee, *label, *nic, *source;
        bool copied, own_user, cold;
};

static char *given(const char *changed, const char *otherwise)
{
        const char *text = changed ? changed : otherwise;

        return text ? sv_asprintf("%s", text) : NULL;
}

static int check_changed(const struct change *c, char **address, struct sv_err *err)
{
        static char target;
        const struct sv_migrate m = {.name = "g",
                                     .from = "qemu:///system",
                                     .to = c->to ? c->to : "qemu+tcp://127.0.0.2/system",
                                     .address = c->address,
                                     .copy_storage = c->copied};
        struct sv_migrate_run r = {
                .m = &m,
                .to = (struct sv_virt *)&target,
                .xml = given("<cpu mode='custom'><model>EPYC</model></cpu>", NULL),
                .hostname = given(c->hostname, "localhost")};
        int result;

        r.here = (struct sv_host_facts){given("1", NULL), given("<model>A</model>", NULL),
                                        given(" none dac ", NULL), given("+1:+1", NULL)};
        r.there = (struct sv_host_facts){
                given(c->there_uuid, "2"), given(c->there_cpu, "<model>A</model>"),
                given(c->there_models, " none dac "), given(c->there_user, "+1:+1")};
        r.domain = (struct sv_domain_facts){.uuid = given("u", NULL),
                                            .type = given(c->type, "kvm"),
                                            .arch = given("x86_64", NULL),
                                            .machine = given("pc-q35-10.0", NULL),
                                            .emulator = given("/qemu", NULL),
                                            .memory = 1 << 20,
                                            .cpu_mode = given(c->mode, "custom"),
                                            .cpu_model = given(c->model, "EPYC"),
                                            .tee = given(c->tee, NULL),
                                            .label = given(c->label, NULL),
                                            .own_user = c->own_user,
                                            .n_nics = 1};
        r.domain.nics[0] = (struct sv_domain_nic){given(c->nic, "network"),
                                                  given(c->source, "default"), given("lo", NULL)};
        result = (c->cold ? sv_migrate_check_cold : sv_migrate_check)(&r, err);
        *address = r.address;
        free(r.xml);
        free(r.hostname);
        sv_domain_facts_free(&r.domain);
        sv_host_facts_free(&r.here);
        sv_host_facts_free(&r.there);
        return result;
}

static void refused(void **state)
{
        static const struct {
                struct change change;
                const char *check; /* NULL: none */
                enum sv_class class;
        } t[] = {
                {{NULL}, NULL, 0},
                {{.tee = "sev-snp"}, "migrate.tee", SV_USAGE},
                {{.there_uuid = "1"}, "migrate.same", SV_USAGE},
                {{.there_cpu = "<model>B</model>"}, NULL, 0},
                {{.mode = "host-passthrough", .there_cpu = "<model>B</model>"},
                 "migrate.cpu",
                 SV_SYSTEM},
                {{.mode = "host-passthrough"}, NULL, 0},
                {{.model = "EPYC-Turin"}, "migrate.cpu", SV_SYSTEM},
                {{.mode = "maximum", .type = "qemu"}, NULL, 0},
                {{.label = "apparmor"}, "migrate.label", SV_SYSTEM},
                {{.label = "apparmor", .there_models = " none apparmor dac "}, NULL, 0},
                {{.there_user = "+2:+2"}, "migrate.label", SV_SYSTEM},
                {{.own_user = true}, "migrate.label", SV_SYSTEM},
                {{.own_user = true, .copied = true}, NULL, 0},
                {{.there_user = "+2:+2", .copied = true}, NULL, 0},
                {{.nic = "user"}, "migrate.network", SV_USAGE},
                {{.nic = "bridge", .source = "lo"}, "migrate.bridge", SV_SYSTEM},
                {{.to = "qemu+unix:///system", .hostname = "no.such.invalid"},
                 "migrate.resolve",
                 SV_SYSTEM},
                {{.to = "qemu+ssh://no.such.invalid/system"}, NULL, 0},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct sv_err err = SV_ERR_NULL;
                SV_STR address = NULL;

                world = good;
                if (t[i].check)
                        FAILS(check_changed(&t[i].change, &address, &err), t[i].class, t[i].check);
                else
                        OK(check_changed(&t[i].change, &address, &err));
        }
}

static void refused_for_the_hosts(void **state)
{
        static const struct {
                struct world world;
                struct change change;
                const char *check;
        } t[] = {
                {{.state = SV_VIRT_OFF}, {NULL}, "migrate.state"},
                {{.state = SV_VIRT_PAUSED, .split = true}, {NULL}, "migrate.post-copy"},
                {{.state = SV_VIRT_PAUSED, .split = true}, {.cold = true}, "migrate.post-copy"},
                {{.state = SV_VIRT_CRASHED}, {NULL}, "migrate.state"},
                {{.state = SV_VIRT_PAUSED, .taken = "a guest of this name"},
                 {NULL},
                 "migrate.name"},
                {{.state = SV_VIRT_RUNNING}, {NULL}, "migrate.machine"},
                {{SV_VIRT_RUNNING, NULL, CAPABILITIES("<a/>", "EPYC"), CAPABILITIES("<b/>", "EPYC"),
                  1 << 20, 1, 1},
                 {.mode = "maximum", .type = "qemu"},
                 "migrate.cpu"},
                {{SV_VIRT_RUNNING, NULL, CAPABILITIES("", "EPYC"), CAPABILITIES("", "EPYC"),
                  1 << 20, 1, 0},
                 {NULL},
                 "migrate.cpu"},
                {{SV_VIRT_RUNNING, NULL, CAPABILITIES("", "EPYC"), CAPABILITIES("", "EPYC"),
                  (1 << 20) - 1, 1, 1},
                 {NULL},
                 "migrate.memory"},
                {{SV_VIRT_RUNNING, NULL, CAPABILITIES("", "EPYC"), CAPABILITIES("", "EPYC"),
                  1 << 20, 0, 1},
                 {NULL},
                 "migrate.network"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct sv_err err = SV_ERR_NULL;
                SV_STR address = NULL;

                world = t[i].world;
                FAILS(check_changed(&t[i].change, &address, &err), SV_SYSTEM, t[i].check);
        }
        /* what a daemon does not say stands against nothing */
        world = good;
        world.free = 0;
        world.network = world.cpu = -1;
        {
                struct sv_err err = SV_ERR_NULL;
                SV_STR address = NULL;

                OK(check_changed(&(struct change){NULL}, &address, &err));
        }
}

/* One that starts anew there: what would stand against its memory's way does not. */
static void refused_cold(void **state)
{
        static const struct {
                struct change change;
                const char *there; /* NULL: as it is here */
                const char *check;
                enum sv_class class;
        } t[] = {
                {{.cold = true}, NULL, NULL, 0},
                {{.cold = true, .there_uuid = "1"}, NULL, "migrate.same", SV_USAGE},
                {{.cold = true, .tee = "sev-snp"}, NULL, "move.tee", SV_SYSTEM},
                {{.cold = true, .tee = "sev-snp"}, "<a/>" LAUNCHES, "migrate.memory", SV_SYSTEM},
                {{.cold = true, .tee = "tdx"}, "<a/>" LAUNCHES, "move.tee", SV_SYSTEM},
                {{.cold = true, .tee = "sev-snp"},
                 "<a/><x><value>sev-snp</value></x>",
                 "move.tee",
                 SV_SYSTEM},
                {{.cold = true, .mode = "maximum", .type = "qemu"}, NULL, NULL, 0},
                {{.cold = true, .model = "EPYC-Turin"}, NULL, "migrate.cpu", SV_SYSTEM},
                {{.cold = true, .label = "apparmor"}, NULL, "migrate.label", SV_SYSTEM},
                {{.cold = true, .there_user = "+2:+2", .own_user = true}, NULL, NULL, 0},
                {{.cold = true, .nic = "user"}, NULL, NULL, 0},
                {{.cold = true, .nic = "bridge", .source = "lo"}, NULL, NULL, 0},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_STR there = t[i].there ? sv_asprintf("%s%s", t[i].there, good.there) : NULL;
                struct sv_err err = SV_ERR_NULL;
                SV_STR address = NULL;

                world = good;
                if (there)
                        world.there = there;
                if (t[i].check)
                        FAILS(check_changed(&t[i].change, &address, &err), t[i].class, t[i].check);
                else
                        OK(check_changed(&t[i].change, &address, &err));
        }
        {
                struct sv_err err = SV_ERR_NULL;
                SV_STR address = NULL;

                /* private and shared memory, and what QEMU takes besides */
                world.there = LAUNCHES CAPABILITIES("", "EPYC");
                world.free = (1 << 20) + (1 << 20) / 100 * 100 + (96 << 20);
                OK(check_changed(&(struct change){.cold = true, .tee = "sev-snp"}, &address, &err));
                world.free--;
                FAILS(check_changed(&(struct change){.cold = true, .tee = "sev-snp"}, &address,
                                    &err),
                      SV_SYSTEM, "migrate.memory");
        }
}

/* QEMU connects to the host of --to, unless told otherwise. */
static void addressed(void **state)
{
        static const struct {
                struct change change;
                const char *address;
        } t[] = {
                {{.to = "qemu+tcp://127.0.0.2/system"}, "tcp://127.0.0.2"},
                {{.to = "qemu+tcp://127.0.0.2:16509/system"}, "tcp://127.0.0.2"},
                {{.to = "qemu+ssh://root@127.0.0.2/system?socket=/s@x"}, "tcp://127.0.0.2"},
                {{.to = "qemu+tls://[::1]:16514/system"}, "tcp://[::1]"},
                {{.to = "qemu+tls://127.0.0.2?no_verify=1"}, "tcp://127.0.0.2"},
                {{.to = "qemu+ssh://alias.invalid/system"}, NULL},
                {{.to = "qemu+unix:///system?socket=/s"}, NULL},
                {{.address = "10.1.1.1:49200"}, "tcp://10.1.1.1:49200"},
        };

        world = good;
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct sv_err err = SV_ERR_NULL;
                SV_STR address = NULL;

                OK(check_changed(&t[i].change, &address, &err));
                if (t[i].address)
                        assert_string_equal(address, t[i].address);
                else
                        assert_null(address);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(refused),
                cmocka_unit_test(refused_for_the_hosts),
                cmocka_unit_test(addressed),
                cmocka_unit_test(refused_cold),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
