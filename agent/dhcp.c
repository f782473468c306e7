/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/dhcp.h"

#include "base/core/rd.h"

#define COOKIE      0x63825363u
#define MESSAGE_MIN 300

enum {
        OPT_PAD = 0,
        OPT_NETMASK = 1,
        OPT_ROUTER = 3,
        OPT_RESOLVER = 6,
        OPT_MTU = 26,
        OPT_REQUESTED = 50,
        OPT_TYPE = 53,
        OPT_SERVER = 54,
        OPT_WANT = 55,
        OPT_ROUTES = 121,
        OPT_END = 255
};

static void put_option_u32(struct sv_buf *out, uint8_t option, uint32_t value)
{
        sv_buf_u8(out, option);
        sv_buf_u8(out, 4);
        sv_buf_u32be(out, value);
}

void sv_dhcp_put(struct sv_buf *out, enum sv_dhcp_type type, const uint8_t mac[6], uint32_t xid,
                 const struct sv_dhcp_lease *offer)
{
        static const uint8_t want[] = {OPT_WANT,     5,       OPT_ROUTES, OPT_NETMASK, OPT_ROUTER,
                                       OPT_RESOLVER, OPT_MTU, OPT_END};

        sv_buf_u32be(out, 0x01010600); /* request, Ethernet, 6 bytes of address, no hops */
        sv_buf_u32be(out, xid);
        sv_buf_u16be(out, 0);      /* seconds */
        sv_buf_u16be(out, 0x8000); /* answer by broadcast: we have no address yet */
        sv_buf_grow(out, 16);      /* ciaddr, yiaddr, siaddr, giaddr */
        sv_buf_put(out, sv_bytes(mac, 6));
        sv_buf_grow(out, 10 + 64 + 128); /* rest of chaddr, sname, file */
        sv_buf_u32be(out, COOKIE);
        sv_buf_u8(out, OPT_TYPE);
        sv_buf_u8(out, 1);
        sv_buf_u8(out, (uint8_t)type);
        if (type == SV_DHCP_REQUEST) {
                put_option_u32(out, OPT_REQUESTED, offer->address);
                put_option_u32(out, OPT_SERVER, offer->server);
        }
        sv_buf_put(out, sv_bytes(want, sizeof(want)));
        /* Some servers and relays drop what is smaller than BOOTP's message. */
        if (out->n < MESSAGE_MIN)
                sv_buf_grow(out, MESSAGE_MIN - out->n);
}

/* RFC 2132; an option that is there must have the size it has to have. Others are passed over. */
static int read_option(uint8_t code, struct sv_rd *v, struct sv_dhcp_lease *lease,
                       struct sv_err *err)
{
        switch (code) {
        case OPT_TYPE:
                lease->type = sv_rd_u8(v);
                break;
        case OPT_NETMASK:
                lease->netmask = sv_rd_u32be(v);
                break;
        case OPT_ROUTER:
                lease->router = sv_rd_u32be(v); /* the best of a list */
                if (sv_rd_left(v) % 4 == 0)
                        sv_rd_rest(v);
                break;
        case OPT_RESOLVER:
                lease->resolvers[0] = sv_rd_u32be(v);
                for (size_t i = 1; sv_rd_left(v) >= 4; i++) {
                        uint32_t a = sv_rd_u32be(v);

                        if (i < SV_RESOLVERS_MAX)
                                lease->resolvers[i] = a;
                }
                break;
        case OPT_MTU:
                lease->mtu = sv_rd_u16be(v);
                if (lease->mtu < SV_MTU_MIN) /* as small as nobody means it */
                        lease->mtu = 0;
                break;
        case OPT_SERVER:
                lease->server = sv_rd_u32be(v);
                break;
        default:
                return 0;
        }
        return sv_rd_done(v, "agent.dhcp.option", "DHCP option", err);
}

/* An address of one machine: not 0.x, loopback, multicast or above. */
static bool is_host(uint32_t a)
{
        return a >> 24 != 0 && a >> 24 != 127 && a >> 28 < 0xe;
}

/* The bits of the destination that count, in as many bytes as they need; the router. */
static void read_route(struct sv_rd *r, struct sv_dhcp_route *route)
{
        route->prefix = sv_rd_u8(r);
        route->to = 0;
        for (unsigned bits = 0; bits < route->prefix && bits < 32; bits += 8)
                route->to |= (uint32_t)sv_rd_u8(r) << (24 - bits);
        if (route->prefix < 32) /* bits behind the prefix do not count */
                route->to &= ~(0xffffffffu >> route->prefix);
        route->router = sv_rd_u32be(r);
}

static int read_routes(struct sv_bytes list, struct sv_dhcp_lease *lease, struct sv_err *err)
{
        struct sv_rd r = sv_rd(list);

        while (sv_rd_left(&r)) {
                struct sv_dhcp_route route;

                read_route(&r, &route);
                if (sv_rd_ok(&r, "agent.dhcp.route", "DHCP route", err) < 0)
                        return -1;
                if (route.prefix > 32 || lease->n_routes == SV_DHCP_ROUTES_MAX ||
                    (route.prefix && !is_host(route.to)) ||
                    (route.router && !is_host(route.router)))
                        return sv_fail(err, SV_FORMAT, "agent.dhcp.route",
                                       "the answer has more than %d routes, or one that goes "
                                       "nowhere",
                                       SV_DHCP_ROUTES_MAX);
                lease->routes[lease->n_routes++] = route;
        }
        /* RFC 3442: the option of old does not count beside them */
        if (lease->n_routes)
                lease->router = 0;
        return 0;
}

/* The list of routes may come in parts (RFC 3396). */
static int read_options(struct sv_rd *r, struct sv_dhcp_lease *lease, struct sv_err *err)
{
        uint8_t routes[SV_DHCP_ROUTES_SIZE];
        size_t n = 0;

        for (;;) {
                uint8_t code = sv_rd_u8(r);

                if (sv_rd_ok(r, "agent.dhcp.short", "DHCP options", err) < 0)
                        return -1;
                if (code == OPT_END)
                        return read_routes(sv_bytes(routes, n), lease, err);
                if (code == OPT_PAD)
                        continue;

                struct sv_rd value = sv_rd_sub(r, sv_rd_u8(r));

                if (sv_rd_ok(&value, "agent.dhcp.short", "DHCP option", err) < 0)
                        return -1;
                if (code != OPT_ROUTES) {
                        if (read_option(code, &value, lease, err) < 0)
                                return -1;
                        continue;
                }
                if (value.n > sizeof(routes) - n)
                        return sv_fail(err, SV_FORMAT, "agent.dhcp.route",
                                       "the answer has more than %d bytes of routes",
                                       SV_DHCP_ROUTES_SIZE);
                sv_rd_copy(&value, routes + n, value.n);
                n += value.n;
        }
}

/* Ones, then zeros. */
static bool is_netmask(uint32_t m)
{
        return m && (~m & (~m + 1)) == 0;
}

int sv_dhcp_parse(struct sv_bytes msg, const uint8_t mac[6], uint32_t xid,
                  struct sv_dhcp_lease *out, struct sv_err *err)
{
        struct sv_dhcp_lease lease = {0};
        struct sv_rd r = sv_rd(msg);
        uint32_t head = sv_rd_u32be(&r);
        uint32_t answered = sv_rd_u32be(&r);

        sv_rd_skip(&r, 4 + 4); /* seconds, flags, ciaddr */
        lease.address = sv_rd_u32be(&r);
        sv_rd_skip(&r, 8);

        struct sv_bytes chaddr = sv_rd_bytes(&r, 6);

        sv_rd_skip(&r, 10 + 64 + 128);

        uint32_t cookie = sv_rd_u32be(&r);

        if (sv_rd_ok(&r, "agent.dhcp.short", "DHCP message", err) < 0)
                return -1;
        if (head >> 8 != 0x020106 || answered != xid || memcmp(chaddr.p, mac, 6) != 0 ||
            cookie != COOKIE)
                return sv_fail(err, SV_FORMAT, "agent.dhcp.other", "not an answer to our request");
        if (read_options(&r, &lease, err) < 0)
                return -1;
        if (lease.type != SV_DHCP_OFFER && lease.type != SV_DHCP_ACK && lease.type != SV_DHCP_NAK)
                return sv_fail(err, SV_FORMAT, "agent.dhcp.type",
                               "a DHCP message of type %d is no answer", (int)lease.type);
        if (lease.type != SV_DHCP_NAK &&
            (!is_host(lease.address) || !is_host(lease.server) || !is_netmask(lease.netmask) ||
             (lease.router && !is_host(lease.router))))
                return sv_fail(
                        err, SV_FORMAT, "agent.dhcp.address",
                        "the answer lacks an address, a netmask or the server, or they are none");
        *out = lease;
        return 0;
}
