/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm key set: what is said of a secret beside its value. */
#include <stdio.h>

#include "launcher/cli/admin-args.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/key-settings.h"

static const struct sv_opt options[] = {
        SV_SETTINGS_OPTS,
        {.name = "no-label", .arg = "NAME", .help = "a label that it has no more", .many = true},
        SV_ADMIN_OPTS,
        {0},
};

static int run_key_set(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        struct sv_admin_settings settings;
        const char *path = args->pos[0];
        SV_ADMIN *admin = NULL;

        if (sv_settings_from_args(args, &settings, err) < 0)
                return -1;
        if (!settings.releases && !settings.labels[0] && !settings.no_labels[0])
                return sv_fail(err, SV_USAGE, "key.set",
                               "expected --releases, --label or --no-label: what is to be set?");
        if (sv_admin_from_args(args, NULL, &admin, err) < 0 ||
            sv_admin_set_resource(admin, path, &settings, err) < 0 ||
            sv_admin_show_resource(admin, path, result, err) < 0)
                return -1;
        if (!sv_has(args, "json"))
                printf("%s\n", sv_settings_print(*result, "") ? "" : "no labels, any releases");
        return 0;
}

const struct sv_cmd sv_cmd_key_set = {
        .name = "key set",
        .args = "RESOURCE",
        .help = "labels of a secret, and how often it may be released",
        .opts = options,
        .run = run_key_set,
};
