/* SPDX-License-Identifier: Apache-2.0 */
/* What the strict reader takes must print, read again and be equal; what it refuses must have a
 * named check. */
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct sv_err err = SV_ERR_NULL;
        SV_JSON *j = NULL;
        SV_JSON *again = NULL;
        SV_BUF text = SV_BUF_NULL;

        if (sv_json_parse(sv_bytes(data, size), "fuzz", &j, &err) < 0) {
                if (strcmp(err.check, "fuzz.json") || err.class != SV_FORMAT)
                        abort();
                return 0;
        }
        sv_json_print(j, &text);
        if (sv_json_parse(sv_buf_bytes(&text), "again", &again, &err) < 0 ||
            !sv_json_equal(j, again))
                abort();
        sv_json_line(sv_bytes(data, size), "/a/0/b");
        return 0;
}
