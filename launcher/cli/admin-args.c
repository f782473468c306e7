/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/cli/admin-args.h"

int sv_admin_from_args(const struct sv_args *args, const char *pin, struct sv_admin **out,
                       struct sv_err *err)
{
        const char *url = sv_opt(args, "broker");
        const char *key = sv_opt(args, "admin-key");

        if (sv_opt(args, "pin"))
                pin = sv_opt(args, "pin");
        if (!url || !key || !pin)
                return sv_fail(err, SV_USAGE, "admin.broker",
                               "--%s is missing: say which broker, by which key it is known, and "
                               "who you are",
                               !url   ? "broker"
                               : !pin ? "pin"
                                      : "admin-key");
        return sv_admin_open(url, pin, key, out, err);
}
