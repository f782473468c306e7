/* SPDX-License-Identifier: Apache-2.0 */
/* A CoRIM is read or refused by name; what is read is a set that its own reader takes, and written
 * as CoRIM it is the same set. */
#include <stdlib.h>

#include "attest/corim/corim.h"
#include "policy/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        SV_JSON *claims = sv_json_object(), *ignored = sv_json_array();
        struct sv_corim_in in = {.name = "v/r/web", .tee = "t", .claims = claims};
        struct sv_err err = SV_ERR_NULL;
        SV_JSON *set = NULL, *again = NULL;
        SV_BUF text = SV_BUF_NULL, corim = SV_BUF_NULL, back = SV_BUF_NULL;

        sv_json_set_str(claims, "", "/measurement");
        sv_json_set_str(claims, "ir:0", "/rtmr0");
        if (sv_corim_read(sv_bytes(data, size), &in, ignored, &text, &err) < 0) {
                if (!err.class || !err.check[0] || text.n)
                        abort();
                return 0;
        }
        if (sv_reference_parse(sv_buf_bytes(&text), &set, &err) < 0)
                abort();
        if (sv_corim_write(set, &(struct sv_corim_out){0}, &corim, &err) < 0)
                return 0; /* times that a CoRIM cannot have */
        in.generation = sv_reference_generation(set);
        if (sv_corim_read(sv_buf_bytes(&corim), &in, ignored, &back, &err) < 0 ||
            sv_reference_parse(sv_buf_bytes(&back), &again, &err) < 0 || !sv_json_equal(set, again))
                abort();
        return 0;
}
