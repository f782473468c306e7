/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/virt/domain.h"

#include <stdio.h>

#include "base/core/text.h"
#include "launcher/virt/domain-growth.h"
#include "launcher/virt/domain-tuning.h"
#include "launcher/virt/virt-quiesce.h"
#include "launcher/virt/virt.h"
#include "launcher/virt/xml.h"

struct sv_plan sv_plan_from(const struct sv_guest *guest, const struct sv_tee_host *tee,
                            const struct sv_boot_files *boot, const struct sv_plan_place *place)
{
        return (struct sv_plan){
                .guest = guest, .tee = tee, .cmdline = "", .boot = *boot, .place = *place};
}

static void put_os(const struct sv_plan *p, const struct sv_domain_part *part, struct sv_buf *x)
{
        sv_xml_printf(x, "  <os>\n    <type arch='x86_64' machine='q35'>hvm</type>\n");
        /* Confidential guests have no flash and no variable store: facts of QEMU, libvirt lets it
         * pass. */
        if (p->boot.nvram_template && !part->stateless_firmware)
                sv_xml_printf(
                        x,
                        "    <loader readonly='yes' secure='no' type='pflash'>%s</loader>\n    "
                        "<nvram template='%s'>%s</nvram>\n",
                        p->boot.firmware, p->boot.nvram_template, p->boot.nvram);
        else
                sv_xml_printf(x, "    <loader type='rom'>%s</loader>\n", p->boot.firmware);
        sv_xml_printf(x, "    <kernel>%s</kernel>\n", p->boot.kernel);
        if (p->boot.initrd)
                sv_xml_printf(x, "    <initrd>%s</initrd>\n", p->boot.initrd);
        if (p->boot.shim) /* since libvirt 11.2 and QEMU 10.0 */
                sv_xml_printf(x, "    <shim>%s</shim>\n", p->boot.shim);
        if (*p->cmdline)
                sv_xml_printf(x, "    <cmdline>%s</cmdline>\n", p->cmdline);
        sv_xml_printf(x, "  </os>\n");
}

static void put_cpu(const struct sv_plan *p, struct sv_buf *x)
{
        bool cells = sv_domain_has_cells(p->guest);

        /* no ACPI table depends on the model, and who asks for those need not have it */
        if (p->guest->cpu && !p->place.bare)
                sv_xml_printf(x,
                              "  <cpu mode='custom' match='exact' check='partial'>\n    <model "
                              "fallback='forbid'>%s</model>\n",
                              p->guest->cpu);
        else
                sv_xml_printf(x, cells ? "  <cpu mode='%s'>\n" : "  <cpu mode='%s'/>\n",
                              p->place.kvm ? "host-passthrough" : "maximum");
        if (cells)
                sv_domain_put_cells(p, x);
        if (cells || (p->guest->cpu && !p->place.bare))
                sv_xml_printf(x, "  </cpu>\n");
}

void sv_domain_name_disk(size_t i, char out[SV_DISK_TARGET_SIZE])
{
        snprintf(out, SV_DISK_TARGET_SIZE, "vd%c", (char)('a' + i));
}

static void put_disks(const struct sv_plan *p, struct sv_buf *x)
{
        for (size_t i = 0; i < p->guest->n_disks; i++) {
                const struct sv_disk *d = &p->guest->disks[i];
                bool direct = !p->place.buffered || !p->place.buffered[i];
                const char *device = p->place.devices    ? p->place.devices[i]
                                     : d->nvme.subsystem ? d->path
                                                         : NULL;
                char target[SV_DISK_TARGET_SIZE];

                sv_domain_name_disk(i, target);
                sv_xml_printf(x, "    <disk type='%s' device='disk'>\n", device ? "block" : "file");
                sv_domain_put_disk_driver(d, direct, x);
                if (device && d->readonly && p->place.readers_given)
                        sv_xml_printf(x,
                                      "      <source dev='%s'>\n        <seclabel model='dac' "
                                      "relabel='no'/>\n      </source>\n",
                                      device);
                else if (device)
                        sv_xml_printf(x, "      <source dev='%s'/>\n", device);
                else if (p->place.disks_by_fd)
                        sv_xml_printf(x, "      <source file='%s' fdgroup='disk%u'/>\n", d->path,
                                      (unsigned)i);
                else
                        sv_xml_printf(x, "      <source file='%s'/>\n", d->path);
                sv_xml_printf(x, "      <target dev='%s' bus='virtio'/>\n", target);
                if (d->readonly)
                        sv_xml_printf(x, "      <readonly/>\n");
                sv_xml_printf(x, "      <serial>%s</serial>\n    </disk>\n", d->id);
        }
}

/* What the card lets it do is set before; libvirt takes it from the host's driver, and gives it
 * back. */
static void put_card_function(const char *at, struct sv_buf *x)
{
        unsigned domain = 0, bus = 0, slot = 0, function = 0;

        if (at)
                sscanf(at, "%x:%x:%x.%x", &domain, &bus, &slot, &function);
        sv_xml_printf(x,
                      "    <hostdev mode='subsystem' type='pci' managed='yes'>\n      <driver "
                      "name='vfio'/>\n      <source>\n        <address domain='%u' bus='%u' "
                      "slot='%u' function='%u'/>\n      </source>\n      <rom enabled='no'/>\n    "
                      "</hostdev>\n",
                      domain, bus, slot, function);
}

static void put_nics(const struct sv_plan *p, struct sv_buf *x)
{
        for (size_t i = 0; i < p->guest->n_nics; i++) {
                const struct sv_nic *n = &p->guest->nics[i];
                char mac[SV_MAC_TEXT];

                if (!strcmp(n->type, "vf")) {
                        put_card_function(p->place.functions ? p->place.functions[i] : NULL, x);
                        continue;
                }
                sv_guest_mac(p->guest, i, mac);
                sv_xml_printf(x, "    <interface type='%s'>\n      <mac address='%s'/>\n", n->type,
                              mac);
                if (n->source)
                        sv_xml_printf(x, "      <source %s='%s'/>\n",
                                      strcmp(n->type, "bridge") ? "network" : "bridge", n->source);
                /* Its option ROM would be a file of the host, measured into PCR 2; and no guest
                 * boots from the network. */
                sv_xml_printf(x, "      <model type='virtio'/>\n");
                sv_domain_put_nic_driver(n, x);
                sv_xml_printf(x, "      <rom enabled='no'/>\n    </interface>\n");
        }
}

static void put_channel(const char *name, const char *socket, struct sv_buf *x)
{
        sv_xml_printf(x, "    <channel type='unix'>\n");
        if (socket)
                sv_xml_printf(x, "      <source mode='bind' path='%s'/>\n", socket);
        sv_xml_printf(x, "      <target type='virtio' name='%s'/>\n    </channel>\n", name);
}

static void put_console(const struct sv_plan *p, struct sv_buf *x)
{
        if (p->place.console_socket)
                sv_xml_printf(
                        x,
                        "    <serial type='unix'>\n      <source mode='bind' path='%s'/>\n      "
                        "<log file='%s' append='on'/>\n"
                        "      <target port='0'/>\n    </serial>\n",
                        p->place.console_socket, p->place.console_log);
        else
                sv_xml_printf(x,
                              "    <serial type='pty'>\n      <target port='0'/>\n    </serial>\n");
        put_channel(SV_AGENT_PORT, p->place.agent_socket, x);
        /* QEMU's agent does as the host says, whatever that is */
        if (!p->tee || !p->tee->id->confidential)
                put_channel(SV_QEMU_AGENT_PORT, p->place.qemu_agent_socket, x);
}

static void free_part(struct sv_domain_part *part)
{
        sv_buf_free(&part->launch_security);
        sv_buf_free(&part->features);
        sv_buf_free(&part->devices);
}

/* A setting that has no effect must not look as if it had one; false asks for nothing. */
static int refuse_setting(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        if ((sv_json_type(value) == SV_JSON_BOOL && !sv_json_bool(value, true)) ||
            sv_guest_knows_tuning(name))
                return 0;
        return sv_fail(err, SV_USAGE, "launch.tuning",
                       "\"%.60s\" (tuning): nothing of that name is known here, and the guest "
                       "would run without it; leave it out",
                       name);
}

int sv_domain_xml(const struct sv_plan *p, struct sv_buf *x, struct sv_err *err)
{
        __attribute__((cleanup(free_part))) struct sv_domain_part part = {0};
        const struct sv_guest *g = p->guest;
        char uuid[37];

        if (p->tee && (sv_tee_takes(p->tee->id, g, err) < 0 || p->tee->domain(g, &part, err) < 0))
                return -1;
        if (g->tuning && sv_json_each(g->tuning, refuse_setting, NULL, err) < 0)
                return -1;
        sv_xml_printf(x, "<domain type='%s'>\n  <name>%s</name>\n  <uuid>%s</uuid>\n",
                      p->place.kvm ? "kvm" : "qemu", g->name, sv_format_uuid(g->uuid, uuid));
        sv_domain_put_sizes(g, x);
        if (p->place.facts)
                sv_xml_printf(x,
                              "  <metadata>\n    <" SV_VIRT_KEY ":guest xmlns:" SV_VIRT_KEY
                              "='" SV_VIRT_FACTS "'>%s</" SV_VIRT_KEY ":guest>\n  </metadata>\n",
                              p->place.facts);
        sv_domain_put_tuning(p, x);
        put_os(p, &part, x);
        sv_xml_printf(x, "  <features>\n    <acpi/>\n    <apic/>\n");
        sv_buf_put(x, sv_buf_bytes(&part.features));
        sv_xml_printf(x, "  </features>\n");
        put_cpu(p, x);
        /* A reboot is a new launch, measured and attested again: the supervisor makes it. With
         * "destroy" libvirt would not say that the guest asked for a reboot, only that it ended; so
         * it restarts for the moment until the supervisor has destroyed it. */
        sv_xml_printf(
                x, "  <clock offset='utc'>\n    <timer name='hpet' present='no'/>\n  </clock>\n  "
                   "<on_poweroff>destroy</on_poweroff>\n  <on_reboot>restart</on_reboot>\n  "
                   "<on_crash>preserve</on_crash>\n"
                   "  <devices>\n");
        put_disks(p, x);
        sv_xml_printf(x, "    <controller type='usb' model='none'/>\n    <controller "
                         "type='virtio-serial'/>\n");
        put_nics(p, x);
        put_console(p, x);
        sv_buf_put(x, sv_buf_bytes(&part.devices));
        sv_domain_put_growth(p, x);
        sv_xml_printf(x, "    <rng model='virtio'>\n      <backend "
                         "model='random'>/dev/urandom</backend>\n    </rng>\n  </devices>\n");
        if (g->security.model)
                sv_xml_printf(x, "  <seclabel type='dynamic' model='%s' relabel='yes'/>\n",
                              g->security.model);
        if (p->place.user)
                sv_xml_printf(x,
                              "  <seclabel type='static' model='dac' relabel='yes'>\n    "
                              "<label>+%u:+%u</label>\n  </seclabel>\n",
                              p->place.user, p->place.user);
        if (!p->place.bare)
                sv_buf_put(x, sv_buf_bytes(&part.launch_security));
        sv_xml_printf(x, "</domain>\n");
        return sv_buf_ok(x, "the domain", err);
}
