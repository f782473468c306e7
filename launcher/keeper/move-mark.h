/* SPDX-License-Identifier: Apache-2.0 */
/* How far a cold move has come, kept where any secure-vm that connects to a host finds it: with the
 * guest's definition there, as a mark (JSON in the domain's metadata) and a fence.
 *
 *      source                          target          the guest can be started
 *      -                               -               here
 *      mark                            a part          here
 *      mark, fenced                    a part          nowhere, until the move goes on or back
 *      mark "arriving", fenced         definition      there
 *      -                               definition      there
 *
 * Fenced, the definition names disks that are not there (SV_MOVE_FENCE behind each path), so that
 * nothing starts it, by whatever means: one call of libvirt's puts that in place and takes it away.
 */
#pragma once

#include "base/json/json.h"

struct sv_virt;

#define SV_MOVE_FENCE ".moved-away"

/* The definition with the fence, or without it. NULL without memory. The caller frees. */
char *sv_move_fence(const char *xml, bool on);
bool sv_move_is_fenced(const char *xml);

/* *out stays NULL when the subject (sv_virt_lookup) has none. SV_FORMAT "state.facts",
 * "state.version". */
int sv_move_read_mark(struct sv_virt *v, const char *name, struct sv_json **out,
                      struct sv_err *err);
/* The mark of a guest that is on its way; *out stays NULL for one that is not. One that has arrived
 * at this host by a move whose end was not seen brings a mark along, which goes, unless this is but
 * a look beforehand. */
int sv_move_read_way(struct sv_virt *v, const char *name, const char *host_uuid, bool look,
                     struct sv_json **out, struct sv_err *err);
int sv_move_write_mark(struct sv_virt *v, const struct sv_json *mark, struct sv_err *err);

/* SV_SYSTEM "move.unfinished": the guest is on its way as the mark says, and what else there is. */
int sv_move_fail_unfinished(const struct sv_json *mark, const char *name, const char *what,
                            struct sv_err *err);
/* Before a start: SV_SYSTEM "move.unfinished" when the guest is fenced. The subject is it. */
int sv_move_check_start(struct sv_virt *v, const char *name, struct sv_err *err);
/* Before a launch replaces its definition: that, and sv_virt_check_unsaved. */
int sv_move_check_launch(struct sv_virt *v, const char *name, struct sv_err *err);
