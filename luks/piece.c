/* SPDX-License-Identifier: Apache-2.0 */
#include "luks/piece.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int sv_luks_read_piece(int fd, uint8_t *p, size_t n, uint64_t at, struct sv_err *err)
{
        size_t got = 0;

        while (got < n) {
                ssize_t r = pread(fd, p + got, n - got, (off_t)(at + got));

                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0)
                        return sv_fail_errno(err, "luks.encrypt", "cannot read the contents");
                if (r == 0)
                        break;
                got += (size_t)r;
        }
        memset(p + got, 0, n - got);
        return 0;
}

int sv_luks_write_piece(int fd, const uint8_t *p, size_t n, uint64_t at, struct sv_err *err)
{
        while (n) {
                ssize_t r = pwrite(fd, p, n, (off_t)at);

                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0)
                        return sv_fail_errno(err, "luks.encrypt", "cannot write the image");
                p += r;
                n -= (size_t)r;
                at += (uint64_t)r;
        }
        return 0;
}
