/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that commit to one log (SQLite's WAL) share their syncs of it. A commit is written
 * without a sync, and takes a number; then one process syncs at a time, for all that were written
 * before it began. Whoever comes to its turn and finds its number below the last sync has nothing
 * to do. So a commit waits for at most two syncs, and many commits at once cost two.
 *
 * What a failed sync has not written the kernel may take for written, and the next sync says
 * nothing of it. So after one the next has to write all of the log anew; until one has, nothing
 * counts as kept. The first one does so too: what was before, nobody knows. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/core/err.h"

struct sv_syncs;

/* In memory that is shared with the processes forked later. SV_SYSTEM "broker.serve". */
int sv_syncs_open(struct sv_syncs **out, struct sv_err *err);
void sv_syncs_free(struct sv_syncs *s);
/* Of processes that close what they do not use: its descriptor. */
int sv_syncs_lock(const struct sv_syncs *s);

/* What the caller, or who it has read from, has committed was written to the log of the database
 * with this number (its file's; another one may take its place): returns when it was synced, by
 * sync(context, again) or by another process; -1 when that has failed, which says so by that.
 * `again`: the log is to be written anew first. */
int sv_syncs_wait(struct sv_syncs *s, uint64_t database, int (*sync)(void *context, bool again),
                  void *context);
/* The same, and waits for nobody: the number of what was committed. Somebody is to ask for a sync
 * later, unless another's sync has had it until then. */
int64_t sv_syncs_defer(struct sv_syncs *s);
/* Has what was committed under this number been synced? */
bool sv_syncs_has_synced(const struct sv_syncs *s, uint64_t database, int64_t number);
/* A sync of the log has failed that was not asked for here. NULL: of nobody else's. */
void sv_syncs_note_failed(struct sv_syncs *s);
/* Has one, and the log was not written anew since? */
bool sv_syncs_has_failed(const struct sv_syncs *s);
/* How many have waited, and how many syncs there were. */
void sv_syncs_count(const struct sv_syncs *s, int64_t *commits, int64_t *syncs);
