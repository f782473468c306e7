/* SPDX-License-Identifier: Apache-2.0 */
/* Whose requests a channel to the keeper has, as the network's process says. */
#pragma once

#include <stdint.h>

/* What goes with each connection's channel, as a line of so many bytes; sv_net_write_peer writes
 * it. */
#define SV_NET_PEER_SIZE 192

struct sv_net_peer {
        char name[80];   /* address and port */
        uint64_t source; /* broker/serve/source.h */
        unsigned local;  /* it came to the address for metrics */
        /* connections, as the network's process counts them */
        uint64_t accepted, dropped, waiting, held, deferred;
};
void sv_net_write_peer(const struct sv_net_peer *p, char out[SV_NET_PEER_SIZE]);
/* What cannot be read is 0, or "". */
void sv_net_read_peer(const char *line, struct sv_net_peer *out);
