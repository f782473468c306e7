/* SPDX-License-Identifier: Apache-2.0 */
/* First byte: size of the pieces; the rest is a chunked body. In pieces or whole, the outcome must
 * be the same. */
#include <stdlib.h>

#include "base/net/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int feed(struct sv_bytes in, size_t piece, struct sv_buf *out, bool *done)
{
        struct sv_http_body b = {.chunked = true};

        while (in.n && !b.done) {
                size_t n = in.n < piece ? in.n : piece;
                size_t used;

                if (sv_http_body_feed(&b, sv_bytes(in.p, n), &used, out, NULL) < 0)
                        return -1;
                if (!b.done && used != n)
                        abort();
                in = sv_bytes(in.p + used, in.n - used);
        }
        *done = b.done;
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        SV_BUF whole = SV_BUF_NULL;
        SV_BUF pieces = SV_BUF_NULL;
        bool done[2] = {false, false};
        int rc;

        if (!size)
                return 0;
        rc = feed(sv_bytes(data + 1, size - 1), size, &whole, &done[0]);
        if (rc != feed(sv_bytes(data + 1, size - 1), 1 + data[0] % 16, &pieces, &done[1]) ||
            done[0] != done[1])
                abort();
        if (rc == 0 && !sv_bytes_eq(sv_buf_bytes(&whole), sv_buf_bytes(&pieces)))
                abort();
        return 0;
}
