/* SPDX-License-Identifier: Apache-2.0 */
/* A process for a connection's requests. */
#include "broker/process/channel.h"
#include "broker/serve/connection.h"
#include "broker/serve/held.h"
#include "broker/serve/peer.h"

#include "base/core/file.h"

static int pass_connection(const struct sv_held *h, const struct sv_conn *c, const int data[2],
                           const int control[2], const int keeper[2], struct sv_err *err)
{
        const struct sv_queue *q = &h->queue;
        struct sv_net_peer peer = {.source = c->source,
                                   .local = c->local,
                                   .accepted = q->added,
                                   .dropped = q->dropped,
                                   .waiting =
                                           q->lines[SV_CONN_SILENT].n + q->lines[SV_CONN_BEGUN].n,
                                   .held = sv_queue_held(q),
                                   .deferred = h->deferred};
        /* The more processes a source has, the less urgent is one more of them: the first of
         * another source does not wait for the processor behind all of these. */
        size_t nice_by = sv_queue_served(q, c->source) / 2;
        char text[SV_NET_PEER_SIZE];

        sv_net_peer(c->fd, peer.name);
        sv_net_write_peer(&peer, text);
        if (sv_connection_give(control[0], data[1], keeper[0],
                               nice_by < 19 ? (unsigned)nice_by : 19, SV_REQUESTS_MAX - c->answers,
                               err) < 0 ||
            sv_control_pass(h->b->http.control, "call", control[1], err) < 0)
                return -1;
        return sv_control_pass(h->keeper, text, keeper[1], err);
}

static void close_pair(int pair[2])
{
        sv_closep(&pair[0]);
        sv_closep(&pair[1]);
}

int sv_held_open_process(const struct sv_held *h, struct sv_conn *c, struct sv_err *err)
{
        int data[2] = {-1, -1}, control[2] = {-1, -1}, keeper[2] = {-1, -1};
        int rc = -1;

        if (sv_channel_pair(data, err) == 0 && sv_control_pair(control, err) == 0 &&
            sv_channel_pair(keeper, err) == 0)
                rc = pass_connection(h, c, data, control, keeper, err);
        if (rc == 0) {
                c->data = data[0];
                c->control = control[0];
                data[0] = control[0] = -1;
        }
        close_pair(data);
        close_pair(control);
        close_pair(keeper);
        return rc;
}
