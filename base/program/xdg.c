/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program/xdg.h"

#include <stdlib.h>

#include "base/core/file.h"

char *sv_xdg_path(const char *variable, const char *below_home, const char *rest)
{
        const char *said = getenv(variable), *home = getenv("HOME");

        if (said && *said == '/')
                return sv_asprintf("%s/%s", said, rest);
        return home && *home == '/' ? sv_asprintf("%s/%s/%s", home, below_home, rest) : NULL;
}
