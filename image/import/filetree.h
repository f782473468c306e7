/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a partition, whatever file system it has: ext2 to ext4 by libext2fs, XFS and btrfs
 * by readers of our own. Nothing is mounted. */
#pragma once

#include "base/core/buf.h"
#include "image/import/reader.h"
#include "image/import/table.h"

struct sv_filetree;

/* Can a partition that holds this be opened? */
bool sv_filetree_is_known(const struct sv_partition *p);
/* What sv_ext_open says, and "import.xfs", "import.btrfs" with ".feature", ".short", ".unclean" in
 * the same way. `disk` must last as long. */
int sv_filetree_open(const struct sv_source *disk, const struct sv_partition *p,
                     struct sv_filetree **out, struct sv_err *err);
void sv_filetree_free(struct sv_filetree *t);
static inline void sv_filetree_freep(struct sv_filetree **t)
{
        sv_filetree_free(*t);
}
#define SV_FILETREE __attribute__((cleanup(sv_filetree_freep))) struct sv_filetree

/* As image/import/ext.h has them: paths begin at the root, links are followed within it. */
bool sv_filetree_has(struct sv_filetree *t, const char *path);
int sv_filetree_read(struct sv_filetree *t, const char *path, size_t max, struct sv_buf *out,
                     const char *check, struct sv_err *err);
int sv_filetree_list(struct sv_filetree *t, const char *path,
                     void (*name)(void *arg, const char *name), void *arg, struct sv_err *err);
/* Can files be written in memory? Where not, the guest does it (image/import/system.h). */
bool sv_filetree_can_write(const struct sv_filetree *t);
int sv_filetree_write(struct sv_filetree *t, const char *path, struct sv_bytes data,
                      struct sv_err *err);
/* A btrfs whose checksums can be made to fit: its state cannot be kept from an older one. */
bool sv_filetree_has_weak_sums(const struct sv_filetree *t);
/* All of it, as sv_ext_source. */
int sv_filetree_source(struct sv_filetree *t, struct sv_source *out, struct sv_err *err);

/* --- btrfs: a file system of several trees --- */

/* The numbers of all subvolumes, the top level's (5) among them; none of another file system. 1
 * from `tree`: nothing more is wanted. */
int sv_filetree_each_subvolume(struct sv_filetree *t, int (*tree)(void *arg, uint64_t number),
                               void *arg, struct sv_err *err);
/* The one whose files are meant; at first it is the file system's default. 0: there is one only. */
uint64_t sv_filetree_subvolume(const struct sv_filetree *t);
void sv_filetree_enter(struct sv_filetree *t, uint64_t number);
/* The subvolume at a path from the top level on; 0: none. */
uint64_t sv_filetree_find_subvolume(struct sv_filetree *t, const char *path);
