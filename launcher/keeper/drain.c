/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/drain.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/program/log.h"
#include "image/run.h"

#define LOOK_MS 200

/* --- a process that answers --- */

/* libvirt's connections and its thread of events do not survive a fork, so that this process opens
 * none: who looks and who moves is a child, and says at its end in one JSON text what it found. */
struct child {
        const struct sv_drain *d;
        struct sv_json *row; /* NULL: it plans */
        pid_t pid;           /* 0: there is none */
        int out;
        struct sv_buf said;
        bool told; /* it was asked to end */
};

static int work(const struct child *c, struct sv_json *result, struct sv_err *err)
{
        return c->row ? sv_drain_guest(c->d, c->row, result, err)
                      : sv_drain_plan(c->d, sv_json_set(result, "guests", sv_json_array()), err);
}

static void write_answer(int fd, const struct sv_json *answer)
{
        SV_BUF text = SV_BUF_NULL;

        sv_json_print(answer, &text);
        if (sv_buf_ok(&text, "the answer", NULL) == 0)
                sv_fd_write(fd, "the answer", sv_buf_bytes(&text), NULL);
}

/* Ctrl-C at the terminal reaches all of us at once; which ones end, and how often they are asked,
 * is the parent's to say. */
static _Noreturn void run_child_process(const struct child *c, pid_t parent, int fd)
{
        SV_JSON *result = sv_json_object();
        SV_JSON *failed = NULL;
        struct sv_err err = SV_ERR_NULL;

        signal(SIGTERM, SIG_DFL);
        signal(SIGINT, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
                _exit(1);
        if (work(c, result, &err) == 0) {
                write_answer(fd, result);
        } else {
                failed = sv_err_json(&err);
                write_answer(fd, failed);
        }
        _exit(0);
}

static int begin_child(struct child *c, struct sv_err *err)
{
        pid_t parent = getpid();
        int fds[2];

        if (pipe2(fds, O_CLOEXEC) < 0)
                return sv_fail_errno(err, "drain.process", "a pipe");
        c->said = (struct sv_buf){.max = SV_JSON_SIZE_MAX};
        c->told = false;
        c->pid = fork();
        if (c->pid == 0) {
                close(fds[0]);
                run_child_process(c, parent, fds[1]);
        }
        close(fds[1]);
        if (c->pid > 0) {
                c->out = fds[0];
                return 0;
        }
        c->pid = 0;
        close(fds[0]);
        return sv_fail_errno(err, "drain.process", "a process of its own");
}

/* What it said when nobody writes any more: NULL with the error. The caller frees. */
static struct sv_json *end_child(struct child *c, struct sv_err *err)
{
        struct sv_json *answer = NULL;
        const struct sv_json *error;
        int status = 0;

        close(c->out);
        while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
                ;
        c->pid = 0;
        if (!c->said.n || sv_json_parse(sv_buf_bytes(&c->said), "drain", &answer, NULL) < 0)
                sv_fail(err, SV_SYSTEM, "drain.ended",
                        "the process that %s ended (%s %d) and did not say how it went; the same "
                        "command again goes on",
                        c->row ? "moved it" : "made the plan",
                        WIFSIGNALED(status) ? "signal" : "status",
                        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        sv_buf_free(&c->said);
        error = sv_json_get(answer, "error");
        if (!error)
                return answer;
        sv_fail(err, sv_class_from_name(sv_json_text(error, "class", "system")),
                sv_json_text(error, "check", "drain"), "%s", sv_json_text(error, "message", ""));
        sv_json_free(answer);
        return NULL;
}

/* Until one of them has said all: it, or NULL when there is none or it is time to look around. */
static struct child *wait_for_answer(struct child *children, size_t n)
{
        struct pollfd fds[SV_DRAIN_JOBS_MAX];
        size_t of[SV_DRAIN_JOBS_MAX], at_work = 0;

        for (size_t i = 0; i < n; i++)
                if (children[i].pid) {
                        of[at_work] = i;
                        fds[at_work++] = (struct pollfd){.fd = children[i].out, .events = POLLIN};
                }
        if (!at_work || poll(fds, at_work, LOOK_MS) <= 0)
                return NULL;
        for (size_t i = 0; i < at_work; i++) {
                struct child *c = &children[of[i]];
                char piece[4096];
                ssize_t got = fds[i].revents ? read(c->out, piece, sizeof(piece)) : 1;

                if (fds[i].revents && got > 0)
                        sv_buf_put(&c->said, sv_bytes(piece, (size_t)got));
                if (got == 0 || (got < 0 && errno != EINTR))
                        return c;
        }
        return NULL;
}

/* Once: a second signal ends who cancels a migration, in the middle of that. */
static void pass_interrupt_on(struct child *children, size_t n)
{
        for (size_t i = 0; i < n && sv_run_interrupted(); i++)
                if (children[i].pid && !children[i].told) {
                        children[i].told = true;
                        kill(children[i].pid, SIGTERM);
                }
}

/* --- the plan --- */

static int make_plan(const struct sv_drain *d, struct sv_json *result, struct sv_err *err)
{
        struct child c = {.d = d};
        SV_JSON *answer = NULL;

        if (begin_child(&c, err) < 0)
                return -1;
        while (!wait_for_answer(&c, 1))
                pass_interrupt_on(&c, 1);
        answer = end_child(&c, err);
        if (!answer)
                return -1;
        sv_json_set(result, "guests", sv_json_ref(sv_json_get(answer, "guests")));
        return 0;
}

static bool has_outcome(const struct sv_json *row, const char *outcome)
{
        return !strcmp(sv_json_text(row, "outcome", ""), outcome);
}

/* How many there are, and the names of the first few. */
static size_t list_outcome(const struct sv_json *rows, const char *outcome, struct sv_buf *names)
{
        size_t n = 0;

        for (size_t i = 0; i < sv_json_len(rows); i++) {
                const struct sv_json *row = sv_json_at(rows, i);

                if (!has_outcome(row, outcome))
                        continue;
                if (n < SV_DRAIN_NAMES)
                        sv_buf_printf(names, "%s%s", n ? ", " : "", sv_json_text(row, "name", ""));
                else if (n == SV_DRAIN_NAMES)
                        sv_buf_puts(names, ", …");
                n++;
        }
        return n;
}

static int fail_stays(const struct sv_drain *d, const struct sv_json *rows, bool moved,
                      struct sv_err *err)
{
        SV_BUF names = SV_BUF_NULL;
        size_t n = list_outcome(rows, "stays", &names);

        return n ? sv_fail(err, SV_SYSTEM, "drain.stays",
                           "%zu of %zu guests cannot go from there (%s)%s; --check says why", n,
                           sv_json_len(rows), sv_buf_str(&names),
                           moved || d->check ? ""
                                             : ", so nothing was moved: --partial moves the others")
                 : 0;
}

/* --- the guests --- */

static void say_begin(const struct sv_drain *d, const struct sv_json *row)
{
        if (!d->quiet)
                sv_info("%s: goes to %s (%s)", sv_json_text(row, "name", ""),
                        sv_json_text(row, "to", ""), sv_json_text(row, "how", ""));
}

static void say_end(const struct sv_drain *d, const struct sv_json *row)
{
        const struct sv_json *r = sv_json_get(row, "result"), *error = sv_json_get(row, "error");
        bool cold = !strcmp(sv_json_text(row, "how", ""), "cold");

        if (d->quiet)
                return;
        if (error)
                sv_warn("%s: did not go: %s [%s]", sv_json_text(row, "name", ""),
                        sv_json_text(error, "message", ""), sv_json_text(error, "check", ""));
        else
                sv_info("%s: %s at %s (%s %lld ms)", sv_json_text(row, "name", ""),
                        sv_json_text(r, "state", ""), sv_json_text(row, "to", ""),
                        cold ? "down for" : "pause",
                        (long long)sv_json_int(sv_json_get(r, cold ? "downtime_ms" : "pause_ms"),
                                               0));
}

static void take_answer(const struct sv_drain *d, struct child *c)
{
        struct sv_err err = SV_ERR_NULL;
        struct sv_json *answer = end_child(c, &err);

        if (answer)
                sv_json_set(c->row, "result", answer);
        else
                sv_put_error(sv_json_set(c->row, "error", sv_json_object()), &err);
        sv_json_set_str(c->row, "outcome", answer ? "gone" : "failed");
        say_end(d, c->row);
}

static struct sv_json *next_planned(const struct sv_json *rows, size_t *at)
{
        while (*at < sv_json_len(rows)) {
                struct sv_json *row = sv_json_at(rows, (*at)++);

                if (has_outcome(row, "planned"))
                        return row;
        }
        return NULL;
}

static void begin_guest(const struct sv_drain *d, struct child *c, struct sv_json *row)
{
        struct sv_err err = SV_ERR_NULL;

        *c = (struct child){.d = d, .row = row};
        say_begin(d, row);
        if (begin_child(c, &err) == 0)
                return;
        sv_put_error(sv_json_set(row, "error", sv_json_object()), &err);
        sv_json_set_str(row, "outcome", "failed");
        say_end(d, row);
}

/* As many at once as may be; after an interrupt none begins any more. */
static void send_guests(const struct sv_drain *d, struct sv_json *rows)
{
        struct child children[SV_DRAIN_JOBS_MAX] = {0};
        size_t at = 0, at_work;

        do {
                struct sv_json *row;
                struct child *ended;

                at_work = 0;
                for (unsigned i = 0; i < d->jobs; i++) {
                        if (!children[i].pid && !sv_run_interrupted() &&
                            (row = next_planned(rows, &at)))
                                begin_guest(d, &children[i], row);
                        at_work += children[i].pid != 0;
                }
                pass_interrupt_on(children, d->jobs);
                ended = wait_for_answer(children, d->jobs);
                if (ended)
                        take_answer(d, ended);
        } while (at_work || (at < sv_json_len(rows) && !sv_run_interrupted()));
}

static int judge_drain(const struct sv_drain *d, const struct sv_json *rows, struct sv_err *err)
{
        SV_BUF failed = SV_BUF_NULL;
        SV_BUF waiting = SV_BUF_NULL;
        size_t n = list_outcome(rows, "failed", &failed),
               left = list_outcome(rows, "planned", &waiting);

        if (sv_run_interrupted() && n + left)
                return sv_fail(err, SV_SYSTEM, "drain.interrupted",
                               "interrupted: %zu did not go (%s), %zu had not begun (%s); each is "
                               "in one place, and the same command goes on",
                               n, n ? sv_buf_str(&failed) : "none", left,
                               left ? sv_buf_str(&waiting) : "none");
        if (n)
                return sv_fail(err, SV_SYSTEM, "drain.failed",
                               "%zu of %zu guests did not go (%s), for what was said of each; the "
                               "same command again goes on with them",
                               n, sv_json_len(rows), sv_buf_str(&failed));
        return fail_stays(d, rows, true, err);
}

int sv_drain_host(const struct sv_drain *d, struct sv_json *result, struct sv_err *err)
{
        struct sv_json *rows;

        sv_run_catch_signals();
        if (make_plan(d, result, err) < 0)
                return -1;
        rows = sv_json_get(result, "guests");
        if (d->check || !d->partial) {
                int r = fail_stays(d, rows, false, err);

                if (r < 0 || d->check)
                        return r;
        }
        send_guests(d, rows);
        return judge_drain(d, rows, err);
}
