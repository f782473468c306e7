/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/describe.h"

#include <stdio.h>
#include <string.h>

const char *sv_describe_protection(const struct sv_json *disk)
{
        return sv_json_bool(sv_json_get(disk, "encrypted"), false) ? "encrypted"
               : sv_json_bool(sv_json_get(disk, "verity"), false)  ? "verified block by block"
               : sv_json_bool(sv_json_get(disk, "readonly"), false)
                       ? "read only, the host's to change"
                       : "the host's to read and change";
}

const char *sv_describe_address(const struct sv_json *guest)
{
        const struct sv_json *steps = sv_json_get(guest, "steps");

        for (size_t i = sv_json_len(steps); i > 0; i--) {
                const struct sv_json *e = sv_json_at(steps, i - 1);

                if (!strcmp(sv_json_text(e, "step", ""), "network") &&
                    !strcmp(sv_json_text(e, "state", ""), "done"))
                        return sv_json_str(sv_json_get(e, "says"));
        }
        return NULL;
}

void sv_format_duration(int64_t seconds, char out[48])
{
        static const struct {
                int64_t seconds;
                const char *name;
        } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
        size_t i = 0;

        while (i < 2 && seconds < units[i].seconds)
                i++;
        snprintf(out, 48, "%lld %s %lld %s", (long long)(seconds / units[i].seconds), units[i].name,
                 (long long)(seconds % units[i].seconds / units[i + 1].seconds), units[i + 1].name);
}
