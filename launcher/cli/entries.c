/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/entries.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/text.h"

#define SUFFIX ".json"

char *sv_entry_path(const char *folder, const char *name, const char *what, const char *check,
                    struct sv_err *err)
{
        if (!folder)
                return NULL;
        if (sv_name_ok(name))
                return sv_asprintf("%s/%s" SUFFIX, folder, name);
        sv_fail(err, SV_USAGE, check,
                "\"%s\" is no name of a %s: letters, digits, \"-\", \"_\" and \".\" make one", name,
                what);
        return NULL;
}

static int is_entry_file(const struct dirent *d)
{
        size_t n = strlen(d->d_name), suffix = strlen(SUFFIX);

        return d->d_name[0] != '.' && n > suffix && !strcmp(d->d_name + n - suffix, SUFFIX);
}

int sv_entry_list(const char *folder, const char *check, struct sv_json **names, struct sv_err *err)
{
        struct dirent **found = NULL;
        int n = scandir(folder, &found, is_entry_file, alphasort);

        if (n < 0 && errno != ENOENT)
                return sv_fail_errno(err, check, "cannot read %s", folder);
        *names = sv_json_array();
        for (int i = 0; i < n; i++) {
                found[i]->d_name[strlen(found[i]->d_name) - strlen(SUFFIX)] = 0;
                sv_json_add(*names, sv_json_new_str(found[i]->d_name));
                free(found[i]);
        }
        free(found);
        return 0;
}

char *sv_entry_names(const struct sv_json *names)
{
        SV_BUF list = SV_BUF_NULL;

        for (size_t i = 0; i < sv_json_len(names); i++)
                sv_buf_printf(&list, "%s%s", i ? ", " : "", sv_json_str(sv_json_at(names, i)));
        return sv_asprintf("%s", list.n ? sv_buf_str(&list) : "none");
}
