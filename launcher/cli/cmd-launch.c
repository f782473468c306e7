/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm launch, start: from a guest file to a guest that runs, or (--wait) has its disk. */
#include <stdio.h>
#include <string.h>

#include "base/core/file.h"
#include "base/program/log.h"
#include "base/program/manager.h"
#include "launcher/cli/budget-guests.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/defined.h"
#include "launcher/cli/launch-guest.h"
#include "launcher/keeper/client.h"
#include "launcher/keeper/keeper.h"
#include "launcher/keeper/tune-for.h"
#include "tee/host.h"

static const struct sv_opt opts[] = {
        {"wait", NULL, "follow until the guest has its disk, or say which step failed and why", 'w',
         false},
        {"timeout", "SECONDS",
         "with --wait: give up and end the guest after this time (600; 0 never)", 0, false},
        {"connect", "URI", "start it under this libvirt (as qemu:///system) instead of our own",
         'c', false},
        {"check", NULL, "only look at all that can be told beforehand; nothing is made or started",
         0, false},
        {"events", "FILE", "write every event as one JSON object a line (\"-\": standard error)", 0,
         false},
        {"foreground", NULL,
         "stay until the guest has ended, for a service manager; it is told when the guest has its "
         "disk, or runs when it has none to open",
         0, false},
        {NULL, NULL, NULL, 0, false},
};

static int open_events(const struct sv_args *args, FILE **out, struct sv_err *err)
{
        const char *name = sv_opt(args, "events");

        *out = sv_has(args, "json") ? stderr : NULL;
        if (!name)
                return 0;
        *out = strcmp(name, "-") ? fopen(name, "we") : stderr;
        return *out ? 0 : sv_fail_errno(err, "launch.events", "%s", name);
}

/* What the key was released for, and how long each part took. */
static void put_release(struct sv_json *result, struct sv_follow *f)
{
        if (*f->reasons)
                sv_json_set_str(result, "grounds", f->reasons);
        if (f->timings)
                sv_json_set(result, "timings", sv_json_ref(f->timings));
}

static void print_next_steps(const struct sv_guest *g, const struct sv_follow *f, const char *uri)
{
        SV_STR where = uri ? sv_asprintf(" --connect %s", uri) : sv_asprintf("%s", "");

        printf("guest %s %s; \"secure-vm console %s%s\" enters it, \"secure-vm stop %s%s\" ends "
               "it\n",
               g->name, f->wait ? "has its disk" : "runs", g->name, where, g->name, where);
}

/* As the launch would find it out. */
static int check_not_taken(const struct sv_guest *g, struct sv_err *err)
{
        SV_STATE s = {.lock = -1};

        if (sv_state_init(&s, g->name, err) < 0)
                return -1;
        return sv_state_is_locked(&s) ? sv_state_lock(&s, 0, err) : 0;
}

/* Where it would lie, and why there. */
static int report_tuning(const char *uri, const struct sv_launch *l, bool say,
                         struct sv_json *result, struct sv_err *err)
{
        const struct sv_json *reasons;
        SV_TUNED tuned = {0};

        if (sv_tune_for(uri, l->guest, l->tee, &tuned, err) < 0)
                return -1;
        sv_tuned_put(l->guest, &tuned, result);
        reasons = sv_json_pointer(result, "/tuning/reasons");
        for (size_t i = 0; say && i < sv_json_len(reasons); i++) {
                const struct sv_json *r = sv_json_at(reasons, i);

                printf("%s: %s: %s\n", sv_json_text(r, "what", "-"), sv_json_text(r, "where", "-"),
                       sv_json_text(r, "why", "-"));
        }
        return 0;
}

static int check_launch(const char *uri, const struct sv_guest *g, bool say, struct sv_json *result,
                        struct sv_err *err)
{
        struct sv_launch l;

        if (!uri && check_not_taken(g, err) < 0)
                return -1;
        if (sv_launch_prepare(uri, g, &l, result, err) < 0)
                return -1;
        sv_json_set_str(result, "name", g->name);
        sv_json_set_str(result, "tee", l.tee->id->name);
        sv_json_set_str(result, "accelerator", l.kvm ? "kvm" : "tcg");
        if (report_tuning(uri, &l, say, result, err) < 0)
                return -1;
        if (say)
                printf("guest %s: nothing is against its launch under %s\n", g->name,
                       l.tee->id->name);
        return 0;
}

static int open_follow(const struct sv_args *args, const struct sv_guest *g, struct sv_follow *f,
                       struct sv_err *err)
{
        bool has_root = g->attestation.url || sv_guest_root(g);

        f->bound = sv_has(args, "foreground");
        f->wait = sv_has(args, "wait") || (sv_has(args, "foreground") && has_root);
        if (sv_client_parse_timeout(sv_opt(args, "timeout"), 600, &f->timeout, err) < 0)
                return -1;
        if (f->wait && !has_root)
                return sv_fail(
                        err, SV_USAGE, "launch.wait",
                        "--wait waits until the root disk is open, and in %s none is encrypted "
                        "or has \"verity\"; leave --wait out",
                        args->pos[0]);
        if (!f->wait)
                f->timeout = 0;
        if (open_events(args, &f->events, err) < 0)
                return -1;
        f->quiet = f->events == stderr || sv_has(args, "quiet");
        return 0;
}

static void close_follow(struct sv_follow *f)
{
        if (f->events && f->events != stderr)
                fclose(f->events);
        sv_json_free(f->timings);
}

/* A service's process: the guest's end is its end, and its status the guest's. */
static int stay_with_guest(const struct sv_args *args, const struct sv_keeper *k, const char *name,
                           FILE *events, struct sv_err *err)
{
        struct sv_follow f = {.end = true, .events = events, .quiet = true};
        int r;

        fflush(stdout);
        sv_notify_manager("READY=1");
        r = k->wait(sv_opt(args, "connect"), name, &f, err);
        sv_json_free(f.timings);
        return r;
}

static int launch_and_report(const struct sv_args *args, const struct sv_guest *g,
                             struct sv_json **result, struct sv_err *err)
{
        __attribute__((cleanup(close_follow))) struct sv_follow f = {.fd = -1};
        const char *uri = sv_opt(args, "connect");
        const struct sv_keeper *k = sv_keeper_choose(uri);

        if (sv_has(args, "foreground") &&
            sv_keeper_offer(k, k->wait, "launch --foreground", err) < 0)
                return -1;
        *result = sv_json_object();
        if (sv_has(args, "check"))
                return check_launch(uri, g, !sv_has(args, "json"), *result, err);
        if (open_follow(args, g, &f, err) < 0)
                return -1;
        if (sv_launch_guest(uri, g, &f, *result, err) < 0)
                return -1;
        put_release(*result, &f);
        if (!sv_has(args, "json"))
                print_next_steps(g, &f, uri);
        return sv_has(args, "foreground") ? stay_with_guest(args, k, g->name, f.events, err) : 0;
}

static int run_launch(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        SV_GUEST g = {0};

        return sv_guest_take(args->pos[0], &g, err) < 0 ? -1
                                                        : launch_and_report(args, &g, result, err);
}

/* One that is kept by a daemon and defined here by nobody. */
static int start_kept(const struct sv_args *args, const char *uri, struct sv_json **result,
                      struct sv_err *err)
{
        struct sv_follow f = {.fd = -1, .wait = sv_has(args, "wait")};
        const char *name = args->pos[0];
        int r;

        f.quiet = sv_has(args, "json") || sv_has(args, "quiet");
        if (sv_client_parse_timeout(sv_opt(args, "timeout"), 600, &f.timeout, err) < 0)
                return -1;
        if (sv_budget_check_start(uri, name, err) < 0)
                return -1;
        r = sv_keeper_choose(uri)->start(uri, name, &f, err);
        sv_json_free(f.timings);
        if (r < 0)
                return -1;
        *result = sv_json_object();
        sv_json_set_str(*result, "name", name);
        sv_json_set_str(*result, "state", f.wait ? "unlocked" : "running");
        if (!sv_has(args, "json"))
                printf("guest %s %s\n", name, f.wait ? "has its disk" : "runs");
        return 0;
}

static int run_start(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        const char *uri = sv_opt(args, "connect");
        SV_GUEST g = {0};

        if (uri && sv_keeper_choose(uri)->start && !sv_defined_has(args->pos[0]))
                return start_kept(args, uri, result, err);
        return sv_defined_read(args->pos[0], &g, err) < 0
                       ? -1
                       : launch_and_report(args, &g, result, err);
}

const struct sv_cmd sv_cmd_launch = {
        .name = "launch",
        .args = "GUEST.json",
        .help = "start a guest from measured firmware and kernel",
        .opts = opts,
        .run = run_launch,
};

const struct sv_cmd sv_cmd_start = {
        .name = "start",
        .args = "NAME",
        .help = "launch a defined guest",
        .opts = opts,
        .run = run_start,
};
