/* SPDX-License-Identifier: Apache-2.0 */
#include "image/import/filetree.h"

#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "image/import/btrfs.h"
#include "image/import/ext.h"
#include "image/import/walk.h"

struct sv_filetree {
        struct sv_ext *ext; /* or: */
        struct sv_walk walk;
        struct sv_source disk, part;
        uint64_t first;
};

static const struct sv_reader *const readers[] = {&sv_reader_xfs, &sv_reader_btrfs};

static bool is_ext(const struct sv_partition *p)
{
        return strncmp(p->holds, "ext", 3) == 0;
}

static const struct sv_reader *find_reader(const struct sv_partition *p)
{
        for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
                if (strcmp(readers[i]->holds, p->holds) == 0)
                        return readers[i];
        return NULL;
}

bool sv_filetree_is_known(const struct sv_partition *p)
{
        return is_ext(p) || find_reader(p);
}

static int read_partition(const struct sv_source *s, uint64_t at, uint8_t *p, size_t n,
                          struct sv_err *err)
{
        const struct sv_filetree *t = s->arg;

        if (at > s->size || n > s->size - at)
                return sv_fail(err, SV_FORMAT, "import.partition",
                               "the file system has a part beyond its partition's end");
        return t->disk.read(&t->disk, t->first + at, p, n, err);
}

static int open_reader(struct sv_filetree *t, const struct sv_partition *p, struct sv_err *err)
{
        const struct sv_reader *reader = find_reader(p);

        if (!reader)
                return sv_fail(err, SV_USAGE, "import.root", "%s is not read", p->holds);
        t->part = (struct sv_source){.size = p->size, .read = read_partition, .arg = t, .fd = -1};
        if (reader->open(&t->part, &t->walk.state, err) < 0)
                return -1;
        t->walk.reader = reader;
        t->walk.root = reader->root(t->walk.state);
        return 0;
}

int sv_filetree_open(const struct sv_source *disk, const struct sv_partition *p,
                     struct sv_filetree **out, struct sv_err *err)
{
        struct sv_filetree *t = calloc(1, sizeof(*t));
        int r;

        if (!t)
                return sv_fail_errno(err, "base.memory", "no memory for a file system");
        t->disk = *disk;
        t->first = p->first;
        r = is_ext(p) ? sv_ext_open(disk, p->first, p->size, &t->ext, err) : open_reader(t, p, err);
        if (r < 0) {
                sv_filetree_free(t);
                return -1;
        }
        *out = t;
        return 0;
}

void sv_filetree_free(struct sv_filetree *t)
{
        if (!t)
                return;
        sv_ext_free(t->ext);
        if (t->walk.reader)
                t->walk.reader->free(t->walk.state);
        free(t);
}

/* --- files --- */

bool sv_filetree_has(struct sv_filetree *t, const char *path)
{
        struct sv_node node;

        return t->ext ? sv_ext_has(t->ext, path) : sv_walk_find(&t->walk, path, &node, NULL) > 0;
}

static int find_regular_file(struct sv_filetree *t, const char *path, struct sv_node *node,
                             struct sv_node_info *info, const char *check, struct sv_err *err)
{
        int found = sv_walk_find(&t->walk, path, node, err);

        if (found < 0)
                return -1;
        if (!found)
                return sv_fail(err, SV_SYSTEM, check, "the image has no /%s",
                               path + strspn(path, "/"));
        if (t->walk.reader->look(t->walk.state, *node, info, err) < 0)
                return -1;
        if (info->kind != SV_NODE_FILE)
                return sv_fail(err, SV_SYSTEM, check, "/%s of the image is no regular file",
                               path + strspn(path, "/"));
        return 0;
}

int sv_filetree_read(struct sv_filetree *t, const char *path, size_t max, struct sv_buf *out,
                     const char *check, struct sv_err *err)
{
        struct sv_node_info info;
        struct sv_node node;
        uint8_t *p;

        if (t->ext)
                return sv_ext_read(t->ext, path, max, out, check, err);
        if (find_regular_file(t, path, &node, &info, check, err) < 0)
                return -1;
        if (info.size > max)
                return sv_fail(err, SV_FORMAT, check,
                               "/%s of the image has %llu bytes: expected at most %zu",
                               path + strspn(path, "/"), (unsigned long long)info.size, max);
        p = sv_buf_grow(out, (size_t)info.size);
        if (sv_buf_ok(out, path, err) < 0)
                return -1;
        return t->walk.reader->read(t->walk.state, node, p, (size_t)info.size, err);
}

struct naming {
        void (*name)(void *arg, const char *name);
        void *arg;
};

static int pass_name(void *arg, const char *name, size_t n, struct sv_node node)
{
        const struct naming *l = arg;
        SV_STR text = sv_asprintf("%.*s", (int)n, name);

        l->name(l->arg, text);
        return 0;
}

int sv_filetree_list(struct sv_filetree *t, const char *path,
                     void (*name)(void *arg, const char *name), void *arg, struct sv_err *err)
{
        struct naming l = {.name = name, .arg = arg};
        struct sv_node_info info;
        struct sv_node node;
        SV_WALK_NAMES names = {0};
        int found;

        if (t->ext)
                return sv_ext_list(t->ext, path, name, arg, err);
        found = sv_walk_find(&t->walk, path, &node, err);
        if (found <= 0)
                return found;
        if (t->walk.reader->look(t->walk.state, node, &info, err) < 0)
                return -1;
        if (info.kind != SV_NODE_DIR)
                return 0;
        /* Who is called looks at other files meanwhile. */
        if (t->walk.reader->list(t->walk.state, node, sv_walk_keep_name, &names, err) < 0)
                return -1;
        return sv_walk_each_name(&names, pass_name, &l, err);
}

bool sv_filetree_can_write(const struct sv_filetree *t)
{
        return t->ext;
}

int sv_filetree_write(struct sv_filetree *t, const char *path, struct sv_bytes data,
                      struct sv_err *err)
{
        return sv_ext_write(t->ext, path, data, err);
}

/* --- all of it --- */

static uint64_t get_own_size(const struct sv_filetree *t)
{
        return t->walk.reader->size(t->walk.state);
}

static int read_tree(const struct sv_source *s, uint64_t at, uint8_t *p, size_t n,
                     struct sv_err *err)
{
        const struct sv_filetree *t = s->arg;
        uint64_t size = get_own_size(t), have = at < size ? size - at : 0;

        if (have < n)
                memset(p + have, 0, n - (size_t)have);
        return have ? t->disk.read(&t->disk, t->first + at, p, have < n ? (size_t)have : n, err)
                    : 0;
}

static int span_tree(const struct sv_source *s, uint64_t at, enum sv_span *kind, uint64_t *end,
                     struct sv_err *err)
{
        const struct sv_filetree *t = s->arg;
        uint64_t size = get_own_size(t);

        *kind = SV_SPAN_DATA;
        *end = s->size;
        if (!t->disk.span || at >= size)
                return 0;
        if (t->disk.span(&t->disk, t->first + at, kind, end, err) < 0)
                return -1;
        *end = *end - t->first < size ? *end - t->first : size;
        return 0;
}

int sv_filetree_source(struct sv_filetree *t, struct sv_source *out, struct sv_err *err)
{
        if (t->ext)
                return sv_ext_source(t->ext, out, err);
        *out = (struct sv_source){.size = (get_own_size(t) + SV_SOURCE_BLOCK - 1) /
                                          SV_SOURCE_BLOCK * SV_SOURCE_BLOCK,
                                  .read = read_tree,
                                  .span = span_tree,
                                  .arg = t,
                                  .fd = -1};
        return 0;
}

/* --- subvolumes --- */

static bool has_subvolumes(const struct sv_filetree *t)
{
        return t->walk.reader == &sv_reader_btrfs;
}

int sv_filetree_each_subvolume(struct sv_filetree *t, int (*tree)(void *arg, uint64_t number),
                               void *arg, struct sv_err *err)
{
        uint64_t number = 0;
        int found;

        if (!has_subvolumes(t))
                return 0;
        while ((found = sv_btrfs_next_subvolume(t->walk.state, &number, err)) > 0)
                if (tree(arg, number))
                        return 0;
        return found;
}

bool sv_filetree_has_weak_sums(const struct sv_filetree *t)
{
        const struct sv_btrfs *b = t->walk.state;

        return has_subvolumes(t) && b->weak_sums;
}

uint64_t sv_filetree_subvolume(const struct sv_filetree *t)
{
        return t->walk.root.tree;
}

void sv_filetree_enter(struct sv_filetree *t, uint64_t number)
{
        t->walk.root = (struct sv_node){number, SV_BTRFS_FIRST};
}

uint64_t sv_filetree_find_subvolume(struct sv_filetree *t, const char *path)
{
        struct sv_walk from = t->walk;
        struct sv_node node;

        from.root = (struct sv_node){SV_BTRFS_TOP, SV_BTRFS_FIRST};
        return has_subvolumes(t) && sv_walk_find(&from, path, &node, NULL) > 0 &&
                               node.ino == SV_BTRFS_FIRST
                       ? node.tree
                       : 0;
}
