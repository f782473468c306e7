/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a limit counts as one: an IPv4 address, or the /64 that an IPv6 address is of, since one
 * host has all of its /64. Behind a NAT many guests are one source. */
#pragma once

#include <stdint.h>
#include <sys/socket.h>

/* The prefix of an IPv6 address; an IPv4 address (also a mapped one) above bit 32, where no prefix
 * is that anybody has; UINT64_MAX for anything else. */
uint64_t sv_source_of(const struct sockaddr_storage *peer);
