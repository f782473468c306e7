/* SPDX-License-Identifier: Apache-2.0 */
/* Every connection of the network's process, by what it does: who gets a place for its handshake,
 * who gets a process for its request, and who gives way. Until a connection has a place it is a
 * descriptor. One that says nothing is closed at the handshake's deadline and never gets one. Of
 * those that have begun, the next is one of the source with the fewest places, and no source has
 * more than its share; likewise with processes, where a request of an exchange that has begun goes
 * before a first one. Before all of these goes a source that a secret was released to lately
 * (broker/known.h), three times of four, so that those that nobody knows have their turn. At the
 * cap of those that wait, the source with the most of them loses its newest, so a source that
 * floods closes its own. Pure but for closing descriptors. A step costs no more for connections
 * that are idle. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/core/err.h"
#include "broker/budget.h"
#include "broker/known.h"

#define SV_WAIT_MS 25000 /* for a place, or a process: the client gives up after 30 s */

enum sv_stage {
        SV_CONN_FREE,   /* no connection */
        SV_CONN_SILENT, /* accepted; has said nothing */
        SV_CONN_BEGUN,  /* its first bytes are there: waits for a place */
        SV_CONN_SHAKES, /* has a place from here on; its handshake */
        SV_CONN_IDLE,   /* says nothing, and has no process */
        SV_CONN_ASKS,   /* a request's first bytes are there: waits for a process */
        SV_CONN_SERVED, /* a process works on its request */
        SV_CONN_RESTS,  /* its request was answered; has its process for a moment more */
        SV_CONN_TOLD,   /* its request was told to come later; it may read that */
        SV_CONN_LEFT,   /* its peer has gone, and its place; its process works on */
        SV_N_STAGES
};

struct sv_tls;

struct sv_conn {
        enum sv_stage stage;
        bool local; /* it came to the address for metrics */
        bool known; /* its source was released to lately */
        bool asked; /* to end when its request has ended */
        uint64_t source;
        int64_t accepted_ms, since_ms; /* since: of the stage */
        int64_t begun_ms;              /* when it got its place */
        uint32_t before, behind, of;
        int fd;
        /* of the loop (broker/serve/held.h) */
        struct sv_tls *tls;
        uint32_t events, data_events; /* that are waited for, of fd and of data */
        int data, control;            /* to its process; -1: none */
        int64_t called_ms;            /* when its process was asked for */
        uint32_t answers;             /* that it had */
        uint64_t forwarded, taken;    /* bytes of requests: given to its process; read by it */
        bool no_more;                 /* the peer sends nothing more */
        bool full;                    /* its process takes nothing now */
        int64_t end_ms;               /* of one that is served, or left: whatever happens */
};

#define SV_NO_CONN UINT32_MAX

struct sv_queue {
        struct sv_conn *list; /* room for size */
        size_t size;
        struct sv_line { /* the oldest first */
                uint32_t first, last;
                size_t n;
        } lines[SV_N_STAGES];
        struct sv_source { /* one that has connections */
                uint64_t source;
                uint32_t next; /* with the same hash, or free */
                uint32_t total, n[SV_N_STAGES];
        } * sources;
        uint32_t *hashed; /* as many heads as sources */
        uint32_t free_source;
        struct sv_limit { /* of all together; of one source */
                size_t all, each;
        } waiting, held, served;
        const struct sv_known *known; /* NULL: nobody */
        uint32_t turns;               /* places and processes that were given */
        int64_t silent_ms;            /* how long one may say nothing */
        struct sv_rate all, each;
        struct sv_budget begun;  /* of connections that got a place */
        uint64_t added, dropped; /* since the start; dropped: before they had one */
};

/* Room for all of q->waiting, q->held and q->served; the limits must be set. */
int sv_queue_open(struct sv_queue *q, struct sv_err *err);
/* Closes what waits, too. */
void sv_queue_close(struct sv_queue *q);

/* A new one, which is silent; NULL: it was closed. */
struct sv_conn *sv_queue_add(struct sv_queue *q, int fd, uint64_t source, bool local,
                             int64_t now_ms);
/* Of the next stage now; the last of its line. */
void sv_queue_move(struct sv_queue *q, struct sv_conn *c, enum sv_stage to, int64_t now_ms);
/* Closes one that has no place yet, and forgets it. */
void sv_queue_drop(struct sv_queue *q, struct sv_conn *c);
/* Closes who waits for a place, or says nothing, for too long. */
void sv_queue_expire(struct sv_queue *q, int64_t now_ms);
/* The next of a line; NULL: c (or, of NULL, the line) has none. */
struct sv_conn *sv_queue_next(const struct sv_queue *q, enum sv_stage line,
                              const struct sv_conn *c);
/* The oldest of the line when it has been there for so long. */
struct sv_conn *sv_queue_late(const struct sv_queue *q, enum sv_stage line, int64_t ms,
                              int64_t now_ms);

/* Who gets a place now: it is charged for; NULL: nobody. */
struct sv_conn *sv_queue_take(struct sv_queue *q, int64_t now_ms);
/* Who gets a process now, and must be moved to it; NULL: nobody. */
struct sv_conn *sv_queue_call(struct sv_queue *q);
/* Somebody waits whom only another's place would help. Who gives it up: of the source that has the
 * most one that is idle, else one that rests, else one that is served, when its request has ended;
 * of the waiting one's own source when that is at its share. Nobody who got a place less than a
 * plain exchange ago. NULL: none. */
struct sv_conn *sv_queue_yield(const struct sv_queue *q, int64_t now_ms);
/* The same for processes, which only those that rest give up. */
struct sv_conn *sv_queue_spare(const struct sv_queue *q);

/* Those of the source with a process. */
size_t sv_queue_served(const struct sv_queue *q, uint64_t source);
/* All with a place. */
size_t sv_queue_held(const struct sv_queue *q);
