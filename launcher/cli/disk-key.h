/* SPDX-License-Identifier: Apache-2.0 */
/* What a broker has under a resource, for the commands that would change it. */
#pragma once

#include "attest/kbs/admin-client.h"

/* A version as sv_admin_show_resource lists it that is the key of a disk: of this volume, with this
 * header (hex); NULL stands for any. The newest; NULL when there is none. Borrowed. */
const struct sv_json *sv_disk_key_find(const struct sv_json *resource, const char *volume,
                                       const char *header);
/* The command may name no other volume than the UUID of one: SV_USAGE "key.volume". */
int sv_disk_key_check_uuid(const char *uuid, struct sv_err *err);
