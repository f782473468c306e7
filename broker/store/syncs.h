/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that commit to one log (SQLite's WAL) share their syncs of it. A commit is written
 * without a sync, and takes a number; then one process syncs at a time, for all that were written
 * before it began. Whoever comes to its turn and finds its number below the last sync has nothing
 * to do. So a commit waits for at most two syncs, and many commits at once cost two. */
#pragma once

#include <stdint.h>

#include "base/core/err.h"

struct sv_syncs;

/* In memory that is shared with the processes forked later. SV_SYSTEM "broker.serve". */
int sv_syncs_open(struct sv_syncs **out, struct sv_err *err);
void sv_syncs_free(struct sv_syncs *s);
/* Of processes that close what they do not use: its descriptor. */
int sv_syncs_lock(const struct sv_syncs *s);

/* A commit was written to the log of the database with this number (its file's; another one may
 * take its place): returns when it was synced, by sync(context) or by another process; -1 when
 * sync(context) has failed, which says so by that. */
int sv_syncs_wait(struct sv_syncs *s, uint64_t database, int (*sync)(void *context), void *context);
/* How many have waited, and how many syncs there were. */
void sv_syncs_count(const struct sv_syncs *s, int64_t *commits, int64_t *syncs);
