/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of a guest's disks on their way. They are made under another name and get their own in one
 * step, when all of them and copies.json are on the disk: so a folder of that name is whole, and
 * what a killed command leaves is none. The guest's disks are read only. */
#pragma once

#include <sys/stat.h>

#include "base/core/source.h"
#include "launcher/keeper/saved.h"
#include "launcher/keeper/site.h"

struct sv_copying {
        const struct sv_site *site;
        bool own;    /* with the rights of this process, not of the guest file's owner */
        bool digest; /* of each file into copies.json */
        char *temp;  /* the folder's name until it is whole */
        char *path;  /* and then */
        int folder;  /* of a backup: open, and locked */
        struct sv_saved set;
        int fds[SV_GUEST_DISKS_MAX];
        uint64_t changed[SV_GUEST_DISKS_MAX]; /* bytes that an image of changes must have */
        struct stat made[SV_GUEST_DISKS_MAX];
};
#define SV_COPYING __attribute__((cleanup(sv_copying_free))) struct sv_copying

/* A new snapshot in the site, which is locked. SV_USAGE "snapshot.exists", "snapshot.limit". */
int sv_copying_snapshot(const struct sv_site *p, const char *name, struct sv_copying *out,
                        struct sv_err *err);
/* A new backup in `path`, which is not there or is an empty folder: SV_USAGE "backup.exists".
 * SV_SYSTEM "backup.busy" while another is made there. */
int sv_copying_backup(const struct sv_site *p, const char *path, struct sv_copying *out,
                      struct sv_err *err);
/* The files, as large as the disks, when somebody else is to write them; with all their room, so
 * that no write of the guest's fails for want of it. SV_SYSTEM "snapshot.room". */
int sv_copying_reserve(struct sv_copying *c, struct sv_err *err);
/* Images in which so many bytes of each disk that changed are to come (image/qcow2.h), with room
 * for them; `sizes` are the disks'. SV_SYSTEM "snapshot.room". */
int sv_copying_reserve_changes(struct sv_copying *c, const uint64_t sizes[SV_GUEST_DISKS_MAX],
                               const uint64_t changed[SV_GUEST_DISKS_MAX], struct sv_err *err);
/* Room for so many in one of them. */
int sv_copying_reserve_change(struct sv_copying *c, size_t disk, uint64_t changed,
                              struct sv_err *err);
/* The files, with what the disks hold; fds: sv_site_hold's. An interrupt ends it. */
int sv_copying_fill(struct sv_copying *c, const int fds[SV_GUEST_DISKS_MAX],
                    struct sv_progress *progress, struct sv_err *err);
/* All of them hold what they are to hold. With digests this reads them; *cancel (or NULL) ends
 * that: SV_SYSTEM "snapshot.cancelled". */
int sv_copying_finish(struct sv_copying *c, const volatile bool *cancel, struct sv_err *err);
/* Without sv_copying_finish nothing is left. */
void sv_copying_free(struct sv_copying *c);
/* TEMP/ID.raw of the site's disk, or TEMP/ID.qcow2; to be freed. */
char *sv_copying_file(const struct sv_copying *c, size_t disk);

/* One file of several: its progress is that of the whole. */
struct sv_part {
        struct sv_progress progress;
        struct sv_progress *whole; /* or NULL */
        uint64_t before, total;    /* bytes of the files before it, and of all */
};
void sv_part_begin(struct sv_part *p, struct sv_progress *whole, uint64_t before, uint64_t total);

/* When it was written to last, as copies.json says it. */
int64_t sv_copy_mtime(const struct stat *st);
/* Is what was opened (fd below 0: or not, with errno) a file of the copy's size? *st is its.
 * SV_SYSTEM "copies.absent", SV_PROOF "copies.changed". */
int sv_copy_check_file(int fd, const char *path, const struct sv_saved_disk *c, struct stat *st,
                       struct sv_err *err);
/* The SHA-256 of an open file, as hex. SV_SYSTEM "copies.read", "snapshot.cancelled". */
int sv_copy_digest(int fd, const char *path, const volatile bool *cancel, char out[65],
                   struct sv_err *err);
