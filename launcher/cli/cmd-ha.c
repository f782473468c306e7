/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm ha state, ha file: what an engine of high availability asks of a guest
 * (launcher/ha/guest asks it). */
#include <stdio.h>
#include <string.h>

#include "launcher/cli/commands.h"
#include "launcher/cli/defined.h"
#include "launcher/ha/state.h"
#include "launcher/keeper/keeper.h"

static bool is_absent(const struct sv_err *err)
{
        return !strcmp(err->check, "state.absent") || !strcmp(err->check, "virt.absent");
}

/* A guest that is not there does not run: that is an answer. */
static int run_ha_state(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *uri = sv_opt(args, "connect"), *name = args->pos[0], *word;
        struct sv_err why = SV_ERR_NULL;
        SV_JSON *status = NULL;
        SV_BUF reason = SV_BUF_NULL;

        if (sv_keeper_choose(uri)->show(uri, name, &status, &why) < 0) {
                if (!is_absent(&why)) {
                        *err = why;
                        return -1;
                }
                word = sv_ha_state_word(SV_HA_OFF);
        } else {
                word = sv_ha_state_word(sv_ha_judge(status, &reason));
        }
        if (sv_buf_ok(&reason, "the reason", err) < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "name", name);
        sv_json_set_str(*result, "state", word);
        if (reason.n)
                sv_json_set_str(*result, "reason", sv_buf_str(&reason));
        if (!sv_has(args, "json"))
                printf("%s%s%s\n", word, reason.n ? ": " : "", sv_buf_str(&reason));
        return 0;
}

static int run_ha_file(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *name = sv_opt(args, "name");
        SV_GUEST g = {0};
        bool opens;

        if (sv_guest_take(args->pos[0], &g, err) < 0)
                return -1;
        if (name && strcmp(name, g.name))
                return sv_fail(err, SV_USAGE, "ha.file.name",
                               "%s is the file of guest %s, and that of guest %s was expected: a "
                               "cluster would start one and ask about the other",
                               g.file, g.name, name);
        opens = g.attestation.url && sv_guest_root(&g);
        *result = sv_json_object();
        sv_json_set_str(*result, "name", g.name);
        sv_json_set_bool(*result, "opens_disk", opens);
        if (!sv_has(args, "json"))
                printf("%s\n", opens ? "disk" : "no-disk");
        return 0;
}

static const struct sv_opt state_opts[] = {
        {.name = "connect", .arg = "URI", .help = "a guest of this libvirt", .letter = 'c'},
        {0},
};
static const struct sv_opt file_opts[] = {
        {.name = "name", .arg = "NAME", .help = "the guest that it must be"},
        {0},
};

const struct sv_cmd sv_cmd_ha_state = {
        .name = "ha state",
        .args = "NAME",
        .help = "one word for a cluster: runs, off, stuck or refused, and why",
        .opts = state_opts,
        .run = run_ha_state,
};

const struct sv_cmd sv_cmd_ha_file = {
        .name = "ha file",
        .args = "GUEST.json",
        .help = "whether a node has a guest's file, and whether that opens a disk",
        .opts = file_opts,
        .run = run_ha_file,
};
