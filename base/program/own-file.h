/* SPDX-License-Identifier: Apache-2.0 */
/* Files that belong to a program and are found from where it lies itself, so that a prefix can be
 * moved and a build tree works without being installed. */
#pragma once

#include "base/core/err.h"

/* What a command needs and an option may name instead. */
struct sv_own_file {
        const char *what;      /* "EFI stub" */
        const char *option;    /* "stub" */
        const char *installed; /* below the prefix: "share/secure-vm/stub.efi" */
        const char *built;     /* below the build's folder */
        const char *check;
};

/* The first of the two places where it is; the caller frees. SV_SYSTEM `check` when it is at
 * neither. */
int sv_own_file_find(const struct sv_own_file *file, char **path, struct sv_err *err);
