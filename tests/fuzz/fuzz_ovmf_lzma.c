/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/lzma.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_err err = SV_ERR_NULL;
        SV_BUF out = SV_BUF_NULL;

        sv_lzma_decode(sv_bytes(data, size), 1u << 16, &out, &err);
        return 0;
}
