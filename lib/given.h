/* SPDX-License-Identifier: Apache-2.0 */
/* A call whose files are bytes: while it lasts, what the rooms that measure ask of a file system
 * they ask of these (lib/meson.build, --wrap), and there is no other. */
#pragma once

#include <setjmp.h>

#include "lib/types.h"

struct sv_given_call {
        const securevm_files *files;
        jmp_buf no_memory; /* where who has no memory for a line of text goes instead of abort() */
};

/* For this thread; NULL ends it. */
void sv_given_set(struct sv_given_call *call);
/* NULL: there is no such file. */
const struct sv_bytes *sv_given_find(const securevm_files *files, const char *path);
