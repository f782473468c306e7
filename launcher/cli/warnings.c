/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/warnings.h"

#include "base/program/log.h"

void sv_warnings_report(struct sv_json *list, struct sv_json *result)
{
        for (size_t i = 0; i < sv_json_len(list); i++) {
                const struct sv_json *w = sv_json_at(list, i);

                sv_warn("%s [%s]", sv_json_str(sv_json_get(w, "message")),
                        sv_json_str(sv_json_get(w, "check")));
        }
        if (result)
                sv_json_set(result, "warnings", list);
        else
                sv_json_free(list);
}
