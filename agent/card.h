/* SPDX-License-Identifier: Apache-2.0 */
/* One network card of the guest: up, with what the command line says of it, or asking; and down
 * again as it was found. */
#pragma once

#include <net/if.h>

#include "agent/config.h"
#include "agent/lease.h"
#include "agent/netlink.h"

struct sv_card {
        char name[IFNAMSIZ]; /* the card */
        unsigned index;
        uint8_t mac[6];
        const struct sv_agent_nic *nic; /* what the command line says of it, or NULL */
        char link[IFNAMSIZ];            /* the card, or its VLAN: what has the addresses */
        unsigned link_index;
        unsigned order;      /* the first card's default route counts first */
        unsigned mtu_before; /* 0: as it was */
        struct sv_lease_client v4, v6;
        /* the first of each family that can be used; family 0: none yet */
        struct sv_address has4, has6;
        struct sv_address given; /* by DHCP, to be taken away again */
        struct sv_address router;
        struct sv_address resolvers[2 * SV_RESOLVERS_MAX]; /* as they came */
        size_t n_resolvers;
};

/* All cards of this machine by name, or the one with this address. SV_SYSTEM "agent.net.card". */
int sv_cards_find(const struct sv_agent_config *config, struct sv_card cards[SV_GUEST_NICS_MAX],
                  size_t *n, struct sv_err *err);
/* Up; with its addresses and routes, or beginning to ask for them. `fd` of sv_netlink_open. */
int sv_card_up(struct sv_card *c, int fd, struct sv_err *err);
/* What DHCP or DHCPv6 has answered (state SV_LEASE_DONE) becomes the link's. */
int sv_card_take_lease(struct sv_card *c, int fd, bool v6, struct sv_err *err);
/* What the kernel says of its link. True: it has another resolver. */
bool sv_card_take_event(struct sv_card *c, const struct sv_netlink_event *e);
/* Down, without what it was given: the system begins anew, and renames it. */
void sv_card_down(struct sv_card *c, int fd);
