/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/collateral.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/core/file.h"
#include "base/core/limits.h"

int sv_files_add(struct sv_files *f, const char *kind, const char *path, struct sv_err *err)
{
        SV_BUF data = SV_BUF_NULL;

        if (sv_file_read(path, SV_JSON_SIZE_MAX, &data, "verify.collateral", err) < 0)
                return -1;
        return sv_files_take(f, kind, path, &data, err);
}

static int add_folder_entry(struct sv_files *f, const char *dir, const char *name,
                            struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s/%s", dir, name);
        SV_STR kind = sv_asprintf("%.*s", (int)strcspn(name, "."), name);
        struct stat st;

        if (name[0] == '.' || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
                return 0;
        for (char *p = kind; *p; p++) {
                if (*p == '_')
                        *p = '-';
        }
        return sv_files_add(f, kind, path, err);
}

int sv_files_add_path(struct sv_files *f, const char *path, struct sv_err *err)
{
        struct dirent **names = NULL;
        struct stat st;
        int n, r = 0;

        if (stat(path, &st) < 0)
                return sv_fail_errno(err, "verify.collateral", "cannot read %s", path);
        if (!S_ISDIR(st.st_mode))
                return sv_files_add(f, "bundle", path, err);
        n = scandir(path, &names, NULL, alphasort);
        if (n < 0)
                return sv_fail_errno(err, "verify.collateral", "cannot list %s", path);
        for (int i = 0; i < n; i++) {
                if (r == 0)
                        r = add_folder_entry(f, path, names[i]->d_name, err);
                free(names[i]);
        }
        free(names);
        return r;
}
