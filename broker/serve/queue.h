/* SPDX-License-Identifier: Apache-2.0 */
/* Connections before they have a process: a descriptor each, which is cheap, where a process is
 * not. One that says nothing is closed at the handshake's deadline and never gets a process. Of
 * those that have begun, the next is one of the source with the fewest processes, and no source
 * has more than its share. At the cap the source with the most of them loses its newest, so a
 * source that floods closes its own. Pure but for closing descriptors. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/budget.h"

#define SV_WAIT_MS 25000 /* for a process: the client gives the handshake up after 30 s */

struct sv_waiting {
        int fd;
        bool ready; /* its first bytes are there */
        bool local; /* it came to the address for metrics */
        uint64_t source;
        int64_t since_ms;
};

struct sv_queue {
        struct sv_waiting *list; /* the oldest first; room for max */
        size_t n, max;
        int64_t silent_ms; /* how long one may say nothing */
        struct sv_rate all, each;
        struct sv_budget begun;  /* of connections that got a process */
        uint64_t added, dropped; /* since the start; dropped: before they had one */
};

/* Processes, by source. */
struct sv_served {
        struct sv_child {
                int pid;
                bool asked; /* to end when its request has ended */
                uint64_t source;
                int64_t since_ms;
        } * list;
        size_t n, max, per_source;
};

void sv_queue_add(struct sv_queue *q, int fd, uint64_t source, bool local, int64_t now_ms);
/* Closes and forgets number i. */
void sv_queue_drop(struct sv_queue *q, size_t i);
/* Closes what has waited for too long. */
void sv_queue_expire(struct sv_queue *q, int64_t now_ms);
/* The next to be served, taken out of the queue; false: none now. */
bool sv_queue_take(struct sv_queue *q, const struct sv_served *s, int64_t now_ms,
                   struct sv_waiting *out);
/* Somebody waits whom only the end of a process would help: the oldest process, of those older than
 * a plain exchange takes, of the source that has the most; of the waiting one's own source when
 * that is at its share. NULL: none. */
struct sv_child *sv_queue_oldest(const struct sv_queue *q, struct sv_served *s, int64_t now_ms);

size_t sv_served_count(const struct sv_served *s, uint64_t source);
