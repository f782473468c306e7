/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/serve/held.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/core/secret.h"
#include "base/crypto/crypto.h"
#include "base/program/log.h"
#include "broker/process/channel.h"
#include "broker/serve/connection.h"

#define ROOM          16384  /* a record of TLS (RFC 8446 section 5.1) */
#define PIECES        4      /* of such, that a connection may move before others have their turn */
#define IDLE_MS       60000  /* between two requests, and before the first */
#define REST_MS       1000   /* an answered connection's process */
#define PROCESS_MS    50000  /* for new requests: its service kills it at SV_SERVICE_MS */
#define SERVED_MS     120000 /* a request, whatever its process does */
#define FLUSH_MS      30000  /* the end of an answer, once its process is done with it */
#define CONNECTION_MS 600000 /* whatever happens, a connection ends */
#define TOLD_MS       2000   /* who was told to come later reads that, and goes */
#define LEAVE_MS      5000   /* who waits for a process while all is being ended */
#define TICK_MS       100    /* while something waits */
#define LOOK_MS       1000   /* while there are connections */

/* Its process may work on a request still: until that ends it counts as its source's. */
static void close_held(struct sv_held *h, struct sv_conn *c)
{
        sv_tls_free(c->tls); /* and its socket */
        sv_closep(&c->data);
        c->tls = NULL;
        if (c->stage == SV_CONN_SERVED && c->control >= 0) {
                c->end_ms = c->since_ms + SERVED_MS;
                sv_queue_move(&h->queue, c, SV_CONN_LEFT, sv_clock_ms());
                return;
        }
        sv_closep(&c->control);
        sv_queue_move(&h->queue, c, SV_CONN_FREE, 0);
}

/* --- what is waited for --- */

/* Of no events it is not looked at: a broken one would be heard of again and again. */
static bool set_events(const struct sv_held *h, const struct sv_conn *c, int fd, uint32_t *now,
                       uint32_t wanted)
{
        struct epoll_event e = {.events = wanted,
                                .data.u64 = SV_HELD_OWN + (uint64_t)(c - h->queue.list)};
        int what = !*now ? EPOLL_CTL_ADD : wanted ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;

        if (*now == wanted)
                return true;
        *now = wanted;
        if (epoll_ctl(h->epoll, what, fd, &e) == 0)
                return true;
        sv_warn("%s", "a connection cannot be waited for");
        return false;
}

/* False: it was closed. */
static bool watch_peer(struct sv_held *h, struct sv_conn *c, uint32_t wanted)
{
        if (set_events(h, c, c->fd, &c->events, wanted))
                return true;
        if (c->tls)
                close_held(h, c);
        else
                sv_queue_drop(&h->queue, c);
        return false;
}

static uint32_t events_of(short wants)
{
        return wants == POLLOUT ? EPOLLOUT : EPOLLIN;
}

/* --- the process of a request --- */

/* False: it was closed. */
static bool watch_process(struct sv_held *h, struct sv_conn *c, bool blocked)
{
        uint32_t wanted = (blocked ? 0 : EPOLLIN) | (c->full ? EPOLLOUT : 0);

        if (set_events(h, c, c->data, &c->data_events, wanted))
                return true;
        close_held(h, c);
        return false;
}

static bool step_idle(struct sv_held *h, struct sv_conn *c);

/* It goes without a process from here on. */
static void end_process(struct sv_held *h, struct sv_conn *c)
{
        int64_t now = sv_clock_ms();

        sv_closep(&c->data);
        sv_closep(&c->control);
        if (now - c->begun_ms >= CONNECTION_MS || h->draining || c->asked) {
                close_held(h, c);
                return;
        }
        sv_queue_move(&h->queue, c, SV_CONN_IDLE, now);
        step_idle(h, c); /* what OpenSSL has is not heard of again */
}

/* --- bytes --- */

/* What the peer sends, to the process. False: it was closed. */
static bool move_request(struct sv_held *h, struct sv_conn *c, uint32_t *peer)
{
        for (int i = 0; i < PIECES && !c->no_more && !c->full; i++) {
                long n = sv_tls_peek(c->tls, h->room, ROOM, NULL);
                ssize_t put;

                if (n == SV_TLS_WAITS) {
                        *peer |= events_of(sv_tls_wants(c->tls));
                        return true;
                }
                if (n < 0 || (n == 0 && c->stage == SV_CONN_RESTS)) {
                        close_held(h, c);
                        return false;
                }
                if (n == 0) {
                        c->no_more = true;
                        shutdown(c->data, SHUT_WR);
                        return true;
                }
                put = send(c->data, h->room, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
                c->no_more = put < 0 && errno != EAGAIN; /* it has answered, and ends */
                c->full = put < n && !c->no_more;
                if (put <= 0)
                        break;
                sv_tls_skip(c->tls, h->room, (size_t)put);
                c->forwarded += (uint64_t)put;
                if (c->stage == SV_CONN_RESTS) {
                        sv_queue_move(&h->queue, c, SV_CONN_SERVED, sv_clock_ms());
                        c->end_ms = c->since_ms + SERVED_MS;
                }
        }
        *peer |= c->no_more || c->full ? 0 : EPOLLIN;
        return true;
}

/* What the process sends, to the peer: 1 all of it, 0 there is more, -1 it was closed. */
static int move_answer(struct sv_held *h, struct sv_conn *c, uint32_t *peer)
{
        for (int i = 0; i < PIECES; i++) {
                ssize_t n = recv(c->data, h->room, ROOM, MSG_PEEK | MSG_DONTWAIT);
                long put;

                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        return 1;
                put = n > 0 ? sv_tls_write_some(c->tls, sv_bytes(h->room, (size_t)n), NULL) : -1;
                if (put == SV_TLS_WAITS) {
                        *peer |= events_of(sv_tls_wants(c->tls));
                        return 0;
                }
                if (put < 0) {
                        close_held(h, c);
                        return -1;
                }
                (void)!recv(c->data, h->room, (size_t)put, MSG_DONTWAIT);
        }
        return 0;
}

/* The answer is with the peer's system, and nothing more of the request is anywhere. False: it was
 * closed, or its process has served for long enough. */
static bool note_answered(struct sv_held *h, struct sv_conn *c)
{
        if (c->stage != SV_CONN_SERVED || !c->taken || c->taken != c->forwarded)
                return true;
        c->answers++;
        sv_queue_move(&h->queue, c, SV_CONN_RESTS, sv_clock_ms());
        if (c->asked || h->draining || c->no_more)
                close_held(h, c);
        else if (c->since_ms - c->called_ms < PROCESS_MS)
                return true;
        else
                end_process(h, c);
        return false;
}

static void end_soon(struct sv_conn *c)
{
        int64_t end = sv_clock_ms() + FLUSH_MS;

        if (end < c->end_ms)
                c->end_ms = end;
}

static void hear_process(struct sv_conn *c)
{
        uint64_t before = c->taken;

        if (c->control < 0)
                return;
        if (!sv_connection_hear(c->control, &c->taken))
                sv_closep(&c->control);
        if (c->control < 0 || c->taken != before)
                end_soon(c);
}

/* An answer has come to its end before bytes of a next request are taken. */
static void step_served(struct sv_held *h, struct sv_conn *c)
{
        uint32_t peer = 0;
        int moved;

        c->full = false;
        hear_process(c);
        moved = move_answer(h, c, &peer);
        if (moved == 1 && !note_answered(h, c))
                moved = -1;
        if (moved >= 0 && move_request(h, c, &peer) &&
            watch_process(h, c, moved == 0 && peer & EPOLLOUT))
                watch_peer(h, c, peer);
        sv_wipe(h->room, ROOM);
}

static void step_left(struct sv_held *h, struct sv_conn *c)
{
        if (!sv_connection_hear(c->control, &c->taken))
                close_held(h, c);
}

/* --- the way of a connection --- */

static void give_way(struct sv_held *h, struct sv_conn *c)
{
        if (c->stage != SV_CONN_SERVED) {
                close_held(h, c);
                return;
        }
        c->asked = true;
        if (c->control >= 0)
                sv_connection_ask_to_end(c->control);
}

/* What it has asked is read and forgotten until it goes: a connection that is closed with something
 * unread is reset, and its answer lost. */
static void step_told(struct sv_held *h, struct sv_conn *c)
{
        for (int i = 0; i < PIECES; i++) {
                long n = sv_tls_peek(c->tls, h->room, ROOM, NULL);

                if (n == SV_TLS_WAITS)
                        break;
                if (n <= 0) {
                        close_held(h, c);
                        break;
                }
                sv_tls_skip(c->tls, h->room, (size_t)n);
        }
        sv_wipe(h->room, ROOM);
}

/* Nobody can work on its request in time. */
static void tell_later(struct sv_held *h, struct sv_conn *c, int64_t now)
{
        size_t waiting = h->queue.lines[SV_CONN_ASKS].n;
        SV_BUF text = SV_BUF_NULL;
        uint32_t chance = 0;

        sv_random(&chance, sizeof(chance), NULL);
        sv_later_write(h->draining ? SV_LATER_DRAINS : sv_pace_left(&h->pace, waiting, now), chance,
                       &text);
        h->deferred++;
        if (sv_buf_ok(&text, "an answer", NULL) < 0 ||
            sv_tls_write_some(c->tls, sv_buf_bytes(&text), NULL) != (long)text.n) {
                close_held(h, c);
                return;
        }
        sv_queue_move(&h->queue, c, SV_CONN_TOLD, now);
        if (watch_peer(h, c, EPOLLIN))
                step_told(h, c);
}

static void begin_request(struct sv_held *h, struct sv_conn *c)
{
        struct sv_err err = SV_ERR_NULL;
        uint32_t none = 0;

        if (sv_held_open_process(h, c, &err) < 0) {
                sv_log_err(&err);
                close_held(h, c);
                return;
        }
        c->forwarded = c->taken = 0;
        c->full = c->no_more = false;
        c->data_events = 0;
        sv_queue_move(&h->queue, c, SV_CONN_SERVED, sv_clock_ms());
        sv_pace_note(&h->pace, c->since_ms);
        c->called_ms = c->since_ms;
        c->end_ms = c->since_ms + SERVED_MS;
        if (!set_events(h, c, c->control, &none, EPOLLIN)) {
                sv_closep(&c->control);
                close_held(h, c);
                return;
        }
        if (h->draining)
                give_way(h, c);
        step_served(h, c);
}

/* False: it was closed. */
static bool step_idle(struct sv_held *h, struct sv_conn *c)
{
        uint8_t first;
        long n = sv_tls_peek(c->tls, &first, 1, NULL);

        if (n == SV_TLS_WAITS)
                return watch_peer(h, c, events_of(sv_tls_wants(c->tls)));
        if (n <= 0) {
                close_held(h, c);
                return false;
        }
        sv_queue_move(&h->queue, c, SV_CONN_ASKS, sv_clock_ms());
        return watch_peer(h, c, 0);
}

static void step_handshake(struct sv_held *h, struct sv_conn *c)
{
        int done = sv_tls_shake(c->tls, NULL);

        if (done < 0) {
                close_held(h, c);
        } else if (!done) {
                watch_peer(h, c, events_of(sv_tls_wants(c->tls)));
        } else {
                sv_queue_move(&h->queue, c, SV_CONN_IDLE, sv_clock_ms());
                step_idle(h, c);
        }
}

static void begin_handshake(struct sv_held *h, struct sv_conn *c)
{
        struct sv_err err = SV_ERR_NULL;

        c->tls = sv_tls_begin(h->b->tls, c->fd, &err);
        sv_queue_move(&h->queue, c, SV_CONN_SHAKES, sv_clock_ms());
        if (c->tls) {
                step_handshake(h, c);
                return;
        }
        sv_log_err(&err);
        close_held(h, c);
}

/* A peer that has gone need not be served; of one that has begun nothing more is asked here. */
static void look_at_waiting(struct sv_held *h, struct sv_conn *c, uint32_t seen)
{
        if (seen & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) {
                sv_queue_drop(&h->queue, c);
        } else if (c->stage == SV_CONN_SILENT) {
                sv_queue_move(&h->queue, c, SV_CONN_BEGUN, sv_clock_ms());
                watch_peer(h, c, EPOLLRDHUP);
        }
}

void sv_held_add(struct sv_held *h, int fd, uint64_t source, bool local)
{
        struct sv_conn *c = sv_queue_add(&h->queue, fd, source, local, sv_clock_ms());

        if (c)
                watch_peer(h, c, EPOLLIN | EPOLLRDHUP);
}

void sv_held_event(struct sv_held *h, uint64_t number, uint32_t events)
{
        struct sv_conn *c = &h->queue.list[number - SV_HELD_OWN];

        switch (c->stage) {
        case SV_CONN_SILENT:
        case SV_CONN_BEGUN:
                look_at_waiting(h, c, events);
                return;
        case SV_CONN_SHAKES:
                step_handshake(h, c);
                return;
        case SV_CONN_IDLE:
                step_idle(h, c);
                return;
        case SV_CONN_SERVED:
        case SV_CONN_RESTS:
                step_served(h, c);
                return;
        case SV_CONN_TOLD:
                step_told(h, c);
                return;
        case SV_CONN_LEFT:
                step_left(h, c);
                return;
        case SV_CONN_FREE: /* closed since epoll_wait */
        case SV_CONN_ASKS:
        case SV_N_STAGES:
                return;
        }
}

/* --- time, and who gives way --- */

static void close_late(struct sv_held *h, enum sv_stage line, int64_t ms, int64_t now)
{
        struct sv_conn *c;

        while ((c = sv_queue_late(&h->queue, line, ms, now)))
                close_held(h, c);
}

/* Whatever happens, these end. */
static void close_ended(struct sv_held *h, enum sv_stage line, int64_t now)
{
        struct sv_conn *c, *next;

        for (c = sv_queue_next(&h->queue, line, NULL); c; c = next) {
                next = sv_queue_next(&h->queue, line, c);
                if (now >= c->end_ms)
                        close_held(h, c);
        }
}

static void end_late(struct sv_held *h, int64_t now)
{
        struct sv_conn *c;

        sv_queue_expire(&h->queue, now);
        close_late(h, SV_CONN_SHAKES, h->b->config.handshake_seconds * 1000, now);
        close_late(h, SV_CONN_IDLE, h->draining ? LOOK_MS : IDLE_MS, now);
        close_late(h, SV_CONN_TOLD, TOLD_MS, now);
        while ((c = sv_queue_late(&h->queue, SV_CONN_ASKS, h->draining ? LEAVE_MS : SV_WAIT_MS,
                                  now)))
                tell_later(h, c, now);
        while ((c = sv_queue_late(&h->queue, SV_CONN_RESTS, REST_MS, now)))
                end_process(h, c);
        close_ended(h, SV_CONN_SERVED, now);
        close_ended(h, SV_CONN_LEFT, now);
}

void sv_held_step(struct sv_held *h)
{
        int64_t now = sv_clock_ms();
        struct sv_conn *c;

        end_late(h, now);
        while ((c = sv_queue_take(&h->queue, now)))
                begin_handshake(h, c);
        c = sv_queue_yield(&h->queue, now);
        if (c)
                give_way(h, c);
        while ((c = sv_queue_call(&h->queue)))
                begin_request(h, c);
        c = sv_queue_spare(&h->queue);
        if (c)
                end_process(h, c);
}

int sv_held_wait(const struct sv_held *h)
{
        const struct sv_queue *q = &h->queue;

        if (q->lines[SV_CONN_BEGUN].n || q->lines[SV_CONN_ASKS].n || q->lines[SV_CONN_RESTS].n)
                return TICK_MS;
        return q->lines[SV_CONN_SILENT].n || q->lines[SV_CONN_LEFT].n || sv_queue_held(q) ? LOOK_MS
                                                                                          : -1;
}

void sv_held_drain(struct sv_held *h)
{
        static const enum sv_stage lines[] = {SV_CONN_SILENT, SV_CONN_BEGUN, SV_CONN_IDLE,
                                              SV_CONN_RESTS, SV_CONN_SERVED};
        struct sv_conn *c, *next;

        h->draining = true;
        for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
                for (c = sv_queue_next(&h->queue, lines[i], NULL); c; c = next) {
                        next = sv_queue_next(&h->queue, lines[i], c);
                        if (c->tls)
                                give_way(h, c);
                        else
                                sv_queue_drop(&h->queue, c);
                }
}

/* --- all of them --- */

static int make_files(const struct sv_broker_config *c, struct sv_err *err)
{
        const uint64_t need = sv_broker_config_files(c);
        struct rlimit files;

        if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur >= need)
                return 0;
        files.rlim_cur = need < files.rlim_max ? need : files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
        if (files.rlim_cur >= need)
                return 0;
        return sv_fail(err, SV_USAGE, "broker.config.waiting",
                       "\"waiting\" is %lld and \"connections\" is %lld, which needs %llu open "
                       "files, and the system allows %llu",
                       (long long)c->waiting, (long long)c->connections, (unsigned long long)need,
                       (unsigned long long)files.rlim_max);
}

int sv_held_open(struct sv_held *h, struct sv_broker *b, int keeper, struct sv_err *err)
{
        const struct sv_broker_config *c = &b->config;
        const size_t places = (size_t)c->connections, share = (size_t)c->connections_per_source;
        const size_t requests = (size_t)c->requests;

        *h = (struct sv_held){.b = b, .keeper = keeper, .epoll = -1};
        h->queue = (struct sv_queue){
                .known = b->known,
                .waiting = {(size_t)c->waiting, (size_t)c->waiting},
                .held = {places, share},
                /* of the processes a source may have the part that it may have of the places */
                .served = {requests, (requests * share + places - 1) / places},
                .silent_ms = c->handshake_seconds * 1000,
                .all = {0, 1},
                .each = {1000000 / c->handshakes_per_second, 4 * c->handshakes_per_second}};
        if (make_files(c, err) < 0 || sv_queue_open(&h->queue, err) < 0)
                return -1;
        h->room = sv_pages_lock(ROOM, err);
        if (!h->room)
                return -1;
        h->epoll = epoll_create1(EPOLL_CLOEXEC);
        return h->epoll < 0 ? sv_fail_errno(err, "broker.serve", "cannot wait for connections") : 0;
}

int sv_held_watch(struct sv_held *h, int fd, unsigned number, struct sv_err *err)
{
        struct epoll_event e = {.events = EPOLLIN, .data.u64 = number};

        if (epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
                return sv_fail_errno(err, "broker.serve", "cannot wait for connections");
        return 0;
}

void sv_held_forget(struct sv_held *h, int fd)
{
        (void)!epoll_ctl(h->epoll, EPOLL_CTL_DEL, fd, NULL);
}

void sv_held_close(struct sv_held *h)
{
        for (enum sv_stage s = SV_CONN_SHAKES; h->queue.list && s < SV_N_STAGES; s++)
                while (h->queue.lines[s].n)
                        close_held(h, sv_queue_next(&h->queue, s, NULL));
        sv_queue_close(&h->queue);
        sv_pages_free(h->room, ROOM);
        sv_closep(&h->epoll);
}
