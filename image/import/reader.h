/* SPDX-License-Identifier: Apache-2.0 */
/* What reads a file system that no library of the distribution reads without mounting it. A row
 * for each (image/import/tree.c); all that it reads is untrusted, and bounded by the partition. */
#pragma once

#include "base/core/source.h"

/* A file or folder. `tree` is of file systems that have several (btrfs), else 0. */
struct sv_node {
        uint64_t tree, ino;
};

enum sv_node_kind { SV_NODE_OTHER, SV_NODE_FILE, SV_NODE_DIR, SV_NODE_LINK };
/* By an inode's mode (S_IFREG, ...), whose numbers all these file systems share. */
enum sv_node_kind sv_node_kind_of(uint32_t mode);

struct sv_node_info {
        enum sv_node_kind kind;
        uint64_t size; /* bytes; of a folder it says nothing */
};

/* 0 to go on, 1 when nothing more is wanted. */
typedef int sv_node_entry(void *arg, const char *name, size_t n, struct sv_node node);

struct sv_reader {
        const char *holds; /* as libblkid names it */
        /* `part` is the partition; it stays as long. */
        int (*open)(const struct sv_source *part, void **out, struct sv_err *err);
        void (*free)(void *r);
        struct sv_node (*root)(void *r);
        int (*look)(void *r, struct sv_node node, struct sv_node_info *out, struct sv_err *err);
        /* The entries of a folder, in any order; "." and ".." may be among them. */
        int (*list)(void *r, struct sv_node dir, sv_node_entry *entry, void *arg,
                    struct sv_err *err);
        /* The first n bytes of a file or of a link's target; n is at most its size. */
        int (*read)(void *r, struct sv_node node, uint8_t *p, size_t n, struct sv_err *err);
        uint64_t (*size)(void *r); /* bytes of the partition that are the file system's */
};

extern const struct sv_reader sv_reader_xfs, sv_reader_btrfs;
