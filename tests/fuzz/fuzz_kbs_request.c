/* SPDX-License-Identifier: Apache-2.0 */
/* The first messages that a stranger may send, and the answers that a client reads. */
#include "attest/kbs/kbs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        SV_KBS_REQUEST req = {{0}};
        SV_KBS_CHALLENGE ch = {{0}};
        SV_BUF token = SV_BUF_NULL;
        struct sv_err err;

        sv_kbs_parse_request(sv_bytes(data, size), &req, NULL);
        sv_kbs_parse_challenge(sv_bytes(data, size), &ch, NULL);
        sv_kbs_parse_token(sv_bytes(data, size), &token, NULL);
        sv_kbs_parse_outcome(sv_bytes(data, size), &err, NULL);
        sv_kbs_fail(401, sv_bytes(data, size), &err);
        return 0;
}
