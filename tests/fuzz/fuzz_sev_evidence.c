/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence that is read stands for a report: written again it reads the same. */
#include <stdlib.h>

#include "sev/verify/evidence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        SV_SNP_EVIDENCE e = {0}, again = {0};
        SV_JSON *j = NULL, *written = NULL;

        if (sv_json_parse(sv_bytes(data, size), "fuzz", &j, NULL) < 0 ||
            sv_snp_evidence_read(j, &e, NULL) < 0)
                return 0;
        if (sv_snp_evidence_write(sv_bytes(e.report, sizeof(e.report)), &e.certs, &written, NULL) <
            0)
                return 0; /* bytes that are no report */
        if (sv_snp_evidence_read(written, &again, NULL) < 0 || again.certs.n != e.certs.n ||
            !sv_bytes_eq(sv_bytes(e.report, sizeof(e.report)),
                         sv_bytes(again.report, sizeof(again.report))))
                abort();
        return 0;
}
