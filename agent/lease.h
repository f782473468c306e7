/* SPDX-License-Identifier: Apache-2.0 */
/* Asking for an address, DHCP or DHCPv6, on one card. A client does one step at a time, whenever it
 * is due or an answer is there, so that many can ask at once. It asks until it is told to stop. */
#pragma once

#include "agent/dhcp.h"
#include "agent/dhcp6.h"

enum sv_lease_state {
        SV_LEASE_OFF,     /* nobody is asked */
        SV_LEASE_LOOKING, /* who offers one? (or, of DHCPv6: who knows the resolvers?) */
        SV_LEASE_TAKING,  /* the offer is taken; an answer is to come */
        SV_LEASE_DONE
};

struct sv_lease_client {
        enum sv_lease_state state;
        int fd;        /* -1: nobody is asked */
        bool v6;       /* DHCPv6 */
        bool no_lease; /* DHCPv6: only the resolvers are wanted */
        unsigned index;
        uint8_t mac[6];
        uint32_t xid;
        unsigned sent;
        int64_t due; /* ms of sv_clock_ms: when to send next */
        struct sv_dhcp_lease v4_lease;
        struct sv_dhcp6_lease v6_lease;
};

/* `name` and `index` of the link, `mac` of the card, and v6 and no_lease as above. SV_SYSTEM
 * "agent.net.dhcp". */
int sv_lease_begin(struct sv_lease_client *c, const char *name, struct sv_err *err);
/* Sends what is due. A network that does not take it now is asked again. */
void sv_lease_send(struct sv_lease_client *c);
/* Takes one answer in; true when it has what it asked for. What is none is passed over. */
bool sv_lease_receive(struct sv_lease_client *c);
void sv_lease_end(struct sv_lease_client *c);
