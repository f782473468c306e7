/* SPDX-License-Identifier: Apache-2.0 */
#include "image/copy.h"

#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "image/run.h"

#define PIECE (64u << 20) /* between two looks whether to go on */

static int fail_copying(struct sv_err *err)
{
        return sv_fail_errno(err, "image.copy", "cannot copy the contents");
}

/* In the kernel; the second way for two file systems that share nothing. */
static ssize_t copy_piece(int from, int to, off_t at, size_t n)
{
        off_t in = at, out = at;
        ssize_t done = copy_file_range(from, &in, to, &out, n, 0);

        if (done >= 0 || errno != EXDEV)
                return done;
        return lseek(to, at, SEEK_SET) < 0 ? -1 : sendfile(to, from, &in, n);
}

/* From one hole to the next, at the same place in both files. */
static int copy_range(int from, int to, off_t at, off_t end, struct sv_err *err)
{
        while (at < end) {
                size_t n = end - at < PIECE ? (size_t)(end - at) : PIECE;
                ssize_t done = copy_piece(from, to, at, n);

                if (sv_run_interrupted())
                        return sv_fail(err, SV_SYSTEM, "image.interrupted", "interrupted");
                if (done < 0 && errno == EINTR)
                        continue;
                if (done <= 0)
                        return fail_copying(err);
                at += done;
        }
        return 0;
}

int sv_copy_data(int from, int to, off_t size, struct sv_err *err)
{
        if (ioctl(to, FICLONE, from) == 0)
                return 0;
        if (ftruncate(to, size) < 0)
                return fail_copying(err);
        for (off_t at = 0, end; at < size; at = end) {
                at = lseek(from, at, SEEK_DATA);
                if (at < 0)
                        return errno == ENXIO ? 0 : fail_copying(err);
                end = lseek(from, at, SEEK_HOLE);
                if (end < 0)
                        return fail_copying(err);
                if (copy_range(from, to, at, end, err) < 0)
                        return -1;
        }
        return 0;
}
