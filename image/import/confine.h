/* SPDX-License-Identifier: Apache-2.0 */
/* What the program that reads a disk's image may still do. Formats name other files (a backing
 * file, extents, data apart) and servers, and who can write the image can put such a name into it
 * after it was looked at. */
#pragma once

#include "base/core/err.h"

struct sv_confine {
        const char *program; /* to be run, by its name in PATH or its path */
        const char *dir;     /* what it makes goes here */
};

/* `arg` is a struct sv_confine. From now on: SV_RUN_FILE and the system's programs are read, no
 * connection is made but to what runs here, no process is looked into. SV_SYSTEM "import.nbd".
 * A kernel without landlock gives the files free. */
int sv_confine_enter(void *arg, struct sv_err *err);
