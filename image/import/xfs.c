/* SPDX-License-Identifier: Apache-2.0 */
#include "image/import/xfs.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/core/file.h"

static void free_xfs(void *r)
{
        struct sv_xfs *x = r;

        if (x)
                free(x->map);
        free(x);
}

static int open_xfs(const struct sv_source *part, void **out, struct sv_err *err)
{
        struct sv_xfs *x = calloc(1, sizeof(*x));

        if (!x)
                return sv_fail_errno(err, "base.memory", "no memory for a file system");
        x->part = *part;
        if (sv_xfs_read_super(x, err) < 0 || sv_xfs_check_log(x, err) < 0) {
                free_xfs(x);
                return -1;
        }
        *out = x;
        return 0;
}

static struct sv_node get_xfs_root(void *r)
{
        const struct sv_xfs *x = r;

        return (struct sv_node){.ino = x->root};
}

static uint64_t get_xfs_size(void *r)
{
        const struct sv_xfs *x = r;

        return x->blocks * x->block;
}

static int look_at_xfs(void *r, struct sv_node node, struct sv_node_info *out, struct sv_err *err)
{
        struct sv_xfs_inode inode;

        if (sv_xfs_read_inode(r, node.ino, &inode, err) < 0)
                return -1;
        out->size = inode.size;
        out->kind = sv_node_kind_of(inode.mode);
        return 0;
}

/* A target that is too long for the inode has blocks, which begin with a head in version 5. */
static int read_target(struct sv_xfs *x, uint8_t *p, size_t n, struct sv_err *err)
{
        const uint32_t head = x->v5 ? 56 : 0, holds = x->block - head;

        for (size_t done = 0, block = 0; done < n; block++) {
                size_t piece = n - done < holds ? n - done : holds;

                if (sv_xfs_read_mapped(x, block * x->block + head, p + done, piece, err) < 0)
                        return -1;
                done += piece;
        }
        return 0;
}

static int read_xfs(void *r, struct sv_node node, uint8_t *p, size_t n, struct sv_err *err)
{
        struct sv_xfs *x = r;
        struct sv_xfs_inode inode;

        if (sv_xfs_read_inode(x, node.ino, &inode, err) < 0)
                return -1;
        if (S_ISLNK(inode.mode) && inode.format == SV_XFS_LOCAL) {
                struct sv_rd fork = sv_rd(sv_bytes(inode.raw + inode.fork, inode.fork_size));

                sv_rd_copy(&fork, p, n);
                return sv_rd_ok(&fork, "import.xfs", "a symbolic link", err);
        }
        if (sv_xfs_map(x, node.ino, &inode, err) < 0)
                return -1;
        return S_ISLNK(inode.mode) ? read_target(x, p, n, err)
                                   : sv_xfs_read_mapped(x, 0, p, n, err);
}

static int list_xfs(void *r, struct sv_node dir, sv_node_entry *entry, void *arg,
                    struct sv_err *err)
{
        return sv_xfs_list(r, dir.ino, entry, arg, err);
}

const struct sv_reader sv_reader_xfs = {
        .holds = "xfs",
        .open = open_xfs,
        .free = free_xfs,
        .root = get_xfs_root,
        .look = look_at_xfs,
        .list = list_xfs,
        .read = read_xfs,
        .size = get_xfs_size,
};
