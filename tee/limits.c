/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/limits.h"

void sv_claims_limit(struct sv_json *claims, const char *slot, const char *reason,
                     const char *unless)
{
        struct sv_json *limits = sv_json_get(claims, "limits"), *limit;

        if (!limits)
                limits = sv_json_set(claims, "limits", sv_json_object());
        if (!unless) {
                sv_json_set_str(limits, slot, reason);
                return;
        }
        limit = sv_json_set(limits, slot, sv_json_object());
        sv_json_set_str(limit, "reason", reason);
        sv_json_set_str(limit, "unless", unless);
}
