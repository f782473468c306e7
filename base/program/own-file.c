/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program/own-file.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"

/* Programs lie one folder below the prefix (bin, sbin) and one below the build (launcher). */
static int find_own_top(char top[PATH_MAX], const char *check, struct sv_err *err)
{
        ssize_t n = readlink("/proc/self/exe", top, PATH_MAX - 1);

        if (n < 0)
                return sv_fail_errno(err, check, "/proc/self/exe");
        top[n] = 0;
        for (int up = 0; up < 2; up++)
                if (strrchr(top, '/'))
                        *strrchr(top, '/') = 0;
        return 0;
}

int sv_own_file_find(const struct sv_own_file *file, char **path, struct sv_err *err)
{
        const char *const below[] = {file->installed, file->built};
        char top[PATH_MAX];

        if (find_own_top(top, file->check, err) < 0)
                return -1;
        for (size_t i = 0; i < sizeof(below) / sizeof(*below); i++) {
                char *found = sv_asprintf("%s/%s", top, below[i]);

                if (access(found, R_OK) == 0) {
                        *path = found;
                        return 0;
                }
                free(found);
        }
        return sv_fail(err, SV_SYSTEM, file->check,
                       "no %s at %s/%s: install secure-vm whole, or name it with --%s", file->what,
                       top, file->installed, file->option);
}
