/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's network, for as long as the agent needs it. All cards are brought up at once: each
 * has the addresses that the command line gives it, or asks for some, by DHCP and, where a router
 * announces it, by IPv6's own ways (SLAAC, which is the kernel's, and DHCPv6). The first address by
 * which the broker can be reached is enough to go on; what lacks then is asked for while the broker
 * is tried. */
#pragma once

#include "agent/config.h"
#include "agent/machine.h"

struct sv_net;

/* Waits for as long as the command line says. `says` (128 bytes) receives "eth0 10.0.2.15/24,
 * router 10.0.2.2". SV_SYSTEM "agent.net.*". */
int sv_net_up(const struct sv_agent_config *config, struct sv_net **out, char says[128],
              struct sv_err *err);
/* Goes on asking for so long. */
void sv_net_run(struct sv_net *net, unsigned ms);
/* The cards down again, their addresses gone: they cannot be renamed while they are up. NULL: there
 * is no network. */
void sv_net_down(struct sv_net *net);

/* /etc/resolv.conf for these addresses, which the C library asks for the broker's address; none is
 * written when there is none. What they say decides nothing: who the broker is shows its key or
 * certificate. */
int sv_net_resolvers(const struct sv_machine *m, const struct sv_address *addresses, size_t n,
                     struct sv_err *err);
/* Once more, where the system that ends has taken the cards' addresses away; nothing is written to
 * its files, and the cards stay up. Errors as of sv_net_up. */
int sv_net_up_again(const struct sv_agent_config *config, struct sv_err *err);
