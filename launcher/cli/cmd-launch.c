/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm launch: from a guest file to a guest that runs, or (--wait) has its disk. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "launcher/choose.h"
#include "base/core/file.h"
#include "base/program/log.h"
#include "launcher/keeper/client.h"
#include "launcher/cli/commands.h"
#include "launcher/keeper/daemon.h"
#include "launcher/keeper/follow.h"
#include "launcher/host/host.h"
#include "launcher/keeper/worker.h"

static const struct sv_opt opts[] = {
        {"wait", NULL, "follow until the guest has its disk, or say which step failed and why", 'w',
         false},
        {"timeout", "SECONDS",
         "with --wait: give up and end the guest after this time (600; 0 never)", 0, false},
        {"connect", "URI", "start it under this libvirt (as qemu:///system) instead of our own",
         'c', false},
        {"events", "FILE", "write every event as one JSON object a line (\"-\": standard error)", 0,
         false},
        {NULL, NULL, NULL, 0, false},
};

/* A guest that runs is refused at once; one that is just ending is waited for. */
static int lock(struct sv_state *s, struct sv_err *err)
{
        SV_FD fd = sv_state_exists(s) ? sv_client_connect(s, "control.sock", NULL) : -1;
        unsigned killed = 0;

        if (sv_state_lock(s, fd >= 0 ? 0 : SV_LOCK_WAIT_MS, err) < 0 ||
            sv_state_recover(s, &killed, err) < 0)
                return -1;
        if (killed)
                sv_warn("ended %u process%s that a killed supervisor had left behind", killed,
                        killed == 1 ? "" : "es");
        return 0;
}

static int open_events(const struct sv_args *args, FILE **out, struct sv_err *err)
{
        const char *name = sv_opt(args, "events");

        *out = sv_has(args, "json") ? stderr : NULL;
        if (!name)
                return 0;
        *out = strcmp(name, "-") ? fopen(name, "we") : stderr;
        return *out ? 0 : sv_fail_errno(err, "launch.events", "%s", name);
}

static void fill(struct sv_json *result, const struct sv_state *s)
{
        static const char *const members[] = {"name",  "uuid",  "tee",      "accelerator",
                                              "state", "since", "qemu_pid", "boot"};
        SV_JSON *status = NULL;

        if (sv_state_read_status(s, &status, NULL) < 0)
                return;
        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
                if (sv_json_get(status, members[i]))
                        sv_json_set(result, members[i],
                                    sv_json_ref(sv_json_get(status, members[i])));
}

static int start_elsewhere(const char *uri, const struct sv_work *work, struct sv_follow *f,
                           struct sv_json *result, struct sv_err *err)
{
        const struct sv_guest_elsewhere w = {
                .uri = uri, .guest = work->guest, .tee = work->tee, .kvm = work->kvm};
        struct sv_json *boot = NULL;

        if (sv_elsewhere_launch(&w, f, &boot, err) < 0)
                return -1;
        sv_json_set_str(result, "name", w.guest->name);
        sv_json_set_str(result, "tee", w.tee->id->name);
        sv_json_set_str(result, "accelerator", w.kvm ? "kvm" : "tcg");
        sv_json_set_str(result, "state", f->wait ? "unlocked" : "running");
        sv_json_set_str(result, "connect", uri);
        sv_json_set(result, "boot", boot);
        return 0;
}

static int start(const struct sv_args *args, const struct sv_guest *g, struct sv_state *s,
                 struct sv_follow *f, struct sv_json *result, struct sv_err *err)
{
        struct sv_work work = {.guest = g, .state = s};
        struct sv_host host;
        int r;

        if (sv_tee_choose(NULL, g, SV_CHOOSE_HERE, &work.tee, err) < 0)
                return -1;
        sv_host_kvm("", &host);
        work.kvm = host.kvm;
        if (!host.kvm)
                sv_info("no KVM, so the guest is emulated (TCG): %s", host.kvm_why);
        if (sv_has(args, "connect"))
                return start_elsewhere(sv_opt(args, "connect"), &work, f, result, err);
        if (lock(s, err) < 0)
                return -1;
        f->fd = sv_guard_start(s, sv_worker, &work, err);
        if (f->fd < 0)
                return -1;
        f->commit = true;
        r = sv_follow(f, err);
        /* Without "commit" this ends everything; with it, nothing. */
        close(f->fd);
        close(s->lock);
        s->lock = -1;
        if (r < 0)
                sv_client_wait_off(s, SV_LOCK_WAIT_MS, NULL);
        return r;
}

static void tell(const struct sv_guest *g, const struct sv_follow *f, const char *uri)
{
        SV_STR where = uri ? sv_asprintf(" --connect %s", uri) : sv_asprintf("%s", "");

        printf("guest %s %s; \"secure-vm console %s%s\" enters it, \"secure-vm stop %s%s\" ends "
               "it\n",
               g->name, f->wait ? "has its disk" : "runs", g->name, where, g->name, where);
}

static int run(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        struct sv_follow f = {.wait = sv_has(args, "wait"), .fd = -1};
        SV_STATE s = {.lock = -1};
        SV_GUEST g = {0};
        int r;

        if (sv_guest_read(args->pos[0], &g, err) < 0 ||
            sv_client_timeout(sv_opt(args, "timeout"), 600, &f.timeout, err) < 0 ||
            sv_state_init(&s, g.name, err) < 0)
                return -1;
        if (f.wait && !g.attestation.url)
                return sv_fail(err, SV_USAGE, "launch.wait",
                               "--wait waits for a disk's key, and %s has no \"attestation\"; "
                               "leave --wait out",
                               args->pos[0]);
        if (!f.wait)
                f.timeout = 0;
        if (open_events(args, &f.events, err) < 0)
                return -1;
        f.quiet = f.events == stderr || sv_has(args, "quiet");
        *result = sv_json_object();
        r = start(args, &g, &s, &f, *result, err);
        if (f.events && f.events != stderr)
                fclose(f.events);
        if (r < 0) {
                sv_json_free(f.timings);
                return -1;
        }
        if (!sv_has(args, "connect"))
                fill(*result, &s);
        if (*f.grounds)
                sv_json_set_str(*result, "grounds", f.grounds);
        if (f.timings)
                sv_json_set(*result, "timings", f.timings); /* given away */
        if (!sv_has(args, "json"))
                tell(&g, &f, sv_opt(args, "connect"));
        return 0;
}

const struct sv_cmd sv_cmd_launch = {
        .name = "launch",
        .args = "GUEST.json",
        .help = "start a guest from measured firmware and kernel",
        .opts = opts,
        .run = run,
};
