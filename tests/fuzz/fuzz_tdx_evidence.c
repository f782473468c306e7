/* SPDX-License-Identifier: Apache-2.0 */
/* The KBS protocol's evidence: what is read is written the same, and what it needs has an address.
 */
#include <stdlib.h>

#include "tests/unit/evidence.h"
#include "tdx/verify/evidence.h"
#include "tdx/measure/measure.h"
#include "tdx/tee.h"
#include "tdx/verify/tee.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        SV_TDX_EVIDENCE e = {0};
        SV_JSON *j = NULL;
        SV_JSON *again = NULL;
        SV_JSON *out = sv_json_array();

        if (sv_json_parse(sv_bytes(data, size), "fuzz", &j, NULL) < 0)
                return 0;
        needs_json(&sv_tee_verify_tdx, j, out, NULL);
        for (size_t i = 0; i < sv_json_len(out); i++)
                if (!sv_json_str(sv_json_get(sv_json_at(out, i), "url")))
                        abort();
        if (sv_tdx_evidence_read(j, &e, NULL) < 0 ||
            sv_tdx_evidence_write(sv_buf_bytes(&e.quote), sv_buf_bytes(&e.event_log), &again,
                                  NULL) < 0)
                return 0;
        if (!sv_json_str(sv_json_get(again, "quote")))
                abort();
        return 0;
}
