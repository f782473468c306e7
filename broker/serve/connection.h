/* SPDX-License-Identifier: Apache-2.0 */
/* The process of a connection's requests, and what the network's process says to it: first two
 * descriptors, then that it is to end; the other way, that a request was answered. */
#pragma once

#include "broker/broker.h"

#define SV_REQUESTS_MAX 100 /* on one connection */

/* --- in the network's process --- */
/* The bytes of HTTP go over `data`, requests over `keeper`. nice: how much less urgent it is than
 * others. left: requests that it may still answer. */
int sv_connection_give(int control, int data, int keeper, unsigned nice, unsigned left,
                       struct sv_err *err);
/* With the answer to the request that it works on. */
void sv_connection_ask_to_end(int control);
/* True when it goes on; *taken is set when it has answered: all bytes of `data` that it has read.
 * False: it has ended, or ends. */
bool sv_connection_hear(int control, uint64_t *taken);

/* --- in it --- */
struct sv_connection {
        int control, data, keeper;
        unsigned left;
};
/* Waits for what sv_connection_give sends. */
int sv_connection_take(int control, struct sv_connection *out, struct sv_err *err);
/* Keeps these descriptors, and gives up all else. */
int sv_connection_enter(const struct sv_connection *c, struct sv_err *err);
/* Takes, enters and serves. */
void sv_connection_serve(struct sv_broker *b, int control);
