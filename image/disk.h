/* SPDX-License-Identifier: Apache-2.0 */
/* A file system image in a file, without root, loop devices or device-mapper. */
#pragma once

#include <stdint.h>

#include "base/core/source.h"
#include "image/filesystem.h"

enum sv_disk_from {
        SV_DISK_DIR = 1, /* owners and modes as they are on the disk */
        /* owners, modes, device nodes and extended attributes as the archive says, whoever runs
           this */
        SV_DISK_TAR,
        SV_DISK_RAW,    /* an image already; taken as it is */
        SV_DISK_SOURCE, /* the same, and the caller has it open */
};

/* What `path` is: a directory, a tar (also compressed; by its magic, or by its name), else raw.
 * SV_SYSTEM "image.from"; a raw image that is no file system but a disk with partitions, or the
 * format of another machine monitor: SV_USAGE "image.partitions", "image.container". */
int sv_disk_kind(const char *path, enum sv_disk_from *kind, struct sv_err *err);

/* A disk's contents, not encrypted: whole blocks. */
struct sv_plain {
        struct sv_source source;
        int fd; /* the file that it reads; -1: none that is ours */
};

struct sv_disk_in {
        const char *from;
        /* Of SV_DISK_SOURCE, in place of `from`. With a larger size it is read beyond its own end,
         * and has zeros there. */
        const struct sv_source *source;
        enum sv_disk_from kind;
        enum sv_filesystem filesystem; /* of a directory or a tar */
        uint64_t size; /* of the contents; 0: as large as they need and a quarter, and 64 MiB */
};

/* A raw image is opened, and nothing is written. Of a directory or a tar a file system is made in
 * the file `scratch` from `at` on (btrfs: at its beginning), and plain->fd is another descriptor of
 * it. The caller closes plain->fd. A tar is unpacked for a moment into a folder of $TMPDIR (or in
 * memory, /dev/shm), which goes whatever becomes of this process. SV_SYSTEM / SV_USAGE
 * "image.filesystem", "image.unpack", "image.size". */
int sv_disk_make(const struct sv_disk_in *in, int scratch, uint64_t at, struct sv_plain *plain,
                 struct sv_err *err);
