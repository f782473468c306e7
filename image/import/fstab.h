/* SPDX-License-Identifier: Apache-2.0 */
/* The mounts of an imported system (fstab(5)), and the encrypted volumes that it opens for them
 * (crypttab(5)). Only its root comes along. What would be mounted
 * from another partition is not there, and systemd waits 90 seconds for each and then gives up:
 * such lines become comments. The root's line gets the file system's own UUID, the only name that
 * stays; further mounts of a btrfs, its subvolumes, get SV_GUEST_ROOT, for which nobody waits until
 * udev, which saw nothing of how the disk was opened, knows it. Pure.
 */
#pragma once

#include "base/core/buf.h"

struct sv_fstab_entry {
        const char *spec, *mount, *type,
                *options; /* its first four fields; "" where there is none */
};

struct sv_fstab_in {
        const char *uuid, *label; /* of the root's file system; "" for none */
        bool readonly_root;       /* the root is an overlay that is mounted already: verity */
        /* Is it the root's file system by another name? Asked of a btrfs. May be NULL. */
        bool (*is_root)(void *arg, const char *spec);
        /* What would mount another device: 0 makes a comment of the line, -1 refuses the system. */
        int (*absent)(void *arg, const struct sv_fstab_entry *e, struct sv_err *err);
        void *arg;
};

struct sv_crypttab_entry {
        const char *name, *device;
};

/* Does a line's first field name this value: TAG=VALUE, also in quotes, or below the folder of such
 * names? "" is never named. */
bool sv_fstab_names(const char *spec, const char *tag, const char *folder, const char *value);
/* Appends the new text. Nothing but those lines differs. SV_FORMAT "import.fstab" when it is no
 * text. */
int sv_fstab_edit(struct sv_bytes text, const struct sv_fstab_in *in, struct sv_buf *out,
                  struct sv_err *err);
/* The value of an option "NAME=VALUE" in a list of options; the caller frees, NULL when there is
 * none. */
char *sv_fstab_option(const char *options, const char *name);
/* Calls with each line of an fstab. */
void sv_fstab_each(struct sv_bytes text, void (*entry)(void *arg, const struct sv_fstab_entry *e),
                   void *arg);
/* Appends the new crypttab: lines that would open a device become comments, and are passed to
 * `absent`. What lies in a file, or is opened by hand (noauto), stays. SV_FORMAT
 * "import.crypttab" when it is no text. */
int sv_crypttab_edit(struct sv_bytes text,
                     void (*absent)(void *arg, const struct sv_crypttab_entry *e), void *arg,
                     struct sv_buf *out, struct sv_err *err);
