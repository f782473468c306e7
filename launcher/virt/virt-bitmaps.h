/* SPDX-License-Identifier: Apache-2.0 */
/* Which blocks of a running guest's disks change: dirty bitmaps of QEMU's, one of a name on each of
 * the disks, from which a copy continues the one before it. libvirt keeps bitmaps (checkpoints) in
 * qcow2 disks only, and a guest's are raw; so these are asked for through libvirt of QEMU itself
 * (virDomainQemuMonitorCommand: the domain is "tainted" by that, which is a note in its log). They
 * live in QEMU's memory and end with it: when the guest is stopped, reboots or moves.
 *
 * A bitmap is "secure-vm-TIME-RANDOM", so that no later one is taken for it. */
#pragma once

#include "base/core/limits.h"
#include "base/core/source.h"
#include "base/json/json.h"

struct sv_virt;

#define SV_BITMAP_NAME_SIZE 48

struct sv_bitmaps {
        size_t n; /* disks */
        struct {
                char node[SV_NODE_NAME_MAX + 1]; /* of QEMU's block layer */
                uint64_t size;                   /* bytes */
        } disks[SV_GUEST_DISKS_MAX];
        struct sv_json *blocks[SV_GUEST_DISKS_MAX]; /* what QEMU says of each */
        struct sv_json *answer;                     /* that they are in */
};
void sv_bitmaps_free(struct sv_bitmaps *b);
#define SV_BITMAPS __attribute__((cleanup(sv_bitmaps_free))) struct sv_bitmaps

/* Is it such a name? */
bool sv_bitmap_name_ok(const char *name);
/* A new one; `made` in seconds since 1970. */
int sv_bitmap_name(int64_t made, char out[SV_BITMAP_NAME_SIZE], struct sv_err *err);

/* Of the disks with these indices in the domain. SV_SYSTEM "virt.library", "virt.monitor" (QEMU
 * says no, or what it says is none), "virt.libvirt". */
int sv_bitmaps_read(struct sv_virt *v, const size_t *disks, size_t n, struct sv_bitmaps *out,
                    struct sv_err *err);
/* Does each disk have it, and does it record? changed[i]: bytes since it was begun. */
bool sv_bitmaps_find(const struct sv_bitmaps *b, const char *name,
                     uint64_t changed[SV_GUEST_DISKS_MAX]);
/* A new one on all disks at one moment, or on none. Of ours there are SV_BITMAPS_MAX on a disk at
 * most: the oldest go. */
int sv_bitmaps_add(struct sv_virt *v, const struct sv_bitmaps *b, const char *name,
                   struct sv_err *err);
/* So many go that one more may be there; `keep` (or NULL) does not. */
void sv_bitmaps_make_place(struct sv_virt *v, const struct sv_bitmaps *b, const char *keep);
/* What makes them, for a transaction of QEMU's. */
void sv_bitmaps_put_adding(struct sv_json *actions, const struct sv_bitmaps *b, const char *name);
/* Wherever it is. */
void sv_bitmaps_remove(struct sv_virt *v, const struct sv_bitmaps *b, const char *name);
