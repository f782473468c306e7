/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/file.h"
#include "launcher/tune/readback-int.h"

void sv_readback_add(const struct sv_readback *r, const char *where, const char *what,
                     const char *wanted, const char *found)
{
        struct sv_json *o = sv_json_add(r->found, sv_json_object());
        SV_STR path = sv_asprintf("/proc/%u/%s", r->pid, where);

        sv_json_set_str(o, "what", what);
        sv_json_set_str(o, "wanted", wanted);
        sv_json_set_str(o, "found", found);
        sv_json_set_str(o, "where", path);
}
