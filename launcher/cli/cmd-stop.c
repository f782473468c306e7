/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm stop, destroy, reboot, reset: the ends of a run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "base/crypto/crypto.h"
#include "launcher/choose.h"
#include "launcher/cli/admin-args.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/guest-policy.h"
#include "launcher/guest-file.h"
#include "launcher/keeper/client.h"
#include "launcher/keeper/keeper.h"
#include "launcher/keeper/life.h"

#define DOWN_SECONDS   60  /* for a guest to shut down */
#define LAUNCH_SECONDS 600 /* until it has its disk again */

int sv_report_state(const struct sv_args *args, const char *state, struct sv_json **result)
{
        *result = sv_json_object();
        sv_json_set_str(*result, "name", args->pos[0]);
        sv_json_set_str(*result, "state", state);
        if (!sv_has(args, "json"))
                printf("guest %s: %s\n", args->pos[0], state);
        return 0;
}

static int run_destroy(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *uri = sv_opt(args, "connect"), *name = args->pos[0];
        const struct sv_keeper *k = sv_keeper_choose(uri);
        bool forget = sv_has(args, "forget");

        if (forget && sv_keeper_offer(k, k->forget, "destroy --forget", err) < 0)
                return -1;
        if (k->destroy(uri, name, err) < 0)
                return -1;
        if (forget && k->forget(uri, name, err) < 0)
                return -1;
        return sv_report_state(args, forget ? "forgotten" : sv_life_word(SV_LIFE_STOPPED), result);
}

static int run_stop(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *uri = sv_opt(args, "connect"), *name = args->pos[0];
        unsigned seconds;
        int r;

        if (sv_client_parse_timeout(sv_opt(args, "timeout"), 60, &seconds, err) < 0)
                return -1;
        r = sv_keeper_choose(uri)->stop(uri, name, seconds, sv_has(args, "force"), err);
        if (r < 0)
                return -1;
        if (r > 0)
                return sv_fail(err, SV_SYSTEM, "stop.timeout",
                               "guest %s did not shut down within %u seconds; --timeout gives it "
                               "more, --force ends it then",
                               name, seconds);
        return sv_report_state(args, sv_life_word(SV_LIFE_STOPPED), result);
}

static int report_launch(const struct sv_args *args, const struct sv_follow *f,
                         struct sv_json **result)
{
        return sv_report_state(args, sv_life_word(f->wait ? SV_LIFE_UNLOCKED : SV_LIFE_RUNNING),
                               result);
}

/* A reboot starts the copies that were made at the launch, for the guest file of then. */
static int use_copies(const struct sv_json *status, struct sv_guest *g, struct sv_err *err)
{
        const struct {
                const char *member;
                char **path;
        } files[] = {{"firmware", &g->firmware},
                     {"kernel", &g->kernel},
                     {"uki", &g->uki},
                     {"initrd", &g->initrd},
                     {"shim", &g->shim}};
        const char *then = sv_json_str(sv_json_get(status, "guest_sha256"));
        char now[65];

        if (sv_sha256_hex(sv_bytes_str(g->text), now, err) < 0)
                return -1;
        if (!then || strcmp(then, now))
                return sv_fail(err, SV_USAGE, "reboot.changed",
                               "%s has changed since the launch, and a reboot starts what was "
                               "launched: \"secure-vm policy check\" tells of the file as it is "
                               "now, stop and launch start it",
                               g->file);
        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                if (!sv_json_get(sv_json_get(status, "boot"), files[i].member))
                        continue;
                free(*files[i].path);
                *files[i].path = sv_asprintf(
                        "%s/boot/%s", sv_json_str(sv_json_get(status, "folder")), files[i].member);
        }
        return 0;
}

/* Before a guest is taken down: would it get its disk again? */
static int foresee_release(const struct sv_args *args, const struct sv_keeper *k,
                           struct sv_err *err)
{
        SV_JSON *status = NULL;
        SV_JSON *rows = sv_json_array();
        SV_GUEST guest = {0};
        const struct sv_tee_host *tee;
        const char *file;

        if (k->show(sv_opt(args, "connect"), args->pos[0], &status, err) < 0)
                return -1;
        file = sv_json_str(sv_json_get(status, "guest_file"));
        if (!file)
                return sv_fail(err, SV_USAGE, "reboot.changed",
                               "guest %s does not say which guest file it was launched from",
                               args->pos[0]);
        if (sv_guest_file_read(file, &guest, err) < 0 || use_copies(status, &guest, err) < 0 ||
            sv_tee_choose(sv_json_str(sv_json_get(status, "tee")), &guest, SV_CHOOSE_ANY, &tee,
                          err) < 0)
                return -1;
        if (sv_guest_ask_policy(args, &guest, tee->id, rows, err) < 0)
                return sv_wrap(err,
                               "guest %s is left as it is, for it would not get its disk again",
                               args->pos[0]);
        sv_guest_report_rows(rows);
        return 0;
}

static int run_reboot(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        struct sv_follow f = {.wait = sv_has(args, "wait"), .quiet = sv_has(args, "json")};
        const char *uri = sv_opt(args, "connect");
        const struct sv_keeper *k = sv_keeper_choose(uri);
        int r;

        if (sv_client_parse_timeout(sv_opt(args, "timeout"), DOWN_SECONDS, &f.down, err) < 0)
                return -1;
        if (!f.down)
                return sv_fail(err, SV_USAGE, "reboot.wait",
                               "a guest that is asked to shut down needs seconds for it; "
                               "\"secure-vm reset\" does not ask");
        f.timeout = LAUNCH_SECONDS;
        if (sv_policy_is_asked(args) && foresee_release(args, k, err) < 0)
                return -1;
        r = k->reboot(uri, args->pos[0], &f, sv_has(args, "force"), err);
        sv_json_free(f.timings);
        return r < 0 ? -1 : report_launch(args, &f, result);
}

static int run_reset(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        struct sv_follow f = {.wait = sv_has(args, "wait"), .quiet = sv_has(args, "json")};
        const char *uri = sv_opt(args, "connect");
        const struct sv_keeper *k = sv_keeper_choose(uri);
        int r;

        if (sv_client_parse_timeout(sv_opt(args, "timeout"), LAUNCH_SECONDS, &f.timeout, err) < 0)
                return -1;
        r = k->reset(uri, args->pos[0], &f, err);
        sv_json_free(f.timings);
        return r < 0 ? -1 : report_launch(args, &f, result);
}

static const struct sv_opt stop_opts[] = {
        {"timeout", "SECONDS", "how long to wait for the guest (60)", 0, false},
        {"connect", "URI", "a guest of this libvirt", 'c', false},
        {"force", NULL, "end it when it has not shut down by then", 'f', false},
        {NULL, NULL, NULL, 0, false},
};
static const struct sv_opt destroy_opts[] = {
        {"connect", "URI", "a guest of this libvirt", 'c', false},
        {"forget", NULL, "also remove its folder: the vTPM's state and the logs", 0, false},
        {NULL, NULL, NULL, 0, false},
};
static const struct sv_opt reboot_opts[] = {
        {"connect", "URI", "a guest of this libvirt", 'c', false},
        {"wait", NULL, "follow until the guest has its disk again", 'w', false},
        {"timeout", "SECONDS", "how long to wait for the guest to shut down (60)", 0, false},
        {"force", NULL, "reset it when it has not shut down by then", 'f', false},
        SV_POLICY_OPT,
        SV_ADMIN_OPTS,
        {NULL, NULL, NULL, 0, false},
};
static const struct sv_opt reset_opts[] = {
        {"connect", "URI", "a guest of this libvirt", 'c', false},
        {"wait", NULL, "follow until the guest has its disk again", 'w', false},
        {"timeout", "SECONDS", "give up waiting after this time (600; 0 never)", 0, false},
        {NULL, NULL, NULL, 0, false},
};

const struct sv_cmd sv_cmd_stop = {"stop", "NAME", "ask a guest to shut down and wait for it",
                                   stop_opts, run_stop};
const struct sv_cmd sv_cmd_destroy = {"destroy", "NAME",
                                      "end a guest at once and remove everything it ran with",
                                      destroy_opts, run_destroy};
const struct sv_cmd sv_cmd_reboot = {
        "reboot", "NAME", "shut a guest down and launch it again from the same measured files",
        reboot_opts, run_reboot};
const struct sv_cmd sv_cmd_reset = {
        "reset", "NAME",
        "end a guest at once, what it had not written is lost, and launch it again", reset_opts,
        run_reset};
