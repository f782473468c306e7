/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/migrate.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/buf.h"
#include "base/core/file.h"
#include "base/program/log.h"
#include "launcher/keeper/facts.h"
#include "launcher/keeper/migrate-int.h"
#include "launcher/keeper/move-mark.h"
#include "launcher/virt/virt-migrate.h"
#include "launcher/virt/virt.h"

#define LOOK_MS     200
#define MIB         (1ull << 20)
/* Post-copy begins when the memory was sent once as a whole: then most of it is there. */
#define SWITCH_PASS 2

static volatile sig_atomic_t interrupted;

static void note_interrupt(int number)
{
        interrupted = 1;
}

void sv_migrate_free_run(struct sv_migrate_run *r)
{
        sv_virt_close(r->to);
        sv_virt_close(r->from);
        free(r->xml);
        free(r->hostname);
        free(r->address);
        sv_domain_facts_free(&r->domain);
        sv_host_facts_free(&r->here);
        sv_host_facts_free(&r->there);
        for (size_t i = 0; i < r->n_made; i++) {
                free(r->made[i].folder);
                free(r->made[i].name);
        }
}

int sv_migrate_read_host(struct sv_virt *v, struct sv_host_facts *out, struct sv_err *err)
{
        SV_STR xml = sv_virt_get_capabilities(v, err);

        return xml ? sv_host_read(xml, out, err) : -1;
}

int sv_migrate_open_target(struct sv_migrate_run *r, struct sv_err *err)
{
        if (sv_virt_open(r->m->to, &r->to, err) < 0)
                return sv_wrap(err, "the target (--to)");
        sv_virt_keep_alive(r->to);
        r->hostname = sv_virt_get_hostname(r->to, err);
        return r->hostname ? sv_migrate_read_host(r->to, &r->there, err) : -1;
}

/* Its disks are on their way in another manner, and the mark would come along. */
static int check_not_moving(struct sv_migrate_run *r, struct sv_err *err)
{
        SV_JSON *mark = NULL;

        if (sv_move_read_way(r->from, r->m->name, r->here.uuid, r->m->check, &mark, err) < 0)
                return -1;
        return mark ? sv_move_fail_unfinished(mark, r->m->name, "runs here until then", err) : 0;
}

static int open_hosts(struct sv_migrate_run *r, struct sv_err *err)
{
        SV_BUF xml = SV_BUF_NULL;
        SV_JSON *facts = NULL;

        if (sv_virt_open(r->m->from, &r->from, err) < 0 ||
            sv_virt_lookup(r->from, r->m->name, err) < 0 ||
            sv_facts_read_ours(r->from, r->m->name, &facts, err) < 0 ||
            /* the QEMU of a part answers nothing, and so neither does libvirt for long */
            (!r->m->recover && sv_facts_check_whole(r->from, r->m->name, err) < 0) ||
            sv_migrate_read_host(r->from, &r->here, err) < 0 || check_not_moving(r, err) < 0 ||
            sv_virt_get_xml(r->from, &xml, err) < 0)
                return -1;
        r->xml = sv_asprintf("%s", sv_buf_str(&xml));
        return sv_domain_read(r->xml, &r->domain, err) < 0 ? -1 : sv_migrate_open_target(r, err);
}

static char *list_copied_disks(const struct sv_migrate_run *r)
{
        SV_BUF names = SV_BUF_NULL;

        for (size_t i = 0; r->m->copy_storage && i < r->domain.n_disks; i++)
                if (r->domain.disks[i].target && !r->domain.disks[i].readonly)
                        sv_buf_printf(&names, "%s ", r->domain.disks[i].target);
        return names.n ? sv_asprintf("%s", sv_buf_str(&names)) : NULL;
}

/* --- while it goes --- */

struct watch {
        bool told, switched, aborted;
        bool alone;        /* the target has gone */
        uint64_t throttle; /* the most that there was: the end says nothing of it */
};

static void show_migration(const struct sv_migrate_run *r, const struct sv_virt_progress *p)
{
        if (!r->m->quiet && p->total)
                sv_live("%llu s: %llu of %llu MiB sent, %llu MiB remain, %llu MiB/s, pass %llu",
                        (unsigned long long)(p->elapsed_ms / 1000),
                        (unsigned long long)(p->done / MIB), (unsigned long long)(p->total / MIB),
                        (unsigned long long)(p->remaining / MIB),
                        (unsigned long long)(p->rate / MIB), (unsigned long long)p->passes);
}

static void switch_when_ready(const struct sv_migrate_run *r, struct sv_migration *job,
                              const struct sv_virt_progress *p, struct watch *w)
{
        if (!r->m->post_copy || w->switched || w->aborted || p->passes < SWITCH_PASS)
                return;
        w->switched = sv_virt_migrate_switch(job, NULL) == 0; /* or it has just ended */
        if (w->switched && !r->m->quiet)
                sv_info("the guest runs at %s now, and fetches the rest of its memory",
                        r->hostname);
}

static void take_interrupt(const struct sv_migrate_run *r, struct sv_migration *job,
                           struct watch *w)
{
        if (!interrupted || w->aborted || w->told)
                return;
        w->told = true;
        if (w->switched || r->m->recover) {
                sv_warn("the guest runs at %s already with a part of its memory: this cannot be "
                        "cancelled any more",
                        r->hostname);
                return;
        }
        w->aborted = true;
        sv_virt_migrate_abort(job);
}

/* A source whose target lost its power waits for it for a quarter of an hour. */
static void look_for_target(const struct sv_migrate_run *r, struct sv_migration *job,
                            struct watch *w)
{
        if (w->alone || w->switched || r->m->recover || sv_virt_is_alive(r->to))
                return;
        w->alone = true;
        sv_virt_migrate_abort(job);
}

static void watch_migration(const struct sv_migrate_run *r, struct sv_migration *job,
                            struct watch *w)
{
        struct sv_virt_progress p = {0};

        do {
                if (sv_virt_migrate_progress(job, &p)) {
                        if (p.throttle > w->throttle)
                                w->throttle = p.throttle;
                        show_migration(r, &p);
                        switch_when_ready(r, job, &p, w);
                }
                take_interrupt(r, job, w);
                look_for_target(r, job, w);
                if (w->aborted) /* what is asked before libvirt has begun is lost */
                        sv_virt_migrate_abort(job);
        } while (!sv_virt_migrate_wait(job, LOOK_MS));
        sv_live_end();
}

/* Where the guest is after a failure, as the daemons say. */
static const char *find_guest(const struct sv_migrate_run *r, char out[160])
{
        enum sv_virt_state state;

        if (sv_virt_get_state(r->from, &state, NULL) < 0)
                snprintf(out, 160, "the source does not say how the guest is");
        else
                snprintf(out, 160, "the guest is %s where it was",
                         state == SV_VIRT_RUNNING ? "running" : sv_virt_state_name(state));
        return out;
}

static bool is_tls_failure(const char *text)
{
        static const char *const words[] = {"TLS",         "tls",         "x509",
                                            "certificate", "Certificate", "credentials"};

        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (strstr(text, words[i]))
                        return true;
        return false;
}

static int fail_migration(const struct sv_migrate_run *r, const struct watch *w,
                          const struct sv_err *why, struct sv_err *err)
{
        char where[160];

        if (w->aborted)
                return sv_fail(err, SV_SYSTEM, "migrate.interrupted", "cancelled: %s",
                               find_guest(r, where));
        if (w->alone)
                return sv_fail(err, SV_SYSTEM, "migrate.target",
                               "%s does not answer any more: %s; look after that host, then begin "
                               "again",
                               r->hostname, find_guest(r, where));
        if (w->switched || r->m->recover)
                return sv_fail(
                        err, SV_SYSTEM, "migrate.post-copy",
                        "post-copy broke, and each host has a part of the guest's memory: "
                        "it is paused, and nothing is lost as long as both stay up; "
                        "\"secure-vm migrate %s --connect %s --to %s --recover\" goes on when "
                        "the hosts reach each other again. libvirt says: %.300s",
                        r->m->name, r->m->from, r->m->to, why->msg);
        if (r->m->tls && is_tls_failure(why->msg))
                return sv_fail(err, SV_SYSTEM, "migrate.tls",
                               "no TLS between the hosts (%s): each needs ca-cert.pem, "
                               "server-cert.pem, server-key.pem and the client's two in the folder "
                               "that qemu.conf names (default_tls_x509_cert_dir), readable by "
                               "QEMU's user and in place before the guest was started. libvirt "
                               "says: %.300s",
                               find_guest(r, where), why->msg);
        return sv_fail(err, why->class, why->check, "%s (%s)", why->msg, find_guest(r, where));
}

static int move_guest(struct sv_migrate_run *r, struct sv_virt_progress *total, struct sv_err *err)
{
        const struct sv_migrate *m = r->m;
        SV_STR disks = list_copied_disks(r);
        const struct sv_virt_migrate how = {
                .to = m->to,
                .address = r->address,
                .disks = disks,
                .bandwidth = (m->bandwidth + MIB - 1) / MIB,
                .downtime_ms = m->downtime_ms,
                .auto_converge = m->auto_converge,
                .post_copy = m->post_copy,
                .compress = m->compress,
                .tls = m->tls,
                .peer_to_peer = m->peer_to_peer,
                .shared = r->shared,
                .recover = m->recover,
        };
        struct sv_err why = SV_ERR_NULL;
        struct sv_migration *job;
        struct watch w = {0};

        if (sv_virt_migrate_begin(r->from, r->to, &how, &job, err) < 0)
                return -1;
        watch_migration(r, job, &w);
        if (sv_virt_migrate_end(job, total, &why) < 0)
                return fail_migration(r, &w, &why, err);
        total->throttle = w.throttle;
        return 0;
}

/* --- the whole --- */

static void report_stale_disks(const struct sv_migrate_run *r)
{
        for (size_t i = 0; r->m->copy_storage && i < r->domain.n_disks; i++)
                if (!r->domain.disks[i].readonly && r->domain.disks[i].path)
                        sv_info("%s stays here as it was when the guest left: remove it, the guest "
                                "writes to its copy",
                                r->domain.disks[i].path);
}

static void report_migration(const struct sv_migrate_run *r, const struct sv_virt_progress *t,
                             struct sv_json *result)
{
        enum sv_virt_state state = SV_VIRT_RUNNING;

        sv_json_set_str(result, "name", r->m->name);
        if (sv_virt_lookup(r->to, r->m->name, NULL) == 0)
                sv_virt_get_state(r->to, &state, NULL);
        sv_json_set_str(result, "state", sv_virt_state_name(state));
        sv_json_set_str(result, "connect", r->m->to);
        sv_json_set_str(result, "host", r->hostname);
        sv_json_set_int(result, "pause_ms", (int64_t)t->downtime_ms);
        sv_json_set_int(result, "total_ms", (int64_t)t->elapsed_ms);
        sv_json_set_int(result, "bytes", (int64_t)t->done);
        sv_json_set_int(result, "passes", (int64_t)t->passes);
        sv_json_set_int(result, "post_copy_requests", (int64_t)t->faults);
        if (r->m->auto_converge)
                sv_json_set_int(result, "throttle_percent", (int64_t)t->throttle);
        if (r->m->compress)
                sv_json_set_int(result, "compressed_bytes", (int64_t)t->compressed);
        if (r->domain.tpm && !r->m->quiet)
                sv_info("the guest's vTPM is there with its certificate, which the authority of "
                        "the "
                        "host gave where the guest was launched first: policies stay as they are");
        if (!r->m->quiet)
                report_stale_disks(r);
}

int sv_migrate_check_pair(const char *from, const char *to, struct sv_err *err)
{
        const struct sv_migrate m = {.from = from, .to = to};
        struct sv_migrate_run r = {.m = &m};
        int done = sv_virt_open(from, &r.from, err) < 0 ||
                                   sv_migrate_read_host(r.from, &r.here, err) < 0 ||
                                   sv_migrate_open_target(&r, err) < 0
                           ? -1
                           : sv_migrate_check_hosts(&r, err);

        sv_migrate_free_run(&r);
        return done;
}

static void warn_post_copy(const struct sv_migrate_run *r)
{
        if (r->m->post_copy)
                sv_warn("post-copy: from when the guest goes on at %s until all of its memory has "
                        "come, it lives on both hosts: if one of them ends then, or the network "
                        "between them, this run of the guest is lost with what it had not written "
                        "to "
                        "its disks (\"--recover\" helps after the network alone). Without "
                        "--post-copy nothing that breaks ends it",
                        r->hostname);
}

static int look_beforehand(struct sv_migrate_run *r, struct sv_json *result, struct sv_err *err)
{
        if (open_hosts(r, err) < 0 || sv_migrate_check(r, err) < 0 ||
            sv_migrate_check_boot_files(r, err) < 0)
                return -1;
        sv_json_set_str(result, "name", r->m->name);
        sv_json_set_str(result, "connect", r->m->from);
        sv_migrate_put_memory(r, false, result);
        warn_post_copy(r);
        return 0;
}

static int check_is_split(struct sv_migrate_run *r, struct sv_err *err)
{
        char where[160];

        if (sv_virt_is_split(r->from))
                return 0;
        return sv_fail(
                err, SV_USAGE, "migrate.recover",
                "--recover goes on with a post-copy that broke, and none of guest %s did: %s",
                r->m->name, find_guest(r, where));
}

/* The target's daemon of libvirt 11.3 reads through a null pointer then, and ends
 * (qemuProcessIncomingDefNew, which PrepareResume calls without a descriptor). */
static int check_recovers(struct sv_migrate_run *r, struct sv_err *err)
{
        unsigned long version = sv_virt_get_daemon_version(r->to);

        if (version / 1000 != 11003)
                return 0;
        return sv_fail(err, SV_SYSTEM, "migrate.recover",
                       "the daemon of libvirt 11.3, which %s has, ends when it is asked to go on "
                       "with a post-copy: put another version of libvirt there (the guests run on "
                       "while their daemon is exchanged) and try again, or end both parts with "
                       "\"secure-vm destroy %s\" at each host and start the guest anew from its "
                       "disks",
                       r->hostname, r->m->name);
}

static int prepare_run(struct sv_migrate_run *r, struct sv_err *err)
{
        if (open_hosts(r, err) < 0)
                return -1;
        if (r->m->recover) {
                if (check_is_split(r, err) < 0 || check_recovers(r, err) < 0)
                        return -1;
                if (sv_migrate_find_shared_copies(r, NULL) < 0)
                        r->copies_are_shared = true; /* then nothing is removed here */
                return 0;
        }
        if (sv_migrate_check(r, err) < 0)
                return -1;
        warn_post_copy(r);
        if (sv_migrate_make_files(r, err) == 0)
                return 0;
        sv_migrate_remove_made(r);
        return -1;
}

/* Only what certainly no guest runs from: it is here, and none is there. */
static void remove_made_files(struct sv_migrate_run *r)
{
        enum sv_virt_state state;

        if (sv_virt_get_state(r->from, &state, NULL) == 0 && state != SV_VIRT_OFF &&
            !sv_virt_find_taken(r->to, r->m->name, r->domain.uuid))
                sv_migrate_remove_made(r);
        else
                sv_warn("what was made for the guest at %s stays there: it may run from it; \"show "
                        "%s --connect %s\" says more",
                        r->hostname, r->m->name, r->m->to);
}

static int run_migration_of(struct sv_migrate_run *r, struct sv_json *result, struct sv_err *err)
{
        struct sv_virt_progress total = {0};
        struct sv_err left = SV_ERR_NULL;

        if (prepare_run(r, err) < 0)
                return -1;
        if (move_guest(r, &total, err) < 0) {
                remove_made_files(r);
                return -1;
        }
        if (sv_migrate_remove_copies(r, &left) < 0)
                sv_warn("the guest has moved, and copies of what it booted from are still here: %s",
                        left.msg);
        report_migration(r, &total, result);
        return 0;
}

int sv_migrate_guest(const struct sv_migrate *m, struct sv_json *result, struct sv_err *err)
{
        static const int asks[] = {SIGINT, SIGTERM, SIGHUP};
        /* a second one ends this process: the daemons clear up, or go on with a post-copy */
        struct sigaction act = {.sa_handler = note_interrupt, .sa_flags = SA_RESETHAND}, before[3];
        struct sv_migrate_run r = {.m = m};
        int done;

        if (m->check) {
                done = look_beforehand(&r, result, err);
                sv_migrate_free_run(&r);
                return done;
        }
        for (size_t i = 0; i < 3; i++) {
                sigaction(asks[i], NULL, &before[i]);
                if (before[i].sa_handler != SIG_IGN) /* as with nohup */
                        sigaction(asks[i], &act, NULL);
        }
        done = run_migration_of(&r, result, err);
        sv_migrate_free_run(&r);
        for (size_t i = 0; i < 3; i++)
                sigaction(asks[i], &before[i], NULL);
        return done;
}
