/* SPDX-License-Identifier: Apache-2.0 */
/* Collateral from files, each under the kind that a TEE's verifier asks for. */
#pragma once

#include "base/core/buf.h"

struct sv_files {
        struct sv_file {
                char kind[32];
                struct sv_buf data;
        } * list;
        size_t n;
};

void sv_files_free(struct sv_files *f);
/* The contents of one file. SV_SYSTEM / SV_FORMAT "verify.collateral". */
int sv_files_add(struct sv_files *f, const char *kind, const char *path, struct sv_err *err);
/* The last file may be a VEK with the certificates above it behind: these become a file of their
 * own, of this kind. */
int sv_files_split(struct sv_files *f, const char *kind, struct sv_err *err);
/* A folder: every file under the kind that its name says up to the first dot, "_" read as "-"
 * (ek-root.1.pem, tcb_info.json), in the order of names. A file: kind "bundle". */
int sv_files_add_path(struct sv_files *f, const char *path, struct sv_err *err);
