/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's first network card, up and with an address. */
#pragma once

#include "agent/config.h"
#include "agent/machine.h"

/* By what the command line says, or by DHCP. `says` (128 bytes) receives "eth0 10.0.2.15/24,
 * router 10.0.2.2". SV_SYSTEM "agent.net.*". */
int sv_net_up(const struct sv_agent_config *config, char says[128], struct sv_err *err);
/* /etc/resolv.conf for these addresses (host byte order, 0: none), which the C library asks for the
 * broker's address; none is written when there is none. An address that is no host's is left out.
 * What they say decides nothing: who the broker is shows its key or certificate. */
int sv_net_resolvers(const struct sv_machine *m, const uint32_t *addresses, size_t n,
                     struct sv_err *err);
/* Once more, where the system that ends has taken the card's address away; nothing is written to
 * its files. Errors as of sv_net_up. */
int sv_net_up_again(const struct sv_agent_config *config, struct sv_err *err);
/* The card down again, its address gone: it cannot be renamed while it is up. */
void sv_net_down(void);
