/* SPDX-License-Identifier: Apache-2.0 */
/* Connections in the network's process: one loop holds them all. TLS is here; a connection has no
 * process and next to no memory but while it has a request, whose bytes go to a process
 * (broker/serve/connection.h). Which connection goes on is broker/serve/queue.h. */
#pragma once

#include "broker/broker.h"
#include "broker/serve/later.h"
#include "broker/serve/queue.h"

struct sv_held {
        struct sv_broker *b;
        struct sv_queue queue;
        int epoll;
        int keeper;    /* which gets a channel for each process */
        uint8_t *room; /* locked: what goes from one side to the other */
        bool draining; /* who has no request is closed */
        struct sv_pace pace;
        uint64_t deferred; /* requests that were told to come later */
};

/* An event's number: below SV_HELD_OWN those of the caller's own descriptors. */
#define SV_HELD_OWN 16

/* For the limits of the configuration; SV_USAGE "broker.config.waiting" when the system allows
 * fewer open files. */
int sv_held_open(struct sv_held *h, struct sv_broker *b, int keeper, struct sv_err *err);
/* Closes all. */
void sv_held_close(struct sv_held *h);
/* The caller's descriptor `number` is looked at for input. */
int sv_held_watch(struct sv_held *h, int fd, unsigned number, struct sv_err *err);
/* No longer: also when others have the same socket open (a service manager). */
void sv_held_forget(struct sv_held *h, int fd);
/* c gets a process for its requests. SV_SYSTEM "broker.process". */
int sv_held_open_process(const struct sv_held *h, struct sv_conn *c, struct sv_err *err);
/* Takes the socket of a new connection. */
void sv_held_add(struct sv_held *h, int fd, uint64_t source, bool local);
/* Of epoll_wait. */
void sv_held_event(struct sv_held *h, uint64_t number, uint32_t events);
/* After the events: who goes on, who gives way, whose time is over. */
void sv_held_step(struct sv_held *h);
/* How long the next step may be away, in ms; -1: without an event nothing is to be done. */
int sv_held_wait(const struct sv_held *h);
/* From now on connections end with their requests. */
void sv_held_drain(struct sv_held *h);
