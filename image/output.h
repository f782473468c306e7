/* SPDX-License-Identifier: Apache-2.0 */
/* A file that gets its name when it is whole, in one step. Until then it has no name, where the
 * file system can do that (O_TMPFILE), so that nothing of it stays when the process is killed. */
#pragma once

#include <stdbool.h>

#include "base/core/err.h"

struct sv_output {
        char *path; /* the name it will have */
        char *temp; /* the name it has; NULL: none */
        int fd;     /* to write and to read */
};
#define SV_OUTPUT __attribute__((cleanup(sv_output_close))) struct sv_output

/* SV_USAGE "image.exists" when `path` is there and `replace` is not set; "image.out" when it is
 * there and no regular file. A symbolic link is followed. Nothing is made. *resolved is the
 * caller's to free. */
int sv_output_check(const char *path, bool replace, char **resolved, struct sv_err *err);
/* A new file, mode 0600, beside `path` (as sv_output_check resolved it). SV_SYSTEM "image.out". */
int sv_output_open(const char *path, struct sv_output *out, struct sv_err *err);
/* Contents to the medium. */
int sv_output_sync(struct sv_output *o, struct sv_err *err);
/* Gives it its name: whoever opens the name finds what was there before or all of this. Without
 * `replace` a file that has appeared there meanwhile stays: SV_USAGE "image.exists". */
int sv_output_publish(struct sv_output *o, bool replace, struct sv_err *err);
/* After it: the name to the medium. */
int sv_output_sync_name(const struct sv_output *o, struct sv_err *err);
/* Without sv_output_publish before it nothing is left. */
void sv_output_close(struct sv_output *o);

/* The disk in `path`, open to write, under a lock that no guest can have beside it: QEMU locks
 * bytes of the images that it has open. SV_USAGE "image.busy" when one has it open; the caller
 * closes *fd, and the lock goes with it. */
int sv_disk_lock(const char *path, int *fd, struct sv_err *err);
/* The same of one that is open to write. */
int sv_disk_lock_open(int fd, const char *path, struct sv_err *err);
