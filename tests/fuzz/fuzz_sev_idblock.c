/* SPDX-License-Identifier: Apache-2.0 */
/* An ID block and the ID authentication behind it. */
#include <stdlib.h>

#include "sev/measure/idblock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        size_t n = size < SV_ID_BLOCK_SIZE ? size : SV_ID_BLOCK_SIZE;
        struct sv_bytes block = sv_bytes(data, n), auth = sv_bytes(data + n, size - n);
        uint8_t again[SV_ID_BLOCK_SIZE];
        struct sv_id_auth read, checked;
        struct sv_id_block b;
        bool readable;

        if (sv_id_block_parse(block, &b, NULL) == 0) {
                sv_id_block_write(&b, again);
                if (!sv_bytes_eq(sv_bytes(again, sizeof(again)), block))
                        abort();
        }
        readable = sv_id_auth_read(auth, &read, NULL) == 0;
        for (int author = 0; author < 2; author++)
                if (sv_id_auth_check(block, auth, author, &checked, NULL) == 0 &&
                    (!readable || checked.anonymous != read.anonymous ||
                     (author && !read.has_author)))
                        abort();
        return 0;
}
