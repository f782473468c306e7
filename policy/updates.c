/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/updates.h"

#include <string.h>

#include "base/core/file.h"

void sv_claim_updates(const struct sv_json *claims, const char *claim, struct sv_buf *out)
{
        SV_STR above = sv_asprintf("%.*s", (int)(strrchr(claim, '/') - claim), claim);
        const struct sv_json *list = sv_json_get(sv_json_pointer(claims, above), "update");

        for (size_t i = 0; i < sv_json_len(list); i++) {
                const char *text = sv_json_str(sv_json_at(list, i));

                if (text)
                        sv_buf_printf(out, "; %s%s", i ? "" : "to do: ", text);
        }
}
