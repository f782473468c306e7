/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence as JSON, with signature checks that say yes, so that the code behind them is reached. */
#include "vtpm/tee.h"
#include "vtpm/verify/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const uint8_t secret[64], report_data[48];
        const struct sv_blob blob = {"activation-secret", {secret, sizeof(secret)}};
        struct sv_verify_in in = {
                .time = 1800000000, .skip_signatures = true, .collateral = {&blob, 1}};
        SV_JSON *evidence = NULL;
        SV_JSON *claims = NULL;
        SV_JSON *again = NULL;
        SV_EVIDENCE *e = NULL;

        if (sv_json_parse(sv_bytes(data, size), "fuzz", &evidence, NULL) < 0)
                return 0;
        if (sv_evidence_open(&sv_tee_verify_vtpm, evidence, &e, NULL) < 0)
                return 0;
        sv_vtpm_verify(e, &in, &claims, NULL);
        in.report_data = sv_bytes(report_data, sizeof(report_data));
        sv_vtpm_verify(e, &in, &again, NULL);
        return 0;
}
