/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/dhcp6.h"

#include "base/core/rd.h"

#define DUID_SIZE 10 /* of ours: DUID-LL of an Ethernet card */

enum {
        OPT_CLIENT = 1,
        OPT_SERVER = 2,
        OPT_ASSOCIATION = 3,
        OPT_ADDRESS = 5,
        OPT_WANT = 6,
        OPT_ELAPSED = 8,
        OPT_STATUS = 13,
        OPT_RESOLVER = 23
};

static void make_duid(const uint8_t mac[6], uint8_t duid[DUID_SIZE])
{
        memcpy(duid, "\0\3\0\1", 4); /* DUID-LL, Ethernet */
        memcpy(duid + 4, mac, 6);
}

/* The same at each boot: by the card. */
static uint32_t association_of(const uint8_t mac[6])
{
        return (uint32_t)mac[2] << 24 | (uint32_t)mac[3] << 16 | (uint32_t)mac[4] << 8 | mac[5];
}

static void put_dhcp6_option(struct sv_buf *out, uint16_t code, struct sv_bytes value)
{
        sv_buf_u16be(out, code);
        sv_buf_u16be(out, (uint16_t)value.n);
        sv_buf_put(out, value);
}

static void put_association(struct sv_buf *out, const uint8_t mac[6],
                            const struct sv_dhcp6_lease *offer)
{
        sv_buf_u16be(out, OPT_ASSOCIATION);
        sv_buf_u16be(out, offer ? 12 + 4 + 24 : 12);
        sv_buf_u32be(out, association_of(mac));
        sv_buf_grow(out, 8); /* when to renew: the server knows */
        if (!offer)
                return;
        sv_buf_u16be(out, OPT_ADDRESS);
        sv_buf_u16be(out, 24);
        sv_buf_put(out, sv_bytes(offer->address, 16));
        sv_buf_grow(out, 8); /* for how long: likewise */
}

void sv_dhcp6_put(struct sv_buf *out, enum sv_dhcp6_type type, const uint8_t mac[6], uint32_t xid,
                  const struct sv_dhcp6_lease *offer)
{
        uint8_t duid[DUID_SIZE];

        make_duid(mac, duid);
        sv_buf_u32be(out, (uint32_t)type << 24 | (xid & 0xffffff));
        put_dhcp6_option(out, OPT_CLIENT, sv_bytes(duid, sizeof(duid)));
        if (type == SV_DHCP6_REQUEST)
                put_dhcp6_option(out, OPT_SERVER, sv_bytes(offer->server, offer->server_n));
        if (type != SV_DHCP6_INFORMATION)
                put_association(out, mac, type == SV_DHCP6_REQUEST ? offer : NULL);
        put_dhcp6_option(out, OPT_ELAPSED, sv_bytes("\0\0", 2));
        put_dhcp6_option(out, OPT_WANT, sv_bytes((uint8_t[]){0, OPT_RESOLVER}, 2));
}

/* The next option's code, and its value as a reader of its own. */
static int read_dhcp6_head(struct sv_rd *r, uint16_t *code, struct sv_rd *value, struct sv_err *err)
{
        *code = sv_rd_u16be(r);
        *value = sv_rd_sub(r, sv_rd_u16be(r));
        return sv_rd_ok(value, "agent.dhcp6.short", "DHCPv6 option", err);
}

static int read_status(struct sv_rd *v, struct sv_err *err)
{
        unsigned status = sv_rd_u16be(v);

        sv_rd_rest(v); /* a text for people */
        if (sv_rd_ok(v, "agent.dhcp6.option", "DHCPv6 status", err) < 0)
                return -1;
        if (status)
                return sv_fail(err, SV_FORMAT, "agent.dhcp6.status",
                               "the DHCPv6 server refuses with status %u", status);
        return 0;
}

/* Not the unspecified address, the loopback, a group's or one of a link only. */
static bool is_global(const uint8_t a[16])
{
        static const uint8_t zeros[15];

        return memcmp(a, zeros, sizeof(zeros)) != 0 && a[0] != 0xff &&
               !(a[0] == 0xfe && (a[1] & 0xc0) == 0x80);
}

static int read_dhcp6_address(struct sv_rd *v, struct sv_dhcp6_lease *lease, struct sv_err *err)
{
        uint8_t address[16];
        uint32_t valid;

        sv_rd_copy(v, address, sizeof(address));
        sv_rd_u32be(v);
        valid = sv_rd_u32be(v);
        sv_rd_rest(v); /* options of the address */
        if (sv_rd_ok(v, "agent.dhcp6.option", "DHCPv6 address", err) < 0)
                return -1;
        if (!valid || lease->has_address) /* taken back; one is enough */
                return 0;
        if (!is_global(address))
                return sv_fail(err, SV_FORMAT, "agent.dhcp6.address",
                               "the answer's address is none of a machine");
        memcpy(lease->address, address, sizeof(address));
        lease->has_address = true;
        return 0;
}

static int read_association(struct sv_rd *v, const uint8_t mac[6], struct sv_dhcp6_lease *lease,
                            struct sv_err *err)
{
        uint32_t association = sv_rd_u32be(v);

        sv_rd_skip(v, 8);
        if (sv_rd_ok(v, "agent.dhcp6.option", "DHCPv6 association", err) < 0)
                return -1;
        if (association != association_of(mac))
                return sv_fail(err, SV_FORMAT, "agent.dhcp6.other",
                               "the answer is about an association that is not ours");
        while (sv_rd_left(v)) {
                struct sv_rd value;
                uint16_t code;

                if (read_dhcp6_head(v, &code, &value, err) < 0)
                        return -1;
                if (code == OPT_ADDRESS && read_dhcp6_address(&value, lease, err) < 0)
                        return -1;
                if (code == OPT_STATUS && read_status(&value, err) < 0)
                        return -1;
        }
        return 0;
}

static int read_resolvers(struct sv_rd *v, struct sv_dhcp6_lease *lease, struct sv_err *err)
{
        if (!sv_rd_left(v) || sv_rd_left(v) % 16)
                return sv_fail(err, SV_FORMAT, "agent.dhcp6.option",
                               "a list of resolvers has %zu bytes", sv_rd_left(v));
        while (sv_rd_left(v)) {
                const uint8_t *a = sv_rd_take(v, 16);

                if (lease->n_resolvers < SV_RESOLVERS_MAX)
                        memcpy(lease->resolvers[lease->n_resolvers++], a, 16);
        }
        return 0;
}

static int read_server(struct sv_rd *v, struct sv_dhcp6_lease *lease, struct sv_err *err)
{
        size_t n = sv_rd_left(v);

        if (n < 1 || n > SV_DUID_MAX || lease->server_n)
                return sv_fail(err, SV_FORMAT, "agent.dhcp6.option",
                               "one server with a name of 1 to %d bytes was expected", SV_DUID_MAX);
        sv_rd_copy(v, lease->server, n);
        lease->server_n = n;
        return 0;
}

static int read_dhcp6_option(uint16_t code, struct sv_rd *v, const uint8_t mac[6], bool *ours,
                             struct sv_dhcp6_lease *lease, struct sv_err *err)
{
        uint8_t duid[DUID_SIZE];
        struct sv_bytes client;

        switch (code) {
        case OPT_CLIENT:
                make_duid(mac, duid);
                client = sv_rd_rest(v);
                *ours = client.n == sizeof(duid) && !memcmp(client.p, duid, sizeof(duid));
                return 0;
        case OPT_SERVER:
                return read_server(v, lease, err);
        case OPT_ASSOCIATION:
                return read_association(v, mac, lease, err);
        case OPT_STATUS:
                return read_status(v, err);
        case OPT_RESOLVER:
                return read_resolvers(v, lease, err);
        default:
                return 0;
        }
}

int sv_dhcp6_parse(struct sv_bytes msg, const uint8_t mac[6], uint32_t xid,
                   struct sv_dhcp6_lease *out, struct sv_err *err)
{
        struct sv_dhcp6_lease lease = {0};
        struct sv_rd r = sv_rd(msg);
        uint32_t head = sv_rd_u32be(&r);
        bool ours = false;

        if (sv_rd_ok(&r, "agent.dhcp6.short", "DHCPv6 message", err) < 0)
                return -1;
        lease.type = head >> 24;
        if ((lease.type != SV_DHCP6_ADVERTISE && lease.type != SV_DHCP6_REPLY) ||
            (head & 0xffffff) != (xid & 0xffffff))
                return sv_fail(err, SV_FORMAT, "agent.dhcp6.other",
                               "not an answer to our DHCPv6 request");
        while (sv_rd_left(&r)) {
                struct sv_rd value;
                uint16_t code;

                if (read_dhcp6_head(&r, &code, &value, err) < 0 ||
                    read_dhcp6_option(code, &value, mac, &ours, &lease, err) < 0)
                        return -1;
        }
        if (!ours || !lease.server_n)
                return sv_fail(err, SV_FORMAT, "agent.dhcp6.other",
                               "the DHCPv6 answer names another client, or no server");
        *out = lease;
        return 0;
}
