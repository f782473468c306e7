/* SPDX-License-Identifier: Apache-2.0 */
/* First byte: request or response; the rest is a head. */
#include "base/net/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        SV_HTTP m = {0};
        struct sv_http_body b;

        if (size && sv_http_parse_head(sv_bytes(data + 1, size - 1), data[0] == 'Q', &m, NULL) == 0)
                sv_http_body_begin(&m, &b, NULL);
        return 0;
}
