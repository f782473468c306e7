/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/move-way.h"

#include <signal.h>
#include <string.h>
#include <time.h>

#include "base/core/buf.h"
#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "base/program/log.h"
#include "launcher/keeper/daemon-copies.h"
#include "launcher/keeper/facts.h"
#include "launcher/keeper/status.h"
#include "launcher/virt/virt-dac.h"
#include "launcher/virt/virt-migrate.h"
#include "launcher/virt/virt-move.h"
#include "launcher/virt/virt.h"

/* Where a libvirt daemon's swtpm has its authority, unless its host was set up otherwise
 * (swtpm-localca.conf(5)). */
#define DAEMON_CA    "/var/lib/swtpm-localca"
#define LOOK_SECONDS 10

/* --- what there is --- */

static int open_target(struct sv_move_run *m, struct sv_err *err)
{
        return sv_migrate_open_target(&m->r, err) < 0 ? -1 : sv_migrate_check_hosts(&m->r, err);
}

static int read_definition(struct sv_move_run *m, struct sv_err *err)
{
        SV_STR xml = sv_virt_get_definition(m->r.from, false, err);

        if (!xml)
                return -1;
        m->fenced = sv_move_is_fenced(xml);
        m->r.xml = sv_move_fence(xml, false);
        if (!m->r.xml)
                return sv_fail(err, SV_SYSTEM, "base.memory", "out of memory");
        return sv_domain_read(m->r.xml, &m->r.domain, err);
}

/* 1 when the source has no such guest. */
static int read_source(struct sv_move_run *m, struct sv_err *err)
{
        struct sv_err why = SV_ERR_NULL;

        if (sv_virt_open(m->mv->from, &m->r.from, err) < 0 ||
            sv_migrate_read_host(m->r.from, &m->r.here, err) < 0)
                return -1;
        if (sv_virt_lookup(m->r.from, m->mv->name, &why) < 0) {
                *err = why;
                return strcmp(why.check, "virt.absent") ? -1 : 1;
        }
        if (sv_facts_read_ours(m->r.from, m->mv->name, &m->facts, err) < 0 ||
            sv_facts_check_whole(m->r.from, m->mv->name, err) < 0 ||
            sv_virt_check_unsaved(m->r.from, m->mv->name, err) < 0 || read_definition(m, err) < 0)
                return -1;
        if (!sv_virt_is_kept(m->r.from))
                return sv_fail(err, SV_USAGE, "move.transient",
                               "libvirt forgets guest %s when it is off, and how far its move has "
                               "come with it; \"secure-vm launch --connect\" defines it",
                               m->mv->name);
        return sv_move_read_way(m->r.from, m->mv->name, m->r.here.uuid, m->mv->check, &m->mark,
                                err);
}

/* Only what this move has defined there is its guest. */
static int look_at_target(struct sv_move_run *m, struct sv_err *err)
{
        struct sv_virt *to = m->r.to;
        const char *taken = sv_virt_find_taken(to, m->mv->name, m->r.domain.uuid);
        char uuid[37] = "";

        if (!taken)
                return 0;
        if (sv_virt_lookup(to, m->mv->name, NULL) == 0)
                sv_virt_get_uuid(to, uuid);
        m->there = sv_json_get(m->mark, "arriving") && !strcmp(uuid, m->r.domain.uuid);
        if (m->there)
                return 0;
        return sv_fail(err, SV_SYSTEM, "migrate.name",
                       "%s has %s already: look at it with \"secure-vm show %s --connect %s\"; "
                       "\"secure-vm destroy\" ends and forgets it",
                       m->r.hostname, taken, m->mv->name, m->mv->to);
}

/* The source has nothing: has it arrived? `why` is what the source said. */
static int find_arrived(struct sv_move_run *m, const struct sv_err *why, struct sv_err *err)
{
        if (sv_virt_lookup(m->r.to, m->mv->name, NULL) == 0 &&
            sv_move_read_mark(m->r.to, m->mv->name, &m->mark, NULL) == 0 && m->mark &&
            !strcmp(sv_json_text(m->mark, "to_host", ""), m->r.there.uuid)) {
                m->arrived = true;
                return 0;
        }
        *err = *why;
        return -1;
}

static int check_same_move(const struct sv_move_run *m, struct sv_err *err)
{
        if (!m->mark || !m->r.to || !strcmp(sv_json_text(m->mark, "to_host", ""), m->r.there.uuid))
                return 0;
        return sv_fail(err, SV_USAGE, "move.other",
                       "guest %s is on its way to %s (%s): go on with that, or back with --recover "
                       "and --to as it was",
                       m->mv->name, sv_json_text(m->mark, "host", "another host"),
                       sv_json_text(m->mark, "to", ""));
}

int sv_move_open(struct sv_move_run *m, struct sv_err *err)
{
        struct sv_err why = SV_ERR_NULL;
        int absent = read_source(m, &why), open = absent < 0 ? -1 : open_target(m, err);

        if (absent < 0) {
                *err = why;
                return -1;
        }
        /* back where the target has never had more than a part needs no target */
        if (open < 0 && m->mv->recover && m->mark && strcmp(err->check, "migrate.same")) {
                sv_virt_close(m->r.to);
                m->r.to = NULL;
                return 0;
        }
        if (open < 0)
                return -1;
        if (absent)
                return find_arrived(m, &why, err);
        return check_same_move(m, err) < 0 ? -1 : look_at_target(m, err);
}

static int take_pem(void *arg, struct sv_bytes piece, struct sv_err *err)
{
        struct sv_buf *out = arg;

        out->max = 2 * SV_PEM_SIZE_MAX;
        sv_buf_put(out, piece);
        return sv_buf_ok(out, "the authority of the target's vTPMs", err);
}

int sv_move_read_authority(struct sv_move_run *m, struct sv_buf *out, struct sv_err *err)
{
        static const char *const names[] = {"swtpm-localca-rootca-cert.pem", "issuercert.pem"};
        SV_POOL *p = NULL;

        if (sv_pool_open(m->r.to, DAEMON_CA, false, &p, NULL) < 0)
                return 0;
        for (size_t i = 0; i < 2; i++)
                if (sv_pool_has(p, names[i], NULL) &&
                    sv_pool_read(p, names[i], take_pem, out, err) < 0)
                        return -1;
        return 0;
}

/* --- forth --- */

/* Who it says it is at the broker, while it runs. */
static void note_instance(struct sv_move_run *m)
{
        SV_JSON *run = sv_facts_read_run(m->r.from);

        if (run)
                sv_json_set_str(m->mark, "instance", sv_json_text(run, "instance", ""));
}

int sv_move_begin_mark(struct sv_move_run *m, struct sv_err *err)
{
        enum sv_virt_state state;
        bool autostart = false;
        char when[32];

        if (sv_virt_get_state(m->r.from, &state, err) < 0 ||
            sv_virt_get_autostart(m->r.from, &autostart, err) < 0)
                return -1;
        m->mark = sv_json_object();
        sv_status_put_version(m->mark);
        sv_json_set_str(m->mark, "to", m->mv->to);
        sv_json_set_str(m->mark, "host", m->r.hostname);
        sv_json_set_str(m->mark, "to_host", m->r.there.uuid);
        sv_json_set_str(m->mark, "from_host", m->r.here.uuid);
        sv_json_set_str(m->mark, "was", state == SV_VIRT_OFF ? "off" : "running");
        sv_json_set_bool(m->mark, "autostart", autostart);
        sv_json_set_str(m->mark, "began", sv_format_time(time(NULL), when));
        note_instance(m);
        if (sv_move_write_mark(m->r.from, m->mark, err) == 0)
                return 0;
        sv_json_freep(&m->mark);
        return -1;
}

static int redefine_source(struct sv_move_run *m, bool fenced, struct sv_err *err)
{
        SV_STR xml = NULL;
        SV_STR changed = NULL;

        if (sv_virt_lookup(m->r.from, m->mv->name, err) < 0)
                return -1;
        xml = sv_virt_get_definition(m->r.from, false, err);
        changed = xml ? sv_move_fence(xml, fenced) : NULL;
        if (!changed)
                return xml ? sv_fail(err, SV_SYSTEM, "base.memory", "out of memory") : -1;
        m->fenced = true; /* what fails may have been done */
        if (sv_virt_define(m->r.from, changed, err) < 0)
                return -1;
        m->fenced = fenced;
        return 0;
}

int sv_move_raise_fence(struct sv_move_run *m, struct sv_err *err)
{
        int64_t began = sv_clock_ms();
        enum sv_virt_state state;

        if (redefine_source(m, true, err) < 0 || sv_virt_get_state(m->r.from, &state, err) < 0)
                return -1;
        m->over += sv_clock_ms() - began;
        if (state == SV_VIRT_OFF)
                return 0;
        if (redefine_source(m, false, err) < 0)
                return -1;
        return sv_fail(err, SV_SYSTEM, "move.started",
                       "guest %s was stopped for its move, and somebody has started it again",
                       m->mv->name);
}

int sv_move_define_there(struct sv_move_run *m, struct sv_err *err)
{
        int64_t began = sv_clock_ms();
        SV_STR xml = NULL;
        SV_STR open = NULL;
        SV_STR there = NULL;

        sv_json_set_bool(m->mark, "arriving", true);
        if (sv_move_write_mark(m->r.from, m->mark, err) < 0)
                return -1;
        xml = sv_virt_get_definition(m->r.from, true, err);
        open = xml ? sv_move_fence(xml, false) : NULL;
        there = open ? sv_virt_drop_user(open) : NULL;
        m->there = there != NULL; /* what fails may have been done */
        if (!there || sv_virt_define(m->r.to, there, err) < 0)
                return -1;
        m->over += sv_clock_ms() - began;
        return 0;
}

/* Does it have a disk that is opened only with a key, or with what was measured? */
static bool has_root(const struct sv_json *facts)
{
        const struct sv_json *disks = sv_json_get(facts, "disks");
        bool has = sv_json_get(facts, "attestation") != NULL;

        for (size_t i = 0; i < sv_json_len(disks); i++)
                has |= sv_json_bool(sv_json_get(sv_json_at(disks, i), "encrypted"), false) ||
                       sv_json_bool(sv_json_get(sv_json_at(disks, i), "verity"), false);
        return has;
}

/* From now on an interrupt ends the command, and the same one goes on. */
static void reset_signals(void)
{
        signal(SIGINT, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        signal(SIGHUP, SIG_DFL);
}

static bool has_written(struct sv_move_run *m)
{
        bool same = true;

        return sv_move_check_disks(m, NULL) == 0 && sv_move_compare(m, &same, NULL) == 0 && !same;
}

/* An earlier command has started it. What its agent said while nobody listened is lost, so that
 * what it writes to its disks counts as well. */
static int wait_there(struct sv_move_run *m, const struct sv_keeper *k, struct sv_follow *f,
                      struct sv_err *err)
{
        const struct sv_move *mv = m->mv;
        int64_t end =
                mv->boot_seconds ? sv_clock_ms() + (int64_t)mv->boot_seconds * 1000 : INT64_MAX;

        if (!f->timeout || f->timeout > LOOK_SECONDS)
                f->timeout = LOOK_SECONDS;
        while (k->wait(mv->to, mv->name, f, err) < 0) {
                if (strcmp(err->check, "launch.timeout"))
                        return -1;
                if (has_written(m)) /* "show" is to say it as well */
                        return sv_facts_note_unlocked(m->r.to, f, err);
                if (sv_clock_ms() >= end)
                        return -1;
        }
        return 0;
}

static int launch_there(struct sv_move_run *m, struct sv_err *err)
{
        const struct sv_move *mv = m->mv;
        const struct sv_keeper *k = sv_keeper_choose(mv->to);
        struct sv_follow f = {.fd = -1,
                              .wait = has_root(m->facts),
                              .timeout = mv->boot_seconds,
                              .quiet = mv->quiet};
        enum sv_virt_state state;
        int r;

        if (sv_virt_get_state(m->r.to, &state, err) < 0)
                return -1;
        r = state == SV_VIRT_OFF ? k->start(mv->to, mv->name, &f, err) : wait_there(m, k, &f, err);
        m->unlocked = r == 0 && f.wait;
        sv_json_free(f.timings);
        return r;
}

int sv_move_start_there(struct sv_move_run *m, struct sv_err *err)
{
        int64_t began = sv_clock_ms();
        const char *instance = sv_json_text(m->mark, "instance", "");
        struct sv_err why = SV_ERR_NULL;
        int r;

        if (!strcmp(sv_json_text(m->mark, "was", ""), "off"))
                return 0;
        if (m->mv->end_lease && m->mv->end_lease(m->mv->arg, m->facts, instance, &why) < 0)
                sv_warn("the lease of the guest's disk was not ended, and the guest waits for its "
                        "end: %s",
                        why.msg);
        reset_signals();
        r = launch_there(m, err);
        m->boot = sv_clock_ms() - began;
        return r;
}

int sv_move_forget_here(struct sv_move_run *m, struct sv_err *err)
{
        bool autostart = sv_json_bool(sv_json_get(m->mark, "autostart"), false);

        if (autostart && sv_virt_set_autostart(m->r.to, true, err) < 0)
                return sv_wrap(err,
                               "the guest is at %s, and does not start with that host yet; the "
                               "same command again goes on",
                               m->r.hostname);
        if (sv_virt_undefine(m->r.from, err) < 0)
                return sv_wrap(err,
                               "the guest is at %s, and what is left of it at the source keeps its "
                               "fence; the same command again removes that",
                               m->r.hostname);
        return sv_move_write_mark(m->r.to, NULL, err);
}

int sv_move_end_arrival(struct sv_move_run *m, struct sv_json *result, struct sv_err *err)
{
        if (sv_move_write_mark(m->r.to, NULL, err) < 0)
                return -1;
        sv_json_set_str(result, "name", m->mv->name);
        sv_json_set_str(result, "connect", m->mv->to);
        sv_json_set_str(result, "host", m->r.hostname);
        sv_json_set_bool(result, "moved", true);
        return 0;
}

/* --- back --- */

static int fail_written(const struct sv_move_run *m, const char *what, struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "move.written",
                       "guest %s %s at %s: it stays there, since what it wrote would be lost",
                       m->mv->name, what, m->r.hostname);
}

static int check_unwritten(struct sv_move_run *m, struct sv_err *err)
{
        bool same;

        if (sv_move_compare(m, &same, err) < 0)
                return -1;
        return same ? 0 : fail_written(m, "has written to its disks", err);
}

/* Looked at before it is ended, and after: it may have its disk just then. */
static int take_from_target(struct sv_move_run *m, struct sv_err *err)
{
        enum sv_virt_state state;
        enum sv_life life;

        if (sv_virt_get_state(m->r.to, &state, err) < 0)
                return -1;
        life = sv_facts_life(m->r.to, state);
        if (life == SV_LIFE_UNLOCKED || life == SV_LIFE_PAUSED_OPEN)
                return fail_written(m, "runs with its disks", err);
        if (check_unwritten(m, err) < 0 || sv_virt_destroy(m->r.to, err) < 0 ||
            check_unwritten(m, err) < 0 || sv_virt_undefine(m->r.to, err) < 0)
                return -1;
        m->there = false;
        return 0;
}

static int start_here(struct sv_move_run *m, struct sv_err *err)
{
        struct sv_follow f = {.fd = -1, .quiet = m->mv->quiet};
        enum sv_virt_state state;
        int r;

        if (sv_virt_get_state(m->r.from, &state, err) < 0)
                return -1;
        if (state != SV_VIRT_OFF || !strcmp(sv_json_text(m->mark, "was", ""), "off"))
                return 0;
        r = sv_keeper_choose(m->mv->from)->start(m->mv->from, m->mv->name, &f, err);
        sv_json_free(f.timings);
        return r;
}

static void clear_target(struct sv_move_run *m)
{
        struct sv_err why = SV_ERR_NULL;

        if (!m->r.to || sv_move_check_disks(m, &why) < 0 || sv_move_remove_disks(m, &why) < 0)
                sv_warn("what was copied to %s may be there still, and is of no use: %s",
                        sv_json_text(m->mark, "host", "the target"), why.msg);
        if (m->r.to && sv_migrate_find_shared_copies(&m->r, NULL) == 0 && !m->r.copies_are_shared)
                sv_copies_remove_there(m->r.to, m->mv->name, &m->r.domain, NULL);
}

/* What failed may have been done, and left no subject. */
static int look_again(struct sv_move_run *m, struct sv_err *err)
{
        struct sv_err why = SV_ERR_NULL;

        if (sv_virt_lookup(m->r.from, m->mv->name, err) < 0)
                return -1;
        if (!m->there || sv_virt_lookup(m->r.to, m->mv->name, &why) == 0)
                return 0;
        m->there = strcmp(why.check, "virt.absent") != 0;
        if (m->there)
                *err = why;
        return m->there ? -1 : 0;
}

int sv_move_go_back(struct sv_move_run *m, struct sv_err *err)
{
        if (sv_json_get(m->mark, "arriving") && !m->r.to)
                return sv_fail(err, SV_SYSTEM, "move.target",
                               "%s does not answer, and guest %s may run there: look after that "
                               "host first",
                               sv_json_text(m->mark, "host", "the target"), m->mv->name);
        if (look_again(m, err) < 0)
                return -1;
        if (m->there && (sv_move_check_disks(m, err) < 0 || take_from_target(m, err) < 0))
                return -1;
        clear_target(m);
        if (m->fenced && redefine_source(m, false, err) < 0)
                return -1;
        /* the mark says that it ran, until it does */
        if (start_here(m, err) < 0)
                return -1;
        return sv_move_write_mark(m->r.from, NULL, err);
}
