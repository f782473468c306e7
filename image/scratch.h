/* SPDX-License-Identifier: Apache-2.0 */
/* A private folder for what must not stay: a second process removes it when this one ends, however
 * it ends. It lies in $TMPDIR, otherwise in memory. */
#pragma once

#include <sys/types.h>

#include "base/core/err.h"

struct sv_scratch {
        char *dir;
        int alive; /* the other process sees its end */
        pid_t pid;
};

/* In `place`; NULL: $TMPDIR or memory. SV_SYSTEM "image.scratch". */
int sv_scratch_make(const char *place, struct sv_scratch *out, struct sv_err *err);
/* Returns when it is gone. */
void sv_scratch_remove(struct sv_scratch *s);
