/* SPDX-License-Identifier: Apache-2.0 */
/* Guests that this host knows by their names: for each a guest file in one folder. Root's are in
 * /etc/secure-vm/guests, others' in $XDG_CONFIG_HOME/secure-vm/guests; with SECURE_VM_DIR they lie
 * below that, in .guests. A file there says which folder its relative paths are relative to. */
#pragma once

#include "guest/guest.h"

/* The guest of a command's argument: the defined one of that name, else the file of that path.
 * Whatever takes a guest file takes it so. Errors of
 * sv_guest_file_read. */
int sv_guest_take(const char *word, struct sv_guest *out, struct sv_err *err);

/* A copy that is being edited lies beside the file, as the name with a dot before it and this
 * behind it; the list of names passes over it. */
#define SV_DRAFT_END ".XXXXXX.json"

/* Is a guest defined by that name? */
bool sv_defined_has(const char *name);
/* The names of the defined guests. SV_SYSTEM "defined.folder". */
int sv_defined_list(struct sv_json **names, struct sv_err *err);
/* SV_USAGE "defined.name" when no guest is defined by that name, or it can be none. */
int sv_defined_read(const char *name, struct sv_guest *out, struct sv_err *err);
/* Keeps the guest's file under its name. SV_USAGE "defined.exists" when there is one and `replace`
 * is false; "defined.owner" when root would keep what another user wrote. */
int sv_defined_write(const struct sv_guest *g, bool replace, struct sv_err *err);
/* The same in place of `before`: SV_USAGE "edit.changed" when the definition is another by now. */
int sv_defined_change(const struct sv_guest *before, const struct sv_guest *after,
                      struct sv_err *err);
/* Forgets the name, and the drafts of it. "defined.name" as above. */
int sv_defined_remove(const char *name, struct sv_err *err);
