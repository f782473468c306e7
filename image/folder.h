/* SPDX-License-Identifier: Apache-2.0 */
/* A folder that files are read from, wherever it is: on this machine, or in the image of a disk. */
#pragma once

#include "base/core/buf.h"

struct sv_folder {
        const char *name; /* its whole path, for messages and for what is its last part */
        bool (*has)(const struct sv_folder *f, const char *path);
        /* Appends a file of at most max bytes; as sv_file_read. */
        int (*read)(const struct sv_folder *f, const char *path, size_t max, struct sv_buf *out,
                    const char *check, struct sv_err *err);
        void *arg; /* of who made it */
};

/* One on this machine; `path` as realpath gives it stays the caller's. */
struct sv_folder sv_folder_here(const char *path);
