/* SPDX-License-Identifier: Apache-2.0 */
/* The machine, which a test switches on. */
#pragma once

#include "base/crypto/crypto.h"

/* What it booted, and what it signs with; NULL: there is no such machine. */
void toy_boot(const uint8_t launch[32], const struct sv_key *key);
