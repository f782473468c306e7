/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/volumes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_err err = SV_ERR_NULL;
        SV_VOLUMES v = {0};
        struct sv_fv fv;
        struct sv_ffs file;
        size_t pos = 0;

        sv_volumes_read(sv_bytes(data, size), &v, &err);
        if (sv_fv_parse(sv_bytes(data, size), &fv, &err) < 0)
                return 0;
        while (sv_ffs_next(&fv, &pos, &file, &err) > 0) {
                struct sv_section s;
                size_t at = 0;

                while (sv_section_next(file.body, &at, &s, &err) > 0)
                        ;
        }
        return 0;
}
