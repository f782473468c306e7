/* SPDX-License-Identifier: Apache-2.0 */
/* The kek's file, when it is not the key itself. */
#include "broker/kek/kek.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        SV_KEK k = {.kind = SV_KEK_FILE};
        SV_BUF text = SV_BUF_NULL;

        if (sv_kek_parse(sv_bytes(data, size), &k, NULL) == 0)
                sv_kek_print(&k, &text);
        return 0;
}
