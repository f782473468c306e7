/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm stop, destroy, reboot: the ends of a run. */
#include <stdio.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/program/log.h"
#include "launcher/keeper/client.h"
#include "launcher/cli/commands.h"
#include "launcher/keeper/daemon.h"
#include "launcher/keeper/follow.h"

static int done(const struct sv_args *args, const char *state, struct sv_json **result)
{
        *result = sv_json_object();
        sv_json_set_str(*result, "name", args->pos[0]);
        sv_json_set_str(*result, "state", state);
        if (!sv_has(args, "json"))
                printf("guest %s: %s\n", args->pos[0], state);
        return 0;
}

/* Nobody acts for it: what a killed supervisor left is ended here. */
static int clean(struct sv_state *s, struct sv_err *err)
{
        unsigned killed = 0;

        if (sv_state_lock(s, SV_LOCK_WAIT_MS, err) < 0 || sv_state_recover(s, &killed, err) < 0)
                return -1;
        if (killed)
                sv_warn("ended %u process%s that a killed supervisor had left behind", killed,
                        killed == 1 ? "" : "es");
        close(s->lock);
        s->lock = -1;
        return 0;
}

static int destroy_now(struct sv_state *s, struct sv_err *err)
{
        SV_JSON *status = NULL;
        struct sv_err e = SV_ERR_NULL;

        /* The supervisor may end by itself while it is asked. */
        if (sv_client_ask(s, SV_CONTROL_DESTROY, &status, &e) < 0 && strcmp(e.check, "state.off") &&
            strcmp(e.check, "state.silent")) {
                *err = e;
                return -1;
        }
        return clean(s, err);
}

static int destroy(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_STATE s = {.lock = -1};

        if (sv_has(args, "connect"))
                return sv_elsewhere_destroy(sv_opt(args, "connect"), args->pos[0], err) < 0
                               ? -1
                               : done(args, "stopped", result);
        if (sv_client_find(args->pos[0], &s, err) < 0 || destroy_now(&s, err) < 0)
                return -1;
        if (sv_has(args, "forget") && sv_remove_tree(s.dir, err) < 0)
                return -1;
        return done(args, sv_has(args, "forget") ? "forgotten" : "stopped", result);
}

static int stop(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_STATE s = {.lock = -1};
        SV_JSON *status = NULL;
        struct sv_err e = SV_ERR_NULL;
        unsigned seconds;

        if (sv_client_timeout(sv_opt(args, "timeout"), 60, &seconds, err) < 0)
                return -1;
        if (sv_has(args, "connect"))
                return sv_elsewhere_stop(sv_opt(args, "connect"), args->pos[0], seconds,
                                         sv_has(args, "force"), err) < 0
                               ? -1
                               : done(args, "stopped", result);
        if (sv_client_find(args->pos[0], &s, err) < 0 ||
            sv_client_ask(&s, SV_CONTROL_STOP, &status, err) < 0)
                return -1;
        if (sv_client_wait_off(&s, seconds * 1000, &e) < 0) {
                if (!sv_has(args, "force"))
                        return sv_fail(err, SV_SYSTEM, "stop.timeout",
                                       "guest %s did not shut down within %u seconds; --timeout "
                                       "gives it more, --force ends it then",
                                       s.name, seconds);
                if (destroy_now(&s, err) < 0)
                        return -1;
        }
        return done(args, "stopped", result);
}

static int reboot(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        struct sv_follow f = {.wait = sv_has(args, "wait"), .quiet = sv_has(args, "json")};
        SV_STATE s = {.lock = -1};
        SV_JSON *status = NULL;
        SV_BUF ask = SV_BUF_NULL;
        int r;

        if (sv_client_timeout(sv_opt(args, "timeout"), 600, &f.timeout, err) < 0 ||
            sv_client_find(args->pos[0], &s, err) < 0)
                return -1;
        f.fd = sv_client_connect(&s, "control.sock", err);
        if (f.fd < 0)
                return -1;
        sv_control_print(SV_CONTROL_EVENTS, &ask);
        if (sv_fd_write(f.fd, "the guest's supervisor", sv_buf_bytes(&ask), err) < 0 ||
            sv_client_ask(&s, SV_CONTROL_REBOOT, &status, err) < 0)
                r = -1;
        else
                r = sv_follow(&f, err);
        close(f.fd);
        sv_json_free(f.timings);
        return r < 0 ? -1 : done(args, f.wait ? "unlocked" : "running", result);
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
        {"wait", NULL, "follow until the guest has its disk again", 'w', false},
        {"timeout", "SECONDS", "give up waiting after this time (600; 0 never)", 0, false},
        {NULL, NULL, NULL, 0, false},
};

const struct sv_cmd sv_cmd_stop = {"stop", "NAME", "ask a guest to shut down and wait for it",
                                   stop_opts, stop};
const struct sv_cmd sv_cmd_destroy = {"destroy", "NAME",
                                      "end a guest at once and remove everything it ran with",
                                      destroy_opts, destroy};
const struct sv_cmd sv_cmd_reboot = {"reboot", "NAME",
                                     "end a guest and launch it again from the same measured files",
                                     reboot_opts, reboot};
