/* SPDX-License-Identifier: Apache-2.0 */
/* The network's process: it listens, and one loop holds all connections (broker/serve/held.h). */
#include "broker/serve/net.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/program/log.h"
#include "base/program/seccomp.h"
#include "broker/known.h"
#include "broker/process/channel.h"
#include "broker/process/service.h"
#include "broker/serve/connection.h"
#include "broker/serve/held.h"
#include "broker/serve/source.h"

#define WARM_MS       5000 /* for a handshake with itself */
#define DRAIN_S       10   /* how long running requests may go on after SIGTERM */
#define DRAIN_LOOK_MS 200
#define OFFER_MS      5000 /* to read a certificate */
#define ACCEPT_MAX    64   /* connections that are accepted before others are looked after */
#define EVENTS_MAX    256  /* of one look */

enum { SIGNALS, LISTENS, METRICS, KEEPER }; /* whose events */

struct listener {
        struct sv_broker *b;
        int fd, metrics; /* that listen; metrics -1: none */
        int signals;
        int control;   /* to the keeper */
        int cert, key; /* that the keeper offers; -1: none */
        struct sv_tls_ctx *next;
        struct sv_held held;
};

static void accept_waiting(struct listener *l, int listening)
{
        for (int i = 0; i < ACCEPT_MAX; i++) {
                struct sockaddr_storage peer = {0};
                socklen_t n = sizeof(peer);
                int fd = accept4(listening, (struct sockaddr *)&peer, &n, SOCK_CLOEXEC);

                if (fd < 0)
                        return;
                sv_held_add(&l->held, fd, sv_source_of(&peer), listening == l->metrics);
        }
}

/* --- another certificate --- */

/* The file is read here, by who may read no other. */
static void read_offer(struct listener *l, int report)
{
        struct sv_broker with = {.audit_fd = -1};
        struct sv_err err = SV_ERR_NULL;

        if (sv_broker_read_passed_tls(&with, l->cert, l->key, &err) < 0) {
                sv_channel_send_error(report, &err, NULL);
                return;
        }
        sv_tls_ctx_free(l->next);
        l->next = with.tls;
        sv_channel_send(report, SV_NET_READS, SV_BYTES_NULL, NULL);
}

static void take_offer_now(struct listener *l)
{
        if (!l->next)
                return;
        sv_tls_ctx_free(l->b->tls);
        l->b->tls = l->next;
        l->next = NULL;
}

static void keep_fd(int *where, int fd)
{
        sv_closep(where);
        *where = fd;
}

/* False when it has gone. */
static bool hear_keeper(struct listener *l)
{
        struct sv_err err = SV_ERR_NULL;
        char what[16];
        int fd = -1;

        if (sv_control_take(l->control, what, sizeof(what), &fd, &err) < 0) {
                sv_log_err(&err);
                return true;
        }
        if (fd < 0)
                return false;
        if (!strcmp(what, "cert")) {
                keep_fd(&l->cert, fd);
                return true;
        }
        if (!strcmp(what, "key")) {
                keep_fd(&l->key, fd);
                return true;
        }
        if (!strcmp(what, "read"))
                read_offer(l, fd);
        else
                take_offer_now(l);
        close(fd);
        keep_fd(&l->cert, -1);
        keep_fd(&l->key, -1);
        return true;
}

/* False: the process ends. */
static bool hear_own(struct listener *l, uint64_t number)
{
        struct signalfd_siginfo info;

        switch (number) {
        case SIGNALS:
                return read(l->signals, &info, sizeof(info)) != (ssize_t)sizeof(info) ||
                       info.ssi_signo == SIGCHLD;
        case LISTENS:
                accept_waiting(l, l->fd);
                return true;
        case METRICS:
                accept_waiting(l, l->metrics);
                return true;
        default:
                return hear_keeper(l);
        }
}

/* One look at all of them. New ones are taken last: a number stands for the same connection in all
 * events of a look. */
static bool serve_events(struct listener *l, int ms)
{
        struct epoll_event e[EVENTS_MAX];
        int n = epoll_wait(l->held.epoll, e, EVENTS_MAX, ms);
        bool goes_on = n >= 0 || errno == EINTR;

        for (int i = 0; i < n; i++)
                if (e[i].data.u64 >= SV_HELD_OWN)
                        sv_held_event(&l->held, e[i].data.u64, e[i].events);
        for (int i = 0; i < n; i++)
                if (e[i].data.u64 < SV_HELD_OWN && !hear_own(l, e[i].data.u64))
                        goes_on = false;
        sv_held_step(&l->held);
        return goes_on;
}

static void serve_listener(struct listener *l)
{
        while (serve_events(l, sv_held_wait(&l->held)))
                ;
}

/* A socket that a service manager has too is heard of after it was closed here. */
static void end_listening(struct listener *l, int *fd)
{
        if (*fd >= 0)
                sv_held_forget(&l->held, *fd);
        sv_closep(fd);
}

/* Nobody new; what runs gets some time. */
static void drain_listener(struct listener *l)
{
        time_t end = time(NULL) + DRAIN_S;

        end_listening(l, &l->fd);
        end_listening(l, &l->metrics);
        sv_held_drain(&l->held);
        while (sv_queue_held(&l->held.queue) && time(NULL) < end)
                serve_events(l, DRAIN_LOOK_MS);
}

static void free_listener(struct listener *l)
{
        sv_held_close(&l->held);
        sv_closep(&l->fd);
        sv_closep(&l->metrics);
        sv_closep(&l->signals);
        sv_closep(&l->cert);
        sv_closep(&l->key);
        sv_tls_ctx_free(l->next);
}

static void greet(int fd, const uint8_t pin[32])
{
        SV_TLS_CTX *ctx = sv_tls_client(sv_bytes(pin, 32), NULL, NULL);
        SV_TLS *t = ctx ? sv_tls_connect(ctx, fd, "localhost", NULL) : NULL;
        uint8_t byte;

        if (t && sv_tls_write(t, sv_bytes_str("a"), NULL) == 0)
                (void)!sv_tls_read(t, &byte, 1, NULL);
}

/* A connection with itself: what libraries look up and make on their first use is made once, before
 * the sandbox, where they may still open files, and not by each connection's process anew. */
static void warm_net(struct sv_broker *b)
{
        SV_TLS *t = NULL;
        uint8_t byte;
        int ends[2];
        pid_t pid;

        if (sv_channel_pair(ends, NULL) < 0)
                return;
        pid = fork();
        if (pid == 0) {
                close(ends[0]);
                greet(ends[1], b->pin);
                _exit(0);
        }
        close(ends[1]);
        t = sv_tls_accept(b->tls, ends[0], WARM_MS, NULL);
        if (t && sv_tls_read(t, &byte, 1, NULL) == 1)
                (void)!sv_tls_write(t, sv_bytes_str("b"), NULL);
        if (pid > 0)
                waitpid(pid, NULL, 0);
}

static int open_metrics(struct listener *l, struct sv_net_ports *ports, struct sv_err *err)
{
        const struct sv_broker_config *c = &l->b->config;

        if (!c->metrics)
                return 0;
        ports->metrics = c->metrics_port;
        l->metrics = sv_tcp_listen(c->metrics, &ports->metrics, err);
        return l->metrics < 0 ? -1 : 0;
}

static int open_net(struct listener *l, struct sv_net_ports *ports, struct sv_err *err)
{
        l->signals = sv_process_take_signals(err);
        if (l->signals < 0)
                return -1;
        if (sv_broker_read_tls(l->b, err) < 0 ||
            sv_held_open(&l->held, l->b, l->control, err) < 0 || open_metrics(l, ports, err) < 0)
                return -1;
        if (l->fd >= 0) /* the service manager listens already */
                return sv_tcp_port(l->fd, &ports->port, err);
        ports->port = l->b->config.port;
        l->fd = sv_tcp_listen(l->b->config.address, &ports->port, err);
        return l->fd < 0 ? -1 : 0;
}

static int watch_own(struct listener *l, struct sv_err *err)
{
        const int fds[] = {[SIGNALS] = l->signals,
                           [LISTENS] = l->fd,
                           [METRICS] = l->metrics,
                           [KEEPER] = l->control};

        for (unsigned i = 0; i < sizeof(fds) / sizeof(*fds); i++)
                if (fds[i] >= 0 && sv_held_watch(&l->held, fds[i], i, err) < 0)
                        return -1;
        return 0;
}

static int report_ports(int report, const struct sv_net_ports *ports, struct sv_err *err)
{
        uint8_t text[4];

        sv_bytes_put_le(text, ports->port, 2);
        sv_bytes_put_le(text + 2, ports->metrics, 2);
        return sv_channel_send(report, SV_NET_LISTENS, sv_bytes(text, sizeof(text)), err);
}

static int run_net(struct sv_broker *b, int fd, int control, int report, struct sv_err *err)
{
        __attribute__((cleanup(free_listener))) struct listener l = {.b = b,
                                                                     .fd = fd,
                                                                     .metrics = -1,
                                                                     .signals = -1,
                                                                     .held.epoll = -1,
                                                                     .cert = -1,
                                                                     .key = -1,
                                                                     .control = control};
        struct sv_net_ports ports = {0, 0};

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, "sv-net");
        signal(SIGHUP, SIG_IGN); /* the keeper's */
        if (sv_known_map(b->known, false, err) < 0 || open_net(&l, &ports, err) < 0)
                return -1;
        warm_net(b);
        /* metrics may be none, which ends the list */
        const int keep[] = {l.fd,         l.signals,       control,   report,
                            l.held.epoll, b->http.control, l.metrics, -1};

        if (watch_own(&l, err) < 0 || sv_close_other_fds(keep, "broker.sandbox", err) < 0 ||
            sv_sandbox_enter(SV_SANDBOX_NET, NULL, NULL, err) < 0 ||
            report_ports(report, &ports, err) < 0)
                return -1;
        close(report);
        serve_listener(&l);
        drain_listener(&l);
        return 0;
}

/* The process reports its port, or why there is none. */
static int take_report(int report, struct sv_net_ports *ports, struct sv_err *err)
{
        SV_BUF body = SV_BUF_NULL;
        struct sv_rd r;

        if (sv_channel_expect(report, -1, SV_NET_LISTENS, sizeof(struct sv_err), &body, err) < 0)
                return -1;
        r = sv_rd(sv_buf_bytes(&body));
        ports->port = sv_rd_u16le(&r);
        ports->metrics = sv_rd_u16le(&r);
        return sv_rd_done(&r, "broker.process", "the port", err);
}

static int fork_net(struct sv_broker *b, int fd, struct sv_process *out, struct sv_net_ports *ports,
                    struct sv_err *err)
{
        int control[2] = {-1, -1}, report[2] = {-1, -1}, rc;
        struct sv_err why = SV_ERR_NULL;
        pid_t pid;

        if (sv_control_pair(control, err) < 0 || sv_channel_pair(report, err) < 0)
                return -1;
        pid = fork();
        if (pid == 0) {
                close(control[0]);
                close(report[0]);
                rc = run_net(b, fd, control[1], report[1], &why);
                if (rc < 0)
                        sv_channel_send_error(report[1], &why, NULL);
                _exit(rc < 0 ? (int)why.class : 0);
        }
        close(control[1]);
        close(report[1]);
        sv_closep(&fd);
        *out = (struct sv_process){pid, control[0]};
        rc = pid < 0 ? sv_fail_errno(err, "broker.process", "no process for the network")
                     : take_report(report[0], ports, err);
        close(report[0]);
        if (rc < 0 && pid > 0)
                sv_process_end(out);
        return rc;
}

/* A child takes two descriptors before it gives up what it needs for that. */
static const struct sv_service http = {
        .name = "sv-http",
        .sandbox = SV_SANDBOX_HTTP,
        .child = SV_SANDBOX_CONNECTION,
        .serve = sv_connection_serve,
};

/* What makes the processes of connections is forked before the TLS key is read; nobody but the
 * network's process can ask it, and it ends with that. */
int sv_net_start(struct sv_broker *b, int fd, struct sv_process *out, struct sv_net_ports *ports,
                 struct sv_err *err)
{
        int rc = sv_service_start(b, &http, NULL, &b->http, err);

        if (rc == 0)
                rc = fork_net(b, fd, out, ports, err);
        else
                sv_closep(&fd);
        sv_closep(&b->http.control);
        return rc;
}

int sv_net_offer_tls(const struct sv_process *net, int cert, int key, struct sv_err *err)
{
        SV_BUF body = SV_BUF_NULL;
        int report[2], rc;

        if (sv_channel_pair(report, err) < 0)
                return -1;
        rc = sv_control_pass(net->control, "cert", cert, err) < 0 ||
                             sv_control_pass(net->control, "key", key, err) < 0 ||
                             sv_control_pass(net->control, "read", report[1], err) < 0
                     ? -1
                     : 0;
        close(report[1]);
        if (rc == 0)
                rc = sv_channel_expect(report[0], OFFER_MS, SV_NET_READS, sizeof(struct sv_err),
                                       &body, err);
        close(report[0]);
        return rc;
}

int sv_net_take_tls(const struct sv_process *net, struct sv_err *err)
{
        return sv_control_pass(net->control, "take", net->control, err);
}

int sv_net_announce(const struct sv_broker *b, const struct sv_net_ports *ports, struct sv_err *err)
{
        SV_STR text = ports->metrics ? sv_asprintf("%u\n%u\n", (unsigned)ports->port,
                                                   (unsigned)ports->metrics)
                                     : sv_asprintf("%u\n", (unsigned)ports->port);
        char pin[65];

        if (b->config.port_file &&
            sv_file_write(b->config.port_file, 0644, sv_bytes_str(text), err) < 0)
                return -1;
        sv_info("listening on %s port %u, pin sha256:%s", b->config.address, (unsigned)ports->port,
                sv_hex(sv_bytes(b->pin, 32), pin));
        if (ports->metrics)
                sv_info("metrics on %s port %u", b->config.metrics, (unsigned)ports->metrics);
        return 0;
}
