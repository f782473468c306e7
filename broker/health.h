/* SPDX-License-Identifier: Apache-2.0 */
/* Can this broker release a key now? */
#pragma once

#include "broker/broker.h"

/* The database answers, is the newest, and its MACs are of this kek; what a release writes has
 * room; the clock is not behind the newest record. SV_SYSTEM "broker.store…",
 * "broker.health.space", "broker.health.clock". Changes nothing, and takes no lock. */
int sv_health_check(struct sv_broker *b, int64_t now, struct sv_err *err);
/* Has the file system of `path` so many bytes left, and can it be written? SV_SYSTEM
 * "broker.health.space". */
int sv_health_check_space(const char *path, uint64_t bytes, struct sv_err *err);
