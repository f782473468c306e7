/* SPDX-License-Identifier: Apache-2.0 */
#include "luks/piece.h"

#include "base/core/file.h"

int sv_luks_write_piece(int fd, const uint8_t *p, size_t n, uint64_t at, struct sv_err *err)
{
        if (sv_fd_write_at(fd, sv_bytes(p, n), at) < 0)
                return sv_fail_errno(err, "luks.encrypt", "cannot write the image");
        return 0;
}
