/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm backup: copies of a guest's disks, while it runs or not. */
#include <stdio.h>
#include <string.h>

#include "base/core/file.h"
#include "base/program/log.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/defined.h"
#include "launcher/cli/running-guest.h"
#include "launcher/keeper/backup.h"
#include "launcher/keeper/keeper.h"

static const struct sv_opt create_backup_opts[] = {
        {.name = "to", .arg = "FOLDER", .help = "where it is to be: a new folder"},
        {.name = "connect", .arg = "URI", .help = "a guest of this libvirt", .letter = 'c'},
        {0},
};
static const struct sv_opt restore_opts[] = {
        {.name = "from", .arg = "FOLDER", .help = "the backup"},
        {.name = "replace", .help = "in place of disks that are there, which are lost"},
        {0},
};
static const struct sv_opt verify_opts[] = {{0}};

static int need_folder(const struct sv_args *args, const char *option, const char **out,
                       struct sv_err *err)
{
        *out = sv_opt(args, option);
        return *out ? 0
                    : sv_fail(err, SV_USAGE, "backup.folder", "expected --%s with a folder",
                              option);
}

static bool has_snapshot(const struct sv_guest *g)
{
        SV_CHAINS chains = {0};
        bool found = false;
        size_t at;

        if (sv_chains_read(g, &chains, NULL) < 0)
                return false;
        for (size_t i = 0; i < g->n_disks; i++)
                found |= chains.disks[i].path &&
                         sv_tree_find(&chains.disks[i].chain.now, SV_BACKUP_SNAPSHOT, true, &at,
                                      NULL) == 0;
        return found;
}

static int do_snapshot_task(const struct sv_args *args, const struct sv_guest *g,
                            enum sv_task_kind kind, struct sv_err *err)
{
        const char *uri = sv_opt(args, "connect");
        const struct sv_task t = {.kind = kind, .name = SV_BACKUP_SNAPSHOT};

        return sv_keeper_choose(uri)->disks(uri, g, &t, NULL, err);
}

/* The state is frozen for as long as it is copied, and the guest goes on. */
static int copy_frozen(const struct sv_args *args, const struct sv_guest *g, const char *to,
                       struct sv_json **manifest, struct sv_err *err)
{
        int r;

        if (has_snapshot(g) && do_snapshot_task(args, g, SV_TASK_DELETE, err) < 0)
                return -1;
        if (do_snapshot_task(args, g, SV_TASK_CREATE, err) < 0)
                return -1;
        r = sv_disk_backup_write(g, SV_BACKUP_SNAPSHOT, to, manifest, err);
        return do_snapshot_task(args, g, SV_TASK_DELETE, r < 0 ? NULL : err) < 0 ? -1 : r;
}

static int run_backup_create(const struct sv_args *args, struct sv_json **result,
                             struct sv_err *err)
{
        SV_JSON *manifest = NULL;
        const char *to;
        SV_GUEST g = {0};

        if (need_folder(args, "to", &to, err) < 0 ||
            sv_guest_running(args->pos[0], sv_opt(args, "connect"), &g, err) < 0)
                return -1;
        if (sv_disk_backup_prepare(to, err) < 0)
                return -1;
        if (copy_frozen(args, &g, to, &manifest, err) < 0) {
                sv_remove_tree(to, NULL);
                return -1;
        }
        *result = sv_json_object();
        sv_json_set(*result, "backup", sv_json_ref(manifest));
        return 0;
}

static int run_backup_verify(const struct sv_args *args, struct sv_json **result,
                             struct sv_err *err)
{
        SV_JSON *manifest = NULL;

        if (sv_disk_backup_verify(args->pos[0], &manifest, err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set(*result, "backup", sv_json_ref(manifest));
        if (!sv_has(args, "json"))
                printf("%s: guest %s as of %s, whole and as it was made\n", args->pos[0],
                       sv_json_text(manifest, "guest", "-"), sv_json_text(manifest, "made", "-"));
        return 0;
}

static int run_backup_restore(const struct sv_args *args, struct sv_json **result,
                              struct sv_err *err)
{
        SV_JSON *manifest = NULL;
        SV_GUEST g = {0};
        const char *from;

        if (need_folder(args, "from", &from, err) < 0 ||
            sv_guest_running(args->pos[0], NULL, &g, err) < 0)
                return -1;
        if (sv_disk_backup_verify(from, &manifest, err) < 0 ||
            sv_disk_backup_restore(&g, from, manifest, sv_has(args, "replace"), err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "guest", g.name);
        sv_info("the TEE does not see that a disk is of an earlier time; a broker that keeps its "
                "generation refuses it (disk.rollback) until \"secure-vm key accept-restore\"");
        return 0;
}

const struct sv_cmd sv_cmd_backup_create = {
        .name = "backup create",
        .args = "GUEST",
        .help = "copy a guest's disks as they are at one moment, while it runs or not",
        .opts = create_backup_opts,
        .run = run_backup_create,
};
const struct sv_cmd sv_cmd_backup_verify = {
        .name = "backup verify",
        .args = "FOLDER",
        .help = "is a backup whole, and as it was made?",
        .opts = verify_opts,
        .run = run_backup_verify,
};
const struct sv_cmd sv_cmd_backup_restore = {
        .name = "backup restore",
        .args = "GUEST",
        .help = "make the disks of a guest that does not run from a backup",
        .opts = restore_opts,
        .run = run_backup_restore,
};
