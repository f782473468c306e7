/* SPDX-License-Identifier: Apache-2.0 */
/* Who resolves names, as a router announces it (RFC 8106 section 5.1): the kernel hands such
 * options on as they came. Pure.
 *
 * Options of an announcement are type (1 byte), length in units of 8 bytes (1), value. Of type 25
 * the value is two bytes that do not count, the lifetime in seconds (4) and addresses (16 each). */
#pragma once

#include "base/core/bytes.h"
#include "base/core/limits.h"

/* *n is how many there were. SV_FORMAT "agent.rdnss". */
int sv_rdnss_parse(struct sv_bytes options, uint8_t out[SV_RESOLVERS_MAX][16], size_t *n,
                   struct sv_err *err);
