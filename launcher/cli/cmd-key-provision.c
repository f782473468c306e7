/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm key provision: a secret that its first guest makes. */
#include <stdio.h>

#include "base/core/text.h"
#include "launcher/cli/admin-args.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/key-settings.h"

static const struct sv_opt options[] = {
        {.name = "bytes", .arg = "N", .help = "how many random bytes it has (32)"},
        SV_SETTINGS_OPTS,
        SV_ADMIN_OPTS,
        {0},
};

static int run_key_provision(const struct sv_args *args, struct sv_json **result,
                             struct sv_err *err)
{
        const char *text = sv_opt(args, "bytes"), *path = args->pos[0];
        struct sv_admin_settings settings;
        SV_ADMIN *admin = NULL;
        uint64_t bytes = 32;

        if (text && (sv_parse_u64(text, SV_PROVISION_MAX, &bytes, "", NULL) < 0 ||
                     bytes < SV_PROVISION_MIN))
                return sv_fail(err, SV_USAGE, "key.size",
                               "expected a number from %d to %d as --bytes, found '%.40s'",
                               SV_PROVISION_MIN, SV_PROVISION_MAX, text);
        if (sv_settings_from_args(args, &settings, err) < 0 ||
            sv_admin_from_args(args, NULL, &admin, err) < 0 ||
            sv_admin_provision(admin, path, bytes, &settings, err) < 0 ||
            sv_admin_show_resource(admin, path, result, err) < 0)
                return -1;
        if (!sv_has(args, "json"))
                printf("%s: the first guest for which its policy holds makes it\n", path);
        return 0;
}

const struct sv_cmd sv_cmd_key_provision = {
        .name = "key provision",
        .args = "RESOURCE",
        .help = "a secret that its first guest makes, and no administrator sees",
        .opts = options,
        .run = run_key_provision,
};
