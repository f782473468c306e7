/* SPDX-License-Identifier: Apache-2.0 */
/* One process per connection: what a request leaves behind in memory dies with it, and a fault in
 * one is not a fault in all. Collateral that they have verified is shared through the listener
 * (broker/serve/share.c). */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/program/log.h"
#include "broker/serve/request.h"

#define REQUESTS_MAX 100   /* on one connection */
#define IDLE_MS      15000 /* between two requests */
#define REQUEST_MS   30000 /* from a request's first byte to the end of its answer */
#define CONNECTION_S 600   /* whatever happens, a connection ends */
#define DRAIN_S      10    /* how long running requests may go on after SIGTERM */

/* --- a connection's process --- */

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

static int answer_one(struct sv_broker *b, struct sv_tls *t, const char *peer, bool last,
                      bool *keep)
{
        SV_HTTP msg = {0};
        __attribute__((cleanup(sv_request_free))) struct sv_request r = {
                .broker = b, .msg = &msg, .peer = peer, .now = time(NULL), .query = ""};
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

static void serve_connection(struct sv_broker *b, int fd, const char *peer)
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
        t = sv_tls_accept(b->tls, fd, &err);
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

struct children {
        pid_t *list;
        size_t n, max;
};

static void reap_children(struct children *c)
{
        pid_t pid;
        int status;

        while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
                for (size_t i = 0; i < c->n; i++)
                        if (c->list[i] == pid) {
                                c->list[i] = c->list[--c->n];
                                if (WIFSIGNALED(status) && WTERMSIG(status) != SIGALRM)
                                        sv_warn("a connection's process died of signal %d",
                                                WTERMSIG(status));
                                break;
                        }
}

static void accept_one(struct sv_broker *b, int listener, int signals, struct children *c)
{
        char peer[80];
        SV_FD fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        pid_t pid;

        if (fd < 0)
                return;
        sv_net_peer(fd, peer);
        pid = fork();
        if (pid > 0) {
                c->list[c->n++] = pid;
                return;
        }
        if (pid < 0) {
                sv_warn("cannot serve %s: %s", peer, "no process could be made");
                return;
        }
        close(listener);
        close(signals);
        free(c->list);
        serve_connection(b, fd, peer);
        fd = -1; /* serve_connection closed it */
        sv_broker_close(b);
        _exit(0);
}

static void end_children(struct children *c, int signals)
{
        struct pollfd p = {.fd = signals, .events = POLLIN};
        struct signalfd_siginfo info;
        time_t end = time(NULL) + DRAIN_S;

        for (size_t i = 0; i < c->n; i++)
                kill(c->list[i], SIGTERM);
        while (c->n && time(NULL) < end) {
                reap_children(c);
                if (c->n && poll(&p, 1, 200) > 0 && read(signals, &info, sizeof(info)) < 0)
                        break;
        }
        for (size_t i = 0; i < c->n; i++)
                kill(c->list[i], SIGKILL);
        while (c->n) {
                if (waitpid(c->list[c->n - 1], NULL, 0) < 0 && errno == EINTR)
                        continue;
                c->n--;
        }
}

static int serve_listener(struct sv_broker *b, int listener, int signals, struct children *c,
                          struct sv_err *err)
{
        for (;;) {
                /* At the cap new connections wait in the kernel's queue. */
                struct pollfd p[2] = {{.fd = signals, .events = POLLIN},
                                      {.fd = c->n < c->max ? listener : -1, .events = POLLIN}};
                struct signalfd_siginfo info;

                if (poll(p, 2, -1) < 0) {
                        if (errno == EINTR)
                                continue;
                        return sv_fail_errno(err, "broker.serve", "cannot wait for connections");
                }
                if (p[0].revents && read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
                        if (info.ssi_signo != SIGCHLD)
                                return 0;
                        reap_children(c);
                        sv_broker_take_share(b, time(NULL));
                }
                if (p[1].revents)
                        accept_one(b, listener, signals, c);
        }
}

static int write_port(const struct sv_broker *b, uint16_t port, struct sv_err *err)
{
        SV_STR text = sv_asprintf("%u\n", (unsigned)port);

        return b->config.port_file
                       ? sv_file_write(b->config.port_file, 0644, sv_bytes_str(text), err)
                       : 0;
}

int sv_broker_serve(struct sv_broker *b, struct sv_err *err)
{
        uint16_t port = b->config.port;
        SV_STORE *store = NULL;
        SV_FD listener = -1;
        SV_FD signals = -1;
        struct children c = {.max = (size_t)b->config.connections};
        char pin[65];
        sigset_t set;
        int rc;

        /* A database that cannot be used is found now, not at the first guest. */
        if (sv_store_open(b->config.database, sv_broker_read_anchors, &store, err) < 0)
                return -1;
        sv_store_free(store);
        store = NULL;
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGCHLD);
        sigprocmask(SIG_BLOCK, &set, NULL);
        signals = signalfd(-1, &set, SFD_CLOEXEC);
        if (signals < 0)
                return sv_fail_errno(err, "broker.serve", "cannot take signals");
        if (sv_broker_open_share(b, err) < 0)
                return -1;
        listener = sv_tcp_listen(b->config.address, &port, err);
        if (listener < 0 || write_port(b, port, err) < 0)
                return -1;
        c.list = calloc(c.max, sizeof(*c.list));
        if (!c.list)
                return sv_fail_errno(err, "base.memory", "no memory for %zu connections", c.max);
        sv_info("listening on %s port %u, pin sha256:%s", b->config.address, (unsigned)port,
                sv_hex(sv_bytes(b->pin, 32), pin));
        rc = serve_listener(b, listener, signals, &c, err);
        close(listener);
        listener = -1;
        end_children(&c, signals);
        free(c.list);
        return rc;
}
