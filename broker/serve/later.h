/* SPDX-License-Identifier: Apache-2.0 */
/* What is said to a request that nobody can work on in its time: come again, and when. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/core/buf.h"

#define SV_LATER_DRAINS 5  /* seconds: about a restart */
#define SV_LATER_MAX    30 /* seconds; with what is added by chance at most twice as many */

/* How many requests got a process lately. A zeroed one is a fresh one. */
struct sv_pace {
        int64_t begin_ms; /* of the period that `now` counts */
        uint32_t now, last;
};
void sv_pace_note(struct sv_pace *p, int64_t now_ms);
/* Seconds until as many as wait have had their turn, from 1 to SV_LATER_MAX. */
unsigned sv_pace_left(const struct sv_pace *p, size_t waiting, int64_t now_ms);

/* The whole answer, 503 "broker.busy" (RFC 9110 section 15.6.4), after which the connection is
 * closed. `seconds` is its Retry-After, and as much again by `chance`, any number: who was refused
 * together does not come together. */
void sv_later_write(unsigned seconds, uint32_t chance, struct sv_buf *out);
