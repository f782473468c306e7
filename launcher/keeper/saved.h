/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's disks as they were at one moment: a folder with a raw file for each disk that the guest
 * writes to, and copies.json, which is written last:
 *
 *   {"format":1,"guest":"web","made":TIME,
 *    "disks":[{"id":"root","bytes":N,"mtime":NS},{"id":"data","bytes":N,"sha256":"HEX"}]}
 *
 * The disk "root" is in root.raw. A snapshot's files have the time of their last change (ns since
 * 1970), a backup's, which may be copied on, their digest. Snapshots lie in DISK.snapshots/NAME
 * beside the first such disk. They are copies: the guest's disk always is the disk's own file, and
 * needs nothing else. Pure. */
#pragma once

#include "base/core/limits.h"
#include "base/json/json.h"

#define SV_SAVED_FILE "copies.json"

struct sv_saved_disk {
        char id[SV_DISK_ID_MAX + 1];
        int64_t bytes;
        int64_t mtime;   /* 0: not said */
        char sha256[65]; /* "": not said */
};

struct sv_saved {
        char guest[SV_NAME_MAX + 1];
        int64_t made; /* seconds since 1970 */
        struct sv_saved_disk disks[SV_GUEST_DISKS_MAX];
        size_t n;
};

/* SV_FORMAT "copies.format". */
int sv_saved_parse(struct sv_bytes text, struct sv_saved *out, struct sv_err *err);
/* The caller frees it. */
struct sv_json *sv_saved_print(const struct sv_saved *c);
