/* SPDX-License-Identifier: Apache-2.0 */
/* A firmware image with an empty variable store: no keys, so no Secure Boot. What MRTD covers stays
 * as it is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/rd.h"
#include "tests/teesim/signer.h"

/* The store begins the image (Debian's; UEFI PI 1.7, volume 3, section 3.2.1; edk2
 * VariableFormat.h): volume header, then the store's, 28 bytes with its size at 16. Erased flash is
 * ones. */
void td_keyless(struct sv_bytes firmware, struct sv_buf *out)
{
        struct sv_rd rd = sv_rd(firmware);
        uint32_t header, size;

        sv_rd_seek(&rd, 48);
        header = sv_rd_u16le(&rd);
        sv_rd_seek(&rd, header + 16);
        size = sv_rd_u32le(&rd);
        if (rd.bad || firmware.n < 44 || memcmp(firmware.p + 40, "_FVH", 4) || size < 28 ||
            header + size > firmware.n) {
                fprintf(stderr, "keyless: the image does not begin with a variable store\n");
                exit(1);
        }
        sv_buf_put(out, firmware);
        memset(out->p + header + 28, 0xff, size - 28);
}
