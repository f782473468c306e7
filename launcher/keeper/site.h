/* SPDX-License-Identifier: Apache-2.0 */
/* The files that a guest writes its disks to, and the folder beside the first of them in which its
 * snapshots lie: DISK.snapshots/NAME (launcher/keeper/saved.h). All of it is looked at, made and
 * removed with the rights of the guest file's owner. One command at a time works on them. */
#pragma once

#include "base/core/limits.h"
#include "guest/guest.h"

/* In the folder beside snapshots, whose names have no dot before them: what a command works on. */
#define SV_SITE_NEW ".new"
#define SV_SITE_OLD ".old"

struct sv_site_disk {
        size_t index; /* in the guest's disks */
        char *path;   /* without links; it need not be there */
};

struct sv_site {
        const struct sv_guest *guest;
        struct sv_site_disk disks[SV_GUEST_DISKS_MAX];
        size_t n;
        char *folder; /* NULL when n is 0 */
        int lock;     /* -1: not taken */
};
#define SV_SITE __attribute__((cleanup(sv_site_free))) struct sv_site

/* Makes nothing. SV_USAGE "snapshot.kind" when the guest writes to no file, or to anything else, of
 * which the copy would be missing. */
int sv_site_find(const struct sv_guest *g, struct sv_site *out, struct sv_err *err);
/* All of them, also when there is none or something else among them. */
int sv_site_find_any(const struct sv_guest *g, struct sv_site *out, struct sv_err *err);
/* Nobody else works on them until sv_site_free. SV_SYSTEM "snapshot.busy", "snapshot.folder". See
 * sv_revert_enter. */
int sv_site_lock(struct sv_site *p, struct sv_err *err);
void sv_site_free(struct sv_site *p);
/* Locks each disk's file against every QEMU and every other command, and opens it to read and
 * write; fds[i] is -1 for one that is not there when that `may_miss`. SV_USAGE "image.busy",
 * SV_SYSTEM "snapshot.disk". The caller closes them with sv_site_let_go. */
int sv_site_hold(const struct sv_site *p, bool may_miss, int fds[SV_GUEST_DISKS_MAX],
                 struct sv_err *err);
void sv_site_let_go(int fds[SV_GUEST_DISKS_MAX]);

/* With the owner's rights: rm -r, and to remove one name. */
int sv_site_remove_tree(const struct sv_site *p, const char *path, struct sv_err *err);
void sv_site_unlink(const struct sv_site *p, const char *path);
/* For sv_owner_call: the names beside `path`, and that of their folder, which may be new, go to the
 * medium. -1 with errno. */
int sv_site_sync(const char *path);
/* FOLDER/NAME, to be freed. */
char *sv_site_path(const struct sv_site *p, const char *name);
