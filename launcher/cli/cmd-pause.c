/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm pause, resume: the virtual CPUs of a guest stand, and go on. */
#include <time.h>

#include "base/program/log.h"
#include "launcher/cli/commands.h"
#include "launcher/keeper/keeper.h"
#include "launcher/keeper/life.h"
#include "launcher/keeper/status.h"

static int run_pause(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *uri = sv_opt(args, "connect"), *name = args->pos[0];

        if (sv_keeper_choose(uri)->pause(uri, name, err) < 0)
                return -1;
        sv_info("its memory stays where it is, and the key of its disk in it: only a guest that is "
                "stopped gives both back");
        return sv_report_state(args, sv_life_word(SV_LIFE_PAUSED), result);
}

static void warn_lease(const struct sv_args *args, const struct sv_json *status)
{
        if (sv_status_lease_doubtful(status, time(NULL)))
                sv_warn("guest %s stood for long, and the lease of its disk (%lld s) may be over: "
                        "if "
                        "another instance has taken the disk meanwhile, this one is refused at its "
                        "next report and goes off; \"secure-vm key show %s\" says who has it",
                        args->pos[0],
                        (long long)sv_json_int(sv_json_pointer(status, "/attestation/lease"), 0),
                        sv_json_text(sv_json_get(status, "attestation"), "resource", "RESOURCE"));
}

/* What it goes on with is what it had: with its disk open, or not yet. */
static int run_resume(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *uri = sv_opt(args, "connect"), *name = args->pos[0];
        const struct sv_keeper *k = sv_keeper_choose(uri);
        SV_JSON *before = NULL;
        SV_JSON *status = NULL;

        if (k->show(uri, name, &before, err) < 0 || k->resume(uri, name, err) < 0 ||
            k->show(uri, name, &status, err) < 0)
                return -1;
        warn_lease(args, before);
        return sv_report_state(args, sv_json_text(status, "state", "-"), result);
}

static const struct sv_opt pause_opts[] = {
        {.name = "connect", .arg = "URI", .help = "a guest of this libvirt", .letter = 'c'},
        {0},
};

const struct sv_cmd sv_cmd_pause = {
        .name = "pause",
        .args = "NAME",
        .help = "stop a guest's virtual CPUs; its memory and its key stay in it",
        .opts = pause_opts,
        .run = run_pause,
};

const struct sv_cmd sv_cmd_resume = {
        .name = "resume",
        .args = "NAME",
        .help = "let a paused guest go on",
        .opts = pause_opts,
        .run = run_resume,
};
