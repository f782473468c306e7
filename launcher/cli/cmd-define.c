/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm define, undefine: guest files under the names of their guests. */
#include "base/program/log.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/defined.h"
#include "launcher/guest-file.h"

static const struct sv_opt define_opts[] = {
        {.name = "replace", .help = "in place of the guest that is defined by this name"},
        {0},
};
static const struct sv_opt undefine_opts[] = {{0}};

static int run_define(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_GUEST g = {0};

        if (sv_guest_file_read(args->pos[0], &g, err) < 0 ||
            sv_defined_write(&g, sv_has(args, "replace"), err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "name", g.name);
        sv_json_set_str(*result, "folder", g.dir);
        sv_info("%s is defined from a copy of %s, whose relative paths stay relative to %s: "
                "\"secure-vm start %s\" starts it, \"secure-vm edit %s\" changes the copy",
                g.name, g.file, g.dir, g.name, g.name);
        return 0;
}

static int run_undefine(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        if (sv_defined_remove(args->pos[0], err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "name", args->pos[0]);
        sv_info("%s is not defined any more; a guest that runs goes on, and its disks, its vTPM's "
                "state and its logs are as they were",
                args->pos[0]);
        return 0;
}

const struct sv_cmd sv_cmd_define = {
        .name = "define",
        .args = "GUEST.json",
        .help = "keep a guest file under its guest's name, for every command that takes a file",
        .opts = define_opts,
        .run = run_define,
};

const struct sv_cmd sv_cmd_undefine = {
        .name = "undefine",
        .args = "NAME",
        .help = "forget a guest's file; the guest and its disks stay",
        .opts = undefine_opts,
        .run = run_undefine,
};
