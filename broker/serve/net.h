/* SPDX-License-Identifier: Apache-2.0 */
/* The network's process: it has the TLS key, which no other process has, and nothing else. */
#pragma once

#include "broker/broker.h"

#define SV_NET_READS   'R' /* its report on what it was offered: nothing */
#define SV_NET_LISTENS 'L' /* its report: u16le port, u16le port of metrics (0: none) */

struct sv_net_ports {
        uint16_t port, metrics; /* metrics 0: not listened for */
};
/* Starts it, and what makes its connections' processes (b->http), before there are keys in memory.
 * `fd` is the socket that listens, which it takes; -1: it opens the configured one. out->control
 * gives a channel for each process of a connection, with its peer. It ends its connections and
 * itself on SIGTERM, and when out->control is closed. Fails as TLS key, certificate and address
 * say. */
int sv_net_start(struct sv_broker *b, int fd, struct sv_process *out, struct sv_net_ports *ports,
                 struct sv_err *err);
/* Says where it listens: in the port file, and on standard error. */
int sv_net_announce(const struct sv_broker *b, const struct sv_net_ports *ports,
                    struct sv_err *err);
/* Certificate and key (open files, which it takes) for connections from now on, in two steps: it
 * reads them, and says what is wrong with them; then it uses them, once told so. */
int sv_net_offer_tls(const struct sv_process *net, int cert, int key, struct sv_err *err);
int sv_net_take_tls(const struct sv_process *net, struct sv_err *err);
