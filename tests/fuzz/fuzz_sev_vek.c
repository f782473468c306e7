/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "sev/verify/certs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        SV_CERT *cert = sv_cert_from_der(sv_bytes(data, size), "fuzz", NULL);
        struct sv_err err = SV_ERR_NULL;
        struct sv_vek v;

        if (!cert)
                return 0;
        if (sv_vek_parse(cert, &v, &err) < 0) {
                if (err.class != SV_FORMAT)
                        abort();
        } else if (v.product == SV_SEV_UNKNOWN ||
                   (v.key == SV_SEV_VCEK ? v.hwid_size != 64 && v.hwid_size != 8 : !*v.csp_id)) {
                abort();
        }
        return 0;
}
