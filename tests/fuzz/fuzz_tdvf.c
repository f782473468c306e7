/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a two-page image, where the tables are; small memory sizes only cost less time. */
#include <string.h>

#include "base/core/buf.h"
#include "tdx/measure/hob.h"
#include "tdx/measure/mrtd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static uint8_t image[2 * 4096];
        struct sv_err err = SV_ERR_NULL;
        struct sv_tdvf t;
        uint8_t mrtd[SV_TDX_DIGEST];
        uint64_t total = 0;
        SV_BUF hob = SV_BUF_NULL;

        if (size > sizeof(image))
                return 0;
        memset(image, 0, sizeof(image));
        memcpy(image + sizeof(image) - size, data, size);
        if (sv_tdvf_parse(sv_bytes(image, sizeof(image)), &t, &err) < 0)
                return 0;
        for (size_t i = 0; i < t.n; i++)
                total += t.sections[i].size > (1u << 24) ? 1u << 24 : t.sections[i].size;
        if (total < 1u << 24)
                sv_tdx_mrtd(&t, SV_TDX_MAINLINE, mrtd, NULL, &err);
        sv_tdx_hob(&t, 1ull << 31, &hob, &err);
        return 0;
}
