/* SPDX-License-Identifier: Apache-2.0 */
/* Sources (broker/serve/source.h) that a secret was released to lately. When more come than can be
 * served they go first: a guest that proved what it is stands before whoever only asks. The
 * keeper's processes write, the network's process reads; it is no proof of anything, and what is
 * read while it is written does no harm. A new broker knows nobody. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/core/err.h"

#define SV_KNOWN_SOURCES 4096     /* at most: of those that share a row the oldest goes */
#define SV_KNOWN_MS      86400000 /* a release is lately for so long */

struct sv_known;

/* -1: SV_SYSTEM "broker.serve", "base.memory". Nothing can be asked or noted before it is mapped.
 */
int sv_known_open(struct sv_known **out, struct sv_err *err);
/* Into this process, and those that it forks; the descriptor is closed. SV_SYSTEM "broker.serve".
 */
int sv_known_map(struct sv_known *k, bool writes, struct sv_err *err);
void sv_known_free(struct sv_known *k);
/* k may be NULL: nobody is known. The clock is the same in all processes (sv_clock_ms). */
void sv_known_note(struct sv_known *k, uint64_t source, int64_t now_ms);
bool sv_known_has(const struct sv_known *k, uint64_t source, int64_t now_ms);
