/* SPDX-License-Identifier: Apache-2.0 */
/* An ext2, ext3 or ext4 that is read, and changed in memory, without being mounted: libext2fs, the
 * library of e2fsck and debugfs. image/import/ext.c and ext-io.c are the only files that see it. */
#pragma once

#include "base/core/buf.h"
#include "base/core/source.h"

struct sv_ext;

/* `disk` from `first` on, at most `size` bytes. SV_FORMAT "import.ext" when it is damaged, SV_USAGE
 * "import.ext.feature" when it has features that are not known, SV_FORMAT "import.ext.short" when
 * it is larger than where it lies, SV_USAGE "import.ext.unclean" when its journal would have to be
 * replayed or it says that it has errors. `disk` must last as long. */
int sv_ext_open(const struct sv_source *disk, uint64_t first, uint64_t size, struct sv_ext **out,
                struct sv_err *err);
void sv_ext_free(struct sv_ext *e);
static inline void sv_ext_freep(struct sv_ext **e)
{
        sv_ext_free(*e);
}
#define SV_EXT __attribute__((cleanup(sv_ext_freep))) struct sv_ext

/* Paths begin at its root, with or without a slash; links are followed within it. */
bool sv_ext_has(struct sv_ext *e, const char *path);
/* Appends a regular file. SV_FORMAT `check` when it is larger than max, SV_SYSTEM `check` when it
 * is not there or no regular file; SV_FORMAT "import.ext". */
int sv_ext_read(struct sv_ext *e, const char *path, size_t max, struct sv_buf *out,
                const char *check, struct sv_err *err);
/* Calls with each name in a folder, "." and ".." too; one that is not there has none. */
int sv_ext_list(struct sv_ext *e, const char *path, void (*name)(void *arg, const char *name),
                void *arg, struct sv_err *err);
/* Other contents for a regular file that is there: in memory. */
int sv_ext_write(struct sv_ext *e, const char *path, struct sv_bytes data, struct sv_err *err);
/* All of it with its changes, whole blocks of SV_SOURCE_BLOCK; blocks that it does not use are
 * free. As long as `e`. */
int sv_ext_source(struct sv_ext *e, struct sv_source *out, struct sv_err *err);
