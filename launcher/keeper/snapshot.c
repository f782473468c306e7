/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/text.h"
#include "base/program/log.h"
#include "launcher/keeper/saved.h"
#include "launcher/keeper/owner.h"

struct found {
        char name[SV_NAME_MAX + 1];
        struct sv_saved set;
        struct sv_err why; /* with a class: it cannot be read */
};

struct listing {
        const struct sv_site *site;
        struct found *rows;
        size_t n;
};

static void free_listing(struct listing *l)
{
        free(l->rows);
}
#define LISTING __attribute__((cleanup(free_listing))) struct listing

static int read_found(struct found *f, const char *folder)
{
        SV_STR path = sv_asprintf("%s/%s/%s", folder, f->name, SV_SAVED_FILE);
        SV_BUF text = SV_BUF_NULL;

        if (sv_file_read(path, SV_SAVED_SIZE_MAX, &text, "copies.format", &f->why) < 0)
                return -1;
        return sv_saved_parse(sv_buf_bytes(&text), &f->set, &f->why);
}

static int read_folder(void *arg)
{
        struct listing *l = arg;
        DIR *dir = opendir(l->site->folder);
        struct dirent *e;

        if (!dir)
                return errno == ENOENT ? 0 : -1;
        while ((e = readdir(dir)) && l->n < SV_SNAPSHOTS_MAX) {
                struct found *f = &l->rows[l->n];

                if (!sv_name_ok(e->d_name))
                        continue;
                *f = (struct found){.set.n = 0};
                snprintf(f->name, sizeof(f->name), "%.*s", SV_NAME_MAX, e->d_name);
                read_found(f, l->site->folder); /* with the reason in the row */
                l->n++;
        }
        closedir(dir);
        return 0;
}

static int compare_found(const void *a, const void *b)
{
        const struct found *x = a, *y = b;

        if (x->set.made != y->set.made)
                return x->set.made < y->set.made ? -1 : 1;
        return strcmp(x->name, y->name);
}

static int list_site(const struct sv_site *p, struct listing *l, struct sv_err *err)
{
        l->site = p;
        l->rows = calloc(SV_SNAPSHOTS_MAX, sizeof(*l->rows));
        if (!l->rows)
                return sv_fail_errno(err, "base.memory", "no memory for the list of snapshots");
        if (sv_owner_call(p->guest, read_folder, l) < 0)
                return sv_fail_errno(err, "snapshot.folder", "%s%s", p->folder,
                                     sv_owner_note(p->guest));
        qsort(l->rows, l->n, sizeof(*l->rows), compare_found);
        return 0;
}

static const struct found *find_row(const struct listing *l, const char *name)
{
        for (size_t i = 0; i < l->n; i++)
                if (!strcmp(l->rows[i].name, name))
                        return &l->rows[i];
        return NULL;
}

int sv_snapshot_check_name(const char *name, struct sv_err *err)
{
        if (sv_name_ok(name))
                return 0;
        return sv_fail(err, SV_USAGE, "snapshot.name",
                       "\"%.64s\" is no name for a snapshot: expected letters, digits, \"_\", "
                       "\"-\" and \".\", no dot before them, at most %d",
                       name, SV_NAME_MAX);
}

int sv_snapshot_check_new(const struct sv_site *p, const char *name, struct sv_err *err)
{
        LISTING l = {.n = 0};

        if (sv_snapshot_check_name(name, err) < 0 || list_site(p, &l, err) < 0)
                return -1;
        if (find_row(&l, name))
                return sv_fail(err, SV_USAGE, "snapshot.exists",
                               "guest %s has a snapshot \"%s\" already: give another name, or "
                               "delete it first",
                               p->guest->name, name);
        if (l.n >= SV_SNAPSHOTS_MAX)
                return sv_fail(err, SV_USAGE, "snapshot.limit",
                               "guest %s has %zu snapshots, which is the most: delete one",
                               p->guest->name, l.n);
        return 0;
}

static int fail_no_snapshot(const struct listing *l, const char *name, struct sv_err *err)
{
        SV_BUF names = {.max = 300};

        for (size_t i = 0; i < l->n; i++)
                sv_buf_printf(&names, "%s%s", i ? ", " : "", l->rows[i].name);
        return sv_fail(err, SV_USAGE, "snapshot.absent",
                       "guest %s has no snapshot \"%s\"; there %s%.300s", l->site->guest->name,
                       name, l->n ? "are " : "is none", l->n ? sv_buf_str(&names) : "");
}

int sv_snapshot_find(const struct sv_site *p, const char *name, struct sv_err *err)
{
        LISTING l = {.n = 0};

        if (sv_snapshot_check_name(name, err) < 0 || list_site(p, &l, err) < 0)
                return -1;
        return find_row(&l, name) ? 0 : fail_no_snapshot(&l, name, err);
}

int sv_snapshot_list(const struct sv_site *p, struct sv_json *rows, struct sv_err *err)
{
        LISTING l = {.n = 0};

        if (list_site(p, &l, err) < 0)
                return -1;
        for (size_t i = 0; i < l.n; i++) {
                const struct found *f = &l.rows[i];
                struct sv_json *row = sv_json_add(rows, sv_json_object()), *disks;
                int64_t bytes = 0;
                char made[32];

                sv_json_set_str(row, "name", f->name);
                if (f->why.class) {
                        sv_put_error(sv_json_set(row, "error", sv_json_object()), &f->why);
                        continue;
                }
                sv_json_set_str(row, "made", sv_format_time(f->set.made, made));
                sv_json_set_str(row, "guest", f->set.guest);
                if (f->set.quiesced)
                        sv_json_set_bool(row, "quiesced", true);
                disks = sv_json_set(row, "disks", sv_json_array());
                for (size_t k = 0; k < f->set.n; k++) {
                        bytes += f->set.disks[k].bytes;
                        sv_json_add(disks, sv_json_new_str(f->set.disks[k].id));
                }
                sv_json_set_int(row, "bytes", bytes);
        }
        return 0;
}

/* --- removing --- */

struct moving {
        const char *from, *to;
};

static int give_up_name(void *arg)
{
        const struct moving *m = arg;

        return rename(m->from, m->to) < 0 || sv_folder_sync(m->to) < 0 ? -1 : 0;
}

static int remove_snapshot(const struct sv_site *p, const char *name, struct sv_err *err)
{
        SV_STR path = sv_site_path(p, name);
        SV_STR old = sv_site_path(p, SV_SITE_OLD);

        if (sv_owner_call(p->guest, give_up_name, &(struct moving){path, old}) < 0)
                return sv_fail_errno(err, "snapshot.folder", "%s%s", path, sv_owner_note(p->guest));
        return sv_site_remove_tree(p, old, err);
}

int sv_snapshot_delete(const struct sv_site *p, const char *name, struct sv_err *err)
{
        return sv_snapshot_find(p, name, err) < 0 ? -1 : remove_snapshot(p, name, err);
}

int sv_snapshot_flatten(const struct sv_site *p, size_t *removed, struct sv_err *err)
{
        LISTING l = {.n = 0};

        if (list_site(p, &l, err) < 0)
                return -1;
        if (!l.n)
                return sv_fail(err, SV_USAGE, "snapshot.none",
                               "guest %s has no snapshots: its newest state is all that there is",
                               p->guest->name);
        for (size_t i = 0; i < l.n; i++)
                if (remove_snapshot(p, l.rows[i].name, err) < 0)
                        return -1;
        *removed = l.n;
        return 0;
}
