/* SPDX-License-Identifier: Apache-2.0 */
/* Ports of the host that lead to a guest. libvirt describes them for passt only, not for QEMU's own
 * network, which takes them over its monitor. No guest sees or measures them. */
#include <stdlib.h>

#include "base/core/file.h"
#include "guest/guest.h"
#include "launcher/virt/virt-int.h"

/* libvirt calls the cards' ends in QEMU "hostnet0", "hostnet1" and so on; QEMU answers with nothing
 * when it has done it. */
static int add_forward(struct sv_virt *v, size_t nic, const struct sv_forward *f,
                       struct sv_err *err)
{
        SV_STR command = sv_asprintf("hostfwd_add hostnet%zu %s:%s:%u-:%u", nic, f->protocol,
                                     f->address, f->port, f->to);
        SV_STR answer = NULL;

        if (vir_qemu.DomainQemuMonitorCommand(v->dom, command, &answer,
                                              VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP) < 0)
                return sv_virt_fail(err, "forwarding a port");
        if (!answer || !*answer)
                return 0;
        return sv_fail(err, SV_SYSTEM, "launch.forward",
                       "%s port %u of %s cannot be forwarded to port %u of the guest: is that "
                       "address this host's, and is the port free? (QEMU says: %.*s)",
                       f->protocol, f->port, f->address, f->to, (int)strcspn(answer, "\r\n"),
                       answer);
}

int sv_virt_forward_ports(struct sv_virt *v, const struct sv_guest *g, struct sv_err *err)
{
        for (size_t i = 0; i < g->n_nics; i++)
                for (size_t j = 0; j < g->nics[i].n_forwards; j++)
                        if (sv_virt_load_monitor(err) < 0 ||
                            add_forward(v, i, &g->nics[i].forwards[j], err) < 0)
                                return -1;
        return 0;
}
