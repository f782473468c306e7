/* SPDX-License-Identifier: Apache-2.0 */
/* DHCP messages (RFC 2131, RFC 2132): as much as a guest needs to reach its broker. Pure. */
#pragma once

#include "base/core/buf.h"

enum sv_dhcp_type {
        SV_DHCP_DISCOVER = 1,
        SV_DHCP_OFFER = 2,
        SV_DHCP_REQUEST = 3,
        SV_DHCP_ACK = 5,
        SV_DHCP_NAK = 6
};

#define SV_RESOLVERS_MAX 3 /* as many as the C library asks (resolv.conf(5)) */

struct sv_dhcp_lease { /* addresses in host byte order */
        enum sv_dhcp_type type;
        uint32_t address;
        uint32_t server;
        uint32_t netmask;
        uint32_t router;                      /* 0: none */
        uint32_t resolvers[SV_RESOLVERS_MAX]; /* who resolves names; 0: none */
};

/* A DISCOVER, or a REQUEST for what `offer` offered. */
void sv_dhcp_put(struct sv_buf *out, enum sv_dhcp_type type, const uint8_t mac[6], uint32_t xid,
                 const struct sv_dhcp_lease *offer);
/* An answer to xid and mac: SV_FORMAT "agent.dhcp.*" when it is none, or is malformed. */
int sv_dhcp_parse(struct sv_bytes msg, const uint8_t mac[6], uint32_t xid,
                  struct sv_dhcp_lease *out, struct sv_err *err);
