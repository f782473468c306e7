/* SPDX-License-Identifier: Apache-2.0 */
/* TCB info behind its signature: the platform's level and the module's. */
#include <stdlib.h>

#include "tdx/verify/tcb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct sv_pck pck = {.fmspc = {0x50, 0x80, 0x6f},
                                   .components = {9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9},
                                   .pcesvn = 13};
        static const uint8_t svns[3][16] = {{5, 0, 7}, {5, 1, 7}, {1, 1, 7}};
        const struct sv_td_report td = {.type = SV_TD_10};
        SV_TCB_DOC doc = {0};
        struct sv_tcb_found found;
        bool has;

        if (sv_tcb_doc_parse(sv_bytes(data, size), "tcbInfo", "tdx.tcb_info", &doc, NULL) < 0)
                return 0;
        if (doc.raw.p < data || doc.raw.p + doc.raw.n > data + size)
                abort();
        sv_tcb_info_matches(&doc, &pck, NULL);
        for (size_t i = 0; i < 3; i++) {
                sv_tcb_platform(&doc, &pck, svns[i], &found, NULL);
                sv_tcb_module(&doc, &td, svns[i], &has, &found, NULL);
        }
        sv_tcb_doc_current(&doc, 1780272000, "tdx.tcb_info", NULL);
        return 0;
}
