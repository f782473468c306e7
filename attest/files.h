/* SPDX-License-Identifier: Apache-2.0 */
/* Collateral that was given, each piece under the kind that a TEE's verifier asks for. Pure. */
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
/* Takes what `data` holds, in any form of attest/armor.h; `name` is for messages. SV_USAGE or
 * SV_FORMAT "verify.collateral". */
int sv_files_take(struct sv_files *f, const char *kind, const char *name, struct sv_buf *data,
                  struct sv_err *err);
/* The last file may be a VEK with the certificates above it behind: these become a file of their
 * own, of this kind. */
int sv_files_split(struct sv_files *f, const char *kind, struct sv_err *err);
