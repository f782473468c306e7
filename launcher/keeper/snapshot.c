/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/snapshot.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/core/file.h"
#include "launcher/keeper/owner.h"

static size_t count_chains(const struct sv_disks *d)
{
        size_t n = 0;

        for (size_t i = 0; i < d->chains->guest->n_disks; i++)
                n += d->chains->disks[i].path != NULL;
        return n;
}

/* After each change, done or not: keep others off what QEMU has, and let go of what it has not. */
static void set_locks(struct sv_disks *d)
{
        struct sv_disk_files layers[SV_GUEST_DISKS_MAX] = {0};

        if (!d->by_fd || !d->virt)
                return;
        sv_chains_files(d->chains, layers);
        for (size_t i = 0; i < d->chains->guest->n_disks; i++)
                if (!layers[i].n) /* a volume, which is always that */
                        sv_layer_group(i, 0, layers[i].files[layers[i].n++].group);
        sv_virt_set_locks(d->virt, layers, d->chains->guest->n_disks);
        sv_chains_free_files(layers);
}

/* --- create --- */

static int plan_create(struct sv_disks *d, const char *name, struct sv_err *err)
{
        if (!count_chains(d))
                return sv_fail(err, SV_USAGE, "snapshot.kind",
                               "no disk of guest %s is a file that it writes to: of a volume, its "
                               "own manager takes snapshots (lvcreate -s)",
                               d->chains->guest->name);
        for (size_t i = 0; i < d->chains->guest->n_disks; i++) {
                struct sv_chain *c = &d->chains->disks[i].chain;

                c->next = c->now;
                if (d->chains->disks[i].path && sv_tree_create(&c->next, name, time(NULL), err) < 0)
                        return -1;
        }
        return 0;
}

static int hand_over_layer(struct sv_disks *d, const char *path, const char *group,
                           struct sv_err *err)
{
        const struct sv_disk overlay = {.path = (char *)path};
        int fds[2] = {-1, -1}, r;

        if (sv_disk_open(d->chains->guest, &overlay, fds, err) < 0)
                return -1;
        r = sv_virt_associate(d->virt, group, fds, 2, err);
        sv_closep(&fds[0]);
        sv_closep(&fds[1]);
        return r;
}

/* What QEMU says at the end counts: libvirt may fail after it. */
static int switch_to_overlays(struct sv_disks *d, struct sv_err *err)
{
        size_t n = d->chains->guest->n_disks, last = 0;
        struct sv_overlay overlays[SV_GUEST_DISKS_MAX] = {0};
        char groups[SV_GUEST_DISKS_MAX][32];
        char *paths[SV_GUEST_DISKS_MAX] = {NULL};
        int r = 0;

        for (size_t i = 0; r == 0 && i < n; i++) {
                const struct sv_disk_chain *c = &d->chains->disks[i];
                unsigned id = c->chain.next.layers[c->chain.next.active].id;

                if (!c->path)
                        continue;
                last = i;
                paths[i] = sv_asprintf("%s/%u.qcow2", c->folder, id);
                sv_layer_group(i, id, groups[i]);
                overlays[i] = (struct sv_overlay){paths[i], d->by_fd ? groups[i] : NULL};
                if (d->by_fd)
                        r = hand_over_layer(d, paths[i], groups[i], err);
        }
        if (r == 0) {
                sv_virt_free_locks(d->virt);
                r = sv_virt_snapshot(d->virt, overlays, n, err);
                if (r < 0 && sv_virt_has_source(d->virt, paths[last]))
                        r = 0;
        }
        for (size_t i = 0; i < n; i++)
                free(paths[i]);
        return r;
}

int sv_snapshot_create(struct sv_disks *d, const char *name, struct sv_err *err)
{
        int r = 0;

        if (plan_create(d, name, err) < 0)
                return -1;
        if (sv_chains_begin(d->chains, d->virt != NULL, err) < 0)
                return -1;
        if (d->virt)
                r = switch_to_overlays(d, err);
        /* QEMU may have gone over to them and ended before libvirt heard of it */
        if (r < 0)
                sv_chains_settle(d->chains, NULL);
        else
                r = sv_chains_commit(d->chains, err);
        set_locks(d);
        return r;
}

/* --- revert --- */

int sv_snapshot_revert(struct sv_disks *d, const char *name, struct sv_err *err)
{
        size_t n = 0, to;

        if (d->virt)
                return sv_fail(err, SV_USAGE, "snapshot.running",
                               "guest %s runs, and its disks cannot go back under it; \"secure-vm "
                               "stop %s\" first",
                               d->chains->guest->name, d->chains->guest->name);
        for (size_t i = 0; i < d->chains->guest->n_disks; i++) {
                struct sv_chain *c = &d->chains->disks[i].chain;

                if (!d->chains->disks[i].path)
                        continue;
                c->next = c->now;
                if (sv_tree_revert(&c->next, name, err) < 0 ||
                    sv_tree_find(&c->now, name, false, &to, err) < 0 ||
                    sv_chain_check(d->chains, i, to, err) < 0)
                        return -1;
                n++;
        }
        if (!n)
                return sv_tree_find(&(struct sv_tree){0}, name, false, &to, err);
        if (sv_chains_begin(d->chains, false, err) < 0)
                return -1;
        return sv_chains_commit(d->chains, err);
}

/* --- delete, flatten --- */

/* The guest stands while what it writes to becomes another file: nothing is written between the
 * moment when both files have everything and the moment when the chain says so. So whoever is
 * killed, there or here, a file that has everything is the one that the chain names. */
static int pivot_disk(struct sv_disks *d, size_t disk, const struct sv_tree *after, size_t into,
                      struct sv_err *err)
{
        struct sv_disk_chain *c = &d->chains->disks[disk];
        SV_STR path = sv_layer_path(c, into);
        bool halted;
        int r;

        if (sv_chain_prepare(d->chains, disk, after, err) < 0 ||
            sv_virt_halt(d->virt, &halted, err) < 0)
                return -1;
        r = sv_virt_pivot(d->virt, disk, path, err);
        if (r == 0 && (sv_layer_sync(d->chains, disk, into, err) < 0 ||
                       sv_chain_switch(d->chains, disk, after, err) < 0))
                return sv_wrap(err, "the guest stays paused, and loses nothing: see to the disk, "
                                    "then destroy the guest and launch it again");
        if (halted && sv_virt_resume(d->virt, r < 0 ? NULL : err) < 0)
                return -1;
        return r;
}

/* Write `top` and what is between into `into`, while the guest has them. */
static int commit_live(struct sv_disks *d, size_t disk, size_t top, size_t into,
                       const struct sv_tree *after, struct sv_err *err)
{
        struct sv_disk_chain *c = &d->chains->disks[disk];
        bool active = top == c->chain.now.active;
        SV_STR to = sv_layer_path(c, into);
        SV_STR from = sv_layer_path(c, top);
        int r;

        sv_virt_free_locks(d->virt);
        r = sv_virt_commit(d->virt, disk, active ? NULL : from, to, &d->watch, err);
        if (r == 0 && active)
                r = pivot_disk(d, disk, after, into, err);
        else if (r == 0)
                r = sv_layer_sync(d->chains, disk, into, err);
        if (r == 0)
                c->chain.now = *after;
        if (r == 0)
                r = sv_chain_write(d->chains, disk, err);
        set_locks(d);
        return r;
}

/* The only layer that leans on another is written into it. */
static int merge_child(struct sv_disks *d, size_t disk, size_t layer, size_t child,
                       struct sv_err *err)
{
        struct sv_chain *c = &d->chains->disks[disk].chain;
        struct sv_tree after;

        sv_tree_begin_merge(&c->now, layer);
        if (sv_chain_write(d->chains, disk, err) < 0)
                return -1;
        after = c->now;
        sv_tree_end_merge(&after, child);
        if (d->virt && sv_tree_is_below_active(&c->now, child))
                return commit_live(d, disk, child, layer, &after, err);
        if (sv_layer_merge(d->chains, disk, child, err) < 0 ||
            sv_layer_sync(d->chains, disk, layer, err) < 0)
                return -1;
        c->now = after;
        for (size_t i = layer + 1; i < c->now.n; i++)
                if (c->now.layers[i].parent == (int)layer && !c->now.layers[i].mtime)
                        sv_layer_rename_backing(d->chains, disk, i);
        return sv_chain_write(d->chains, disk, err);
}

static int delete_on_disk(struct sv_disks *d, size_t disk, const char *name, struct sv_err *err)
{
        struct sv_tree *t = &d->chains->disks[disk].chain.now;
        size_t layer, child;

        if (sv_tree_find(t, name, true, &layer, err) < 0)
                return -1;
        switch (sv_tree_cut(t, layer, &child)) {
        case SV_CUT_MERGE:
                return merge_child(d, disk, layer, child, err);
        case SV_CUT_DROP:
                sv_tree_drop(t, layer);
                break;
        case SV_CUT_KEEP:
                *t->layers[layer].name = 0;
                break;
        }
        return sv_chain_write(d->chains, disk, err);
}

int sv_snapshot_delete(struct sv_disks *d, const char *name, struct sv_err *err)
{
        struct sv_err none = SV_ERR_NULL;
        size_t found = 0, layer;

        for (size_t i = 0; i < d->chains->guest->n_disks; i++)
                if (d->chains->disks[i].path &&
                    sv_tree_find(&d->chains->disks[i].chain.now, name, true, &layer, &none) == 0) {
                        found++;
                        if (delete_on_disk(d, i, name, err) < 0)
                                return -1;
                }
        if (found)
                return 0;
        return none.class ? sv_fail(err, none.class, none.check, "%s", none.msg)
                          : sv_tree_find(&(struct sv_tree){0}, name, true, &layer, err);
}

static int flatten_disk(struct sv_disks *d, size_t disk, struct sv_err *err)
{
        struct sv_chain *c = &d->chains->disks[disk].chain;
        struct sv_tree after;

        if (sv_tree_begin_flatten(&c->now, err) < 0)
                return -1;
        if (sv_chain_write(d->chains, disk, err) < 0)
                return -1;
        after = c->now;
        sv_tree_end_flatten(&after);
        if (d->virt)
                return commit_live(d, disk, c->now.active, 0, &after, err);
        while (c->now.n > 1)
                if (merge_child(d, disk, (size_t)c->now.layers[c->now.active].parent, c->now.active,
                                err) < 0)
                        return -1;
        return 0;
}

int sv_snapshot_flatten(struct sv_disks *d, struct sv_err *err)
{
        size_t found = 0;

        for (size_t i = 0; i < d->chains->guest->n_disks; i++)
                if (d->chains->disks[i].path && d->chains->disks[i].chain.now.n > 1) {
                        found++;
                        if (flatten_disk(d, i, err) < 0)
                                return -1;
                }
        return found ? 0 : sv_tree_begin_flatten(&(struct sv_tree){.n = 1}, err);
}

/* --- after a kill --- */

int sv_snapshot_settle(struct sv_disks *d, struct sv_err *err)
{
        bool changing = false, happened = false;

        for (size_t i = 0; i < d->chains->guest->n_disks; i++) {
                const struct sv_disk_chain *c = &d->chains->disks[i];
                const struct sv_tree *next = &c->chain.next;
                SV_STR path = NULL;

                if (!c->path || !c->chain.changing)
                        continue;
                changing = true;
                path = sv_asprintf("%s/%u.qcow2", c->folder, next->layers[next->active].id);
                happened |= sv_virt_has_source(d->virt, path);
        }
        if (!changing)
                return 0;
        if (happened)
                return sv_chains_commit(d->chains, err);
        sv_chains_undo(d->chains);
        return 0;
}
