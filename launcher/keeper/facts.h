/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a guest with its domain at a libvirt daemon, so that any secure-vm that connects
 * there knows it: the status' members that a launch settles, as JSON in the domain's metadata, with
 * the version of that form. And of its run, which is gone when that ends: since when, and whether
 * its disk was seen to be open. */
#pragma once

#include "launcher/keeper/keeper.h"
#include "launcher/keeper/life.h"
#include "launcher/keeper/state.h"
#include "launcher/virt/virt.h"

/* Of a guest that is about to be defined; `boot`: what was measured. The caller frees. */
struct sv_json *sv_facts_make(const struct sv_launch *l, const struct sv_json *boot);
/* Is the domain ours? By what is kept with it, or (*facts NULL) by its agent's port: of a version
 * that kept nothing. SV_FORMAT "state.facts" when that is broken, state.version. The caller frees.
 */
int sv_facts_read(struct sv_virt *v, const char *name, bool *ours, struct sv_json **facts,
                  struct sv_err *err);
/* SV_USAGE "state.other" for a domain that is not. */
int sv_facts_read_ours(struct sv_virt *v, const char *name, struct sv_json **facts,
                       struct sv_err *err);
/* Everything that list and show say of a domain in this state, the facts among it. */
void sv_facts_put_status(struct sv_virt *v, const char *name, enum sv_virt_state state, bool ours,
                         const struct sv_json *facts, struct sv_json *out);
/* And what show alone asks QEMU for: what it may take, and what it has. */
void sv_facts_put_sizes(struct sv_virt *v, enum sv_virt_state state, struct sv_json *out);

/* Of a run that has just begun. */
int sv_facts_begin_run(struct sv_virt *v, struct sv_err *err);
/* Its disk was seen to be open, as f has it. */
int sv_facts_note_unlocked(struct sv_virt *v, const struct sv_follow *f, struct sv_err *err);
/* What was kept of it; NULL: nothing. The caller frees. */
struct sv_json *sv_facts_read_run(struct sv_virt *v);
/* SV_SYSTEM "migrate.post-copy" for a guest whose memory is in two parts, with what to do. */
int sv_facts_check_whole(struct sv_virt *v, const char *name, struct sv_err *err);
/* As sv_life_check, of a guest that is whole. */
int sv_facts_check_event(struct sv_virt *v, enum sv_life life, enum sv_life_event event,
                         const char *name, struct sv_err *err);
/* The life's state of a domain. */
enum sv_life sv_facts_life(struct sv_virt *v, enum sv_virt_state state);

/* The ports that lead to the guest, for sv_virt_forward_ports; *out must be zeroed. */
void sv_facts_forwards(const struct sv_json *facts, struct sv_guest *out);
