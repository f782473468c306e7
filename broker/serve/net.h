/* SPDX-License-Identifier: Apache-2.0 */
/* The network's process: it has the TLS key, which no other process has, and nothing else. */
#pragma once

#include "broker/broker.h"

#define SV_NET_LISTENS 'L' /* its report: u16le port */

/* What goes with each connection's channel: the peer's name, a space, its source in hex. */
#define SV_NET_PEER_SIZE 112

/* Starts it, before there are other keys in memory. `fd` is the socket that listens, which it
 * takes; -1: it opens the configured one. out->control gives a channel for each
 * connection, with its peer. It ends its connections and itself on SIGTERM, and when
 * out->control is closed. Fails as TLS key, certificate and address say. */
int sv_net_start(struct sv_broker *b, int fd, struct sv_process *out, uint16_t *port,
                 struct sv_err *err);
/* One connection, in its own process, which keeps these descriptors and gives up all else: */
int sv_connection_enter(int fd, int keeper, struct sv_err *err);
/* enters, and serves; fd is closed. */
void sv_connection_serve(struct sv_broker *b, int fd, int keeper);
