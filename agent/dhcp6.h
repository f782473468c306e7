/* SPDX-License-Identifier: Apache-2.0 */
/* DHCPv6 messages (RFC 8415, resolvers of RFC 3646): as much as a guest needs to reach its broker.
 * Pure.
 *
 * A message is its type (1 byte), the number of the exchange (3) and options: code (2), length (2),
 * value. The client is named by its hardware address (DUID-LL); the address that it asks for is
 * part of an association (IA_NA), in whose value options stand again. The prefix of the network and
 * the way out are the routers' to say, not the server's. */
#pragma once

#include "base/core/buf.h"
#include "base/core/limits.h"

enum sv_dhcp6_type {
        SV_DHCP6_SOLICIT = 1,
        SV_DHCP6_ADVERTISE = 2,
        SV_DHCP6_REQUEST = 3,
        SV_DHCP6_REPLY = 7,
        SV_DHCP6_INFORMATION = 11
};

struct sv_dhcp6_lease {
        enum sv_dhcp6_type type;
        uint8_t server[SV_DUID_MAX];
        size_t server_n;
        bool has_address;
        uint8_t address[16];
        uint8_t resolvers[SV_RESOLVERS_MAX][16];
        size_t n_resolvers;
};

/* A SOLICIT, a REQUEST for what `offer` offered, or an INFORMATION request; 24 bits of xid. */
void sv_dhcp6_put(struct sv_buf *out, enum sv_dhcp6_type type, const uint8_t mac[6], uint32_t xid,
                  const struct sv_dhcp6_lease *offer);
/* An answer to xid and mac; one to SOLICIT or REQUEST without an address is none (has_address).
 * SV_FORMAT "agent.dhcp6.*" when it is no answer, refuses, or is malformed. */
int sv_dhcp6_parse(struct sv_bytes msg, const uint8_t mac[6], uint32_t xid,
                   struct sv_dhcp6_lease *out, struct sv_err *err);
