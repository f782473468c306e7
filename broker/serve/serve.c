/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's first process. It starts the others before it reads a key, has a channel to each
 * connection, and gives one that has a request to a worker (broker/serve/worker.c). It reads
 * nothing of what strangers send. */
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/program/log.h"
#include "base/program/manager.h"
#include "base/program/seccomp.h"
#include "broker/head.h"
#include "broker/known.h"
#include "broker/limits.h"
#include "broker/metrics.h"
#include "broker/process/channel.h"
#include "broker/serve/net.h"
#include "broker/serve/peer.h"
#include "broker/serve/worker.h"
#include "broker/store/syncs.h"

#define IDLE_MAX 4         /* workers that wait for as long as it takes */
#define IDLE_MS  10000     /* and how long the others do */
#define HEAD_MS  60000     /* between two heads of the audit record */
#define SIDE_MS  60000     /* how long a process beside the workers may take */
#define HEAP     (1 << 20) /* bytes that a process keeps for what comes next */
#define DRAIN_S  12        /* how long the network and running requests may go on after SIGTERM */

struct connection {
        int fd;
        pid_t worker; /* 0: nobody works on it */
        char peer[SV_NET_PEER_SIZE];
};

struct worker {
        pid_t pid;
        int control;
        bool busy;
        bool old;         /* of before a reload: it ends with its request */
        int64_t since_ms; /* it waits for one */
};

/* What waits for the database and is no request. One at a time of each kind. */
struct side {
        pid_t pid; /* 0: none */
        int64_t end_ms;
};

struct keeper {
        struct sv_broker *b;
        struct sv_process net;
        struct side head, reload;
        struct sv_broker fresh; /* what is being recorded by `reload` */
        bool reload_again;      /* asked for meanwhile */
        int signals;
        struct connection *connections;
        struct worker *workers;
        struct pollfd *poll;
        size_t n_connections, n_workers, max;
        int64_t head_ms; /* of the monotonic clock: when the next head is due */
        time_t end;      /* 0: serves; else when it stops waiting */
        bool net_gone;
};

/* --- workers --- */

static void drop_worker(struct keeper *k, size_t i)
{
        if (k->workers[i].control >= 0)
                close(k->workers[i].control);
        for (size_t c = 0; c < k->n_connections; c++)
                if (k->connections[c].worker == k->workers[i].pid) {
                        k->connections[c].worker = 0;
                        shutdown(k->connections[c].fd, SHUT_RDWR);
                }
        k->workers[i] = k->workers[--k->n_workers];
}

/* `keeper` is the process that makes it: when that has died before prctl, nobody says so. */
static void run_worker(struct keeper *k, pid_t keeper, int control)
{
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, "sv-keeper");
        close(k->signals);
        close(k->net.control);
        for (size_t i = 0; i < k->n_connections; i++)
                close(k->connections[i].fd);
        for (size_t i = 0; i < k->n_workers; i++)
                close(k->workers[i].control);
        if (getppid() == keeper)
                sv_keeper_work(k->b, control);
        _exit(0);
}

static struct worker *make_worker(struct keeper *k)
{
        const pid_t keeper = getpid();
        struct sv_err err = SV_ERR_NULL;
        int ends[2];
        pid_t pid;

        if (k->n_workers == k->max || sv_control_pair(ends, &err) < 0)
                return NULL;
        pid = fork();
        if (pid == 0) {
                close(ends[0]);
                run_worker(k, keeper, ends[1]);
        }
        close(ends[1]);
        if (pid < 0) {
                close(ends[0]);
                sv_warn("%s", "no process could be made for a request");
                return NULL;
        }
        k->workers[k->n_workers] = (struct worker){.pid = pid, .control = ends[0]};
        return &k->workers[k->n_workers++];
}

static struct worker *find_idle(struct keeper *k)
{
        for (size_t i = 0; i < k->n_workers; i++)
                if (!k->workers[i].busy && k->workers[i].control >= 0)
                        return &k->workers[i];
        return make_worker(k);
}

static size_t count_idle(const struct keeper *k)
{
        size_t n = 0;

        for (size_t i = 0; i < k->n_workers; i++)
                n += !k->workers[i].busy && k->workers[i].control >= 0;
        return n;
}

static void let_worker_go(struct worker *w)
{
        close(w->control);
        w->control = -1;
}

/* It is done with a request, or it has died, which SIGCHLD says too. */
static void hear_worker(struct keeper *k, struct worker *w)
{
        char byte;

        if (recv(w->control, &byte, 1, MSG_DONTWAIT) <= 0)
                return;
        w->busy = false;
        w->since_ms = sv_clock_ms();
        for (size_t i = 0; i < k->n_connections; i++)
                if (k->connections[i].worker == w->pid)
                        k->connections[i].worker = 0;
        if (w->old)
                let_worker_go(w);
}

/* Who comes next would make another, which has to open the database first. When the next of these
 * ends, of the monotonic clock; INT64_MAX: none. */
static int64_t end_surplus(struct keeper *k)
{
        size_t surplus = count_idle(k);
        int64_t next = INT64_MAX, now = sv_clock_ms();

        surplus = surplus > IDLE_MAX ? surplus - IDLE_MAX : 0;
        for (size_t i = k->n_workers; i-- > 0 && surplus;) {
                struct worker *w = &k->workers[i];

                if (w->busy || w->control < 0)
                        continue;
                surplus--;
                if (w->since_ms + IDLE_MS <= now)
                        let_worker_go(w);
                else if (w->since_ms + IDLE_MS < next)
                        next = w->since_ms + IDLE_MS;
        }
        return next;
}

/* --- connections --- */

static void take_connection(struct keeper *k)
{
        struct connection *c = &k->connections[k->n_connections];
        struct sv_err err = SV_ERR_NULL;
        struct sv_net_peer peer;
        int fd = -1;

        if (sv_control_take(k->net.control, c->peer, sizeof(c->peer), &fd, &err) < 0) {
                sv_log_err(&err);
                return;
        }
        if (fd < 0) {
                k->net_gone = true;
                return;
        }
        c->fd = fd;
        c->worker = 0;
        k->n_connections++;
        sv_net_read_peer(c->peer, &peer);
        sv_metrics_set(k->b->metrics, SV_GAUGE_ACCEPTED, (int64_t)peer.accepted);
        sv_metrics_set(k->b->metrics, SV_GAUGE_DROPPED, (int64_t)peer.dropped);
        sv_metrics_set(k->b->metrics, SV_GAUGE_WAITING, (int64_t)peer.waiting);
        sv_metrics_set(k->b->metrics, SV_GAUGE_CONNECTIONS, (int64_t)peer.held);
        sv_metrics_set(k->b->metrics, SV_GAUGE_DEFERRED, (int64_t)peer.deferred);
}

/* True when the connection is gone. */
static bool hear_connection(struct keeper *k, struct connection *c)
{
        struct sv_err err = SV_ERR_NULL;
        struct worker *w;
        char byte;

        if (recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) {
                close(c->fd);
                return true;
        }
        w = find_idle(k);
        if (!w)
                return false; /* it waits */
        if (sv_control_pass(w->control, c->peer, c->fd, &err) < 0) {
                sv_log_err(&err);
                close(w->control);
                w->control = -1;
                return false;
        }
        w->busy = true;
        c->worker = w->pid;
        return false;
}

/* --- another configuration --- */

/* What works on a request goes on with the old one; whoever asks next gets the new one. */
static void retire_workers(struct keeper *k)
{
        for (size_t i = 0; i < k->n_workers; i++) {
                struct worker *w = &k->workers[i];

                w->old = true;
                if (!w->busy && w->control >= 0)
                        let_worker_go(w);
        }
}

static int offer_certificate(const struct keeper *k, const struct sv_broker *fresh,
                             struct sv_err *err)
{
        SV_FD cert = -1;
        SV_FD key = -1;

        if (sv_broker_open_tls(fresh, &cert, &key, err) < 0)
                return -1;
        return sv_net_offer_tls(&k->net, cert, key, err);
}

/* 0 in the new process, which has only the descriptor `keep` (-1: none) besides the standard ones
 * and that of shared syncs; -1 here. */
static int fork_side(const struct keeper *k, struct side *side, const char *name, int keep)
{
        const int fds[] = {sv_syncs_lock(k->b->syncs), keep, -1};
        struct sv_err err = SV_ERR_NULL;
        pid_t pid = fork();

        if (pid) {
                side->pid = pid > 0 ? pid : 0;
                side->end_ms = sv_clock_ms() + SIDE_MS;
                return -1;
        }
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, name);
        if (sv_close_other_fds(fds, "broker.process", &err) == 0)
                return 0;
        sv_log_err(&err);
        _exit(1);
}

/* Its end is heard of as any other. */
static void end_late_side(const struct side *side)
{
        if (side->pid && sv_clock_ms() >= side->end_ms)
                kill(side->pid, SIGKILL);
}

static void fail_reload(struct keeper *k, struct sv_err *err)
{
        if (err) {
                sv_wrap(err, "%s", "the configuration stays as it was");
                sv_log_err(err);
        }
        sv_broker_close(&k->fresh);
        sv_metrics_add(k->b->metrics, SV_GAUGE_RELOADS_FAILED, 1);
        sv_notify_manager("READY=1");
}

/* All of it is looked at, and recorded, before any of it is used. The database may keep the record
 * waiting, and whoever is served meanwhile gets the old one. */
static void begin_reload(struct keeper *k)
{
        struct sv_err err = SV_ERR_NULL;

        k->reload_again = k->reload.pid != 0;
        if (k->reload_again)
                return;
        sv_notify_manager("RELOADING=1");
        k->fresh = (struct sv_broker){.audit_fd = -1};
        if (sv_broker_prepare_reload(k->b, &k->fresh, &err) < 0 ||
            offer_certificate(k, &k->fresh, &err) < 0) {
                fail_reload(k, &err);
                return;
        }
        if (fork_side(k, &k->reload, "sv-reload", k->fresh.audit_fd) == 0) {
                if (sv_broker_record_reload(k->b, &k->fresh, &err) == 0)
                        _exit(0);
                sv_wrap(&err, "%s", "the configuration stays as it was");
                sv_log_err(&err);
                _exit(1);
        }
        if (!k->reload.pid) {
                sv_fail_errno(&err, "broker.serve", "no process for the record");
                fail_reload(k, &err);
        }
}

static void end_reload(struct keeper *k, int status)
{
        struct sv_err err = SV_ERR_NULL;
        char pin[65];

        k->reload.pid = 0;
        if (WIFSIGNALED(status)) {
                sv_fail(&err, SV_SYSTEM, "broker.serve",
                        "the record of another configuration has no end, or died");
                fail_reload(k, &err);
        } else if (status) {
                fail_reload(k, NULL); /* it has said why */
        } else if (sv_net_take_tls(&k->net, &err) < 0) {
                fail_reload(k, &err);
        } else {
                sv_broker_take_reload(k->b, &k->fresh);
                sv_broker_close(&k->fresh);
                retire_workers(k);
                sv_info("the configuration was read anew, pin sha256:%s",
                        sv_hex(sv_bytes(k->b->pin, 32), pin));
                sv_metrics_add(k->b->metrics, SV_GAUGE_RELOADS, 1);
                sv_notify_manager("READY=1");
        }
        if (k->reload_again)
                begin_reload(k);
}

/* --- the process --- */

static void bury_worker(struct keeper *k, pid_t pid, int status)
{
        for (size_t i = 0; i < k->n_workers; i++) {
                if (k->workers[i].pid != pid)
                        continue;
                if (WIFSIGNALED(status)) {
                        sv_warn("a keeper's process died of signal %d", WTERMSIG(status));
                        sv_metrics_add(k->b->metrics, SV_GAUGE_DIED, 1);
                }
                drop_worker(k, i);
                return;
        }
}

static void reap_workers(struct keeper *k)
{
        pid_t pid;
        int status;

        while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
                if (pid == k->net.pid || pid == k->b->verifier.pid || pid == k->b->fetcher.pid ||
                    pid == k->b->http.pid) {
                        k->net_gone = k->net_gone || pid == k->net.pid;
                        if (!k->end)
                                k->end = 1; /* nothing is served without it */
                } else if (pid == k->head.pid) {
                        k->head.pid = 0;
                } else if (pid == k->reload.pid) {
                        end_reload(k, status);
                } else {
                        bury_worker(k, pid, status);
                }
        }
}

static void hear_signal(struct keeper *k)
{
        struct signalfd_siginfo info;

        if (read(k->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
                return;
        if (info.ssi_signo == SIGHUP) {
                if (!k->end)
                        begin_reload(k);
                return;
        }
        if (info.ssi_signo != SIGCHLD && !k->end) {
                k->end = time(NULL) + DRAIN_S;
                kill(k->net.pid, SIGTERM);
        }
        reap_workers(k);
}

/* Signals, the network, workers, connections: in this order in the array. What a connection has
 * stays until somebody can take it. */
static size_t fill_poll(struct keeper *k)
{
        struct pollfd *p = k->poll;
        bool takes = k->n_workers < k->max || count_idle(k);

        p[0] = (struct pollfd){.fd = k->signals, .events = POLLIN};
        p[1] = (struct pollfd){.fd = k->net_gone || k->n_connections == 2 * k->max ? -1
                                                                                   : k->net.control,
                               .events = POLLIN};
        for (size_t i = 0; i < k->n_workers; i++)
                p[2 + i] = (struct pollfd){.fd = k->workers[i].control, .events = POLLIN};
        for (size_t i = 0; i < k->n_connections; i++)
                p[2 + k->n_workers + i] = (struct pollfd){
                        .fd = k->connections[i].worker || !takes ? -1 : k->connections[i].fd,
                        .events = POLLIN};
        return 2 + k->n_workers + k->n_connections;
}

static void serve_ready(struct keeper *k)
{
        size_t workers = k->n_workers, connections = k->n_connections;
        const struct pollfd *p = k->poll;

        for (size_t i = 0; i < workers; i++)
                if (p[2 + i].revents)
                        hear_worker(k, &k->workers[i]);
        for (size_t i = connections; i-- > 0;)
                if (p[2 + workers + i].revents && hear_connection(k, &k->connections[i]))
                        k->connections[i] = k->connections[--k->n_connections];
        if (p[1].revents)
                take_connection(k);
        if (p[0].revents)
                hear_signal(k);
}

static bool is_done(const struct keeper *k)
{
        if (!k->end)
                return false;
        if (time(NULL) >= k->end)
                return true;
        return k->net_gone && !k->n_connections;
}

/* By a process of its own: the database may keep it waiting. */
static void sign_head(struct keeper *k)
{
        struct sv_err err = SV_ERR_NULL;

        end_late_side(&k->head);
        end_late_side(&k->reload);
        if (k->end || sv_clock_ms() < k->head_ms)
                return;
        k->head_ms = sv_clock_ms() + HEAD_MS;
        if (k->head.pid || fork_side(k, &k->head, "sv-head", -1) < 0)
                return;
        if (sv_broker_follow_store(k->b, &err) < 0 ||
            sv_head_write(k->b->config.audit_head, k->b->token_key, k->b->store, time(NULL), &err) <
                    0)
                sv_log_err(&err);
        _exit(0);
}

static int wait_ms(const struct keeper *k, int64_t surplus_ms)
{
        int64_t next = surplus_ms < k->head_ms ? surplus_ms : k->head_ms;
        int64_t left = next - sv_clock_ms();

        return k->end ? 200 : left < 0 ? 0 : (int)left;
}

static void note_processes(const struct keeper *k)
{
        size_t live = 0;

        for (size_t i = 0; i < k->n_workers; i++)
                live += k->workers[i].control >= 0;
        sv_metrics_set(k->b->metrics, SV_GAUGE_WORKERS, (int64_t)live);
        sv_metrics_set(k->b->metrics, SV_GAUGE_BUSY, (int64_t)(live - count_idle(k)));
}

static int serve_keeper(struct keeper *k, struct sv_err *err)
{
        while (!is_done(k)) {
                int64_t surplus_ms = end_surplus(k);
                size_t n = fill_poll(k);

                note_processes(k);
                sign_head(k);

                if (poll(k->poll, n, wait_ms(k, surplus_ms)) < 0) {
                        if (errno == EINTR)
                                continue;
                        return sv_fail_errno(err, "broker.serve", "cannot wait for connections");
                }
                serve_ready(k);
        }
        if (k->end == 1)
                return sv_fail(err, SV_SYSTEM, "broker.process",
                               "a process of the broker has ended by itself, so all end");
        return 0;
}

static void end_workers(struct keeper *k)
{
        for (size_t i = 0; i < k->n_connections; i++)
                close(k->connections[i].fd);
        k->n_connections = 0;
        for (size_t i = 0; i < k->n_workers; i++) {
                if (k->workers[i].busy)
                        kill(k->workers[i].pid, SIGKILL);
                close(k->workers[i].control);
        }
        for (size_t i = 0; i < k->n_workers; i++)
                while (waitpid(k->workers[i].pid, NULL, 0) < 0 && errno == EINTR)
                        ;
        free(k->connections);
        free(k->workers);
        free(k->poll);
}

static int alloc_keeper(struct keeper *k, struct sv_err *err)
{
        k->max = (size_t)k->b->config.requests;
        k->connections = calloc(2 * k->max, sizeof(*k->connections));
        k->workers = calloc(k->max, sizeof(*k->workers));
        k->poll = calloc(2 + 3 * k->max, sizeof(*k->poll));
        if (!k->connections || !k->workers || !k->poll)
                return sv_fail_errno(err, "base.memory", "no memory for %zu requests", k->max);
        return 0;
}

static int take_all_signals(struct sv_err *err)
{
        int fd = sv_process_take_signals(err);

        if (fd >= 0)
                signal(SIGHUP, SIG_DFL); /* one that is ignored is not heard */
        return fd;
}

/* The others first: what they are forked with holds no key. */
int sv_broker_serve(struct sv_broker *b, struct sv_err *err)
{
        struct keeper k = {.b = b, .signals = -1, .fresh.audit_fd = -1};
        int fd = -1;
        struct sv_net_ports ports = {0, 0};
        int rc = -1;

        sv_log_never_wait();
        mallopt(M_TRIM_THRESHOLD, HEAP); /* else each request gives it back and asks for it again */
        mallopt(M_TOP_PAD, HEAP / 8);
        signal(SIGHUP, SIG_IGN); /* for the others it stays so */
        if (sv_take_manager_socket(&fd, err) == 0 && alloc_keeper(&k, err) == 0 &&
            sv_broker_start(b, err) == 0 && sv_known_open(&b->known, err) == 0 &&
            sv_net_start(b, fd, &k.net, &ports, err) == 0 &&
            sv_known_map(b->known, true, err) == 0 && sv_limits_open(&b->limits, err) == 0 &&
            sv_metrics_open(&b->metrics, err) == 0 && sv_syncs_open(&b->syncs, err) == 0 &&
            (k.signals = take_all_signals(err)) >= 0 && sv_broker_enter(b, err) == 0 &&
            sv_net_announce(b, &ports, err) == 0) {
                sv_metrics_set(b->metrics, SV_GAUGE_STARTED, time(NULL));
                sv_notify_manager("READY=1");
                /* each worker opens the database for itself */
                sv_store_free(b->store);
                b->store = NULL;
                reap_workers(&k); /* who died before signals were taken */
                rc = serve_keeper(&k, err);
        }
        end_workers(&k);
        sv_broker_close(&k.fresh);
        sv_process_end(&k.net);
        if (k.signals >= 0)
                close(k.signals);
        return rc;
}
