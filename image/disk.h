/* SPDX-License-Identifier: Apache-2.0 */
/* A file system image in a file, without root, loop devices or device-mapper. */
#pragma once

#include <stdint.h>

#include "base/core/err.h"

enum sv_disk_from {
        SV_DISK_DIR = 1, /* owners and modes as they are on the disk */
        /* owners, modes, device nodes and extended attributes as the archive says, whoever runs
           this */
        SV_DISK_TAR,
        SV_DISK_RAW, /* an image already; taken as it is */
};

/* What `path` is: a directory, a tar (also compressed; by its magic, or by its name), else raw.
 * SV_SYSTEM "image.from". */
int sv_disk_kind(const char *path, enum sv_disk_from *kind, struct sv_err *err);

/* Writes `out` (exists, private). size: bytes of the image, 0: as large as the contents need and a
 * quarter, and 64 MiB. tmp_dir is where a tar is unpacked for a moment. SV_SYSTEM / SV_USAGE
 * "image.filesystem", "image.unpack", "image.size". */
int sv_disk_make(const char *from, enum sv_disk_from kind, uint64_t size, const char *tmp_dir,
                 const char *out, struct sv_err *err);
