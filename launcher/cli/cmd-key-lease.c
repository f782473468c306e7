/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm key end-lease: the guest that has a disk is gone, the next one need not wait. */
#include <stdio.h>

#include "launcher/cli/admin-args.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/disk-key.h"

static const struct sv_opt options[] = {
        {.name = "volume",
         .arg = "UUID",
         .help = "which disk, when the resource is not only the key of one"},
        SV_ADMIN_OPTS,
        {0},
};

static int run_end_lease(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *volume = sv_opt(args, "volume"), *path = args->pos[0];
        SV_ADMIN *admin = NULL;

        if (sv_disk_key_check_uuid(volume, err) < 0 ||
            sv_admin_from_args(args, NULL, &admin, err) < 0 ||
            sv_admin_end_lease(admin, path, volume, err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "path", path);
        if (!sv_has(args, "json"))
                printf("%s: the next guest gets the disk\n", path);
        return 0;
}

const struct sv_cmd sv_cmd_key_end_lease = {
        .name = "key end-lease",
        .args = "RESOURCE",
        .help = "give a disk to the next guest: the one that has it is gone",
        .opts = options,
        .run = run_end_lease,
};
