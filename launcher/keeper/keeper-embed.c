/* SPDX-License-Identifier: Apache-2.0 */
/* Guests under our own supervisor (launcher/keeper/guard.h): their folders and control sockets. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/program/log.h"
#include "launcher/host/confinement.h"
#include "launcher/host/host.h"
#include "launcher/keeper/claim.h"
#include "launcher/keeper/client.h"
#include "launcher/keeper/console-log.h"
#include "launcher/keeper/autostart.h"
#include "launcher/keeper/events.h"
#include "launcher/keeper/fabric.h"
#include "launcher/keeper/folder.h"
#include "launcher/keeper/keeper-disks.h"
#include "launcher/keeper/keeper.h"
#include "launcher/keeper/life.h"
#include "launcher/keeper/revert.h"
#include "launcher/keeper/status.h"
#include "launcher/keeper/worker.h"

/* --- launch --- */

/* With the lock held: end what a supervisor left that was killed together with its guard. */
static int recover_folder(struct sv_state *s, struct sv_err *err)
{
        unsigned killed = 0;

        if (sv_state_recover(s, &killed, err) < 0)
                return -1;
        if (killed)
                sv_warn("ended %u process%s that a killed supervisor had left behind", killed,
                        killed == 1 ? "" : "es");
        return 0;
}

static void unlock_folder(struct sv_state *s)
{
        close(s->lock);
        s->lock = -1;
}

/* A guest that runs is refused at once; one that is just ending is waited for. */
static int lock_for_launch(struct sv_state *s, struct sv_err *err)
{
        SV_FD fd = sv_state_exists(s) ? sv_client_connect(s, NULL) : -1;

        if (sv_state_lock(s, fd >= 0 ? 0 : SV_LOCK_WAIT_MS, err) < 0)
                return -1;
        return recover_folder(s, err);
}

static void put_launch_result(struct sv_json *result, const struct sv_state *s)
{
        static const char *const members[] = {"name",  "uuid",  "tee",      "accelerator",
                                              "state", "since", "qemu_pid", "boot"};
        SV_JSON *status = NULL;

        if (sv_state_read_status(s, &status, NULL) < 0)
                return;
        for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
                struct sv_json *value = sv_json_get(status, members[i]);

                if (value)
                        sv_json_set(result, members[i], sv_json_ref(value));
        }
}

/* What keeps this guest apart from the others here; what does not is said. */
static int set_apart(struct sv_work *w, struct sv_err *err)
{
        const struct sv_guest *g = w->guest;
        struct sv_confinement c;

        sv_host_confinement("", &c);
        w->confined = g->security.required;
        w->unlabelled = c.none;
        if (geteuid() != 0) {
                sv_info("all guests of one user run as that user, so they are not apart from each "
                        "other; root's are");
                return 0;
        }
        w->confined |= !g->security.optional && (c.model || g->security.model);
        if (!w->confined)
                sv_info("this guest is apart from others by its user ids alone: %s",
                        c.model ? "\"security\" wants no more" : c.why);
        if (sv_ids_take(w->state->dir, &w->ids, err) < 0 ||
            sv_ids_take_reader(w->state->dir, &w->reader, err) < 0)
                return -1;
        if (sv_ids_close_folder(w->state->dir, &w->ids, err) < 0)
                return -1;
        w->enclosed = sv_folder_enclose(w->state->dir);
        if (!w->enclosed)
                sv_info("links in this guest's folder are followed: %s (a mount of its own without "
                        "them wants Linux 5.14 and the right to mount)",
                        strerror(errno));
        return 0;
}

/* Whoever asked this process to end did not ask the guest to, unless the two are bound. */
static int give_up_launch(struct sv_state *s, const struct sv_follow *f)
{
        SV_JSON *status = NULL;

        if (f->committed && f->cause == SV_FOLLOW_INTERRUPTED && !f->bound)
                return -1;
        if (f->committed)
                sv_client_ask(s, SV_CONTROL_DESTROY, &status, NULL);
        sv_client_wait_off(s, SV_LOCK_WAIT_MS, NULL);
        return -1;
}

static int launch_embedded(const char *uri, const struct sv_launch *l, struct sv_follow *f,
                           struct sv_json *result, struct sv_err *err)
{
        SV_STATE s = {.lock = -1};
        struct sv_work work = {.guest = l->guest, .tee = l->tee, .state = &s, .kvm = l->kvm};
        int r;

        if (sv_state_init(&s, l->guest->name, err) < 0)
                return -1;
        if (sv_client_check_version(&s, err) < 0)
                return -1;
        if (lock_for_launch(&s, err) < 0)
                return -1;
        if (sv_revert_check(l->guest, err) < 0)
                return -1;
        if (set_apart(&work, err) < 0)
                return -1;
        if (sv_claim_place(l, &s, err) < 0)
                return -1;
        f->fd = sv_guard_start(&s, sv_worker_run, &work, err);
        if (f->fd < 0) {
                sv_guard_note_end(&s, err->msg);
                return -1;
        }
        f->commit = true;
        r = sv_follow_events(f, err);
        /* Without "commit" this ends everything; with it, nothing. */
        close(f->fd);
        unlock_folder(&s);
        if (r < 0)
                return give_up_launch(&s, f);
        put_launch_result(result, &s);
        return 0;
}

/* --- list, show --- */

/* The supervisor's answer; without one the status file, corrected when it says that the guest runs.
 * `with_live`: with what only libvirt knows. */
static struct sv_json *read_current(const struct sv_state *s, const struct sv_json *file,
                                    bool with_live)
{
        struct sv_json *live = NULL;
        enum sv_life life = sv_life_from_word(sv_json_str(sv_json_get(file, "state")));

        if (with_live && sv_client_ask(s, SV_CONTROL_LIVE, &live, NULL) == 0 && live)
                return live;
        if (sv_client_ask(s, SV_CONTROL_STATUS, &live, NULL) == 0 && live)
                return live;
        live = sv_json_ref((struct sv_json *)file);
        if (!sv_life_is_final(life) && !sv_state_is_locked(s))
                sv_json_set_str(live, "state", sv_life_word(SV_LIFE_KILLED));
        return live;
}

static int add_guest(void *arg, const struct sv_state *s, const struct sv_json *status,
                     struct sv_err *err)
{
        struct sv_json *row = sv_json_add(arg, sv_json_object());
        SV_JSON *now = read_current(s, status, false);
        struct sv_err why = SV_ERR_NULL;

        sv_status_put_row(now, row);
        sv_host_put_name(row);
        sv_json_set_bool(row, "ours", true);
        if (sv_status_check_version(now, s->name, &why) < 0)
                sv_put_error(sv_json_set(row, "error", sv_json_object()), &why);
        return 0;
}

static int list_embedded(const char *uri, struct sv_json *rows, struct sv_err *err)
{
        return sv_state_for_each(add_guest, rows, err);
}

/* Bytes of this host's memory that a process has now. */
static int64_t read_resident(int64_t pid)
{
        SV_STR path = sv_asprintf("/proc/%lld/status", (long long)pid);
        SV_BUF text = SV_BUF_NULL;
        const char *line;

        if (pid <= 0 || sv_file_read(path, SV_PROC_SIZE_MAX, &text, "proc", NULL) < 0)
                return 0;
        line = strstr(sv_buf_str(&text), "VmRSS:");
        return line ? strtoll(line + strlen("VmRSS:"), NULL, 10) * 1024 : 0;
}

/* What a daemon says of its guests, too. */
static void put_here(struct sv_json *status)
{
        enum sv_life life = sv_life_from_word(sv_json_text(status, "state", ""));

        if (!sv_life_is_final(life))
                sv_json_set_int(status, "memory_cost",
                                read_resident(sv_json_int(sv_json_get(status, "qemu_pid"), 0)));
        for (size_t i = 0; i < sv_json_len(sv_json_get(status, "disks")); i++)
                sv_fabric_put_status("", sv_json_at(sv_json_get(status, "disks"), i));
        sv_host_put_name(status);
        sv_json_set_bool(status, "ours", true);
}

static int show_embedded(const char *uri, const char *name, struct sv_json **out,
                         struct sv_err *err)
{
        SV_STATE s = {.lock = -1};
        SV_JSON *file = NULL;

        if (sv_client_find(name, &s, err) < 0)
                return -1;
        if (sv_state_read_status(&s, &file, err) < 0)
                return -1;
        *out = read_current(&s, file, true);
        sv_json_set_str(*out, "folder", s.dir);
        put_here(*out);
        return 0;
}

/* --- the ends of a run --- */

static int destroy_and_recover(struct sv_state *s, struct sv_err *err)
{
        SV_JSON *status = NULL;
        struct sv_err e = SV_ERR_NULL;
        int r;

        /* The supervisor may end by itself while it is asked. */
        if (sv_client_ask(s, SV_CONTROL_DESTROY, &status, &e) < 0 && strcmp(e.check, "state.off") &&
            strcmp(e.check, "state.silent")) {
                *err = e;
                return -1;
        }
        if (sv_state_lock(s, SV_LOCK_WAIT_MS, err) < 0)
                return -1;
        r = recover_folder(s, err);
        unlock_folder(s);
        return r;
}

static int destroy_embedded(const char *uri, const char *name, struct sv_err *err)
{
        SV_STATE s = {.lock = -1};

        if (sv_client_find(name, &s, err) < 0)
                return -1;
        return destroy_and_recover(&s, err);
}

static int forget_embedded(const char *uri, const char *name, struct sv_err *err)
{
        SV_STATE s = {.lock = -1};

        if (sv_client_find(name, &s, err) < 0)
                return -1;
        return sv_remove_tree(s.dir, err);
}

static int stop_embedded(const char *uri, const char *name, unsigned seconds, bool force,
                         struct sv_err *err)
{
        SV_STATE s = {.lock = -1};
        int r;

        if (sv_client_find(name, &s, err) < 0)
                return -1;
        r = sv_client_stop(&s, seconds * 1000, SV_PRESS_SECONDS * 1000, err);
        return r > 0 && force ? destroy_and_recover(&s, err) : r;
}

static int ask_embedded(const char *name, enum sv_control what, struct sv_err *err)
{
        SV_STATE s = {.lock = -1};
        SV_JSON *status = NULL;

        if (sv_client_find(name, &s, err) < 0)
                return -1;
        return sv_client_ask(&s, what, &status, err);
}

static int pause_embedded(const char *uri, const char *name, struct sv_err *err)
{
        return ask_embedded(name, SV_CONTROL_PAUSE, err);
}

static int resume_embedded(const char *uri, const char *name, struct sv_err *err)
{
        return ask_embedded(name, SV_CONTROL_RESUME, err);
}

static int resize_embedded(const char *uri, const char *name, const struct sv_resize *r,
                           struct sv_err *err)
{
        SV_STATE s = {.lock = -1};
        SV_JSON *request = sv_json_object();
        SV_JSON *status = NULL;

        if (sv_client_find(name, &s, err) < 0)
                return -1;
        sv_json_set_str(request, "do", sv_control_name(SV_CONTROL_RESIZE));
        sv_json_set(request, "resize", sv_resize_print(r));
        return sv_client_request(&s, request, &status, err);
}

/* The events first, so that none is missed. */
static int subscribe_events(const char *name, struct sv_state *s, struct sv_follow *f,
                            struct sv_err *err)
{
        SV_BUF ask = SV_BUF_NULL;

        if (sv_client_find(name, s, err) < 0)
                return -1;
        f->fd = sv_client_connect(s, err);
        if (f->fd < 0)
                return -1;
        sv_control_print(SV_CONTROL_EVENTS, &ask);
        return sv_fd_write(f->fd, "the guest's supervisor", sv_buf_bytes(&ask), err);
}

/* Its supervisor is gone, or goes: the status file says how it ended. */
static int judge_ended(struct sv_state *s, struct sv_follow *f, struct sv_err *err)
{
        SV_JSON *file = NULL;
        SV_JSON *status = NULL;

        if (sv_client_wait_off(s, SV_LOCK_WAIT_MS, err) < 0 ||
            sv_state_read_status(s, &file, err) < 0)
                return -1;
        status = read_current(s, file, false);
        return sv_follow_judge(f, status, true, err) < 0 ? -1 : 0;
}

static int wait_embedded(const char *uri, const char *name, struct sv_follow *f, struct sv_err *err)
{
        SV_STATE s = {.lock = -1};
        struct sv_err why = SV_ERR_NULL;
        bool gone;
        int r;

        f->fd = -1;
        f->now = true;
        r = subscribe_events(name, &s, f, &why);
        gone = r < 0 && !strcmp(why.check, "state.off");
        if (r == 0) {
                r = sv_follow_events(f, &why);
                gone = r < 0 && f->cause == SV_FOLLOW_SUPERVISOR_GONE;
        }
        sv_closep(&f->fd);
        if (gone)
                return judge_ended(&s, f, err);
        if (r < 0 && err)
                *err = why;
        return r;
}

static int ask_and_follow(const struct sv_state *s, enum sv_control what, struct sv_follow *f,
                          struct sv_err *err)
{
        SV_JSON *status = NULL;

        return sv_client_ask(s, what, &status, err) < 0 ? -1 : sv_follow_events(f, err);
}

static int reset_embedded(const char *uri, const char *name, struct sv_follow *f,
                          struct sv_err *err)
{
        SV_STATE s = {.lock = -1};
        int r;

        f->fd = -1;
        r = subscribe_events(name, &s, f, err);
        if (r == 0)
                r = ask_and_follow(&s, SV_CONTROL_RESET, f, err);
        sv_closep(&f->fd);
        return r;
}

static int reboot_embedded(const char *uri, const char *name, struct sv_follow *f, bool force,
                           struct sv_err *err)
{
        SV_STATE s = {.lock = -1};
        struct sv_err why = SV_ERR_NULL;
        int r;

        f->fd = -1;
        r = subscribe_events(name, &s, f, &why);
        if (r == 0)
                r = ask_and_follow(&s, SV_CONTROL_REBOOT, f, &why);
        if (r < 0 && force && f->cause == SV_FOLLOW_NOT_DOWN) {
                f->down = 0;
                r = ask_and_follow(&s, SV_CONTROL_RESET, f, &why);
        }
        sv_closep(&f->fd);
        if (r < 0 && err)
                *err = why;
        return r;
}

/* --- the console --- */

static int open_embedded_console(const char *uri, const char *name, int *fd, struct sv_err *err)
{
        SV_STATE s = {.lock = -1};

        if (sv_client_find(name, &s, err) < 0)
                return -1;
        *fd = sv_client_connect_qemu(&s, "console.sock", err);
        return *fd < 0 ? -1 : 0;
}

static int print_embedded_log(const char *uri, const char *name,
                              int (*put)(void *arg, struct sv_bytes piece, struct sv_err *err),
                              void *arg, struct sv_err *err)
{
        SV_STATE s = {.lock = -1};

        if (sv_client_find(name, &s, err) < 0)
                return -1;
        return sv_console_log_print(&s, put, arg, err);
}

const struct sv_keeper sv_keeper_embed = {
        .name = "our own supervisor",
        .launch = launch_embedded,
        .list = list_embedded,
        .show = show_embedded,
        .wait = wait_embedded,
        .stop = stop_embedded,
        .destroy = destroy_embedded,
        .forget = forget_embedded,
        .reboot = reboot_embedded,
        .reset = reset_embedded,
        .pause = pause_embedded,
        .resume = resume_embedded,
        .resize = resize_embedded,
        .autostart = sv_autostart_embedded,
        .events = sv_events_embedded,
        .copy_disks = sv_disks_copy_embedded,
        .while_off = sv_disks_while_off_embedded,
        .console = open_embedded_console,
        .console_log = print_embedded_log,
};
