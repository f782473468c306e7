/* SPDX-License-Identifier: Apache-2.0 */
/* Collateral from files. */
#pragma once

#include "attest/files.h"

/* The contents of one file. SV_SYSTEM / SV_FORMAT "verify.collateral". */
int sv_files_add(struct sv_files *f, const char *kind, const char *path, struct sv_err *err);
/* A folder: every file under the kind that its name says up to the first dot, "_" read as "-"
 * (ek-root.1.pem, tcb_info.json), in the order of names. A file: kind "bundle". */
int sv_files_add_path(struct sv_files *f, const char *path, struct sv_err *err);
