/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that goes to another host while its guest still writes to it: passes over the whole of it,
 * or over what is marked as written to, each of which sends what is otherwise than at the target.
 * The last one, when nobody writes any more, makes both the same. What the target has is known by
 * digests, so nothing is read from there after the first look. */
#pragma once

#include "base/core/source.h"
#include "launcher/virt/virt-pool.h"

#define SV_MOVE_CHUNK (1u << 20)

struct sv_move_disk {
        const char *name; /* of the file, in a folder that has the same path at both hosts */
        uint64_t bytes;
        uint8_t (*chunks)[32]; /* what the target has; all zero: zeros */
        bool *marks;           /* chunks that may have been written to since they were read */
        size_t n;
};

/* The target's file is new, of holes (`is_new`), or left by an earlier try and read now. */
int sv_move_disk_begin(struct sv_move_disk *d, struct sv_pool *to, bool is_new, struct sv_err *err);
void sv_move_disk_free(struct sv_move_disk *d);
struct sv_move_pass {
        bool marked;         /* only what is marked, and no mark is left; else all */
        uint64_t read, sent; /* bytes are added: that were looked at, that were otherwise */
        struct sv_progress *progress;
};
/* SV_SYSTEM "move.disk" when the disk is no longer as large, "move.interrupted" (image/run.h); what
 * is at the target then is a part, and known. */
int sv_move_disk_pass(struct sv_move_disk *d, struct sv_pool *from, struct sv_pool *to,
                      struct sv_move_pass *pass, struct sv_err *err);
