/* SPDX-License-Identifier: Apache-2.0 */
/* The network's process: it listens, and forks one for each connection (broker/serve/connection.c).
 * Which connection gets a process, and when, is broker/serve/queue.c. */
#include "broker/serve/net.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/program/log.h"
#include "base/program/seccomp.h"
#include "broker/process/channel.h"
#include "broker/process/sandbox.h"
#include "broker/serve/queue.h"
#include "broker/serve/source.h"

#define WARM_MS     5000 /* for a handshake with itself */
#define DRAIN_S     10   /* how long running requests may go on after SIGTERM */
#define OFFER_MS    5000 /* to read a certificate */
#define TICK_MS     100  /* while something waits */
#define ACCEPT_MAX  64   /* connections that are accepted before others are looked after */
#define FIXED       4    /* polled beside the queue */
#define OTHER_FILES 64   /* open beside the queue's */

struct listener {
        struct sv_broker *b;
        int fd, metrics; /* that listen; metrics -1: none */
        int signals;
        int control;   /* to the keeper, which gets a channel for each connection */
        int cert, key; /* that the keeper offers; -1: none */
        struct sv_tls_ctx *next;
        struct sv_queue queue;
        struct sv_served served;
        struct pollfd *polls; /* signals, the listening sockets, the keeper, the queue */
};

static void reap_children(struct sv_served *c)
{
        pid_t pid;
        int status;

        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
                for (size_t i = 0; i < c->n; i++)
                        if (c->list[i].pid == pid) {
                                c->list[i] = c->list[--c->n];
                                if (WIFSIGNALED(status) && WTERMSIG(status) != SIGALRM)
                                        sv_warn("a connection's process died of signal %d",
                                                WTERMSIG(status));
                                break;
                        }
}

/* The more processes a source has, the less urgent is one more of them: the first of another source
 * does not wait for the processor behind all of these. */
static void run_connection(struct listener *l, const struct sv_waiting *w, int keeper)
{
        size_t others = sv_served_count(&l->served, w->source);

        errno = 0;
        if (nice((int)(others / 2)) < 0 && errno)
                sv_warn("%s", "a connection's process is as urgent as all others");
        sv_connection_serve(l->b, w->fd, keeper);
        _exit(0);
}

void sv_net_write_peer(const struct sv_net_peer *p, char out[SV_NET_PEER_SIZE])
{
        snprintf(out, SV_NET_PEER_SIZE, "%s %" PRIx64 " %u %" PRIu64 " %" PRIu64 " %" PRIu64,
                 p->name, p->source, p->local, p->accepted, p->dropped, p->waiting);
}

void sv_net_read_peer(const char *line, struct sv_net_peer *out)
{
        uint64_t numbers[4] = {0};
        const char *at = line + strcspn(line, " ");
        char *end;

        *out = (struct sv_net_peer){.source = 0};
        snprintf(out->name, sizeof(out->name), "%.*s", (int)(at - line), line);
        out->source = strtoull(at, &end, 16);
        for (size_t i = 0; i < 4; i++)
                numbers[i] = strtoull(end, &end, 10);
        out->local = numbers[0] == 1;
        out->accepted = numbers[1];
        out->dropped = numbers[2];
        out->waiting = numbers[3];
}

static void start_process(struct listener *l, const struct sv_waiting *w)
{
        struct sv_err err = SV_ERR_NULL;
        int keeper[2];
        struct sv_net_peer peer = {.source = w->source,
                                   .local = w->local,
                                   .accepted = l->queue.added,
                                   .dropped = l->queue.dropped,
                                   .waiting = l->queue.n};
        char text[SV_NET_PEER_SIZE];
        pid_t pid;

        sv_net_peer(w->fd, peer.name);
        sv_net_write_peer(&peer, text);
        if (sv_channel_pair(keeper, &err) < 0) {
                sv_log_err(&err);
                close(w->fd);
                return;
        }
        pid = fork();
        if (pid == 0)
                run_connection(l, w, keeper[0]);
        close(keeper[0]);
        close(w->fd);
        if (pid < 0)
                sv_warn("cannot serve %s: %s", peer.name, "no process could be made");
        else if (sv_control_pass(l->control, text, keeper[1], &err) < 0)
                sv_log_err(&err);
        close(keeper[1]);
        if (pid > 0)
                l->served.list[l->served.n++] = (struct sv_child){
                        .pid = pid, .source = w->source, .since_ms = sv_clock_ms()};
}

static void accept_waiting(struct listener *l, int listening)
{
        for (int i = 0; i < ACCEPT_MAX; i++) {
                struct sockaddr_storage peer = {0};
                socklen_t n = sizeof(peer);
                int fd = accept4(listening, (struct sockaddr *)&peer, &n, SOCK_CLOEXEC);

                if (fd < 0)
                        return;
                sv_queue_add(&l->queue, fd, sv_source_of(&peer), listening == l->metrics,
                             sv_clock_ms());
        }
}

/* A peer that has gone need not be served; of one that has begun nothing more is asked here. */
static void look_at_waiting(struct listener *l)
{
        for (size_t i = l->queue.n; i-- > 0;) {
                short seen = l->polls[FIXED + i].revents;

                if (seen & (POLLERR | POLLHUP | POLLRDHUP))
                        sv_queue_drop(&l->queue, i);
                else if (seen & POLLIN)
                        l->queue.list[i].ready = true;
        }
}

static void serve_waiting(struct listener *l)
{
        struct sv_waiting next;
        struct sv_child *oldest;
        int64_t now = sv_clock_ms();

        sv_queue_expire(&l->queue, now);
        while (sv_queue_take(&l->queue, &l->served, now, &next))
                start_process(l, &next);
        oldest = sv_queue_oldest(&l->queue, &l->served, now);
        if (oldest) {
                oldest->asked = true;
                kill(oldest->pid, SIGTERM);
        }
}

static void end_children(struct sv_served *c, int signals)
{
        struct pollfd p = {.fd = signals, .events = POLLIN};
        struct signalfd_siginfo info;
        time_t end = time(NULL) + DRAIN_S;

        for (size_t i = 0; i < c->n; i++)
                kill(c->list[i].pid, SIGTERM);
        while (c->n && time(NULL) < end) {
                reap_children(c);
                if (c->n && poll(&p, 1, 200) > 0 && read(signals, &info, sizeof(info)) < 0)
                        break;
        }
        for (size_t i = 0; i < c->n; i++)
                kill(c->list[i].pid, SIGKILL);
        while (c->n) {
                if (waitpid(c->list[c->n - 1].pid, NULL, 0) < 0 && errno == EINTR)
                        continue;
                c->n--;
        }
}

/* The listening socket, and all that waits. Time passes for what waits, so poll does not wait long
 * for them. */
static int poll_listener(struct listener *l)
{
        l->polls[0] = (struct pollfd){.fd = l->signals, .events = POLLIN};
        l->polls[1] = (struct pollfd){.fd = l->fd, .events = POLLIN};
        /* the keeper offers a certificate; it has ended when its end is closed */
        l->polls[2] = (struct pollfd){.fd = l->control, .events = POLLIN};
        l->polls[3] = (struct pollfd){.fd = l->metrics, .events = POLLIN};
        for (size_t i = 0; i < l->queue.n; i++)
                l->polls[FIXED + i] = (struct pollfd){
                        .fd = l->queue.list[i].fd,
                        .events = POLLRDHUP | (l->queue.list[i].ready ? 0 : POLLIN)};
        return poll(l->polls, FIXED + l->queue.n, l->queue.n ? TICK_MS : -1);
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

static void serve_listener(struct listener *l)
{
        struct signalfd_siginfo info;

        for (;;) {
                if (poll_listener(l) < 0) {
                        if (errno == EINTR)
                                continue;
                        return;
                }
                if (l->polls[2].revents && !hear_keeper(l))
                        return;
                if (l->polls[0].revents &&
                    read(l->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
                        if (info.ssi_signo != SIGCHLD)
                                return;
                        reap_children(&l->served);
                }
                look_at_waiting(l);
                if (l->polls[1].revents)
                        accept_waiting(l, l->fd);
                if (l->polls[3].revents)
                        accept_waiting(l, l->metrics);
                serve_waiting(l);
        }
}

/* Room for every connection and its descriptor. */
static int make_room(struct listener *l, const struct sv_broker_config *c, struct sv_err *err)
{
        struct rlimit files;
        size_t need = (size_t)c->waiting + OTHER_FILES;

        if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < need) {
                files.rlim_cur = need < files.rlim_max ? need : files.rlim_max;
                setrlimit(RLIMIT_NOFILE, &files);
                if (files.rlim_cur < need)
                        return sv_fail(err, SV_USAGE, "broker.config.waiting",
                                       "\"waiting\" is %lld, which needs %zu open files, and the "
                                       "system allows %llu",
                                       (long long)c->waiting, need,
                                       (unsigned long long)files.rlim_max);
        }
        l->queue = (struct sv_queue){
                .max = (size_t)c->waiting,
                .silent_ms = c->handshake_seconds * 1000,
                .all = {0, 1},
                .each = {1000000 / c->handshakes_per_second, 4 * c->handshakes_per_second}};
        l->served.max = (size_t)c->connections;
        l->served.per_source = (size_t)c->connections_per_source;
        l->queue.list = calloc(l->queue.max, sizeof(*l->queue.list));
        l->served.list = calloc(l->served.max, sizeof(*l->served.list));
        l->polls = calloc(FIXED + l->queue.max, sizeof(*l->polls));
        if (!l->queue.list || !l->served.list || !l->polls)
                return sv_fail_errno(err, "base.memory", "no memory for %zu connections",
                                     l->queue.max + l->served.max);
        return 0;
}

static void free_listener(struct listener *l)
{
        for (size_t i = 0; i < l->queue.n; i++)
                close(l->queue.list[i].fd);
        free(l->queue.list);
        free(l->served.list);
        free(l->polls);
        if (l->fd >= 0)
                close(l->fd);
        if (l->metrics >= 0)
                close(l->metrics);
        if (l->signals >= 0)
                close(l->signals);
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
        if (sv_broker_read_tls(l->b, err) < 0 || make_room(l, &l->b->config, err) < 0 ||
            open_metrics(l, ports, err) < 0)
                return -1;
        if (l->fd >= 0) /* the service manager listens already */
                return sv_tcp_port(l->fd, &ports->port, err);
        ports->port = l->b->config.port;
        l->fd = sv_tcp_listen(l->b->config.address, &ports->port, err);
        return l->fd < 0 ? -1 : 0;
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
                                                                     .cert = -1,
                                                                     .key = -1,
                                                                     .control = control};
        struct sv_net_ports ports = {0, 0};

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, "sv-net");
        signal(SIGHUP, SIG_IGN); /* the keeper's */
        if (open_net(&l, &ports, err) < 0)
                return -1;
        warm_net(b);
        const int keep[] = {l.fd, l.signals, control, report, l.metrics, -1};

        if (sv_close_other_fds(keep, "broker.sandbox", err) < 0 ||
            sv_sandbox_enter(SV_SANDBOX_NET, NULL, NULL, err) < 0 ||
            report_ports(report, &ports, err) < 0)
                return -1;
        close(report);
        serve_listener(&l);
        close(l.fd);
        l.fd = -1;
        if (l.metrics >= 0)
                close(l.metrics);
        l.metrics = -1;
        while (l.queue.n)
                sv_queue_drop(&l.queue, l.queue.n - 1);
        end_children(&l.served, l.signals);
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

int sv_net_start(struct sv_broker *b, int fd, struct sv_process *out, struct sv_net_ports *ports,
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
