/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm drain: all guests of a libvirt daemon's host go to others. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "base/program/terminal.h"
#include "launcher/cli/commands.h"
#include "launcher/cli/move-broker.h"
#include "launcher/keeper/drain.h"

#define JOBS_DEFAULT 2

struct targets {
        char *text; /* the list, cut into its words */
        const char *uris[SV_DRAIN_TARGETS_MAX];
        size_t n;
};

static int read_targets(const char *list, struct targets *t, struct sv_err *err)
{
        char *rest, *word;

        if (!list || !*list)
                return sv_fail(err, SV_USAGE, "drain.to",
                               "where to? --to takes the URIs of the other hosts' libvirt, as "
                               "qemu+tls://HOST/system,qemu+tls://OTHER/system");
        t->text = sv_asprintf("%s", list);
        for (word = strtok_r(t->text, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
                if (t->n == SV_DRAIN_TARGETS_MAX)
                        return sv_fail(err, SV_USAGE, "drain.to",
                                       "--to names more than %d hosts: take the first ones, and "
                                       "the same command again for others",
                                       SV_DRAIN_TARGETS_MAX);
                t->uris[t->n++] = word;
        }
        return 0;
}

static int read_jobs(const char *text, unsigned *jobs, struct sv_err *err)
{
        uint64_t n = JOBS_DEFAULT;

        if (text && sv_parse_u64(text, SV_DRAIN_JOBS_MAX, &n, "drain.jobs", err) < 0)
                return sv_wrap(err, "--jobs takes how many guests may be on their way at once");
        if (!n)
                return sv_fail(err, SV_USAGE, "drain.jobs", "with --jobs 0 no guest ever goes");
        *jobs = (unsigned)n;
        return 0;
}

/* In the process of a guest that moves, and for each that is looked at. */
struct brokers {
        const struct sv_args *args;
        struct sv_move_broker broker;
};

static int open_broker_for(void *arg, struct sv_move *mv, struct sv_err *err)
{
        struct brokers *b = arg;

        sv_move_broker_close(&b->broker);
        return sv_move_broker_open(b->args, &b->broker, mv, err);
}

/* --- for people --- */

static void print_drain_reasons(const struct sv_json *row)
{
        const struct sv_json *why = sv_json_get(row, "why");

        for (size_t i = 0; i < sv_json_len(why); i++) {
                const struct sv_json *r = sv_json_at(why, i);
                SV_STR line =
                        sv_asprintf("not %s: %s [%s]", sv_json_text(r, "way", ""),
                                    sv_json_text(r, "message", ""), sv_json_text(r, "check", ""));
                SV_BUF wrapped = SV_BUF_NULL;

                sv_wrap_text(&wrapped, line, 4, 4, sv_terminal_width(STDOUT_FILENO));
                printf("    %s\n", sv_buf_str(&wrapped));
        }
}

static void print_drain_plan(const struct sv_json *rows)
{
        printf("%-24s %-10s %-14s %s\n", "NAME", "STATE", "GOES", "TO");
        for (size_t i = 0; i < sv_json_len(rows); i++) {
                const struct sv_json *row = sv_json_at(rows, i);
                const char *how = sv_json_text(row, "how", "");

                printf("%-24s %-10s %-14s %s\n", sv_json_text(row, "name", ""),
                       sv_json_text(row, "state", ""),
                       !strcmp(how, "none")                              ? "not at all"
                       : sv_json_bool(sv_json_get(row, "copies"), false) ? "live, copied"
                                                                         : how,
                       sv_json_text(row, "to", "-"));
                print_drain_reasons(row);
        }
}

/* --- the command --- */

static int run_drain_to(const struct sv_args *args, const struct targets *t, struct sv_json *result,
                        struct sv_err *err)
{
        struct brokers b = {.args = args};
        struct sv_drain d = {
                .from = args->pos[0],
                .to = t->uris,
                .n_to = t->n,
                .partial = sv_has(args, "partial"),
                .check = sv_has(args, "check"),
                .quiet = sv_has(args, "json"),
                .live = {.auto_converge = sv_has(args, "auto-converge"),
                         .tls = sv_has(args, "tls")},
                .cold = {.force = sv_has(args, "force")},
        };
        bool asks;
        int r;

        if (read_jobs(sv_opt(args, "jobs"), &d.jobs, err) < 0 ||
            sv_migrate_read_numbers(args, &d.live, err) < 0 ||
            sv_move_read_seconds(args, &d.cold, err) < 0 ||
            sv_move_broker_is_named(args, &asks, err) < 0)
                return -1;
        if (asks) {
                d.open_broker = open_broker_for;
                d.arg = &b;
        }
        sv_json_set_str(result, "connect", d.from);
        r = sv_drain_host(&d, result, err);
        if (!d.quiet && (d.check || (r < 0 && !strcmp(err->check, "drain.stays"))))
                print_drain_plan(sv_json_get(result, "guests"));
        else if (!d.quiet && r == 0)
                printf("%s has no guests left: %zu have gone\n", d.from,
                       sv_json_len(sv_json_get(result, "guests")));
        return r;
}

static int run_drain(const struct sv_args *args, struct sv_json **result, struct sv_err *err)
{
        struct targets t = {0};
        int r;

        *result = sv_json_object();
        r = read_targets(sv_opt(args, "to"), &t, err) < 0 ? -1
                                                          : run_drain_to(args, &t, *result, err);
        free(t.text);
        return r;
}

static const struct sv_opt drain_opts[] = {
        {.name = "to",
         .arg = "URI[,URI...]",
         .help = "the libvirt of the host that the guests go to, or of several",
         .letter = 't'},
        {.name = "check", .help = "only show who would go where, how, and why not otherwise"},
        {.name = "jobs",
         .arg = "N",
         .help = "so many guests are on their way at once (2)",
         .letter = 'j'},
        {.name = "partial", .help = "move the others when a guest has to stay"},
        {.name = "bandwidth",
         .arg = "SIZE",
         .help = "a guest that goes live sends at most so much a second (100MiB)"},
        {.name = "downtime", .arg = "MS", .help = "it is paused for at most so many milliseconds"},
        {.name = "auto-converge", .help = "it is slowed when it changes memory faster"},
        {.name = "tls", .help = "its memory and disks go encrypted between the hosts"},
        SV_MOVE_OPTS,
        SV_ADMIN_OPTS,
        {0},
};

const struct sv_cmd sv_cmd_drain = {
        .name = "drain",
        .args = "HOST-URI",
        .help = "move all guests of a libvirt daemon's host to others, live where that can be",
        .opts = drain_opts,
        .run = run_drain,
};
