/* SPDX-License-Identifier: Apache-2.0 */
#include "image/import/walk.h"

#include <string.h>
#include <sys/stat.h>

#include "base/core/file.h"

#define DEPTH_MAX  64
#define LINKS_MAX  40
#define TARGET_MAX 4095

enum sv_node_kind sv_node_kind_of(uint32_t mode)
{
        return S_ISREG(mode)   ? SV_NODE_FILE
               : S_ISDIR(mode) ? SV_NODE_DIR
               : S_ISLNK(mode) ? SV_NODE_LINK
                               : SV_NODE_OTHER;
}

struct way {
        struct sv_node at[DEPTH_MAX]; /* the root, and the folders below it */
        size_t depth;
        unsigned links;
        struct sv_buf rest; /* what is still to be walked */
};

struct wanted {
        struct sv_bytes name;
        struct sv_node node;
        bool found;
};

static int take_wanted(void *arg, const char *name, size_t n, struct sv_node node)
{
        struct wanted *w = arg;

        if (n != w->name.n || memcmp(name, w->name.p, n) != 0)
                return 0;
        w->node = node;
        w->found = true;
        return 1;
}

/* The link's target takes the place of its name. */
static int follow_link(const struct sv_walk *w, struct way *way, struct sv_node link, uint64_t size,
                       size_t behind, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;
        uint8_t *p = size && size <= TARGET_MAX ? sv_buf_grow(&text, (size_t)size) : NULL;

        if (!p || ++way->links > LINKS_MAX)
                return 0;
        if (w->reader->read(w->state, link, p, (size_t)size, err) < 0)
                return -1;
        if (memchr(p, 0, (size_t)size))
                return 0;
        if (*p == '/')
                way->depth = 0;
        sv_buf_puts(&text, "/");
        if (behind < way->rest.n)
                sv_buf_put(&text, sv_bytes(way->rest.p + behind, way->rest.n - behind));
        if (sv_buf_ok(&text, "a path", err) < 0)
                return -1;
        sv_buf_free(&way->rest);
        way->rest = text;
        text = (struct sv_buf)SV_BUF_NULL;
        return 1;
}

/* The name in the folder where the way is now, `behind` bytes of the path's beginning with it. */
static int take_name(const struct sv_walk *w, struct way *way, struct sv_bytes name, size_t behind,
                     struct sv_err *err)
{
        struct wanted wanted = {.name = name};
        struct sv_node_info info;
        const struct sv_node here = way->at[way->depth];

        if (w->reader->look(w->state, here, &info, err) < 0)
                return -1;
        if (info.kind != SV_NODE_DIR)
                return 0;
        if (w->reader->list(w->state, here, take_wanted, &wanted, err) < 0)
                return -1;
        if (!wanted.found)
                return 0;
        if (w->reader->look(w->state, wanted.node, &info, err) < 0)
                return -1;
        if (info.kind == SV_NODE_LINK)
                return follow_link(w, way, wanted.node, info.size, behind, err);
        if (way->depth + 1 == DEPTH_MAX)
                return 0;
        way->at[++way->depth] = wanted.node;
        memmove(way->rest.p, way->rest.p + behind, way->rest.n - behind);
        way->rest.n -= behind;
        return 1;
}

static int walk_on(const struct sv_walk *w, struct way *way, struct sv_err *err)
{
        while (way->rest.n) {
                const uint8_t *begin = way->rest.p, *slash = memchr(begin, '/', way->rest.n);
                size_t n = slash ? (size_t)(slash - begin) : way->rest.n;
                size_t behind = slash ? n + 1 : n;
                int r = 1;

                if (n > 2 || (n && memcmp(begin, "..", n) != 0)) {
                        r = take_name(w, way, sv_bytes(begin, n), behind, err);
                } else {
                        if (n == 2 && way->depth)
                                way->depth--;
                        memmove(way->rest.p, way->rest.p + behind, way->rest.n - behind);
                        way->rest.n -= behind;
                }
                if (r <= 0)
                        return r;
        }
        return 1;
}

int sv_walk_find(const struct sv_walk *w, const char *path, struct sv_node *out, struct sv_err *err)
{
        struct way way = {.at = {w->root}};
        int r;

        sv_buf_puts(&way.rest, path);
        r = sv_buf_ok(&way.rest, "a path", err) < 0 ? -1 : walk_on(w, &way, err);
        *out = way.at[way.depth];
        sv_buf_free(&way.rest);
        return r;
}

int sv_walk_keep_name(void *arg, const char *name, size_t n, struct sv_node node)
{
        struct sv_walk_names *names = arg;

        if (memchr(name, 0, n))
                return 0;
        sv_buf_put(&names->text, sv_bytes(name, n));
        sv_buf_u8(&names->text, 0);
        return 0;
}

int sv_walk_each_name(struct sv_walk_names *names, sv_node_entry *entry, void *arg,
                      struct sv_err *err)
{
        if (sv_buf_ok(&names->text, "the names of a folder", err) < 0)
                return -1;
        for (size_t at = 0, n; at < names->text.n; at += n + 1) {
                const char *name = (const char *)names->text.p + at;

                n = strlen(name);
                if (entry(arg, name, n, (struct sv_node){.tree = 0}))
                        return 0;
        }
        return 0;
}
