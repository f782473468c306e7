/* SPDX-License-Identifier: Apache-2.0 */
#include "image/cpio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_rd r = sv_rd(sv_bytes(data, size));
        struct sv_err err = SV_ERR_NULL;
        struct sv_cpio_member m;
        bool end = false;

        while (!end && sv_cpio_next(&r, &m, &end, &err) == 0)
                ;
        return 0;
}
