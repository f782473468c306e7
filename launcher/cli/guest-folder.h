/* SPDX-License-Identifier: Apache-2.0 */
/* A folder with all that a guest is made of, that gets its name when it is whole: until then it has
 * another beside it, and is removed whatever becomes of this process. */
#pragma once

#include "base/core/err.h"
#include "image/scratch.h"

struct sv_guest_folder {
        char *path; /* the name it will have */
        struct sv_scratch scratch;
};

/* SV_USAGE "image.exists" when something is there; SV_SYSTEM "image.scratch". */
int sv_guest_folder_make(const char *path, struct sv_guest_folder *out, struct sv_err *err);
/* SV_USAGE "image.exists", SV_SYSTEM "image.out". */
int sv_guest_folder_publish(struct sv_guest_folder *f, struct sv_err *err);
/* Without sv_guest_folder_publish before it nothing is left. */
void sv_guest_folder_end(struct sv_guest_folder *f);
