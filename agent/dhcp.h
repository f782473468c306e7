/* SPDX-License-Identifier: Apache-2.0 */
/* DHCP messages (RFC 2131, RFC 2132, classless routes of RFC 3442): as much as a guest needs to
 * reach its broker. Pure. */
#pragma once

#include "base/core/buf.h"
#include "base/core/limits.h"

enum sv_dhcp_type {
        SV_DHCP_DISCOVER = 1,
        SV_DHCP_OFFER = 2,
        SV_DHCP_REQUEST = 3,
        SV_DHCP_ACK = 5,
        SV_DHCP_NAK = 6
};

struct sv_dhcp_route { /* RFC 3442 */
        uint32_t to;
        unsigned prefix; /* 0: the default route */
        uint32_t router; /* 0: on the link */
};

struct sv_dhcp_lease { /* addresses in host byte order */
        enum sv_dhcp_type type;
        uint32_t address;
        uint32_t server;
        uint32_t netmask;
        uint32_t router; /* 0: none; need not lie within the netmask */
        struct sv_dhcp_route routes[SV_DHCP_ROUTES_MAX];
        size_t n_routes; /* when there are any, `router` does not count and is 0 */
        unsigned mtu;    /* 0: as it is */
        uint32_t resolvers[SV_RESOLVERS_MAX]; /* who resolves names; 0: none */
};

/* A DISCOVER, or a REQUEST for what `offer` offered. */
void sv_dhcp_put(struct sv_buf *out, enum sv_dhcp_type type, const uint8_t mac[6], uint32_t xid,
                 const struct sv_dhcp_lease *offer);
/* An answer to xid and mac: SV_FORMAT "agent.dhcp.*" when it is none, or is malformed. */
int sv_dhcp_parse(struct sv_bytes msg, const uint8_t mac[6], uint32_t xid,
                  struct sv_dhcp_lease *out, struct sv_err *err);
