/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's disks as they were at one moment: a folder with a raw file for each disk that the guest
 * writes to, and copies.json, which is written last:
 *
 *   {"format":1,"guest":"web","made":TIME,
 *    "disks":[{"id":"root","bytes":N,"mtime":NS},{"id":"data","bytes":N,"sha256":"HEX"}]}
 *
 *  A backup's folder may go on (launcher/keeper/chain.h): then there is more in it, and the format
 * is 2 (an older secure-vm refuses what it would read wrong):
 *
 *   {"format":2,"guest":"web","made":TIME,"bitmap":"NAME","number":2,"since":"HEX",
 *    "disks":[{"id":"root","bytes":N,"stored":N,"changed":N,"sha256":"HEX"}]}
 *
 * "bitmap" is QEMU's, which says what changed after it; "number" its place in the folder, from 1;
 * "since" the SHA-256 of the copies.json before it, when this one has only what changed since; or
 * "whole" why it has everything ("first", "off", ...). "quiesced" (true): the guest's file
 * systems were at rest.
 *
 * The disk "root" is in root.raw, or what changed of it in root.qcow2 (image/qcow2.h). A snapshot's
 * files have the time of their last change (ns since 1970), a backup's, which may be copied on,
 * their digest. Snapshots lie in DISK.snapshots/NAME beside the first such disk. They are copies:
 * the guest's disk always is the disk's own file, and needs nothing else. Pure. */
#pragma once

#include "base/core/limits.h"
#include "base/json/json.h"
#include "launcher/virt/virt-bitmaps.h"

#define SV_SAVED_FILE "copies.json"

/* Why a copy that was to have only what changed has everything. */
enum sv_whole {
        SV_WHOLE_UNSAID,
        SV_WHOLE_FIRST,    /* it is the first in its folder */
        SV_WHOLE_OFF,      /* the guest was off, and no QEMU there to know */
        SV_WHOLE_UNMARKED, /* QEMU was not told to note what changes after the last one */
        SV_WHOLE_ENDED,    /* the guest did not run all the time since the last one */
        SV_WHOLE_RESIZED,  /* a disk has another size */
        SV_WHOLE_DISKS,    /* the guest writes to other disks */
        SV_WHOLE_REFUSED,  /* QEMU could not do it */
};

struct sv_saved_disk {
        char id[SV_DISK_ID_MAX + 1];
        int64_t bytes;   /* of the disk */
        int64_t stored;  /* of ID.qcow2; 0: it is ID.raw */
        int64_t changed; /* bytes of the disk in ID.qcow2 */
        int64_t mtime;   /* 0: not said */
        char sha256[65]; /* "": not said */
};

struct sv_saved {
        char guest[SV_NAME_MAX + 1];
        int64_t made;                     /* seconds since 1970 */
        char bitmap[SV_BITMAP_NAME_SIZE]; /* "": none */
        int64_t number;
        char since[65]; /* "": it has everything */
        enum sv_whole whole;
        bool quiesced; /* the guest's file systems were at rest */
        struct sv_saved_disk disks[SV_GUEST_DISKS_MAX];
        size_t n;
};

/* SV_FORMAT "copies.format". */
int sv_saved_parse(struct sv_bytes text, struct sv_saved *out, struct sv_err *err);
/* What a person is told about it; NULL for SV_WHOLE_UNSAID. */
const char *sv_saved_explain(enum sv_whole why);
/* The name of its file of a disk: to be freed. */
char *sv_saved_file(const struct sv_saved *c, size_t disk);
/* The caller frees it. */
struct sv_json *sv_saved_print(const struct sv_saved *c);
