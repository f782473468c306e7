/* SPDX-License-Identifier: Apache-2.0 */
/* A folder that was filled elsewhere. */
#pragma once

#include "attest/fetch/cache.h"

/* What a row needs, from <dir>/<row's "offline"> or <dir>/<kind>.<anything>; what its headers would
 * bring, from <dir>/<kind>.<anything>. A name's "_" counts as "-". *absent is set when an optional
 * row is not there. *out must be zeroed. SV_SYSTEM "collateral.offline", and the errors of
 * attest/fetch/form.h. */
int sv_fetch_offline(const char *dir, const struct sv_json *row, struct sv_entry *out, bool *absent,
                     struct sv_err *err);
/* Does this path stay below the folder, whatever the evidence said: no way up, not absolute? */
bool sv_offline_path_ok(const char *path);
