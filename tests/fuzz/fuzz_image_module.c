/* SPDX-License-Identifier: Apache-2.0 */
#include "image/module.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const char *const suffixes[] = {".ko", ".ko.gz", ".ko.xz", ".ko.zst"};
        struct sv_err err = SV_ERR_NULL;

        for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
                SV_BUF out = SV_BUF_NULL;

                sv_module_unpack(suffixes[i], sv_bytes(data, size), &out, &err);
        }
        return 0;
}
