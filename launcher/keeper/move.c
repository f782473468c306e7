/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/move.h"

#include <string.h>

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/program/log.h"
#include "image/run.h"
#include "launcher/keeper/facts.h"
#include "launcher/keeper/move-int.h"
#include "launcher/keeper/move-way.h"
#include "launcher/keeper/state.h"
#include "launcher/virt/virt-track.h"
#include "launcher/virt/virt.h"

#define PASSES_MAX 8
#define SMALL      (64ull << 20) /* bytes, not worth another pass while the guest runs */

/* --- the disks come along --- */

/* Until little is left, or the guest writes as fast as is sent. From the second pass on only what
 * it has written to since the one before is looked at. */
static int copy_while_running(struct sv_move_run *m, struct sv_err *err)
{
        int64_t began = sv_clock_ms();
        uint64_t sent = 0, before;
        int r;

        sv_move_track_begin(m);
        do {
                struct sv_move_pass pass = {.read = 0};

                if (m->passes)
                        sv_move_track_take(m);
                pass.marked = m->passes && m->track;
                before = sent;
                r = sv_move_pass(m, &pass, err);
                sent = pass.sent;
        } while (r == 0 &&
                 (m->passes < 2 || (sent > SMALL && sent <= before / 2 && m->passes < PASSES_MAX)));
        m->copy = sv_clock_ms() - began;
        return r;
}

static bool runs_here(struct sv_move_run *m)
{
        enum sv_virt_state state;

        return sv_virt_get_state(m->r.from, &state, NULL) < 0 || state != SV_VIRT_OFF;
}

static int stop_source(struct sv_move_run *m, struct sv_err *err)
{
        const struct sv_move *mv = m->mv;
        int64_t began = sv_clock_ms();
        int r = runs_here(m) ? sv_keeper_choose(mv->from)->stop(mv->from, mv->name,
                                                                mv->down_seconds, mv->force, err)
                             : 0;

        m->stop = sv_clock_ms() - began;
        if (r <= 0 || !runs_here(m))
                return r < 0 && runs_here(m) ? -1 : 0;
        return sv_fail(err, SV_SYSTEM, "stop.timeout",
                       "guest %s did not shut down within %u seconds; --timeout gives it more, "
                       "--force ends it then",
                       mv->name, mv->down_seconds);
}

/* With the disks at rest. What is not here yet is sent, and is little. */
static int copy_rest(struct sv_move_run *m, struct sv_err *err)
{
        int64_t began = sv_clock_ms();
        struct sv_move_pass pass = {.read = 0};
        int r;

        sv_move_track_read(m);
        pass.marked = m->track != NULL;
        sv_move_track_end(m);
        r = sv_move_pass(m, &pass, err);
        m->rest_bytes = pass.sent;
        m->rest_read = pass.read;
        m->rest = sv_clock_ms() - began;
        return r;
}

static int check_interrupt(struct sv_err *err)
{
        return sv_run_interrupted() ? sv_fail(err, SV_SYSTEM, "move.interrupted", "interrupted")
                                    : 0;
}

static int bring_disks(struct sv_move_run *m, struct sv_err *err)
{
        if (sv_move_make_disks(m, err) < 0)
                return -1;
        if (!m->fenced && runs_here(m) && copy_while_running(m, err) < 0)
                return -1;
        if (check_interrupt(err) < 0)
                return -1;
        if (!m->fenced && (stop_source(m, err) < 0 || sv_move_raise_fence(m, err) < 0))
                return -1;
        return copy_rest(m, err);
}

/* --- before --- */

static int look_at_broker(struct sv_move_run *m, struct sv_err *err)
{
        SV_BUF authority = SV_BUF_NULL;

        if (!m->mv->ask_broker)
                return 0;
        if (m->r.domain.tpm && sv_move_read_authority(m, &authority, err) < 0)
                return -1;
        return m->mv->ask_broker(m->mv->arg, m->facts,
                                 m->r.domain.tpm ? sv_buf_str(&authority) : NULL, err);
}

/* What can go without an end of its run is not ended by default. */
static int check_cold_asked(struct sv_move_run *m, struct sv_err *err)
{
        if (m->mv->cold || m->mark || m->r.domain.tee || !runs_here(m))
                return 0;
        return sv_fail(err, SV_USAGE, "move.live",
                       "guest %s can go to another host while it runs: \"secure-vm migrate\"; "
                       "--cold has it stopped here and launched there",
                       m->mv->name);
}

static int check_all(struct sv_move_run *m, struct sv_err *err)
{
        return check_cold_asked(m, err) < 0 || sv_migrate_check_cold(&m->r, err) < 0 ||
                               sv_move_check_disks(m, err) < 0 ||
                               sv_migrate_check_boot_files(&m->r, err) < 0
                       ? -1
                       : look_at_broker(m, err);
}

/* --- the whole --- */

static int carry_on(struct sv_move_run *m, struct sv_err *err)
{
        if (!m->there) {
                if (check_all(m, err) < 0)
                        return -1;
                if ((!m->mark && sv_move_begin_mark(m, err) < 0) ||
                    sv_migrate_make_boot_files(&m->r, err) < 0 || bring_disks(m, err) < 0 ||
                    check_interrupt(err) < 0 || sv_move_define_there(m, err) < 0)
                        return -1;
        }
        return sv_move_start_there(m, err);
}

static int end_move(struct sv_move_run *m, struct sv_err *err)
{
        struct sv_err left = SV_ERR_NULL;

        if (sv_move_forget_here(m, err) < 0)
                return -1;
        if (sv_migrate_remove_copies(&m->r, &left) < 0)
                sv_warn("the guest has moved, and copies of what it booted from are still here: %s",
                        left.msg);
        for (size_t i = 0; !m->mv->quiet && m->passes && i < m->r.domain.n_disks; i++)
                if (!m->shared[i] && !m->r.domain.disks[i].readonly)
                        sv_info("%s stays at the source as it was when the guest left: remove it "
                                "when nothing of it is needed any more",
                                m->r.domain.disks[i].path);
        return 0;
}

/* After a failure: where it was, if that loses nothing. */
static int fall_back(struct sv_move_run *m, struct sv_err *err)
{
        struct sv_err why = *err, back = SV_ERR_NULL;

        sv_move_track_end(m);
        if (!m->mark)
                return -1;
        if (sv_move_go_back(m, &back) == 0)
                return sv_fail(err, why.class, why.check, "%.600s (the guest is %s where it was)",
                               why.msg, runs_here(m) ? "running" : "off");
        return sv_fail(err, why.class, why.check,
                       "%.400s; the guest is not where it was: %.300s. \"secure-vm move %s --to "
                       "%s\" goes on, with --recover it goes back",
                       why.msg, back.msg, m->mv->name, m->mv->to);
}

static int recover(struct sv_move_run *m, bool *back, struct sv_err *err)
{
        if (!m->mark)
                return sv_fail(err, SV_USAGE, "move.none",
                               "guest %s is not on its way: no move of it was broken off",
                               m->mv->name);
        if (runs_here(m))
                sv_virt_track_clear(m->r.from, NULL);
        *back = sv_move_go_back(m, err) == 0;
        if (*back || strcmp(err->check, "move.written"))
                return *back ? 0 : -1;
        sv_info("%s", err->msg);
        return sv_move_start_there(m, err) < 0 ? -1 : end_move(m, err);
}

static void report_move(struct sv_move_run *m, bool back, struct sv_json *result)
{
        bool off = !strcmp(sv_json_text(m->mark, "was", ""), "off");
        struct sv_json *p;

        sv_json_set_str(result, "name", m->mv->name);
        sv_json_set_str(result, "connect", back || m->mv->check ? m->mv->from : m->mv->to);
        if (m->mv->check)
                return;
        sv_json_set_str(result, "state",
                        off                    ? "stopped"
                        : m->unlocked && !back ? "unlocked"
                                               : "running");
        if (!back)
                sv_json_set_str(result, "host", m->r.hostname);
        sv_json_set_bool(result, "moved", !back);
        p = sv_json_set(result, "phases", sv_json_object());
        sv_json_set_int(p, "copy_ms", m->copy);
        sv_json_set_int(p, "stop_ms", m->stop);
        sv_json_set_int(p, "rest_ms", m->rest);
        sv_json_set_int(p, "hand_over_ms", m->over);
        sv_json_set_int(p, "boot_ms", m->boot);
        sv_json_set_int(result, "downtime_ms", m->stop + m->rest + m->over + m->boot);
        sv_json_set_int(result, "bytes", (int64_t)m->bytes);
        sv_json_set_int(result, "rest_bytes", (int64_t)m->rest_bytes);
        sv_json_set_int(result, "rest_read_bytes", (int64_t)m->rest_read);
        if (*m->untracked)
                sv_json_set_str(result, "rest_whole", m->untracked);
        sv_json_set_int(result, "passes", m->passes);
}

/* What has come so far that it is defined there only goes on. */
static int look_before_move(struct sv_move_run *m, struct sv_json *result, struct sv_err *err)
{
        if (!m->arrived && !m->there && check_all(m, err) < 0)
                return -1;
        report_move(m, false, result);
        sv_migrate_put_memory(&m->r, m->arrived || !runs_here(m), result);
        return 0;
}

static int run_move(struct sv_move_run *m, struct sv_json *result, struct sv_err *err)
{
        bool back = false;

        if (sv_move_open(m, err) < 0)
                return -1;
        if (m->mv->check)
                return look_before_move(m, result, err);
        if (m->arrived)
                return sv_move_end_arrival(m, result, err);
        if (m->mv->recover) {
                if (recover(m, &back, err) < 0)
                        return -1;
        } else if (carry_on(m, err) < 0) {
                return fall_back(m, err);
        } else if (end_move(m, err) < 0) {
                return -1;
        }
        report_move(m, back, result);
        return 0;
}

int sv_move_guest(const struct sv_move *mv, struct sv_json *result, struct sv_err *err)
{
        struct sv_move_run m = {
                .mv = mv,
                .as = {.name = mv->name, .from = mv->from, .to = mv->to, .quiet = mv->quiet}};
        SV_STATE s = {.lock = -1};
        int r;

        /* two of this host at the same guest would undo each other's steps */
        if (sv_state_init_daemon(&s, mv->name, err) < 0 || sv_state_lock(&s, 0, err) < 0)
                return -1;
        m.r.m = &m.as;
        sv_run_catch_signals();
        r = run_move(&m, result, err);
        sv_move_track_end(&m);
        sv_move_free_disks(&m);
        sv_json_free(m.facts);
        sv_json_free(m.mark);
        sv_migrate_free_run(&m.r);
        return r;
}
