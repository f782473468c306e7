/* SPDX-License-Identifier: Apache-2.0 */
/* Guests of a libvirt daemon (--connect URI): the daemon supervises them, and secure-vm is gone
 * when the command has ended. Only copies of what boots are kept on this host
 * (launcher/keeper/daemon-copies.h). */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/program/log.h"
#include "launcher/keeper/daemon-agent.h"
#include "launcher/keeper/daemon-copies.h"
#include "launcher/keeper/daemon-ids.h"
#include "launcher/keeper/events.h"
#include "launcher/keeper/facts.h"
#include "launcher/keeper/keeper-disks.h"
#include "launcher/keeper/keeper.h"
#include "launcher/keeper/life.h"
#include "launcher/keeper/move-mark.h"
#include "launcher/keeper/revert.h"
#include "launcher/keeper/stage.h"
#include "launcher/keeper/status.h"
#include "launcher/keeper/tune-for.h"
#include "launcher/virt/virt-cpu.h"
#include "launcher/virt/virt-dac.h"
#include "launcher/virt/virt.h"

/* A guest of ours; *facts may be NULL. */
struct sv_daemon_guest {
        const char *uri;
        struct sv_virt *v;
        struct sv_json *facts; /* NULL: of a version that kept nothing */
        enum sv_virt_state state;
        enum sv_life life;
};

static void close_guest(struct sv_daemon_guest *g)
{
        sv_virt_close(g->v);
        sv_json_free(g->facts);
}
#define SV_DAEMON_GUEST __attribute__((cleanup(close_guest))) struct sv_daemon_guest

static int read_life(struct sv_daemon_guest *g, struct sv_err *err)
{
        if (sv_virt_get_state(g->v, &g->state, err) < 0)
                return -1;
        g->life = sv_facts_life(g->v, g->state);
        return 0;
}

static int open_guest(const char *uri, const char *name, struct sv_daemon_guest *g,
                      struct sv_err *err)
{
        g->uri = uri;
        if (sv_virt_open(uri, &g->v, err) < 0 || sv_virt_lookup(g->v, name, err) < 0 ||
            sv_facts_read_ours(g->v, name, &g->facts, err) < 0)
                return -1;
        return read_life(g, err);
}

/* Until something happens to it, or for so long. */
static void wait_for_event(const struct sv_daemon_guest *g, int ms)
{
        struct pollfd p = {.fd = sv_virt_event_fd(g->v), .events = POLLIN};

        poll(&p, 1, ms);
        while (sv_virt_next_event(g->v) != SV_VIRT_NO_EVENT)
                ;
}

/* --- launch --- */

static int fail_runs_there(const char *uri, struct sv_virt *v, const char *name, struct sv_err *err)
{
        if (sv_facts_check_whole(v, name, err) < 0)
                return -1;
        return sv_fail(err, SV_SYSTEM, "state.busy",
                       "guest %s runs there already; \"secure-vm destroy %s --connect %s\" ends it",
                       name, name, uri);
}

/* Nor is another's domain of that name replaced. */
static int check_not_running(const char *uri, struct sv_virt *v, const char *name,
                             struct sv_err *err)
{
        SV_JSON *facts = NULL;

        if (!sv_virt_is_known(v, name))
                return 0;
        if (sv_virt_lookup(v, name, err) < 0 || sv_facts_read_ours(v, name, &facts, err) < 0)
                return -1;
        return sv_virt_is_running(v, name) ? fail_runs_there(uri, v, name, err)
                                           : sv_move_check_launch(v, name, err);
}

/* The copies, and a domain that boots them. *boot: what was measured. */
static int define_guest(const char *uri, struct sv_virt *v, const struct sv_launch *l,
                        const struct sv_state *s, struct sv_json **boot, struct sv_err *err)
{
        __attribute__((cleanup(sv_stage_free))) struct sv_stage stage = {0};
        SV_TUNED tuned = {0};
        struct sv_plan_place place = {.kvm = l->kvm, .tuned = &tuned};
        struct sv_ids ids;
        SV_JSON *facts = NULL;
        SV_BUF xml = SV_BUF_NULL, text = SV_BUF_NULL;

        if (sv_virt_check_cpu(v, l->guest->cpu, l->kvm, err) < 0)
                return -1;
        if (sv_copies_renew(&(struct sv_copies){uri, v, s}, err) < 0 ||
            sv_daemon_ids_take(uri, v, s, l, &ids, err) < 0)
                return -1;
        place.user = ids.qemu;
        if (sv_stage_boot(l->guest, l->tee, s, &stage, err) < 0)
                return -1;
        if (sv_tune_for(uri, l->guest, l->tee, &tuned, err) < 0)
                return -1;
        facts = sv_facts_make(l, stage.digests);
        sv_tuned_put(l->guest, &tuned, facts);
        sv_json_print(facts, &text);
        place.facts = sv_buf_str(&text);
        if (sv_stage_domain(&stage, l->guest, l->tee, &place, &xml, err) < 0)
                return -1;
        if (sv_virt_define(v, sv_buf_str(&xml), err) < 0)
                return -1;
        *boot = sv_json_ref(stage.digests);
        return 0;
}

static int follow_start(struct sv_virt *v, const struct sv_guest *forwards, struct sv_follow *f,
                        struct sv_err *err)
{
        if (sv_virt_forward_ports(v, forwards, err) < 0 || sv_facts_begin_run(v, err) < 0)
                return -1;
        return f->wait ? sv_daemon_follow_agent(v, f, err) : 0;
}

static int start_and_follow(struct sv_virt *v, const struct sv_launch *l, struct sv_follow *f,
                            struct sv_err *err)
{
        return sv_virt_start(v, l->tee, err) < 0 ? -1 : follow_start(v, l->guest, f, err);
}

static int launch_and_follow(const char *uri, const struct sv_launch *l, struct sv_follow *f,
                             struct sv_json **boot, struct sv_err *err)
{
        SV_STATE s = {.lock = -1};
        SV_VIRT *v = NULL;

        if (sv_state_init_daemon(&s, l->guest->name, err) < 0)
                return -1;
        if (sv_state_lock(&s, 0, err) < 0)
                return -1;
        if (sv_virt_open(uri, &v, err) < 0)
                return -1;
        if (check_not_running(uri, v, l->guest->name, err) < 0)
                return -1;
        if (sv_uri_is_here(uri) && sv_revert_check(l->guest, err) < 0)
                return -1;
        if (define_guest(uri, v, l, &s, boot, err) < 0)
                return -1;
        if (start_and_follow(v, l, f, err) == 0)
                return 0;
        sv_virt_destroy(v, NULL);
        sv_virt_undefine(v, NULL);
        sv_copies_remove_here(&s, NULL);
        return -1;
}

/* An agent's reader is there before libvirt's threads. */
static int begin_follow(struct sv_follow *f, struct sv_reader *reader, struct sv_err *err)
{
        if (f->wait && sv_reader_start(reader, 0, err) < 0)
                return -1;
        f->reader = reader;
        return 0;
}

static void end_follow(struct sv_follow *f)
{
        sv_reader_end(f->reader);
        f->reader = NULL;
}

static int launch_under_daemon(const char *uri, const struct sv_launch *l, struct sv_follow *f,
                               struct sv_json *result, struct sv_err *err)
{
        struct sv_reader reader = SV_READER_NONE;
        SV_JSON *boot = NULL;
        int r;

        if (begin_follow(f, &reader, err) < 0)
                return -1;
        r = launch_and_follow(uri, l, f, &boot, err);
        end_follow(f);
        if (r < 0)
                return -1;
        sv_json_set_str(result, "name", l->guest->name);
        sv_json_set_str(result, "tee", l->tee->id->name);
        sv_json_set_str(result, "accelerator", l->kvm ? "kvm" : "tcg");
        sv_json_set_str(result, "state",
                        sv_life_word(f->wait ? SV_LIFE_UNLOCKED : SV_LIFE_RUNNING));
        sv_json_set_str(result, "connect", uri);
        sv_json_set(result, "boot", sv_json_ref(boot));
        return 0;
}

/* --- list, show --- */

struct listing {
        struct sv_virt *v;
        struct sv_json *rows;
};

/* One that cannot be read is listed with the reason. */
static int add_domain(void *arg, const char *name, enum sv_virt_state state, struct sv_err *err)
{
        const struct listing *l = arg;
        struct sv_json *row = sv_json_add(l->rows, sv_json_object());
        SV_JSON *all = sv_json_object();
        SV_JSON *facts = NULL;
        struct sv_err why = SV_ERR_NULL;
        bool ours = true;

        if (sv_facts_read(l->v, name, &ours, &facts, &why) < 0)
                sv_put_error(sv_json_set(row, "error", sv_json_object()), &why);
        sv_facts_put_status(l->v, name, state, ours, facts, all);
        sv_status_put_row(all, row);
        sv_json_set_str(row, "host", sv_json_text(all, "host", "-"));
        sv_json_set_bool(row, "ours", ours);
        return 0;
}

static int list_under_daemon(const char *uri, struct sv_json *rows, struct sv_err *err)
{
        SV_VIRT *v = NULL;
        struct listing l = {.rows = rows};

        if (sv_virt_open(uri, &v, err) < 0)
                return -1;
        l.v = v;
        return sv_virt_for_each(v, add_domain, &l, err);
}

static int show_under_daemon(const char *uri, const char *name, struct sv_json **out,
                             struct sv_err *err)
{
        SV_STATE s = {.lock = -1};
        SV_JSON *facts = NULL;
        enum sv_virt_state state;
        SV_VIRT *v = NULL;
        bool ours, starts = false;

        if (sv_virt_open(uri, &v, err) < 0 || sv_virt_lookup(v, name, err) < 0 ||
            sv_virt_get_state(v, &state, err) < 0 || sv_facts_read(v, name, &ours, &facts, err) < 0)
                return -1;
        *out = sv_json_object();
        sv_facts_put_status(v, name, state, ours, facts, *out);
        if (sv_virt_get_autostart(v, &starts, NULL) == 0)
                sv_json_set_bool(*out, "autostart", starts);
        sv_json_set_str(*out, "connect", uri);
        if (ours)
                sv_facts_put_sizes(v, state, *out);
        /* the copies are where it was launched */
        if (ours && sv_state_init_daemon(&s, name, NULL) == 0 && sv_state_exists(&s) &&
            sv_copies_are_here(&(struct sv_copies){uri, v, &s}))
                sv_json_set_str(*out, "folder", s.dir);
        return 0;
}

/* --- the ends of a run --- */

static int forget_domain(struct sv_virt *v, struct sv_err *err)
{
        return sv_virt_destroy(v, err) < 0 ? -1 : sv_virt_undefine(v, err);
}

/* Of a guest whose copies are not this host's: its own. */
static int destroy_there(struct sv_virt *v, const char *name, struct sv_err *err)
{
        struct sv_domain_facts d = {0};
        struct sv_err left = SV_ERR_NULL;
        SV_BUF xml = SV_BUF_NULL;
        int r;

        if (sv_virt_get_xml(v, &xml, err) < 0)
                return -1;
        sv_domain_read_files(sv_buf_str(&xml), &d);
        r = forget_domain(v, err);
        if (r == 0 && sv_copies_remove_there(v, name, &d, &left) < 0)
                sv_warn("guest %s is gone, and copies of what it booted from are still at its "
                        "host: %s",
                        name, left.msg);
        sv_domain_facts_free(&d);
        return r;
}

static int destroy_under_daemon(const char *uri, const char *name, struct sv_err *err)
{
        SV_DAEMON_GUEST g = {0};
        SV_STATE s = {.lock = -1};

        if (sv_state_init_daemon(&s, name, err) < 0)
                return -1;
        if (open_guest(uri, name, &g, err) < 0)
                return -1;
        if (!sv_copies_are_here(&(struct sv_copies){uri, g.v, &s}))
                return destroy_there(g.v, name, err);
        return forget_domain(g.v, err) < 0 ? -1 : sv_copies_remove_here(&s, err);
}

/* Only where there are virtual CPUs can they stand. */
static int check_runs(const struct sv_daemon_guest *g, const char *name, struct sv_err *err)
{
        return sv_facts_check_event(g->v, g->life, SV_LIFE_HALT, name, err);
}

/* A paused guest hears no power button. */
static int press_button(struct sv_daemon_guest *g, struct sv_err *err)
{
        if (read_life(g, err) < 0 || (sv_life_is_paused(g->life) && sv_virt_resume(g->v, err) < 0))
                return -1;
        return sv_virt_shutdown(g->v, err);
}

/* 0 when it is off, 1 when it is not after that time. */
static int shut_down(struct sv_daemon_guest *g, unsigned seconds, struct sv_err *err)
{
        int64_t end = sv_clock_ms() + (int64_t)seconds * 1000;
        int64_t press = sv_clock_ms() + SV_PRESS_SECONDS * 1000;

        if (press_button(g, err) < 0)
                return -1;
        while (sv_clock_ms() < end) {
                if (read_life(g, err) < 0)
                        return -1;
                if (g->state == SV_VIRT_OFF)
                        return 0;
                if (sv_clock_ms() >= press) {
                        press = sv_clock_ms() + SV_PRESS_SECONDS * 1000;
                        press_button(g, NULL); /* it may end just now */
                }
                wait_for_event(g, 100);
        }
        return 1;
}

static int stop_under_daemon(const char *uri, const char *name, unsigned seconds, bool force,
                             struct sv_err *err)
{
        SV_DAEMON_GUEST g = {0};
        int r;

        if (open_guest(uri, name, &g, err) < 0 || check_runs(&g, name, err) < 0)
                return -1;
        r = shut_down(&g, seconds, err);
        return r > 0 && force ? sv_virt_destroy(g.v, err) : r;
}

/* --- pause, resume --- */

static int ask_under_daemon(const char *uri, const char *name, enum sv_life_event event,
                            int (*act)(struct sv_virt *v, struct sv_err *err), struct sv_err *err)
{
        SV_DAEMON_GUEST g = {0};

        if (open_guest(uri, name, &g, err) < 0 ||
            sv_facts_check_event(g.v, g.life, event, name, err) < 0)
                return -1;
        return act(g.v, err);
}

static int pause_under_daemon(const char *uri, const char *name, struct sv_err *err)
{
        return ask_under_daemon(uri, name, SV_LIFE_ASK_PAUSE, sv_virt_pause, err);
}

static int resume_under_daemon(const char *uri, const char *name, struct sv_err *err)
{
        return ask_under_daemon(uri, name, SV_LIFE_ASK_RESUME, sv_virt_resume, err);
}

/* --- resize --- */

static int resize_under_daemon(const char *uri, const char *name, const struct sv_resize *r,
                               struct sv_err *err)
{
        SV_DAEMON_GUEST g = {0};
        struct sv_resize resolved = *r;

        if (open_guest(uri, name, &g, err) < 0 || check_runs(&g, name, err) < 0 ||
            sv_resize_resolve(&resolved, g.facts, err) < 0)
                return -1;
        return sv_resize_apply(g.v, &resolved, err);
}

/* --- start, reboot, reset --- */

static int with_reader(struct sv_follow *f, const char *uri, const char *name, bool force,
                       int (*run)(struct sv_daemon_guest *g, const char *name, struct sv_follow *f,
                                  bool force, struct sv_err *err),
                       struct sv_err *err)
{
        struct sv_reader reader = SV_READER_NONE;
        SV_DAEMON_GUEST g = {0};
        int r;

        if (begin_follow(f, &reader, err) < 0)
                return -1;
        r = open_guest(uri, name, &g, err) < 0 ? -1 : run(&g, name, f, force, err);
        end_follow(f);
        return r;
}

static int check_copies(const struct sv_daemon_guest *g, const char *name, struct sv_err *err)
{
        SV_STATE s = {.lock = -1};

        return sv_move_check_start(g->v, name, err) < 0 || sv_state_init_daemon(&s, name, err) < 0
                       ? -1
                       : sv_copies_check(&(struct sv_copies){g->uri, g->v, &s}, g->facts, err);
}

/* The same copies in a new QEMU, with a new variable store, measured and attested anew. */
static int start_off_guest(struct sv_daemon_guest *g, const char *name, struct sv_follow *f,
                           bool force, struct sv_err *err)
{
        SV_GUEST forwards = {0};

        if (g->state != SV_VIRT_OFF)
                return fail_runs_there(g->uri, g->v, name, err);
        if (check_copies(g, name, err) < 0 || sv_virt_start_fresh(g->v, NULL, err) < 0)
                return -1;
        sv_facts_forwards(g->facts, &forwards);
        f->down = 0;
        return follow_start(g->v, &forwards, f, err);
}

static int start_under_daemon(const char *uri, const char *name, struct sv_follow *f,
                              struct sv_err *err)
{
        return with_reader(f, uri, name, false, start_off_guest, err);
}

/* What would not start again is not taken down. */
static int check_restart(const struct sv_daemon_guest *g, const char *name, struct sv_err *err)
{
        return check_runs(g, name, err) < 0 ? -1 : check_copies(g, name, err);
}

static int end_and_start(struct sv_daemon_guest *g, const char *name, struct sv_follow *f,
                         struct sv_err *err)
{
        if (sv_virt_destroy(g->v, err) < 0 || read_life(g, err) < 0)
                return -1;
        if (!f->quiet)
                sv_info("the guest reboots: it is launched and attested again");
        if (start_off_guest(g, name, f, false, err) == 0)
                return 0;
        return sv_wrap(err, "guest %s is down, and \"secure-vm start %s --connect\" tries again",
                       name, name);
}

static int reboot_guest(struct sv_daemon_guest *g, const char *name, struct sv_follow *f,
                        bool force, struct sv_err *err)
{
        int r;

        if (check_restart(g, name, err) < 0)
                return -1;
        r = shut_down(g, f->down, err);
        if (r > 0 && !force) {
                f->cause = SV_FOLLOW_NOT_DOWN;
                return sv_fail(
                        err, SV_SYSTEM, "reboot.timeout",
                        "guest %s did not shut down within %u seconds and runs on; --timeout "
                        "gives it more, --force resets it then",
                        name, f->down);
        }
        return r < 0 ? -1 : end_and_start(g, name, f, err);
}

static int reset_guest(struct sv_daemon_guest *g, const char *name, struct sv_follow *f, bool force,
                       struct sv_err *err)
{
        return check_restart(g, name, err) < 0 ? -1 : end_and_start(g, name, f, err);
}

static int reboot_under_daemon(const char *uri, const char *name, struct sv_follow *f, bool force,
                               struct sv_err *err)
{
        return with_reader(f, uri, name, force, reboot_guest, err);
}

static int reset_under_daemon(const char *uri, const char *name, struct sv_follow *f,
                              struct sv_err *err)
{
        return with_reader(f, uri, name, true, reset_guest, err);
}

/* --- wait --- */

/* 1 when it is where f wants it, 0 when that may still come. */
static int judge_domain(struct sv_daemon_guest *g, const char *name, struct sv_follow *f,
                        struct sv_err *err)
{
        SV_JSON *status = sv_json_object();

        if (read_life(g, err) < 0 || (!f->end && sv_facts_check_whole(g->v, name, err) < 0))
                return -1;
        sv_facts_put_status(g->v, "-", g->state, true, NULL, status);
        return sv_follow_judge(f, status, sv_life_is_final(g->life), err);
}

static int wait_for_domain(struct sv_daemon_guest *g, const char *name, struct sv_follow *f,
                           bool force, struct sv_err *err)
{
        int64_t end = f->timeout ? sv_clock_ms() + (int64_t)f->timeout * 1000 : INT64_MAX;
        int r;

        while ((r = judge_domain(g, name, f, err)) == 0) {
                if (f->wait && g->life == SV_LIFE_RUNNING)
                        return sv_daemon_await_agent(g->v, f, err);
                if (sv_clock_ms() >= end)
                        return sv_fail(err, SV_SYSTEM, "launch.timeout",
                                       "guest %s did not get there within %u seconds; --timeout "
                                       "gives it more",
                                       name, f->timeout);
                wait_for_event(g, 200);
        }
        return r < 0 ? -1 : 0;
}

static int wait_under_daemon(const char *uri, const char *name, struct sv_follow *f,
                             struct sv_err *err)
{
        return with_reader(f, uri, name, false, wait_for_domain, err);
}

/* --- autostart --- */

static int autostart_under_daemon(const char *uri, const char *name, const bool *set, bool *now,
                                  struct sv_err *err)
{
        SV_DAEMON_GUEST g = {0};

        if (open_guest(uri, name, &g, err) < 0 ||
            (set && sv_virt_set_autostart(g.v, *set, err) < 0))
                return -1;
        return sv_virt_get_autostart(g.v, now, err);
}

/* --- the console --- */

static int open_daemon_console(const char *uri, const char *name, int *fd, struct sv_err *err)
{
        struct sv_daemon_guest g = {0};
        int r;

        r = open_guest(uri, name, &g, err) < 0 || sv_facts_check_whole(g.v, name, err) < 0
                    ? -1
                    : sv_virt_stream(g.v, NULL, fd, err);
        sv_json_free(g.facts);
        if (r < 0)
                sv_virt_close(g.v); /* else it stays open under the stream */
        return r;
}

/* A reboot is an end and a new start: libvirt's own would be inside the same QEMU, without a new
 * launch and its measurement. */
const struct sv_keeper sv_keeper_daemon = {
        .name = "a libvirt daemon",
        .launch = launch_under_daemon,
        .list = list_under_daemon,
        .show = show_under_daemon,
        .start = start_under_daemon,
        .wait = wait_under_daemon,
        .stop = stop_under_daemon,
        .reboot = reboot_under_daemon,
        .reset = reset_under_daemon,
        .autostart = autostart_under_daemon,
        .events = sv_events_under_daemon,
        .destroy = destroy_under_daemon,
        .pause = pause_under_daemon,
        .copy_disks = sv_disks_copy_under_daemon,
        .while_off = sv_disks_while_off_under_daemon,
        .resume = resume_under_daemon,
        .resize = resize_under_daemon,
        .console = open_daemon_console,
};
