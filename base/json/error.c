/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json/error.h"

void sv_put_error(struct sv_json *to, const struct sv_err *err)
{
        sv_json_set_str(to, "class", sv_class_name(err->class));
        sv_json_set_str(to, "check", err->check);
        sv_json_set_str(to, "message", err->msg);
}

struct sv_json *sv_err_json(const struct sv_err *err)
{
        struct sv_json *j = sv_json_object();

        sv_json_set_bool(j, "ok", false);
        sv_put_error(sv_json_set(j, "error", sv_json_object()), err);
        return j;
}
