/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/process/service.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/crypto/x509.h"
#include "base/json/json.h"
#include "base/program/log.h"
#include "base/program/seccomp.h"
#include "broker/limits.h"
#include "broker/process/channel.h"

#define LOOK_MS 1000  /* how often children are looked at while there are some */
#define WARN_MS 10000 /* between two words about too many */

static void warm_certificates(const struct sv_key *key)
{
        static const char *const names[] = {"localhost", NULL};
        SV_CERT *cert = sv_cert_self_signed(key, "a", names, 0, INT32_MAX, NULL);
        SV_CERTS certs = {NULL, 0};
        SV_KEY *own = NULL;
        SV_BUF pem = SV_BUF_NULL;
        uint8_t digest[32];

        if (!cert || sv_cert_pem(cert, &pem, NULL) < 0 ||
            sv_certs_parse(sv_buf_bytes(&pem), &certs, "broker", NULL) < 0)
                return;
        sv_cert_fingerprint(certs.list[0], digest);
        own = sv_cert_key(certs.list[0], NULL);
}

void sv_service_warm(struct sv_broker *b)
{
        SV_KEY *key = sv_key_generate(SV_KEY_P384, 0, NULL);
        SV_BUF sig = SV_BUF_NULL;
        SV_JSON *j = NULL;
        struct sv_bytes text = sv_bytes_str("{\"a\":1}");

        if (key && sv_sign(key, SV_ECDSA_SHA384, text, &sig, NULL) == 0)
                (void)!sv_verify_sig(key, SV_ECDSA_SHA384, text, sv_buf_bytes(&sig), "broker",
                                     NULL);
        (void)!sv_json_parse(text, "broker", &j, NULL);
        if (key)
                warm_certificates(key);
}

struct children {
        struct child {
                pid_t pid;
                int64_t end; /* of the monotonic clock: it is killed then */
        } * list;
        size_t n, max;
        int64_t quiet_ms; /* until then nothing is said of refusals */
};

/* A child that was taken over does not end when it is told to. */
static void reap_service(struct children *c)
{
        int64_t now = sv_clock_ms();

        for (size_t i = c->n; i-- > 0;) {
                if (now >= c->list[i].end)
                        kill(c->list[i].pid, SIGKILL);
                if (waitpid(c->list[i].pid, NULL, WNOHANG) != 0)
                        c->list[i] = c->list[--c->n];
        }
}

static void run_service_child(struct sv_broker *b, const struct sv_service *s, int channel)
{
        struct rlimit cpu = {SV_SERVICE_CPU_S, SV_SERVICE_CPU_S};
        struct sv_err err = SV_ERR_NULL;
        bool partly = false;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setrlimit(RLIMIT_CPU, &cpu);
        if (s->inside && sv_sandbox_enter(s->child, NULL, &partly, &err) < 0)
                sv_channel_send_error(channel, &err, NULL);
        else
                s->serve(b, channel);
        _exit(0);
}

static void warn_refusal(const struct sv_service *s, struct children *c)
{
        int64_t now = sv_clock_ms();

        if (now < c->quiet_ms)
                return;
        c->quiet_ms = now + WARN_MS;
        sv_warn("%s refuses a request: of its processes %zu live, of at most %zu", s->name, c->n,
                c->max);
}

/* False when the other side has gone. */
static bool take_call(struct sv_broker *b, const struct sv_service *s, int control,
                      struct children *c)
{
        char text[8];
        struct sv_err err;
        int channel = -1;
        pid_t pid;

        if (sv_control_take(control, text, sizeof(text), &channel, &err) < 0)
                return true;
        if (channel < 0)
                return false;
        if (s->between)
                s->between(b);
        pid = c->n < c->max ? fork() : -1;
        if (pid == 0) {
                close(control);
                run_service_child(b, s, channel);
        }
        if (pid > 0)
                c->list[c->n++] = (struct child){pid, sv_clock_ms() + SV_SERVICE_MS};
        else
                warn_refusal(s, c);
        close(channel);
        return true;
}

static void serve_calls(struct sv_broker *b, const struct sv_service *s, int control)
{
        /* one that has just ended is counted until it is looked at */
        struct children c = {.max = 2 * (size_t)b->config.requests};
        bool more = true;

        c.list = calloc(c.max, sizeof(*c.list));
        while (c.list && more) {
                struct pollfd p = {.fd = control, .events = POLLIN};

                if (poll(&p, 1, c.n ? LOOK_MS : -1) < 0 && errno != EINTR)
                        break;
                reap_service(&c);
                if (p.revents)
                        more = take_call(b, s, control, &c);
        }
        free(c.list);
}

static void run_service(struct sv_broker *b, const struct sv_service *s,
                        const struct sv_sandbox_files *files, int control)
{
        struct sv_err err = SV_ERR_NULL;
        int keep[4] = {control, -1, -1, -1}, n = 1;
        bool partly = false;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, s->name);
        /* It ends with its control channel: what runs is served first. */
        signal(SIGTERM, SIG_IGN);
        signal(SIGINT, SIG_IGN);
        if (s->warm)
                s->warm(b);
        if (b->memory)
                keep[n++] = b->slot;
        if (b->limits)
                keep[n++] = sv_limits_lock(b->limits);
        if (sv_close_other_fds(keep, "broker.sandbox", &err) < 0 ||
            sv_sandbox_enter(s->sandbox, files, &partly, &err) < 0) {
                sv_log_err(&err);
                _exit(SV_SYSTEM);
        }
        if (partly)
                sv_warn("this kernel has no landlock: %s could read any file of the broker's user",
                        s->name);
        serve_calls(b, s, control);
        _exit(0);
}

int sv_service_start(struct sv_broker *b, const struct sv_service *s,
                     const struct sv_sandbox_files *files, struct sv_process *out,
                     struct sv_err *err)
{
        int ends[2];
        pid_t pid;

        if (sv_control_pair(ends, err) < 0)
                return -1;
        pid = fork();
        if (pid == 0) {
                close(ends[0]);
                run_service(b, s, files, ends[1]);
        }
        close(ends[1]);
        if (pid < 0) {
                close(ends[0]);
                return sv_fail_errno(err, "broker.process", "no process %s could be made", s->name);
        }
        *out = (struct sv_process){pid, ends[0]};
        return 0;
}

int sv_service_call(const struct sv_process *p, int *channel, struct sv_err *err)
{
        int ends[2], rc;

        if (!p->pid)
                return sv_fail(err, SV_SYSTEM, "broker.process", "no process was started for this");
        if (sv_channel_pair(ends, err) < 0)
                return -1;
        rc = sv_control_pass(p->control, "call", ends[1], err);
        close(ends[1]);
        if (rc < 0)
                close(ends[0]);
        else
                *channel = ends[0];
        return rc;
}
