/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots that are there: whole folders of copies (launcher/keeper/saved.h) in the site. */
#pragma once

#include "base/json/json.h"
#include "launcher/keeper/site.h"

/* SV_USAGE "snapshot.name". */
int sv_snapshot_check_name(const char *name, struct sv_err *err);
/* The name is a name, is free ("snapshot.exists"), and one more may be
 * there ("snapshot.limit"). */
int sv_snapshot_check_new(const struct sv_site *p, const char *name, struct sv_err *err);
/* Is it there? SV_USAGE "snapshot.absent" naming those that are. */
int sv_snapshot_find(const struct sv_site *p, const char *name, struct sv_err *err);
/* {"name","made","guest","bytes","disks":["root"],"quiesced":true} each, the oldest first; one that
 * cannot be read has "error" instead. Takes no lock. */
int sv_snapshot_list(const struct sv_site *p, struct sv_json *rows, struct sv_err *err);
/* The site is locked. Its name goes first, then what it has. */
int sv_snapshot_delete(const struct sv_site *p, const char *name, struct sv_err *err);
/* All of them; *removed: how many. SV_USAGE "snapshot.none". */
int sv_snapshot_flatten(const struct sv_site *p, size_t *removed, struct sv_err *err);
