/* SPDX-License-Identifier: Apache-2.0 */
#include "luks/piece.h"

#include <errno.h>
#include <unistd.h>

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
