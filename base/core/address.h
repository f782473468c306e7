/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of the network as people write them: IPv4, IPv6 (RFC 4291), Ethernet. Pure. */
#pragma once

#include "base/core/bytes.h"

struct sv_address {
        unsigned family;   /* 4, 6; 0: none */
        unsigned prefix;   /* bits of its network; all of its bits where the text names none */
        uint8_t bytes[16]; /* in the order of the network; the first 4 of family 4 */
};

#define SV_ADDRESS_TEXT 52 /* bytes of an address with its prefix, and the end of the text */
#define SV_MAC_TEXT     18

/* "192.0.2.7", or with `prefix` "192.0.2.7/24". False, and nothing is written: it is none. */
bool sv_address_read(struct sv_bytes text, bool prefix, struct sv_address *out);
/* The same text; the prefix only where it is less than the whole address. */
void sv_address_print(const struct sv_address *a, char out[SV_ADDRESS_TEXT]);
/* Of one machine: not unspecified, not the loopback, not of a group. */
bool sv_address_is_host(const struct sv_address *a);
/* `v4` in host byte order. */
struct sv_address sv_address_v4(uint32_t v4, unsigned prefix);
/* Of one network card: six bytes as 52:54:00:12:34:56, not zero, not of a group. */
bool sv_mac_read(struct sv_bytes text, uint8_t mac[6]);
