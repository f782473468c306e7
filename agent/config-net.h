/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the command line that are about the network: securevm.nic, .card, .wait, .ip. Pure;
 * internal to agent/config.c. */
#pragma once

#include "agent/config.h"

/* What is before the next comma; the rest stays. False: nothing is left. */
bool sv_agent_config_field(struct sv_bytes *rest, struct sv_bytes *field);
/* MAC[,address=ADDRESS/PREFIX][,gateway=ADDRESS][,dns=ADDRESS][,vlan=NUMBER][,mtu=BYTES], the first
 * three more than once. SV_USAGE "agent.cmdline.nic". */
int sv_agent_config_nic(struct sv_bytes word, struct sv_agent_config *c, struct sv_err *err);
/* MAC. SV_USAGE "agent.cmdline.card". */
int sv_agent_config_card(struct sv_bytes word, struct sv_agent_config *c, struct sv_err *err);
/* SECONDS. SV_USAGE "agent.cmdline.wait". */
int sv_agent_config_wait(struct sv_bytes word, struct sv_agent_config *c, struct sv_err *err);
/* ADDRESS/PREFIX,GATEWAY[,RESOLVER...]: the first card, of IPv4. SV_USAGE "agent.cmdline.ip". */
int sv_agent_config_ip(struct sv_bytes word, struct sv_agent_config *c, struct sv_err *err);
