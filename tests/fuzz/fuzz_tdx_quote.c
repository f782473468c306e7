/* SPDX-License-Identifier: Apache-2.0 */
/* Quotes and their certification data: what is read lies inside; and the platform that their
 * certificate names. */
#include <stdlib.h>

#include "tdx/measure/measure.h"
#include "tdx/tee.h"
#include "tdx/verify/tee.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_bytes views[8];
        struct sv_quote q;
        struct sv_pck pck;
        bool processor;

        if (sv_quote_parse(sv_bytes(data, size), &q, NULL) < 0)
                return 0;
        views[0] = q.signed_part;
        views[1] = q.signature;
        views[2] = q.att_key;
        views[3] = q.qe_report;
        views[4] = q.qe_signature;
        views[5] = q.qe_auth;
        views[6] = q.pck_chain;
        views[7] = q.td.ex;
        for (size_t i = 0; i < 8; i++)
                if (views[i].n && (views[i].p < data || views[i].p + views[i].n > data + size))
                        abort();
        sv_json_free(sv_td_claims(&q.td));
        sv_tdx_platform(&q, &pck, &processor, NULL);
        return 0;
}
