/* SPDX-License-Identifier: Apache-2.0 */
/* The states of a disk that were kept. A disk is a raw file; when a snapshot is taken, that file
 * stays as it is and what the guest writes from then on goes into an overlay (qcow2) over it. So a
 * disk with snapshots is a tree of files, the layers: the disk's own file at the root, and one leaf
 * that is written, the active one. Each other layer is frozen and has the name of the snapshot that
 * it holds, or none when only others lean on it.
 *
 * The tree stands in DISK.snapshots/chain.json beside the disk, so that whoever opens the disk
 * finds it, whatever the guest is called and whoever keeps it:
 *
 *   {"version":1,"now":{"mark":"HEX","last":2,"active":2,
 *     "layers":[{"id":0,"parent":-1,"name":"s1","made":TIME,"size":N,"mtime":NS},
 *               {"id":2,"parent":0}]},
 *    "next":{…}}
 *
 * Layer 0 is the disk's file, layer N is DISK.snapshots/N.qcow2. `size` and `mtime` are of a frozen
 * file, which nobody changes. "next" is a change that was begun: it has happened on all disks of
 * the guest or on none, and its mark tells (sv_chain_settle). Pure. */
#pragma once

#include "base/core/limits.h"
#include "base/json/json.h"

struct sv_layer {
        unsigned id;
        int parent;                 /* index, -1: the disk's own file */
        char name[SV_NAME_MAX + 1]; /* of the snapshot, "": none */
        int64_t made;               /* seconds since 1970 */
        bool merging;               /* a later state is being written into it: no state to go to */
        int64_t size, mtime;        /* bytes, ns since 1970; 0: not known */
};

struct sv_tree {
        struct sv_layer layers[SV_LAYERS_MAX];
        size_t n;
        size_t active;
        unsigned last; /* the highest id that was given */
        char mark[33]; /* of the change that made it */
};

struct sv_chain {
        struct sv_tree now, next;
        bool changing; /* `next` counts */
        bool creating; /* and takes a snapshot: it has happened when its active layer was written */
};

/* Of a disk without snapshots. */
void sv_chain_init(struct sv_chain *c);
/* SV_FORMAT "snapshot.chain". */
int sv_chain_parse(struct sv_bytes text, struct sv_chain *out, struct sv_err *err);
void sv_chain_print(const struct sv_chain *c, struct sv_buf *out);
/* Nothing but the disk's own file, and nothing on the way. */
bool sv_chain_is_plain(const struct sv_chain *c);

/* The changes below are of a tree; on failure it is as it was. */

/* The active layer is frozen under this name, a new one is active. SV_USAGE "snapshot.name",
 * "snapshot.exists", "snapshot.limit". */
int sv_tree_create(struct sv_tree *t, const char *name, int64_t made, struct sv_err *err);
/* The index of the snapshot. SV_USAGE "snapshot.absent" naming those there are, "snapshot.merging"
 * for one that is being deleted, unless `any`. */
int sv_tree_find(const struct sv_tree *t, const char *name, bool any, size_t *out,
                 struct sv_err *err);
/* A new layer over that snapshot is active, and what was active is no more. Errors of the two. */
int sv_tree_revert(struct sv_tree *t, const char *name, struct sv_err *err);

enum sv_cut {
        SV_CUT_DROP,  /* no later state leans on it: its file goes */
        SV_CUT_MERGE, /* one does: that is written into it, and takes its place */
        SV_CUT_KEEP,  /* several do: it loses its name only */
};
/* How a layer can go; *child is the one that leans on it (SV_CUT_MERGE). */
enum sv_cut sv_tree_cut(const struct sv_tree *t, size_t layer, size_t *child);
/* The layer, and each without a name that only it leaned on, is gone. */
void sv_tree_drop(struct sv_tree *t, size_t layer);
/* Is the layer's file frozen no more: one that is written into, or one that leans on what goes, in
 * whose header a name changes? */
bool sv_tree_may_change(const struct sv_tree *t, size_t layer);
/* From now on the layer is no state to go to. */
void sv_tree_begin_merge(struct sv_tree *t, size_t layer);
/* `child` was written into its parent: that has its name and place, and child is gone. */
void sv_tree_end_merge(struct sv_tree *t, size_t child);
/* All snapshots lose their names, and what the active layer does not lean on is gone. SV_USAGE
 * "snapshot.none" when there is but the disk's own file. */
int sv_tree_begin_flatten(struct sv_tree *t, struct sv_err *err);
/* Only the disk's own file is left. */
void sv_tree_end_flatten(struct sv_tree *t);
/* Does the layer with this id (still) belong to the tree? */
bool sv_tree_has(const struct sv_tree *t, unsigned id);
/* Is the layer the active one, or does that lean on it? */
bool sv_tree_is_below_active(const struct sv_tree *t, size_t layer);

/* What has become of changes that were begun on `n` disks of one guest: done on all when one disk
 * has it already, or when what only a guest after it could write was written; else undone on all.
 * written(arg, i): was the active layer of disk i's `next` written to? Returns 1 when a change was
 * done, else 0; the chains then say it. */
int sv_chain_settle(struct sv_chain *const *chains, size_t n, bool (*written)(void *arg, size_t i),
                    void *arg);
