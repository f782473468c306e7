/* SPDX-License-Identifier: Apache-2.0 */
/* Who keeps guests: our own supervisor with an embedded libvirt, or a libvirt daemon. One row each;
 * a command chooses its row once, by --connect. */
#pragma once

#include "guest/guest.h"
#include "launcher/keeper/copy-task.h"
#include "launcher/keeper/events.h"
#include "launcher/keeper/follow.h"
#include "launcher/keeper/resize.h"
#include "tee/tee.h"

#define SV_PRESS_SECONDS    5
/* How long QEMU may take to end when its guest is off: it may have much to write out. */
#define SV_QEMU_END_SECONDS 120

struct sv_launch {
        const struct sv_guest *guest;
        const struct sv_tee_host *tee;
        bool kvm; /* else TCG */
        /* may it start beside those that run? Asked once more when no other can begin meanwhile;
         * NULL: nobody asks */
        int (*fits)(const struct sv_launch *l, struct sv_err *err);
};

/* `uri` is the daemon's, NULL for our own. Errors are those of launcher/virt/virt.h and
 * launcher/keeper/client.h; for a guest that is not there, virt.absent or state.absent. A keeper
 * without a function has NULL there: ask sv_keeper_offer before calling what may be NULL. */
struct sv_keeper {
        const char *name; /* for messages: "a libvirt daemon" */

        /* Copy, measure, start; follow as f says. A failure leaves nothing of the guest, but
         * launch.interrupted once it runs: then it goes on, unless f->bound. Adds who it is, its
         * state and what was measured to `result`. */
        int (*launch)(const char *uri, const struct sv_launch *l, struct sv_follow *f,
                      struct sv_json *result, struct sv_err *err);
        /* Adds one object a guest to `rows`; those of somebody else have "ours" false. */
        int (*list)(const char *uri, struct sv_json *rows, struct sv_err *err);
        /* A guest's whole status, which the caller frees. */
        int (*show)(const char *uri, const char *name, struct sv_json **out, struct sv_err *err);
        /* Start one that is kept there and is off, from the copies of its launch; follow as f says.
         */
        int (*start)(const char *uri, const char *name, struct sv_follow *f, struct sv_err *err);
        /* Follow one that was launched before, as f says; where it is already counts. wait.ended
         * when it does not run. */
        int (*wait)(const char *uri, const char *name, struct sv_follow *f, struct sv_err *err);
        /* Ask it to shut down, again every SV_PRESS_SECONDS, and wait. 1 when it has not after that
         * time; with `force` it is ended then. */
        int (*stop)(const char *uri, const char *name, unsigned seconds, bool force,
                    struct sv_err *err);
        /* End it at once, with everything that it ran with. */
        int (*destroy)(const char *uri, const char *name, struct sv_err *err);
        /* After destroy: remove what is kept of it, the vTPM's state and the logs. */
        int (*forget)(const char *uri, const char *name, struct sv_err *err);
        /* Ask it to shut down, wait f->down seconds for that (with `force` it is reset then),
         * launch it again from the same measured files; follow as f says. */
        int (*reboot)(const char *uri, const char *name, struct sv_follow *f, bool force,
                      struct sv_err *err);
        /* The same without asking. */
        int (*reset)(const char *uri, const char *name, struct sv_follow *f, struct sv_err *err);
        /* Stop its virtual CPUs, and let them go on: memory, key and devices stay. state.paused,
         * state.running, state.off, state.changing for one that is not in a state for it. */
        int (*pause)(const char *uri, const char *name, struct sv_err *err);
        int (*resume)(const char *uri, const char *name, struct sv_err *err);
        /* Change what it may take while it runs (launcher/keeper/resize.h). state.off. */
        int (*resize)(const char *uri, const char *name, const struct sv_resize *r,
                      struct sv_err *err);
        /* Copies its disks as they are at one moment, whether it runs or not
         * (launcher/keeper/copy-task.h); an interrupt (image/run.h) ends that. */
        int (*copy_disks)(const char *uri, const struct sv_guest *g, const struct sv_copy_task *t,
                          struct sv_progress *progress, struct sv_err *err);
        /* fn(arg), which changes its disks, while it does not run: SV_USAGE "snapshot.running",
         * "snapshot.remote", "snapshot.daemon". */
        int (*while_off)(const char *uri, const struct sv_guest *g,
                         int (*fn)(void *arg, struct sv_err *err), void *arg, struct sv_err *err);
        /* put() for each event of this guest's life, or (name NULL) of every one's, from now on:
         * "guest", "at", "event" and what goes with that. Ends when put does not return 0; with 1
         * that is no failure. */
        int (*events)(const char *uri, const char *name, sv_put_event put, void *arg,
                      struct sv_err *err);
        /* Is it started with its host? `set` changes that before; NULL only asks. */
        int (*autostart)(const char *uri, const char *name, const bool *set, bool *now,
                         struct sv_err *err);
        /* Connected descriptor of the serial line. What it hangs on stays open as long as the
         * process. */
        int (*console)(const char *uri, const char *name, int *fd, struct sv_err *err);
        /* What the serial line printed since the launch, in pieces; also of a guest that ended. */
        int (*console_log)(const char *uri, const char *name,
                           int (*put)(void *arg, struct sv_bytes piece, struct sv_err *err),
                           void *arg, struct sv_err *err);
};

extern const struct sv_keeper sv_keeper_embed, sv_keeper_daemon;

/* The row for --connect URI, or for no such option (NULL). */
const struct sv_keeper *sv_keeper_choose(const char *uri);
/* SV_USAGE "keeper.function", naming keeper and command, unless `has`. */
int sv_keeper_offer(const struct sv_keeper *k, bool has, const char *command, struct sv_err *err);
