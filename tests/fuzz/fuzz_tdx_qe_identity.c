/* SPDX-License-Identifier: Apache-2.0 */
/* The quoting enclave's identity behind its signature. */
#include <stdlib.h>

#include "tdx/verify/tcb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_sgx_report qe = {
                .isvprodid = 2, .isvsvn = 4, .attributes = {0x15, 0, 0, 0, 0, 0, 0, 0, 0xe7}};
        SV_TCB_DOC doc = {0};
        SV_BUF signer = SV_BUF_NULL;
        struct sv_tcb_found found;

        if (sv_tcb_doc_parse(sv_bytes(data, size), "enclaveIdentity", "tdx.qe_identity", &doc,
                             NULL) < 0)
                return 0;
        if (doc.raw.p < data || doc.raw.p + doc.raw.n > data + size)
                abort();
        /* The signer that the document names: what comes behind the comparison is reached too. */
        if (sv_json_need_hex(doc.body, "mrsigner", &signer, "fuzz", NULL) == 0 &&
            signer.n == sizeof(qe.mrsigner))
                memcpy(qe.mrsigner, signer.p, sizeof(qe.mrsigner));
        sv_tcb_qe(&doc, &qe, &found, NULL);
        return 0;
}
