/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/overlap.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/tune/sys-file.h"

static bool read_disk_number(const char *folder, dev_t *out)
{
        SV_STR path = sv_asprintf("%s/dev", folder);
        SV_BUF text = SV_BUF_NULL;
        const char *at;
        uint64_t first, second;

        if (sv_file_read(path, 64, &text, "launch.disk", NULL) < 0)
                return false;
        at = sv_buf_str(&text);
        if (!sv_sys_take_number(&at, UINT32_MAX, &first) || *at++ != ':' ||
            !sv_sys_take_number(&at, UINT32_MAX, &second))
                return false;
        *out = makedev((unsigned)first, (unsigned)second);
        return true;
}

static bool is_partition(const char *folder)
{
        SV_STR path = sv_asprintf("%s/partition", folder);

        return access(path, F_OK) == 0;
}

/* False when it is there already. */
static bool add_number(struct sv_overlap *o, dev_t number)
{
        for (size_t i = 0; i < o->n; i++)
                if (o->list[i] == number)
                        return false;
        if (o->n < SV_OVERLAP_MAX)
                o->list[o->n++] = number;
        return o->n < SV_OVERLAP_MAX;
}

typedef void (*take_folder)(const char *folder, struct sv_overlap *o);

static void take_each(const char *folder, const char *below, bool partitions, take_folder take,
                      struct sv_overlap *o)
{
        SV_STR where = sv_asprintf("%s/%s", folder, below);
        DIR *dir = opendir(where);
        struct dirent *e;

        while (dir && (e = readdir(dir))) {
                SV_STR path = sv_asprintf("%s/%s", where, e->d_name);

                if (*e->d_name != '.' && (!partitions || is_partition(path)))
                        take(path, o);
        }
        if (dir)
                closedir(dir);
}

/* It, its partitions, and all that lies on top of them. */
static void take_above(const char *folder, struct sv_overlap *o)
{
        dev_t number;

        if (!read_disk_number(folder, &number) || !add_number(o, number))
                return;
        take_each(folder, ".", true, take_above, o);
        take_each(folder, "holders", false, take_above, o);
}

/* It, the disk that it is a partition of, and all that lies below. */
static void take_below(const char *folder, struct sv_overlap *o)
{
        SV_STR disk = sv_asprintf("%s/..", folder);
        dev_t number;

        if (!read_disk_number(folder, &number))
                return;
        add_number(o, number);
        if (is_partition(folder))
                take_below(disk, o);
        take_each(folder, "slaves", false, take_below, o);
}

void sv_overlap_list(const char *root, dev_t number, struct sv_overlap *out)
{
        SV_STR link = sv_asprintf("%s/sys/dev/block/%u:%u", root, major(number), minor(number));
        SV_STR folder = realpath(link, NULL);

        out->n = 0;
        if (folder) {
                take_above(folder, out);
                take_below(folder, out);
        } else {
                add_number(out, number);
        }
}
