/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "base/core/err.h"

/* What may still be opened. Paths that are not there are left out. */
struct sv_landlock {
        const char *const *read;  /* files, and all below folders; ends with NULL */
        bool programs;            /* and those may be run */
        const char *const *write; /* the same; may be NULL */
        bool sockets;             /* and sockets may be made there */
};

/* From now on only these files can be opened, also by programs that this process becomes; it must
 * have no way to new privileges. SV_SYSTEM `check`; a kernel without landlock: *partly is set. */
int sv_landlock_enter(const struct sv_landlock *files, bool *partly, const char *check,
                      struct sv_err *err);
