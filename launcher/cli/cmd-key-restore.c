/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm key accept-restore: a disk came back from a backup on purpose. */
#include <stdio.h>

#include "base/core/text.h"
#include "launcher/cli/admin-args.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/disk-key.h"

static const struct sv_opt options[] = {
        {.name = "generation",
         .arg = "N",
         .help = "the lowest generation that the disk may have now, as the refused guest says it"},
        {.name = "volume",
         .arg = "UUID",
         .help = "which disk, when the resource is not only the key of one"},
        SV_ADMIN_OPTS,
        {0},
};

static int run_accept_restore(const struct sv_args *args, struct sv_json **result,
                              struct sv_err *err)
{
        const char *volume = sv_opt(args, "volume"), *path = args->pos[0];
        SV_ADMIN *admin = NULL;
        uint64_t generation = 0;

        if (!sv_opt(args, "generation") ||
            sv_parse_u64(sv_opt(args, "generation"), INT64_MAX, &generation, "key.generation",
                         NULL) < 0 ||
            !generation)
                return sv_fail(err, SV_USAGE, "key.generation",
                               "expected --generation with a number from 1: the one that the "
                               "refused guest says the disk is at");
        if (sv_disk_key_check_uuid(volume, err) < 0 ||
            sv_admin_from_args(args, NULL, &admin, err) < 0)
                return -1;
        if (sv_admin_accept_restore(admin, path, volume, generation, err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "path", path);
        sv_json_set_int(*result, "generation", (int64_t)generation);
        if (!sv_has(args, "json"))
                printf("%s: the disk may be at generation %llu now\n", path,
                       (unsigned long long)generation);
        return 0;
}

const struct sv_cmd sv_cmd_key_accept_restore = {
        .name = "key accept-restore",
        .args = "RESOURCE",
        .help = "let a disk that came back from a backup be opened",
        .opts = options,
        .run = run_accept_restore,
};
