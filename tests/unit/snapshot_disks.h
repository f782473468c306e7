/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that does not run, with two disks of one letter each in a folder of the test's, and what
 * the commands do with them. */
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include "base/core/file.h"
#include "launcher/keeper/chain.h"
#include "launcher/keeper/copy-task.h"
#include "launcher/keeper/revert.h"
#include "launcher/keeper/snapshot.h"
#include "tests/unit/unit.h"

static struct sv_err err;
static char dir[32]; /* in memory where that is to be had: each step of each case syncs */
static char g_name[] = "g", root_id[] = "root", data_id[] = "data", seed_id[] = "seed";

#define BYTES 20480

static inline char *find(const char *name)
{
        static char paths[4][256];
        static int at;
        char *path = paths[at++ % 4];

        snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
        return path;
}

/* As long as the test's disks are, of one letter. */
static inline void fill(const char *name, char letter)
{
        FILE *f = fopen(find(name), "w");

        assert_non_null(f);
        for (int i = 0; i < BYTES; i++)
                fputc(letter, f);
        fclose(f);
}

/* The letter that all of it is, '-' when it is not there, '?' when it is torn. */
static inline char look(const char *name)
{
        SV_BUF b = SV_BUF_NULL;
        const char *text;

        if (access(find(name), F_OK) < 0)
                return '-';
        OK(sv_file_read(find(name), 1 << 20, &b, "test", &err));
        text = sv_buf_str(&b);
        return b.n == BYTES && strspn(text, (char[2]){*text, 0}) == BYTES ? *text : '?';
}

static struct sv_disk disks[3];
static struct sv_guest guest = {.file = g_name, .name = g_name, .disks = disks, .n_disks = 2};

static inline int set_up(void **state)
{
        snprintf(dir, sizeof(dir), "/dev/shm/svcopiesXXXXXX");
        if (!mkdtemp(dir)) {
                snprintf(dir, sizeof(dir), "/tmp/svcopiesXXXXXX");
                assert_non_null(mkdtemp(dir));
        }
        disks[0] = (struct sv_disk){.id = root_id, .path = strdup(find("a"))};
        disks[1] = (struct sv_disk){.id = data_id, .path = strdup(find("b"))};
        disks[2] = (struct sv_disk){.id = seed_id, .path = strdup(find("c")), .readonly = true};
        return 0;
}

static inline int tear_down(void **state)
{
        for (int i = 0; i < 3; i++)
                free(disks[i].path);
        return sv_remove_tree(dir, NULL);
}

/* Two disks of that letter, and nothing else. */
static inline int begin(void **state)
{
        OK(sv_remove_tree(dir, &err));
        assert_int_equal(mkdir(dir, 0700), 0);
        fill("a", 'o');
        fill("b", 'o');
        guest.n_disks = 2;
        return 0;
}

static inline int take(const char *name)
{
        struct sv_copy_task t = {.kind = SV_COPY_SNAPSHOT};

        snprintf(t.name, sizeof(t.name), "%s", name);
        return sv_copy_at_rest(&guest, &t, NULL, &err);
}

static inline int back_up(const char *name)
{
        struct sv_copy_task t = {.kind = SV_COPY_BACKUP};

        snprintf(t.path, sizeof(t.path), "%s", find(name));
        return sv_copy_at_rest(&guest, &t, NULL, &err);
}

static inline int check_backup(const char *folder, struct sv_saved *out)
{
        SV_CHAIN c = {0};

        if (sv_chain_read(folder, SV_CHAIN_ALL, &c, &err) < 0 || sv_chain_check(&c, NULL, &err) < 0)
                return -1;
        *out = c.links[c.n - 1].set;
        return 0;
}

static inline int go_back(const char *name)
{
        SV_SITE p = {.lock = -1};
        SV_STR folder = NULL;
        struct sv_revert r = {.site = &p};

        if (sv_site_find(&guest, &p, &err) < 0 || sv_revert_enter(&p, &err) < 0 ||
            sv_snapshot_find(&p, name, &err) < 0)
                return -1;
        folder = sv_site_path(&p, name);
        r.folder = folder;
        return sv_revert_disks(&r, &err);
}

static inline int restore(const char *name, bool replace)
{
        SV_SITE p = {.lock = -1};
        struct sv_revert r = {.site = &p, .own = true, .may_miss = true, .replace = replace};
        SV_CHAIN c = {0};

        if (sv_chain_read(find(name), SV_CHAIN_ALL, &c, &err) < 0)
                return -1;
        r.folder = c.links[sv_chain_base(&c)].path;
        r.changes = &c;
        if (sv_site_find(&guest, &p, &err) < 0 || sv_revert_enter(&p, &err) < 0)
                return -1;
        return sv_revert_disks(&r, &err);
}

static inline int delete (const char *name)
{
        SV_SITE p = {.lock = -1};

        if (sv_site_find(&guest, &p, &err) < 0 || sv_revert_enter(&p, &err) < 0)
                return -1;
        return sv_snapshot_delete(&p, name, &err);
}

static inline size_t count_snapshots(void)
{
        SV_JSON *rows = sv_json_array();
        SV_SITE p = {.lock = -1};

        OK(sv_site_find(&guest, &p, &err));
        OK(sv_snapshot_list(&p, rows, &err));
        return sv_json_len(rows);
}
