/* SPDX-License-Identifier: Apache-2.0 */
/* Paths in a file system that a reader reads (image/import/reader.h). */
#pragma once

#include "base/core/buf.h"
#include "image/import/reader.h"

struct sv_walk {
        const struct sv_reader *reader;
        void *state;
        struct sv_node root;
};

/* 1 and the node; 0 when there is none. Symbolic links are followed and end at the root. */
int sv_walk_find(const struct sv_walk *w, const char *path, struct sv_node *out,
                 struct sv_err *err);

/* The names of a folder, kept. */
struct sv_walk_names {
        struct sv_buf text; /* each with its terminator */
};
static inline void sv_walk_names_free(struct sv_walk_names *n)
{
        sv_buf_free(&n->text);
}
#define SV_WALK_NAMES __attribute__((cleanup(sv_walk_names_free))) struct sv_walk_names
/* `arg` is a struct sv_walk_names. Names with a NUL byte, which there are none of, are left out. */
int sv_walk_keep_name(void *arg, const char *name, size_t n, struct sv_node node);
int sv_walk_each_name(struct sv_walk_names *names, sv_node_entry *entry, void *arg,
                      struct sv_err *err);
