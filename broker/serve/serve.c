/* SPDX-License-Identifier: Apache-2.0 */
/* One process per connection: what a request leaves behind in memory dies with it, and a fault in
 * one is not a fault in all. Collateral that they have verified is shared through the listener
 * (broker/serve/share.c). Which connection gets a process, and when, is broker/serve/queue.c. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/program/log.h"
#include "broker/limits.h"
#include "broker/serve/queue.h"
#include "broker/serve/request.h"
#include "broker/serve/source.h"

#define REQUESTS_MAX 100   /* on one connection */
#define IDLE_MS      15000 /* between two requests */
#define REQUEST_MS   30000 /* from a request's first byte to the end of its answer */
#define CONNECTION_S 600   /* whatever happens, a connection ends */
#define DRAIN_S      10    /* how long running requests may go on after SIGTERM */
#define TICK_MS      100   /* while something waits */
#define ACCEPT_MAX   64    /* connections that are accepted before others are looked after */
#define OTHER_FILES  64    /* open beside the queue's */

/* --- a connection's process --- */

struct peer {
        char name[80];
        uint64_t source;
};

static volatile sig_atomic_t draining;

static void on_term(int sig)
{
        draining = 1;
}

static bool wait_idle(int fd)
{
        for (int waited = 0; waited < IDLE_MS && !draining; waited += 250)
                if (sv_net_wait(fd, POLLIN, 250, NULL) == 0)
                        return true;
        return false;
}

static int answer_one(struct sv_broker *b, struct sv_tls *t, const struct peer *peer, bool last,
                      bool *keep)
{
        SV_HTTP msg = {0};
        __attribute__((cleanup(sv_request_free))) struct sv_request r = {.broker = b,
                                                                         .msg = &msg,
                                                                         .peer = peer->name,
                                                                         .source = peer->source,
                                                                         .now = time(NULL),
                                                                         .query = ""};
        struct sv_err err = SV_ERR_NULL;
        const char *connection;
        bool closed;
        int rc;

        *keep = false;
        sv_tls_deadline(t, REQUEST_MS);
        rc = sv_http_read_request(t, sv_broker_prepare_body, &msg, &closed, &err);
        if (rc == 0 && closed)
                return 0;
        if (rc < 0 && err.class != SV_FORMAT)
                return -1; /* the connection is gone, so no answer */
        if (rc < 0) {
                sv_broker_refuse(&r, &err);
        } else {
                connection = sv_http_field(&msg, "Connection");
                *keep = !last && !draining && !(connection && !strcasecmp(connection, "close"));
                sv_broker_handle(&r);
        }
        if (!*keep && sv_http_add(&r.answer, "Connection", "close", &err) < 0)
                return -1;
        return sv_http_write(t, &r.answer, &err);
}

static void serve_connection(struct sv_broker *b, int fd, const struct peer *peer)
{
        struct sigaction sa = {.sa_handler = on_term};
        struct sv_err err = SV_ERR_NULL;
        struct sv_tls *t;
        bool keep = true;
        sigset_t none;

        sigaction(SIGTERM, &sa, NULL);
        sigaction(SIGINT, &sa, NULL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        alarm(CONNECTION_S);
        t = sv_tls_accept(b->tls, fd, (int)b->config.handshake_seconds * 1000, &err);
        if (!t)
                return;
        if (sv_broker_enter(b, &err) < 0) {
                sv_log_err(&err);
                keep = false;
        }
        for (int i = 1; keep; i++) {
                if (i > 1 && !wait_idle(fd))
                        break;
                if (answer_one(b, t, peer, i == REQUESTS_MAX, &keep) < 0)
                        break;
        }
        sv_tls_free(t);
}

/* --- the listener --- */

struct listener {
        struct sv_broker *b;
        int fd, signals;
        struct sv_queue queue;
        struct sv_served served;
        struct pollfd *polls; /* signals, the listening socket, the queue */
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

/* What the listener has open for others than this connection; its own memory. */
static void leave_listener(struct listener *l)
{
        close(l->fd);
        close(l->signals);
        for (size_t i = 0; i < l->queue.n; i++)
                close(l->queue.list[i].fd);
        free(l->queue.list);
        free(l->served.list);
        free(l->polls);
}

/* The more processes a source has, the less urgent is one more of them: the first of another source
 * does not wait for the processor behind all of these. */
static void start_process(struct listener *l, const struct sv_waiting *w)
{
        size_t others = sv_served_count(&l->served, w->source);
        struct peer peer = {.source = w->source};
        pid_t pid;

        sv_net_peer(w->fd, peer.name);
        pid = fork();
        if (pid == 0) {
                struct sv_broker *b = l->b;

                leave_listener(l);
                errno = 0;
                if (nice((int)(others / 2)) < 0 && errno)
                        sv_warn("the process for %s is as urgent as all others", peer.name);
                serve_connection(b, w->fd, &peer);
                sv_broker_close(b);
                _exit(0);
        }
        close(w->fd);
        if (pid < 0) {
                sv_warn("cannot serve %s: %s", peer.name, "no process could be made");
                return;
        }
        l->served.list[l->served.n++] =
                (struct sv_child){.pid = pid, .source = w->source, .since_ms = sv_clock_ms()};
}

static void accept_waiting(struct listener *l)
{
        for (int i = 0; i < ACCEPT_MAX; i++) {
                struct sockaddr_storage peer = {0};
                socklen_t n = sizeof(peer);
                int fd = accept4(l->fd, (struct sockaddr *)&peer, &n, SOCK_CLOEXEC);

                if (fd < 0)
                        return;
                sv_queue_add(&l->queue, fd, sv_source_of(&peer), sv_clock_ms());
        }
}

/* A peer that has gone need not be served; of one that has begun nothing more is asked here. */
static void look_at_waiting(struct listener *l)
{
        for (size_t i = l->queue.n; i-- > 0;) {
                short seen = l->polls[2 + i].revents;

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
        for (size_t i = 0; i < l->queue.n; i++)
                l->polls[2 + i] = (struct pollfd){.fd = l->queue.list[i].fd,
                                                  .events = POLLRDHUP |
                                                            (l->queue.list[i].ready ? 0 : POLLIN)};
        return poll(l->polls, 2 + l->queue.n, l->queue.n ? TICK_MS : -1);
}

static int serve_listener(struct listener *l, struct sv_err *err)
{
        struct signalfd_siginfo info;

        for (;;) {
                if (poll_listener(l) < 0) {
                        if (errno == EINTR)
                                continue;
                        return sv_fail_errno(err, "broker.serve", "cannot wait for connections");
                }
                if (l->polls[0].revents &&
                    read(l->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
                        if (info.ssi_signo != SIGCHLD)
                                return 0;
                        reap_children(&l->served);
                        sv_broker_take_share(l->b, time(NULL));
                }
                look_at_waiting(l);
                if (l->polls[1].revents)
                        accept_waiting(l);
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
        l->polls = calloc(2 + l->queue.max, sizeof(*l->polls));
        if (!l->queue.list || !l->served.list || !l->polls)
                return sv_fail_errno(err, "base.memory", "no memory for %zu connections",
                                     l->queue.max + l->served.max);
        return 0;
}

static int write_port(const struct sv_broker *b, uint16_t port, struct sv_err *err)
{
        SV_STR text = sv_asprintf("%u\n", (unsigned)port);

        return b->config.port_file
                       ? sv_file_write(b->config.port_file, 0644, sv_bytes_str(text), err)
                       : 0;
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
        if (l->signals >= 0)
                close(l->signals);
}

static int open_signals(void)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGCHLD);
        sigprocmask(SIG_BLOCK, &set, NULL);
        return signalfd(-1, &set, SFD_CLOEXEC);
}

int sv_broker_serve(struct sv_broker *b, struct sv_err *err)
{
        __attribute__((cleanup(free_listener))) struct listener l = {
                .b = b, .fd = -1, .signals = -1};
        uint16_t port = b->config.port;
        SV_STORE *store = NULL;
        char pin[65];
        int rc;

        /* A database that cannot be used is found now, not at the first guest. */
        if (sv_store_open(b->config.database, sv_broker_read_anchors, &store, err) < 0)
                return -1;
        sv_store_free(store);
        store = NULL;
        l.signals = open_signals();
        if (l.signals < 0)
                return sv_fail_errno(err, "broker.serve", "cannot take signals");
        if (sv_broker_open_share(b, err) < 0 || sv_limits_open(&b->limits, err) < 0 ||
            make_room(&l, &b->config, err) < 0)
                return -1;
        l.fd = sv_tcp_listen(b->config.address, &port, err);
        if (l.fd < 0 || write_port(b, port, err) < 0)
                return -1;
        sv_info("listening on %s port %u, pin sha256:%s", b->config.address, (unsigned)port,
                sv_hex(sv_bytes(b->pin, 32), pin));
        rc = serve_listener(&l, err);
        close(l.fd);
        l.fd = -1;
        while (l.queue.n)
                sv_queue_drop(&l.queue, l.queue.n - 1);
        end_children(&l.served, l.signals);
        return rc;
}
