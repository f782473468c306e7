/* SPDX-License-Identifier: Apache-2.0 */
/* How libext2fs reads and writes: through an overlay, which keeps the first error that it met. */
#pragma once

#include <ext2fs/ext2fs.h>
#include <stdbool.h>

#include "image/import/overlay.h"

struct sv_ext_io {
        struct sv_overlay overlay;
        struct sv_err err; /* class 0: none */
};

/* As ext2fs_open2, with flags for reading and writing. */
errcode_t sv_ext_io_open(struct sv_ext_io *io, ext2_filsys *fs);
