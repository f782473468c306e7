/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/updates.h"

#include <string.h>

void sv_claim_updates(const struct sv_json *claims, const char *claim, struct sv_buf *out)
{
        SV_BUF above = SV_BUF_NULL;
        const struct sv_json *list;

        sv_buf_put(&above, sv_bytes(claim, (size_t)(strrchr(claim, '/') - claim)));
        list = sv_json_get(sv_json_pointer(claims, sv_buf_str(&above)), "update");

        for (size_t i = 0; i < sv_json_len(list); i++) {
                const char *text = sv_json_str(sv_json_at(list, i));

                if (text)
                        sv_buf_printf(out, "; %s%s", i ? "" : "to do: ", text);
        }
}
