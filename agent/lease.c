/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/lease.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/crypto/crypto.h"

#define WAIT_MIN_MS 1000
#define WAIT_MAX_MS 4000
#define TAKE_TRIES  2

enum answer { ANSWER_NONE, ANSWER_OFFER, ANSWER_LEASE, ANSWER_REFUSAL };

static int bind_client(const struct sv_lease_client *c)
{
        const struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(68)};
        const struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(546)};

        if (c->v6)
                return bind(c->fd, (const void *)&v6, sizeof(v6));
        return bind(c->fd, (const void *)&v4, sizeof(v4));
}

int sv_lease_begin(struct sv_lease_client *c, const char *name, struct sv_err *err)
{
        int yes = 1;

        c->fd = socket(c->v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (c->fd < 0 ||
            setsockopt(c->fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name) + 1) < 0 ||
            setsockopt(c->fd, SOL_SOCKET, SO_BROADCAST, &yes, sizeof(yes)) < 0 ||
            (c->v6 && setsockopt(c->fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)) < 0) ||
            bind_client(c) < 0) {
                sv_fail_errno(err, "agent.net.dhcp", "cannot open a socket for DHCP on %s", name);
                sv_closep(&c->fd);
                return -1;
        }
        c->state = SV_LEASE_LOOKING;
        c->due = sv_clock_ms();
        c->sent = 0;
        return 0;
}

static void put_message(const struct sv_lease_client *c, struct sv_buf *out)
{
        bool taking = c->state == SV_LEASE_TAKING;

        if (!c->v6)
                sv_dhcp_put(out, taking ? SV_DHCP_REQUEST : SV_DHCP_DISCOVER, c->mac, c->xid,
                            &c->v4_lease);
        else
                sv_dhcp6_put(out,
                             c->no_lease ? SV_DHCP6_INFORMATION
                             : taking    ? SV_DHCP6_REQUEST
                                         : SV_DHCP6_SOLICIT,
                             c->mac, c->xid, &c->v6_lease);
}

static ssize_t send_to_servers(const struct sv_lease_client *c, struct sv_bytes message)
{
        const struct sockaddr_in v4 = {
                .sin_family = AF_INET, .sin_port = htons(67), .sin_addr = {INADDR_BROADCAST}};
        const struct sockaddr_in6 v6 = {/* All_DHCP_Relay_Agents_and_Servers, ff02::1:2 */
                                        .sin6_family = AF_INET6,
                                        .sin6_port = htons(547),
                                        .sin6_scope_id = c->index,
                                        .sin6_addr = {{{0xff, 2, [13] = 1, [15] = 2}}}};

        return sendto(c->fd, message.p, message.n, 0, c->v6 ? (const void *)&v6 : (const void *)&v4,
                      c->v6 ? sizeof(v6) : sizeof(v4));
}

/* Waits of 1, 2, 4, 4, ... seconds: the first answer can be slow when the link has only just come
 * up. */
static int choose_wait(unsigned sent)
{
        return sent < 2 ? WAIT_MIN_MS << sent : WAIT_MAX_MS;
}

void sv_lease_send(struct sv_lease_client *c)
{
        SV_BUF message = SV_BUF_NULL;

        /* who offered something and is silent since then is not waited for */
        if (c->state == SV_LEASE_TAKING && c->sent == TAKE_TRIES)
                c->state = SV_LEASE_LOOKING;
        /* of DHCP, offer and request have one number (RFC 2131 section 4.4.1) */
        if ((c->v6 || c->state == SV_LEASE_LOOKING) && sv_random(&c->xid, sizeof(c->xid), NULL) < 0)
                c->xid += 1;
        put_message(c, &message);
        if (!message.bad)
                send_to_servers(c, sv_buf_bytes(&message));
        c->due = sv_clock_ms() + choose_wait(c->sent++);
}

static enum answer read_v4_answer(struct sv_lease_client *c, struct sv_bytes in)
{
        struct sv_dhcp_lease got;
        bool taking = c->state == SV_LEASE_TAKING;

        if (sv_dhcp_parse(in, c->mac, c->xid, &got, NULL) < 0)
                return ANSWER_NONE;
        if (taking && got.type == SV_DHCP_NAK)
                return ANSWER_REFUSAL;
        if (got.type != (taking ? SV_DHCP_ACK : SV_DHCP_OFFER) ||
            (taking && got.server != c->v4_lease.server))
                return ANSWER_NONE;
        c->v4_lease = got;
        return taking ? ANSWER_LEASE : ANSWER_OFFER;
}

static bool is_same_server(const struct sv_dhcp6_lease *a, const struct sv_dhcp6_lease *b)
{
        return a->server_n == b->server_n && !memcmp(a->server, b->server, a->server_n);
}

static enum answer read_v6_answer(struct sv_lease_client *c, struct sv_bytes in)
{
        struct sv_dhcp6_lease got;
        bool taking = c->state == SV_LEASE_TAKING;

        if (sv_dhcp6_parse(in, c->mac, c->xid, &got, NULL) < 0)
                return ANSWER_NONE;
        if (got.type != (taking || c->no_lease ? SV_DHCP6_REPLY : SV_DHCP6_ADVERTISE) ||
            (!c->no_lease && !got.has_address) || (taking && !is_same_server(&got, &c->v6_lease)))
                return ANSWER_NONE;
        c->v6_lease = got;
        return taking || c->no_lease ? ANSWER_LEASE : ANSWER_OFFER;
}

bool sv_lease_receive(struct sv_lease_client *c)
{
        uint8_t in[2048];
        ssize_t n = recv(c->fd, in, sizeof(in), 0);
        struct sv_bytes message = sv_bytes(in, n < 0 ? 0 : (size_t)n);

        switch (c->v6 ? read_v6_answer(c, message) : read_v4_answer(c, message)) {
        case ANSWER_NONE:
                return false;
        case ANSWER_OFFER:
                c->state = SV_LEASE_TAKING;
                c->sent = 0;
                sv_lease_send(c);
                return false;
        case ANSWER_REFUSAL:
                c->state = SV_LEASE_LOOKING;
                return false; /* looks again when it is due */
        case ANSWER_LEASE:
                sv_closep(&c->fd);
                c->state = SV_LEASE_DONE;
                return true;
        }
        return false;
}

void sv_lease_end(struct sv_lease_client *c)
{
        sv_closep(&c->fd);
        c->state = SV_LEASE_OFF;
}
