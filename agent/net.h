/* The guest's first network card, up and with an address. */
#pragma once

#include "agent/config.h"

/* By what the command line says, or by DHCP. `says` (128 bytes) receives "eth0 10.0.2.15/24, router 10.0.2.2". SV_SYSTEM "agent.net.*". */
int sv_net_up(const struct sv_agent_config *config, char says[128], struct sv_err *err);
/* The card down again, its address gone: it cannot be renamed while it is up. */
void sv_net_down(void);
