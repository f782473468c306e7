/* SPDX-License-Identifier: Apache-2.0 */
#include "image/folder.h"

#include <unistd.h>

#include "base/core/file.h"

static bool has_here(const struct sv_folder *f, const char *path)
{
        SV_STR whole = sv_asprintf("%s/%s", f->name, path);

        return access(whole, F_OK) == 0;
}

static int read_here(const struct sv_folder *f, const char *path, size_t max, struct sv_buf *out,
                     const char *check, struct sv_err *err)
{
        SV_STR whole = sv_asprintf("%s/%s", f->name, path);

        return sv_file_read(whole, max, out, check, err);
}

struct sv_folder sv_folder_here(const char *path)
{
        return (struct sv_folder){.name = path, .has = has_here, .read = read_here};
}
