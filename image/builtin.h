/* SPDX-License-Identifier: Apache-2.0 */
/* What a kernel has built in, as its build writes it below the modules directory: modules.builtin,
 * a path a line, or modules.builtin.modinfo, "name.field=value" with a NUL behind each (kbuild's
 * "Module support"). */
#pragma once

#include "image/folder.h"

struct sv_builtin {
        struct sv_buf names; /* each between two line ends, '-' as '_' */
        bool known;          /* one of the files was there */
};

#define SV_BUILTIN_NULL   \
        {                 \
                {         \
                        0 \
                }         \
        }

/* From whichever of the two files there is; neither is no error. SV_SYSTEM or SV_FORMAT
 * "image.modules.builtin": one cannot be read, or is too large. */
int sv_builtin_read(const struct sv_folder *modules, struct sv_builtin *out, struct sv_err *err);
/* '-' and '_' alike. */
bool sv_builtin_has(struct sv_builtin *b, const char *name);
void sv_builtin_free(struct sv_builtin *b);
#define SV_BUILTIN __attribute__((cleanup(sv_builtin_free))) struct sv_builtin
