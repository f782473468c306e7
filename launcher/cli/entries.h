/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of settings with one file for each name: FOLDER/NAME.json. */
#pragma once

#include "base/json/json.h"

/* The file of that name; the caller frees. NULL without a folder, and SV_USAGE `check` for what is
 * no name of a `what`. */
char *sv_entry_path(const char *folder, const char *name, const char *what, const char *check,
                    struct sv_err *err);
/* The names that have a file, in their order; none where there is no folder. SV_SYSTEM `check`. */
int sv_entry_list(const char *folder, const char *check, struct sv_json **names,
                  struct sv_err *err);
/* "a, b", or "none", for messages; the caller frees. */
char *sv_entry_names(const struct sv_json *names);
