/* SPDX-License-Identifier: Apache-2.0 */
/* The system on a disk: which partition is its root, which kernel it has, with which modules, and
 * what it mounts. */
#pragma once

#include "image/folder.h"
#include "image/import/filetree.h"
#include "image/import/table.h"
#include "image/initrd.h"

struct sv_system_in {
        const struct sv_source *disk;
        unsigned partition;      /* the root; 0: look for it */
        const char *kernel;      /* the version of it that is wanted; NULL: the newest */
        bool readonly_root;      /* verity: image/import/fstab.h */
        bool integrity;          /* the disk will have tags */
        const char *const *drop; /* mount points that may be lost, NULL-terminated; may be NULL */
};

struct sv_system {
        struct sv_table table;
        const struct sv_partition *root_at;
        struct sv_filetree *root;
        struct sv_filetree *boot; /* the partition that the kernel is on; NULL: the root */
        char *version;            /* of the kernel */
        char *kernel;             /* path in `boot` or the root */
        struct sv_folder modules; /* as long as this is not moved */
        char *modules_path;
        char *dropped; /* mounts that fstab does not make any more, a line each */
        /* "subvol=PATH" or "subvolid=NUMBER", with which the guest mounts its root; or NULL */
        char *subvolume;
        /* What the guest changes when it has mounted the root, where it cannot be done here. */
        struct sv_initrd_edit edits[SV_INITRD_EDITS_MAX];
        size_t n_edits;
};

/* Finds all of it and changes /etc/fstab and /etc/crypttab, in memory, or has the guest do it.
 * SV_USAGE "import.root", "import.kernel", "import.mount", "import.verity", "import.integrity";
 * what is in it is changed on success only. */
int sv_system_open(const struct sv_system_in *in, struct sv_system *out, struct sv_err *err);
void sv_system_close(struct sv_system *s);
#define SV_SYSTEM_FOUND __attribute__((cleanup(sv_system_close))) struct sv_system
/* The kernel's image. */
int sv_system_read_kernel(struct sv_system *s, struct sv_buf *out, struct sv_err *err);
