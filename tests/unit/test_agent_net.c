/* SPDX-License-Identifier: Apache-2.0 */
/* agent: the command line's words of the network, DHCP messages, /etc/resolv.conf; one change at a
 * time. IPv6's messages: test_agent_net6.c. */
#include "unit.h"

#include "agent/config.h"
#include "agent/dhcp.h"
#include "agent/net.h"
#include "base/core/buf.h"
#include "base/core/file.h"

static struct sv_err err;

static int parse(const char *text, struct sv_agent_config *c)
{
        return sv_agent_config_parse(sv_bytes_str(text), c, &err);
}

#define NIC "securevm.nic=52:54:00:12:34:56"

static void test_ip(void **state)
{
        struct sv_agent_config c;

        OK(parse("securevm.ip=192.0.2.7/24,192.0.2.1", &c));
        assert_int_equal(c.n_nics, 1);
        assert_true(c.nics[0].first);
        assert_memory_equal(c.nics[0].addresses[0].bytes, "\xc0\0\2\7", 4);
        assert_memory_equal(c.nics[0].gateways[0].bytes, "\xc0\0\2\1", 4);
        assert_int_equal(c.nics[0].addresses[0].prefix, 24);
        assert_int_equal(c.nics[0].n_resolvers, 0);
        OK(parse("securevm.ip=192.0.2.7/1,192.0.2.1", &c));
        assert_int_equal(c.nics[0].addresses[0].prefix, 1);
        OK(parse("securevm.ip=192.0.2.7/32,192.0.2.1", &c));
        assert_int_equal(c.nics[0].addresses[0].prefix, 32);
        OK(parse("securevm.ip=192.0.2.7/24,192.0.2.1,192.0.2.53,192.0.2.54", &c));
        assert_int_equal(c.nics[0].n_resolvers, 2);
        assert_memory_equal(c.nics[0].resolvers[1].bytes, "\xc0\0\2\x36", 4);
}

static void test_nic(void **state)
{
        struct sv_agent_config c;
        const struct sv_agent_nic *n = &c.nics[0];

        OK(parse(NIC
                 ",address=192.0.2.7/32,address=2001:db8::7/64,gateway=192.0.2.1,gateway=fe80::1,"
                 "dns=192.0.2.53,dns=2001:db8::53,vlan=7,mtu=1400 quiet "
                 "securevm.nic=52:54:00:12:34:57,vlan=4094,mtu=576 "
                 "securevm.card=52:54:00:12:34:57 securevm.wait=86400",
                 &c));
        assert_int_equal(c.n_nics, 2);
        assert_false(n->first);
        assert_memory_equal(n->mac, "\x52\x54\0\x12\x34\x56", 6);
        assert_int_equal(n->n_addresses, 2);
        assert_int_equal(n->addresses[0].prefix, 32);
        assert_int_equal(n->addresses[1].family, 6);
        assert_int_equal(n->addresses[1].prefix, 64);
        assert_int_equal(n->n_gateways, 2);
        assert_int_equal(n->gateways[1].family, 6);
        assert_int_equal(n->n_resolvers, 2);
        assert_int_equal(n->vlan, 7);
        assert_int_equal(n->mtu, 1400);
        assert_int_equal(c.nics[1].vlan, SV_VLAN_MAX);
        assert_int_equal(c.nics[1].n_addresses, 0);
        assert_true(c.has_card);
        assert_int_equal(c.card[5], 0x57);
        assert_int_equal(c.wait_s, SV_WAIT_MAX_S);
        OK(parse(NIC, &c)); /* nothing to say is no mistake */
        assert_false(c.has_card);
}

static void test_bad_net_words(void **state)
{
        static const struct {
                const char *text, *check;
        } cases[] = {
                {"securevm.ip=192.0.2.7", "agent.cmdline.ip"},
                {"securevm.ip=192.0.2.7/24", "agent.cmdline.ip"},
                {"securevm.ip=192.0.2.7,192.0.2.1/24", "agent.cmdline.ip"},
                {"securevm.ip=192.0.2.7/0,192.0.2.1", "agent.cmdline.ip"},
                {"securevm.ip=192.0.2.7/33,192.0.2.1", "agent.cmdline.ip"},
                {"securevm.ip=192.0.2.7/-1,192.0.2.1", "agent.cmdline.ip"},
                {"securevm.ip=192.0.2.7/24x,192.0.2.1", "agent.cmdline.ip"},
                {"securevm.ip=192.0.2.300/24,192.0.2.1", "agent.cmdline.ip"},
                {"securevm.ip=192.0.2.7/24,gateway", "agent.cmdline.ip"},
                {"securevm.ip=192.0.2.7/24,192.0.2.1,", "agent.cmdline.ip"},
                {"securevm.ip=192.0.2.7/24,192.0.2.1,x", "agent.cmdline.ip"},
                {"securevm.ip=192.0.2.7/24,192.0.2.1,1.1.1.1,2.2.2.2,3.3.3.3,4.4.4.4",
                 "agent.cmdline.ip"},
                {"securevm.ip=2001:db8::7/64,192.0.2.1", "agent.cmdline.ip"},
                {"securevm.ip=192.0.2.7/24,fe80::1", "agent.cmdline.ip"},
                {"securevm.ip=", "agent.cmdline.ip"},
                {NIC " securevm.ip=192.0.2.7/24,192.0.2.1", "agent.cmdline.ip"},
                {"securevm.ip=192.0.2.7/24,192.0.2.1 " NIC, "agent.cmdline.nic"},
                {NIC " " NIC, "agent.cmdline.nic"},
                {"securevm.nic=", "agent.cmdline.nic"},
                {"securevm.nic=eth0", "agent.cmdline.nic"},
                {"securevm.nic=53:54:00:12:34:56", "agent.cmdline.nic"},
                {NIC ",", "agent.cmdline.nic"},
                {NIC ",address", "agent.cmdline.nic"},
                {NIC ",address=", "agent.cmdline.nic"},
                {NIC ",=1", "agent.cmdline.nic"},
                {NIC ",bond=eth1", "agent.cmdline.nic"},
                {NIC ",addresses=192.0.2.7/24", "agent.cmdline.nic"},
                {NIC ",address=192.0.2.7", "agent.cmdline.nic"},
                {NIC ",address=127.0.0.1/8", "agent.cmdline.nic"},
                {NIC ",address=224.0.0.1/8", "agent.cmdline.nic"},
                {NIC ",address=1.0.0.1/8,address=1.0.0.2/8,address=1.0.0.3/8,address=1.0.0.4/8,"
                     "address=1.0.0.5/8",
                 "agent.cmdline.nic"},
                {NIC ",gateway=192.0.2.1/24", "agent.cmdline.nic"},
                {NIC ",gateway=1.0.0.1,gateway=1.0.0.2,gateway=1.0.0.3", "agent.cmdline.nic"},
                {NIC ",dns=::", "agent.cmdline.nic"},
                {NIC ",dns=1.0.0.1,dns=1.0.0.2,dns=1.0.0.3,dns=1.0.0.4", "agent.cmdline.nic"},
                {NIC ",vlan=0", "agent.cmdline.nic"},
                {NIC ",vlan=4095", "agent.cmdline.nic"},
                {NIC ",vlan=07", "agent.cmdline.nic"},
                {NIC ",vlan=7,vlan=8", "agent.cmdline.nic"},
                {NIC ",vlan=4294967303", "agent.cmdline.nic"},
                {NIC ",mtu=575", "agent.cmdline.nic"},
                {NIC ",mtu=65536", "agent.cmdline.nic"},
                {NIC ",mtu=1400,mtu=1400", "agent.cmdline.nic"},
                {NIC ",mtu=+1400", "agent.cmdline.nic"},
                {"securevm.card=eth0", "agent.cmdline.card"},
                {"securevm.card=", "agent.cmdline.card"},
                {"securevm.card=52:54:00:12:34:56 securevm.card=52:54:00:12:34:56",
                 "agent.cmdline.twice"},
                {"securevm.wait=0", "agent.cmdline.wait"},
                {"securevm.wait=86401", "agent.cmdline.wait"},
                {"securevm.wait=", "agent.cmdline.wait"},
                {"securevm.wait=3m", "agent.cmdline.wait"},
        };
        struct sv_agent_config c;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                if (parse(cases[i].text, &c) == 0 || strcmp(err.check, cases[i].check))
                        fail_msg("%s: expected %s, got %s", cases[i].text, cases[i].check,
                                 err.check);
                assert_int_equal(err.class, SV_USAGE);
        }
}

static void test_nics_limit(void **state)
{
        struct sv_agent_config c;
        SV_BUF text = SV_BUF_NULL;

        for (int i = 0; i <= SV_GUEST_NICS_MAX; i++) {
                if (i == SV_GUEST_NICS_MAX) {
                        OK(parse(sv_buf_str(&text), &c));
                        assert_int_equal(c.n_nics, SV_GUEST_NICS_MAX);
                }
                sv_buf_printf(&text, "securevm.nic=52:54:00:12:34:%02d,mtu=1400 ", i);
        }
        FAILS(parse(sv_buf_str(&text), &c), SV_USAGE, "agent.cmdline.nic");
}

static const uint8_t mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
#define XID     0x01020304
#define OPTIONS 240 /* where they begin */

/* What a server says; options in the order of `more`, after type, server, netmask and router. */
static void put_answer(struct sv_buf *b, uint8_t type)
{
        static const uint8_t options[] = {54,  4, 10, 0, 2,  2, 1,  4,   255, 255,
                                          255, 0, 3,  8, 10, 0, 2,  2,   10,  0,
                                          2,   3, 51, 4, 0,  1, 81, 128, 255};

        sv_buf_clear(b);
        sv_buf_u32be(b, 0x02010600);
        sv_buf_u32be(b, XID);
        sv_buf_grow(b, 8);
        sv_buf_u32be(b, 0x0a00020f);
        sv_buf_grow(b, 8);
        sv_buf_put(b, sv_bytes(mac, 6));
        sv_buf_grow(b, 202);
        sv_buf_u32be(b, 0x63825363);
        sv_buf_put(b, sv_bytes((uint8_t[]){0, 53, 1, type}, 4));
        sv_buf_put(b, sv_bytes(options, sizeof(options)));
        assert_int_equal(b->bad, false);
}

/* An answer with more options; they end it. */
static void put_options(struct sv_buf *b, const uint8_t *options, size_t n)
{
        put_answer(b, SV_DHCP_ACK);
        b->n--; /* instead of the end */
        sv_buf_put(b, sv_bytes(options, n));
}

static int parse_answer(const struct sv_buf *b, struct sv_dhcp_lease *lease)
{
        return sv_dhcp_parse(sv_buf_bytes(b), mac, XID, lease, &err);
}

static void test_dhcp_answer(void **state)
{
        struct sv_dhcp_lease lease;
        SV_BUF b = SV_BUF_NULL;

        put_answer(&b, SV_DHCP_OFFER);
        OK(parse_answer(&b, &lease));
        assert_int_equal(lease.type, SV_DHCP_OFFER);
        assert_int_equal(lease.address, 0x0a00020f);
        assert_int_equal(lease.server, 0x0a000202);
        assert_int_equal(lease.netmask, 0xffffff00);
        assert_int_equal(lease.router, 0x0a000202);
        sv_buf_grow(&b, 60); /* padding behind the end */
        OK(parse_answer(&b, &lease));
        put_answer(&b, SV_DHCP_NAK);
        memset(b.p + 16, 0, 4);
        OK(parse_answer(&b, &lease));
        assert_int_equal(lease.type, SV_DHCP_NAK);
}

/* What is written for them; NULL: no file. A machine that takes no file ends it. */
static void expect_resolvers(const struct sv_address *addresses, size_t n, const char *text)
{
        char dir[] = "/tmp/sv-resolvers-XXXXXX";
        const struct sv_machine m = {.files = dir};
        SV_STR path = sv_asprintf("%s/etc/resolv.conf", mkdtemp(dir));
        SV_BUF got = SV_BUF_NULL;

        OK(sv_net_resolvers(&m, addresses, n, &err));
        assert_int_equal(access(path, F_OK), text ? 0 : -1);
        if (text) {
                OK(sv_file_read(path, 4096, &got, "test", &err));
                assert_string_equal(sv_buf_str(&got), text);
                assert_int_equal(unlink(path), 0);
                OK(sv_mkdirs(path, 0755, &err));
                FAILS(sv_net_resolvers(&m, addresses, n, &err), SV_SYSTEM, "file.write");
        }
        OK(sv_remove_tree(dir, &err));
        OK(sv_file_write(dir, 0644, SV_BYTES_NULL, &err));
        if (text)
                FAILS(sv_net_resolvers(&m, addresses, n, &err), SV_SYSTEM, "file.mkdir");
        unlink(dir);
}

/* Option 6: as many as the C library asks are kept. */
static void test_resolvers(void **state)
{
        static const uint8_t four[] = {6,   16, 10, 0, 2,  3, 192, 0, 2,  53,
                                       127, 0,  0,  1, 10, 0, 0,   9, 255},
                             none[] = {6, 0, 255}, odd[] = {6, 6, 10, 0, 2, 3, 1, 2, 255};
        const struct sv_address two[] = {sv_address_v4(0x0a000203, 32),
                                         {.family = 6, .prefix = 128, .bytes = {0xfd, [15] = 3}}};
        struct sv_dhcp_lease lease;
        SV_BUF b = SV_BUF_NULL;

        put_answer(&b, SV_DHCP_ACK);
        OK(parse_answer(&b, &lease));
        assert_int_equal(lease.resolvers[0], 0);
        put_options(&b, four, sizeof(four));
        OK(parse_answer(&b, &lease));
        assert_int_equal(lease.resolvers[0], 0x0a000203);
        assert_int_equal(lease.resolvers[1], 0xc0000235);
        assert_int_equal(lease.resolvers[2], 0x7f000001);
        put_options(&b, none, sizeof(none));
        FAILS(parse_answer(&b, &lease), SV_FORMAT, "agent.dhcp.option");
        put_options(&b, odd, sizeof(odd));
        FAILS(parse_answer(&b, &lease), SV_FORMAT, "agent.dhcp.option");
        expect_resolvers(two, 2,
                         "nameserver 10.0.2.3\nnameserver fd00::3\noptions timeout:2 "
                         "attempts:2\n");
        expect_resolvers(two, 0, NULL);
}

/* Option 26; a size that nobody means does not count. */
static void test_dhcp_mtu(void **state)
{
        static const struct {
                uint8_t option[5];
                unsigned mtu;
        } t[] = {
                {{26, 2, 5, 120, 255}, 1400},
                {{26, 2, SV_MTU_MIN >> 8, SV_MTU_MIN & 255, 255}, SV_MTU_MIN},
                {{26, 2, (SV_MTU_MIN - 1) >> 8, (SV_MTU_MIN - 1) & 255, 255}, 0},
                {{26, 2, 0, 0, 255}, 0},
                {{26, 2, 255, 255, 255}, 65535},
        };
        struct sv_dhcp_lease lease;
        SV_BUF b = SV_BUF_NULL;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                put_options(&b, t[i].option, sizeof(t[i].option));
                OK(parse_answer(&b, &lease));
                assert_int_equal(lease.mtu, t[i].mtu);
        }
        put_options(&b, (const uint8_t[]){26, 1, 5, 255}, 4);
        FAILS(parse_answer(&b, &lease), SV_FORMAT, "agent.dhcp.option");
        put_options(&b, (const uint8_t[]){26, 3, 5, 0, 0, 255}, 6);
        FAILS(parse_answer(&b, &lease), SV_FORMAT, "agent.dhcp.option");
}

/* Option 121, also in parts; the router of old does not count beside it. */
static void test_dhcp_routes(void **state)
{
        static const uint8_t routes[] = {
                121, 9,  32,  10,  0,   2,   1,   0,  0,   0,  0, /* on the link */
                121, 2,  0,   10,                                 /* a part of the next one */
                1,   4,  255, 255, 255, 255,                      /* others between them */
                121, 11, 0,   2,   9,   20,  172, 16, 255, 10, 0, 2, 8, 255};
        struct sv_dhcp_lease lease;
        SV_BUF b = SV_BUF_NULL;

        put_answer(&b, SV_DHCP_ACK);
        OK(parse_answer(&b, &lease));
        assert_int_equal(lease.n_routes, 0);
        assert_int_equal(lease.router, 0x0a000202);
        put_options(&b, routes, sizeof(routes));
        OK(parse_answer(&b, &lease));
        assert_int_equal(lease.router, 0);
        assert_int_equal(lease.netmask, 0xffffffff);
        assert_int_equal(lease.n_routes, 3);
        assert_int_equal(lease.routes[0].to, 0x0a000201);
        assert_int_equal(lease.routes[0].prefix, 32);
        assert_int_equal(lease.routes[0].router, 0);
        assert_int_equal(lease.routes[1].to, 0);
        assert_int_equal(lease.routes[1].prefix, 0);
        assert_int_equal(lease.routes[1].router, 0x0a000209);
        assert_int_equal(lease.routes[2].to, 0xac10f000); /* the bits behind the prefix are gone */
        assert_int_equal(lease.routes[2].prefix, 20);
        assert_int_equal(lease.routes[2].router, 0x0a000208);
}

static void test_dhcp_bad_routes(void **state)
{
        static const struct {
                uint8_t n, list[12];
        } bad[] = {
                {1, {0}},                                 /* no router */
                {4, {0, 10, 0, 2}},                       /* a part of one */
                {5, {33, 10, 0, 2, 1}},                   /* a prefix that there is not */
                {9, {33, 10, 0, 2, 1, 10, 0, 2, 1}},      /* the same, whole */
                {8, {255, 10, 0, 2, 1, 10, 0, 2}},        /* and the longest */
                {6, {8, 127, 10, 0, 2, 1}},               /* to the loopback */
                {6, {8, 224, 10, 0, 2, 1}},               /* to a group */
                {6, {8, 0, 10, 0, 2, 1}},                 /* to nobody */
                {6, {8, 10, 127, 0, 0, 1}},               /* by the loopback */
                {5, {0, 255, 255, 255, 255}},             /* by everybody */
                {6, {0, 10, 0, 2, 1, 24}},                /* a second one without its bytes */
                {10, {0, 10, 0, 2, 1, 24, 10, 0, 2, 10}}, /* a second one cut short */
        };
        struct sv_dhcp_lease lease;
        SV_BUF b = SV_BUF_NULL;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                uint8_t option[16] = {121, bad[i].n};

                memcpy(option + 2, bad[i].list, bad[i].n);
                option[2 + bad[i].n] = 255;
                put_options(&b, option, 3u + bad[i].n);
                FAILS(parse_answer(&b, &lease), SV_FORMAT, "agent.dhcp.route");
        }
}

/* n routes, in options of 50 each. */
static int take_routes(size_t n, size_t bytes)
{
        static const uint8_t by_default[] = {0, 10, 0, 2, 1},
                             one[] = {32, 10, 0, 2, 1, 10, 0, 2, 1}, end = 255;
        struct sv_bytes route = bytes == 5 ? sv_bytes(by_default, 5) : sv_bytes(one, 9);
        struct sv_dhcp_lease lease;
        SV_BUF b = SV_BUF_NULL;

        put_answer(&b, SV_DHCP_ACK);
        b.n--;
        for (size_t i = 0; i < n; i++) {
                sv_buf_u8(&b, 121);
                sv_buf_u8(&b, (uint8_t)route.n);
                sv_buf_put(&b, route);
        }
        sv_buf_put(&b, sv_bytes(&end, 1));
        return parse_answer(&b, &lease) < 0 ? -1 : (int)lease.n_routes;
}

static void test_dhcp_routes_limit(void **state)
{
        /* the longest form: the bytes of the list are the limit; the shortest: their number */
        assert_int_equal(take_routes(SV_DHCP_ROUTES_MAX, 9), SV_DHCP_ROUTES_MAX);
        FAILS(take_routes(SV_DHCP_ROUTES_MAX + 1, 9), SV_FORMAT, "agent.dhcp.route");
        assert_non_null(strstr(err.msg, "bytes of routes"));
        assert_int_equal(take_routes(SV_DHCP_ROUTES_MAX, 5), SV_DHCP_ROUTES_MAX);
        FAILS(take_routes(SV_DHCP_ROUTES_MAX + 1, 5), SV_FORMAT, "agent.dhcp.route");
        assert_non_null(strstr(err.msg, "more than 32 routes"));
}

static void test_dhcp_request(void **state)
{
        const struct sv_dhcp_lease offer = {.address = 0x0a00020f, .server = 0x0a000202};
        SV_BUF b = SV_BUF_NULL;

        sv_dhcp_put(&b, SV_DHCP_DISCOVER, mac, XID, NULL);
        assert_int_equal(b.n, 300);
        assert_memory_equal(b.p, "\1\1\6\0\1\2\3\4\0\0\x80\0", 12);
        assert_memory_equal(b.p + 28, mac, 6);
        assert_memory_equal(b.p + OPTIONS, "\x35\1\1\x37\5\x79\1\3\6\x1a\xff", 11);
        sv_buf_clear(&b);
        sv_dhcp_put(&b, SV_DHCP_REQUEST, mac, XID, &offer);
        assert_int_equal(b.n, 300);
        assert_memory_equal(b.p + OPTIONS,
                            "\x35\1\3\x32\4\12\0\2\17\x36\4\12\0\2\2\x37\5\x79\1\3\6\x1a"
                            "\xff",
                            23);
}

static void test_dhcp_malformed(void **state)
{
        static const struct {
                size_t at;
                uint8_t byte;
                const char *check;
        } cases[] = {
                {0, 1, "agent.dhcp.other"},                /* a request */
                {1, 6, "agent.dhcp.other"},                /* of another kind of network */
                {2, 16, "agent.dhcp.other"},               /* of another size of address */
                {7, 5, "agent.dhcp.other"},                /* to another request */
                {33, 0x57, "agent.dhcp.other"},            /* to another card */
                {OPTIONS - 1, 0, "agent.dhcp.other"},      /* no options follow */
                {16, 0, "agent.dhcp.address"},             /* 0.0.2.15 */
                {16, 127, "agent.dhcp.address"},           /* loopback */
                {16, 224, "agent.dhcp.address"},           /* multicast */
                {OPTIONS + 3, 1, "agent.dhcp.type"},       /* a DISCOVER */
                {OPTIONS + 3, 4, "agent.dhcp.type"},       /* a DECLINE */
                {OPTIONS + 1, 99, "agent.dhcp.type"},      /* none */
                {OPTIONS + 2, 0, "agent.dhcp.option"},     /* a type of no bytes */
                {OPTIONS + 5, 3, "agent.dhcp.option"},     /* a server of 3 bytes */
                {OPTIONS + 4, 99, "agent.dhcp.address"},   /* no server */
                {OPTIONS + 6, 240, "agent.dhcp.address"},  /* a server that is none */
                {OPTIONS + 10, 99, "agent.dhcp.address"},  /* no netmask */
                {OPTIONS + 13, 253, "agent.dhcp.address"}, /* a netmask with a hole */
                {OPTIONS + 17, 7, "agent.dhcp.option"},    /* a router and three quarters */
                {OPTIONS + 17, 0, "agent.dhcp.option"},    /* no router in the option */
                {OPTIONS + 18, 0, "agent.dhcp.address"},   /* a router that is none */
                {OPTIONS + 27, 200, "agent.dhcp.short"},   /* an option longer than the message */
                {OPTIONS + 32, 54, "agent.dhcp.short"},    /* no end */
        };
        struct sv_dhcp_lease lease;
        SV_BUF b = SV_BUF_NULL;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                put_answer(&b, SV_DHCP_ACK);
                b.p[cases[i].at] = cases[i].byte;
                if (parse_answer(&b, &lease) == 0 || strcmp(err.check, cases[i].check))
                        fail_msg("byte %zu: expected %s, got %s", cases[i].at, cases[i].check,
                                 err.check);
                assert_int_equal(err.class, SV_FORMAT);
        }
        put_answer(&b, SV_DHCP_ACK);
        for (size_t n = 0; n < b.n; n++)
                FAILS(sv_dhcp_parse(sv_bytes(b.p, n), mac, XID, &lease, &err), SV_FORMAT,
                      "agent.dhcp.short");
}

/* The least and the greatest first byte of a machine's address, and those about the loopback. */
static void test_dhcp_hosts(void **state)
{
        static const uint8_t hosts[] = {1, 2, 126, 128, 223};
        struct sv_dhcp_lease lease;
        SV_BUF b = SV_BUF_NULL;

        for (size_t i = 0; i < sizeof(hosts); i++) {
                put_answer(&b, SV_DHCP_ACK);
                b.p[16] = hosts[i];
                OK(parse_answer(&b, &lease));
                assert_int_equal(lease.address, (uint32_t)hosts[i] << 24 | 0x20f);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ip),
                cmocka_unit_test(test_nic),
                cmocka_unit_test(test_bad_net_words),
                cmocka_unit_test(test_nics_limit),
                cmocka_unit_test(test_dhcp_answer),
                cmocka_unit_test(test_resolvers),
                cmocka_unit_test(test_dhcp_mtu),
                cmocka_unit_test(test_dhcp_routes),
                cmocka_unit_test(test_dhcp_bad_routes),
                cmocka_unit_test(test_dhcp_routes_limit),
                cmocka_unit_test(test_dhcp_request),
                cmocka_unit_test(test_dhcp_malformed),
                cmocka_unit_test(test_dhcp_hosts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
