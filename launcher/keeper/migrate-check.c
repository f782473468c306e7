/* SPDX-License-Identifier: Apache-2.0 */
/* What stands against a migration, each told in a sentence before anything moves. */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/core/buf.h"
#include "base/core/file.h"
#include "launcher/host/budget.h"
#include "launcher/keeper/facts.h"
#include "launcher/keeper/migrate-int.h"
#include "launcher/virt/virt-cpu.h"
#include "launcher/virt/virt-dac.h"
#include "launcher/virt/virt-migrate.h"
#include "launcher/virt/virt.h"

#define MIB (1ull << 20)

static int check_tee(struct sv_migrate_run *r, struct sv_err *err)
{
        if (!r->domain.tee)
                return 0;
        return sv_fail(err, SV_USAGE, "migrate.tee",
                       "guest %s is protected by its processor (%s), which seals memory and "
                       "registers: it cannot move while it runs. \"secure-vm stop\" it, copy its "
                       "disk, and \"secure-vm launch\" the same guest file there: it attests anew "
                       "and gets its disk",
                       r->m->name, r->domain.tee);
}

static int check_whole(struct sv_migrate_run *r, struct sv_err *err)
{
        return sv_facts_check_whole(r->from, r->m->name, err);
}

static int check_guest_runs(struct sv_migrate_run *r, struct sv_err *err)
{
        enum sv_virt_state state;

        if (sv_virt_get_state(r->from, &state, err) < 0)
                return -1;
        if (state == SV_VIRT_RUNNING || state == SV_VIRT_PAUSED)
                return 0;
        return sv_fail(err, SV_SYSTEM, "migrate.state",
                       "guest %s was expected to run, found it %s: launch it at the other host "
                       "instead",
                       r->m->name, sv_virt_state_name(state));
}

int sv_migrate_check_hosts(struct sv_migrate_run *r, struct sv_err *err)
{
        if (strcmp(r->here.uuid, r->there.uuid))
                return 0;
        return sv_fail(err, SV_USAGE, "migrate.same",
                       "%s is the host where the guest is (both daemons say host UUID %s); name "
                       "another with --to, or give the hosts' libvirtd.conf a host_uuid each when "
                       "they are two",
                       r->m->to, r->here.uuid);
}

static int check_taken(struct sv_migrate_run *r, struct sv_err *err)
{
        const char *taken = sv_virt_find_taken(r->to, r->m->name, r->domain.uuid);

        if (!taken)
                return 0;
        return sv_fail(err, SV_SYSTEM, "migrate.name",
                       "%s has %s already: \"secure-vm list --connect %s\" shows names and UUIDs; "
                       "end that one and undefine it there, or give this one another",
                       r->hostname, taken, r->m->to);
}

/* The part of a QEMU's capabilities that says what <cpu mode='maximum'/> is there. */
static struct sv_bytes find_maximum(const char *capabilities)
{
        const char *at = strstr(capabilities, "<mode name='maximum'"),
                   *end = at ? strstr(at, "</mode>") : NULL;

        return end ? sv_bytes(at, (size_t)(end - at)) : SV_BYTES_NULL;
}

static int fail_cpu(const struct sv_migrate_run *r, const char *what, struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "migrate.cpu",
                       "%s: %s; a guest that shall move names the oldest \"cpu\" model that all "
                       "hosts have in its guest file",
                       r->hostname, what);
}

/* A guest with all that its host's processor, or QEMU's emulated one, has. */
static int check_whole_cpu(struct sv_migrate_run *r, const char *there, struct sv_err *err)
{
        SV_STR here = NULL;

        if (!strcmp(r->domain.type, "kvm"))
                return strcmp(r->here.cpu, r->there.cpu)
                               ? fail_cpu(r,
                                          "the guest has all of its host's processor, and the "
                                          "processor there is another",
                                          err)
                               : 0;
        here = sv_virt_get_domain_capabilities(r->from, &r->domain, err);
        if (!here)
                return -1;
        return sv_bytes_eq(find_maximum(here), find_maximum(there))
                       ? 0
                       : fail_cpu(r,
                                  "the guest has all that its QEMU emulates, and the QEMU "
                                  "there emulates something else",
                                  err);
}

/* The capabilities of the QEMU there for the guest's machine, with its CPU model among them; NULL
 * with the error. The caller frees. */
static char *find_machine(struct sv_migrate_run *r, struct sv_err *err)
{
        char *there = sv_virt_get_domain_capabilities(r->to, &r->domain, err);
        const char *mode = r->domain.cpu_mode;

        if (!there) {
                sv_fail(err, SV_SYSTEM, "migrate.machine",
                        "the QEMU of %s cannot run the guest's machine (%s, %s, %s): install "
                        "the same version there, or a newer one. libvirt says: %.300s",
                        r->hostname, r->domain.emulator, r->domain.machine,
                        strcmp(r->domain.type, "kvm") ? "emulated" : "KVM", err ? err->msg : "");
                return NULL;
        }
        if (!mode || strcmp(mode, "custom") || !r->domain.cpu_model ||
            sv_virt_find_cpu(there, r->domain.cpu_model, NULL) == 0)
                return there;
        fail_cpu(r, "its QEMU or libvirt does not know the guest's CPU model", err);
        free(there);
        return NULL;
}

static int check_machine_and_cpu(struct sv_migrate_run *r, struct sv_err *err)
{
        SV_STR there = find_machine(r, err);
        const char *mode = r->domain.cpu_mode;

        if (!there)
                return -1;
        if (mode && strcmp(mode, "custom"))
                return check_whole_cpu(r, there, err);
        if (!strcmp(r->domain.type, "kvm") && sv_virt_compare_cpu(r->to, &r->domain, r->xml) == 0)
                return fail_cpu(r, "its processor lacks features that the guest's has", err);
        return 0;
}

static int check_label_model(struct sv_migrate_run *r, struct sv_err *err)
{
        SV_STR word = r->domain.label ? sv_asprintf(" %s ", r->domain.label) : NULL;

        if (word && !strstr(r->there.models, word))
                return sv_fail(err, SV_SYSTEM, "migrate.label",
                               "the guest is confined by %s, and the libvirt of %s has only%s: "
                               "enable it in qemu.conf there (security_driver)",
                               r->domain.label, r->hostname, r->there.models);
        return 0;
}

static int check_label(struct sv_migrate_run *r, struct sv_err *err)
{
        if (check_label_model(r, err) < 0)
                return -1;
        if (r->m->copy_storage || !r->here.user || !r->there.user ||
            !strcmp(r->here.user, r->there.user))
                return 0;
        return sv_fail(err, SV_SYSTEM, "migrate.label",
                       "QEMU runs as user %s here and as %s at %s, and each would take the shared "
                       "disks from the other: set the same user and group in qemu.conf of both",
                       r->here.user, r->there.user, r->hostname);
}

/* After what says whether they are shared. */
static int check_own_user(struct sv_migrate_run *r, struct sv_err *err)
{
        if (r->m->copy_storage || !r->domain.own_user)
                return 0;
        return sv_fail(err, SV_SYSTEM, "migrate.label",
                       "the guest's QEMU has a user of its own, and libvirt at %s would not take "
                       "shared disks from that: say \"security\": {\"shared_user\": true} in its "
                       "guest file and launch it again, or migrate with --copy-storage",
                       r->hostname);
}

/* What a guest takes from its host: a confidential one as much again as it may share
 * (launcher/host/budget.h). */
static uint64_t count_memory(const struct sv_domain_facts *d)
{
        const struct sv_budget_rules rules = sv_budget_defaults();

        return d->tee ? sv_budget_cost(&rules, d->memory, true) : d->memory;
}

static int check_memory(struct sv_migrate_run *r, struct sv_err *err)
{
        uint64_t free = sv_virt_get_free_memory(r->to), need = count_memory(&r->domain);

        if (!free || free >= need)
                return 0;
        return sv_fail(err, SV_SYSTEM, "migrate.memory",
                       "the guest takes %llu MiB of memory, and %s has %llu MiB left; end or move "
                       "another guest first",
                       (unsigned long long)(need / MIB), r->hostname,
                       (unsigned long long)(free / MIB));
}

void sv_migrate_put_memory(struct sv_migrate_run *r, bool off, struct sv_json *result)
{
        uint64_t free = sv_virt_get_free_memory(r->to);

        sv_json_set_int(result, "memory", off ? 0 : (int64_t)count_memory(&r->domain));
        if (free)
                sv_json_set_int(result, "memory_free", (int64_t)free);
}

static int check_nic(struct sv_migrate_run *r, const struct sv_domain_nic *n, struct sv_err *err)
{
        if (n->kind && !strcmp(n->kind, "user"))
                return sv_fail(err, SV_USAGE, "migrate.network",
                               "a network card of the guest is on QEMU's own network (\"user\"), "
                               "whose connections and forwarded ports are this host's; a guest "
                               "that shall move has a \"bridge\" or a \"network\" in its nics");
        if (n->kind && !strcmp(n->kind, "network") && n->source &&
            sv_virt_has_network(r->to, n->source) == 0)
                return sv_fail(err, SV_SYSTEM, "migrate.network",
                               "%s has no network \"%s\", on which a card of the guest is: define "
                               "it there with virsh net-define",
                               r->hostname, n->source);
        return 0;
}

static bool read_link_address(const char *link, char out[18])
{
        SV_STR path = sv_asprintf("/sys/class/net/%s/address", link);
        SV_BUF text = SV_BUF_NULL;

        if (sv_file_read(path, 64, &text, "migrate.bridge", NULL) < 0 || text.n < 17)
                return false;
        memcpy(out, text.p, 17);
        out[17] = 0;
        return true;
}

/* By itself a bridge has the address of its lowest port. When that is the guest's tap, the other
 * host's bridge gets a port with the address of this host, and the hosts lose each other. */
static int check_bridge_address(struct sv_migrate_run *r, const struct sv_domain_nic *n,
                                struct sv_err *err)
{
        char bridge[18], tap[18];

        if (!n->tap || !n->source || !n->kind || strcmp(n->kind, "bridge") ||
            !read_link_address(n->source, bridge) || !read_link_address(n->tap, tap) ||
            strcmp(bridge, tap))
                return 0;
        return sv_fail(err, SV_SYSTEM, "migrate.bridge",
                       "bridge %s has the address of the guest's tap (%s), which the target will "
                       "have, too, and the hosts would lose each other: \"ip link set %s address "
                       "02:…\" gives it one of its own",
                       n->source, bridge, n->source);
}

/* The source's links are in /sys only where that is this host. */
static int check_networks(struct sv_migrate_run *r, struct sv_err *err)
{
        for (size_t i = 0; i < r->domain.n_nics; i++)
                if (check_nic(r, &r->domain.nics[i], err) < 0 ||
                    (sv_uri_is_here(r->m->from) &&
                     check_bridge_address(r, &r->domain.nics[i], err) < 0))
                        return -1;
        return 0;
}

/* "10.0.0.2" of "qemu+tcp://root@10.0.0.2:16509/system"; NULL when it names no host. Brackets of
 * IPv6 stay. */
static char *read_uri_host(const char *uri)
{
        const char *at = strstr(uri, "://"), *user;
        size_t n;

        if (!at)
                return NULL;
        at += 3;
        n = strcspn(at, "/?");
        user = memchr(at, '@', n);
        if (user) {
                n -= (size_t)(user + 1 - at);
                at = user + 1;
        }
        n = *at == '[' ? strcspn(at, "]") + 1 : strcspn(at, ":/?");
        return n ? sv_asprintf("%.*s", (int)n, at) : NULL;
}

static bool resolves(const char *host)
{
        struct addrinfo *found = NULL;
        SV_STR plain = *host == '[' ? sv_asprintf("%.*s", (int)strcspn(host + 1, "]"), host + 1)
                                    : sv_asprintf("%s", host);

        if (getaddrinfo(plain, NULL, NULL, &found))
                return false;
        freeaddrinfo(found);
        return true;
}

/* libvirt tells the source to connect to the target's own name, and a name that does not resolve
 * ends in a timeout. So it is the host of --to, as which the target was just reached. */
static int check_address(struct sv_migrate_run *r, struct sv_err *err)
{
        SV_STR host = r->m->address ? sv_asprintf("%s", r->m->address) : read_uri_host(r->m->to);

        if (host && (r->m->address || resolves(host))) {
                r->address = sv_asprintf("tcp://%s", host);
                return 0;
        }
        if (resolves(r->hostname))
                return 0;
        return sv_fail(err, SV_SYSTEM, "migrate.resolve",
                       "the target calls itself %s, and that name does not resolve here: give the "
                       "address by which this host reaches it with --address",
                       r->hostname);
}

int sv_migrate_check(struct sv_migrate_run *r, struct sv_err *err)
{
        static int (*const checks[])(struct sv_migrate_run * r, struct sv_err * err) = {
                check_tee,
                check_whole,
                check_guest_runs,
                sv_migrate_check_hosts,
                check_taken,
                check_machine_and_cpu,
                check_label,
                check_memory,
                check_networks,
                check_address,
                sv_migrate_check_disks,
                check_own_user,
        };

        for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
                if (checks[i](r, err) < 0)
                        return -1;
        return 0;
}

/* --- a guest that is off on its way --- */

/* Does the QEMU there launch guests under the TEE of this one? */
static int check_machine_and_tee(struct sv_migrate_run *r, struct sv_err *err)
{
        SV_STR there = find_machine(r, err);
        SV_STR value = r->domain.tee ? sv_asprintf("<value>%s</value>", r->domain.tee) : NULL;
        const char *launch, *end, *at;

        if (!there)
                return -1;
        if (!value)
                return 0;
        launch = strstr(there, "<launchSecurity");
        end = launch ? strstr(launch, "</launchSecurity>") : NULL;
        at = end ? strstr(launch, value) : NULL;
        if (at && at < end)
                return 0;
        return sv_fail(err, SV_SYSTEM, "move.tee",
                       "the guest is protected by its processor (%s), and libvirt at %s does not "
                       "say that its processor, kernel and QEMU can do that; \"secure-vm host\" "
                       "there says what is missing",
                       r->domain.tee, r->hostname);
}

/* On QEMU's own network a guest that starts anew gets on as well. */
static int check_cold_networks(struct sv_migrate_run *r, struct sv_err *err)
{
        for (size_t i = 0; i < r->domain.n_nics; i++) {
                const struct sv_domain_nic *n = &r->domain.nics[i];

                if ((!n->kind || strcmp(n->kind, "user")) && check_nic(r, n, err) < 0)
                        return -1;
        }
        return 0;
}

int sv_migrate_check_cold(struct sv_migrate_run *r, struct sv_err *err)
{
        static int (*const checks[])(struct sv_migrate_run * r, struct sv_err * err) = {
                check_whole,       sv_migrate_check_hosts, check_machine_and_tee,
                check_label_model, check_memory,           check_cold_networks,
        };

        for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
                if (checks[i](r, err) < 0)
                        return -1;
        return 0;
}
