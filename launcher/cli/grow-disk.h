/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a guest's disk can grow while it runs, and what its system is to be told then. */
#pragma once

#include "base/json/json.h"

/* `disk` of a status, whose file is looked at when it is `here`. SV_USAGE "resize.readonly",
 * "resize.verity", "resize.tags": such a disk grows otherwise, or never; SV_SYSTEM "resize.unseen":
 * whether it is one of those cannot be seen; "resize.room". */
int sv_grow_check(const struct sv_json *disk, bool here, uint64_t bytes, struct sv_err *err);
/* What a person does inside the guest `name` to use the room. The caller frees. */
char *sv_grow_advice(const char *name, const struct sv_json *status, const struct sv_json *disk);
/* The disk of this id among a status' disks; NULL: none. */
const struct sv_json *sv_grow_find(const struct sv_json *status, const char *id);
