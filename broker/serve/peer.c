/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/serve/peer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sv_net_write_peer(const struct sv_net_peer *p, char out[SV_NET_PEER_SIZE])
{
        snprintf(out, SV_NET_PEER_SIZE,
                 "%s %" PRIx64 " %u %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64,
                 p->name, p->source, p->local, p->accepted, p->dropped, p->waiting, p->held,
                 p->deferred);
}

void sv_net_read_peer(const char *line, struct sv_net_peer *out)
{
        uint64_t numbers[6] = {0};
        const char *at = line + strcspn(line, " ");
        char *end;

        *out = (struct sv_net_peer){.source = 0};
        snprintf(out->name, sizeof(out->name), "%.*s", (int)(at - line), line);
        out->source = strtoull(at, &end, 16);
        for (size_t i = 0; i < 6; i++)
                numbers[i] = strtoull(end, &end, 10);
        out->local = numbers[0] == 1;
        out->accepted = numbers[1];
        out->dropped = numbers[2];
        out->waiting = numbers[3];
        out->held = numbers[4];
        out->deferred = numbers[5];
}
