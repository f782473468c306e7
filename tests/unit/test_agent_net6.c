/* SPDX-License-Identifier: Apache-2.0 */
/* agent: DHCPv6 messages, resolvers of announcements, what the kernel says of its network; one
 * change at a time. */
#include "unit.h"

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "agent/dhcp6.h"
#include "agent/netlink.h"
#include "agent/rdnss.h"

static struct sv_err err;
static const uint8_t mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};

#define XID 0x010203

/* Offsets of what changes below. */
enum { TYPE = 0, CLIENT = 4, SERVER = 18, IA = 26, IAADDR = 42, DNS = 70, END = 90 };

static const uint8_t good[END] = {
        /* REPLY and number */
        7, 1, 2, 3,
        /* the client, as it names itself */
        0, 1, 0, 10, 0, 3, 0, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56,
        /* the server */
        0, 2, 0, 4, 's', 'e', 'r', 'v',
        /* the association: its number, two times */
        0, 3, 0, 40, 0, 0x12, 0x34, 0x56, 0, 0, 0, 60, 0, 0, 0, 90,
        /* in it 2001:db8::7 for 120 seconds */
        0, 5, 0, 24, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 100, 0, 0, 0,
        120,
        /* a resolver */
        0, 23, 0, 16, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53};

static int parse_message(const uint8_t *p, size_t n, struct sv_dhcp6_lease *lease)
{
        return sv_dhcp6_parse(sv_bytes(p, n), mac, XID, lease, &err);
}

static void test_answer(void **state)
{
        struct sv_dhcp6_lease l;

        OK(parse_message(good, END, &l));
        assert_int_equal(l.type, SV_DHCP6_REPLY);
        assert_true(l.has_address);
        assert_memory_equal(l.address, good + IAADDR + 4, 16);
        assert_int_equal(l.server_n, 4);
        assert_memory_equal(l.server, "serv", 4);
        assert_int_equal(l.n_resolvers, 1);
        assert_memory_equal(l.resolvers[0], good + DNS + 4, 16);
        OK(parse_message(good, IA, &l)); /* without an address it is an answer, too */
        assert_false(l.has_address);
        assert_int_equal(l.n_resolvers, 0);
}

static void test_changed(void **state)
{
        static const struct {
                size_t at;
                uint8_t byte;
                const char *check;
        } t[] = {
                {TYPE, 1, "agent.dhcp6.other"},            /* a SOLICIT */
                {TYPE, 10, "agent.dhcp6.other"},           /* a RECONFIGURE */
                {TYPE + 3, 4, "agent.dhcp6.other"},        /* to another request */
                {CLIENT + 1, 99, "agent.dhcp6.other"},     /* to nobody */
                {CLIENT + 13, 0x57, "agent.dhcp6.other"},  /* to another client */
                {SERVER + 1, 99, "agent.dhcp6.other"},     /* of nobody */
                {SERVER + 3, 0, "agent.dhcp6.option"},     /* of somebody without a name */
                {IA + 7, 0x57, "agent.dhcp6.other"},       /* another association */
                {IA + 3, 11, "agent.dhcp6.option"},        /* one cut short */
                {IA + 3, 39, "agent.dhcp6.short"},         /* its address cut short */
                {IAADDR + 3, 25, "agent.dhcp6.short"},     /* an address beyond its association */
                {IAADDR + 3, 23, "agent.dhcp6.option"},    /* one that is too small */
                {IAADDR + 4, 0xff, "agent.dhcp6.address"}, /* of a group */
                {IAADDR + 1, 13, "agent.dhcp6.status"},    /* a status of 0x2001 */
                {DNS + 1, 13, "agent.dhcp6.status"},       /* the same outside */
                {DNS + 3, 17, "agent.dhcp6.short"},        /* beyond the end */
                {DNS + 3, 15, "agent.dhcp6.option"},       /* no whole address */
        };
        uint8_t m[END];
        struct sv_dhcp6_lease l = {.server_n = 77};

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                memcpy(m, good, END);
                m[t[i].at] = t[i].byte;
                if (parse_message(m, END, &l) == 0 || strcmp(err.check, t[i].check))
                        fail_msg("byte %zu: expected %s, got %s", t[i].at, t[i].check, err.check);
                assert_int_equal(err.class, SV_FORMAT);
                assert_int_equal(l.server_n, 77);
        }
}

/* Cut anywhere it is refused, or it ends where an option ends. */
static void test_cut(void **state)
{
        struct sv_dhcp6_lease l;

        for (size_t n = 0; n < END; n++) {
                bool whole = n == IA || n == DNS;

                if ((parse_message(good, n, &l) == 0) != whole)
                        fail_msg("%zu bytes: %s", n, whole ? err.msg : "taken");
        }
}

static void test_no_address(void **state)
{
        static const uint8_t addresses[][16] = {{0}, {[15] = 1}, {0xfe, 0x80, [15] = 1}};
        struct sv_dhcp6_lease l;
        uint8_t m[END];

        for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
                memcpy(m, good, END);
                memcpy(m + IAADDR + 4, addresses[i], 16);
                FAILS(parse_message(m, END, &l), SV_FORMAT, "agent.dhcp6.address");
        }
        memcpy(m, good, END);
        memset(m + IAADDR + 24, 0, 4); /* valid for no second: it is taken back */
        OK(parse_message(m, END, &l));
        assert_false(l.has_address);
}

/* Names of servers at their limit and one past it; resolvers beyond those that count. */
static void test_dhcp6_limits(void **state)
{
        struct sv_dhcp6_lease l;
        SV_BUF b = SV_BUF_NULL;

        for (size_t n = SV_DUID_MAX; n <= SV_DUID_MAX + 1; n++) {
                sv_buf_clear(&b);
                sv_buf_put(&b, sv_bytes(good, SERVER));
                sv_buf_u16be(&b, 2);
                sv_buf_u16be(&b, (uint16_t)n);
                sv_buf_grow(&b, n);
                if (n == SV_DUID_MAX) {
                        OK(parse_message(b.p, b.n, &l));
                        assert_int_equal(l.server_n, SV_DUID_MAX);
                } else {
                        FAILS(parse_message(b.p, b.n, &l), SV_FORMAT, "agent.dhcp6.option");
                }
        }
        sv_buf_clear(&b);
        sv_buf_put(&b, sv_bytes(good, END));
        sv_buf_put(&b, sv_bytes(good + SERVER, IA - SERVER)); /* a second server */
        FAILS(parse_message(b.p, b.n, &l), SV_FORMAT, "agent.dhcp6.option");
        sv_buf_clear(&b);
        for (size_t i = 0; i < SV_RESOLVERS_MAX + 1; i++)
                sv_buf_put(&b, sv_bytes(i ? good + DNS : good, i ? END - DNS : END));
        OK(parse_message(b.p, b.n, &l));
        assert_int_equal(l.n_resolvers, SV_RESOLVERS_MAX);
        sv_buf_clear(&b);
        sv_buf_put(&b, sv_bytes(good, IA));
        sv_buf_put(&b, sv_bytes("\0\x17\0\0", 4)); /* a list without a resolver */
        FAILS(parse_message(b.p, b.n, &l), SV_FORMAT, "agent.dhcp6.option");
        b.p[b.n - 3] = 13; /* a status without a number */
        FAILS(parse_message(b.p, b.n, &l), SV_FORMAT, "agent.dhcp6.option");
}

static void test_requests(void **state)
{
        static const uint8_t solicit[] = {1,    1,    2, 3,    0,    1,    0, 10, 0, 3,  0, 1,
                                          0x52, 0x54, 0, 0x12, 0x34, 0x56, 0, 3,  0, 12, 0, 0x12,
                                          0x34, 0x56, 0, 0,    0,    0,    0, 0,  0, 0,  0, 8,
                                          0,    2,    0, 0,    0,    6,    0, 2,  0, 23};
        struct sv_dhcp6_lease offer;
        SV_BUF b = SV_BUF_NULL;

        sv_dhcp6_put(&b, SV_DHCP6_SOLICIT, mac, XID, NULL);
        assert_int_equal(b.n, sizeof(solicit));
        assert_memory_equal(b.p, solicit, sizeof(solicit));
        OK(parse_message(good, END, &offer));
        sv_buf_clear(&b);
        sv_dhcp6_put(&b, SV_DHCP6_REQUEST, mac, 0xff000000 | XID, &offer);
        assert_memory_equal(b.p, "\3\1\2\3", 4); /* 24 bits of the number */
        assert_memory_equal(b.p + SERVER, good + SERVER, IA - SERVER);
        assert_memory_equal(b.p + IA, good + IA, 8);
        assert_memory_equal(b.p + IAADDR, good + IAADDR, 20);
        assert_int_equal(b.n, DNS + 6 + 6);
        sv_buf_clear(&b);
        sv_dhcp6_put(&b, SV_DHCP6_INFORMATION, mac, XID, NULL);
        assert_int_equal(b.n, 4 + 14 + 6 + 6);
}

/* --- resolvers of announcements --- */

#define ADDRESS 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0

static void test_rdnss(void **state)
{
        static const uint8_t two[] = {24, 1, 0, 0, 0, 0, 0, 0, /* a route */
                                      25, 5, 0, 0, 0, 0, 1, 0, ADDRESS, 1, ADDRESS, 2},
                             gone[] = {25, 3, 0, 0, 0, 0, 0, 0, ADDRESS, 1},
                             four[] = {25,      9, 0,       0, 0,       0, 1,       0,
                                       ADDRESS, 1, ADDRESS, 2, ADDRESS, 3, ADDRESS, 4};
        uint8_t out[SV_RESOLVERS_MAX][16];
        size_t n = 77;

        OK(sv_rdnss_parse(sv_bytes(two, sizeof(two)), out, &n, &err));
        assert_int_equal(n, 2);
        assert_int_equal(out[1][15], 2);
        OK(sv_rdnss_parse(sv_bytes(gone, sizeof(gone)), out, &n, &err));
        assert_int_equal(n, 0);
        OK(sv_rdnss_parse(sv_bytes(four, sizeof(four)), out, &n, &err));
        assert_int_equal(n, SV_RESOLVERS_MAX);
        OK(sv_rdnss_parse(SV_BYTES_NULL, out, &n, &err));
        assert_int_equal(n, 0);
}

static void test_bad_rdnss(void **state)
{
        static const struct {
                uint8_t n, option[32];
        } bad[] = {
                {1, {25}},                                      /* cut in its head */
                {8, {25, 0, 0, 0, 0, 0, 1, 0}},                 /* of no length */
                {8, {25, 2, 0, 0, 0, 0, 1, 0}},                 /* longer than what is there */
                {16, {25, 2, 0, 0, 0, 0, 1, 0, 0x20, 1}},       /* half an address */
                {32, {25, 4, 0, 0, 0, 0, 1, 0, ADDRESS, 1, 1}}, /* one and a half */
                {9, {24, 1, 0, 0, 0, 0, 0, 0, 25}},             /* a second one cut short */
        };
        uint8_t out[SV_RESOLVERS_MAX][16];
        size_t n = 77;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                FAILS(sv_rdnss_parse(sv_bytes(bad[i].option, bad[i].n), out, &n, &err), SV_FORMAT,
                      "agent.rdnss");
                assert_int_equal(n, 77);
        }
}

/* --- what the kernel says --- */

static void put_event(struct sv_buf *b, uint16_t type, const void *fixed, size_t n)
{
        const struct nlmsghdr h = {.nlmsg_type = type};

        sv_buf_put(b, sv_bytes(&h, sizeof(h)));
        sv_buf_put(b, sv_bytes(fixed, n));
}

static void put_event_attribute(struct sv_buf *b, uint16_t type, const void *value, size_t n)
{
        const struct nlattr a = {.nla_len = (uint16_t)(sizeof(a) + n), .nla_type = type};

        sv_buf_put(b, sv_bytes(&a, sizeof(a)));
        sv_buf_put(b, sv_bytes(value, n));
        sv_buf_grow(b, (4 - n % 4) % 4);
}

static bool read_event(struct sv_buf *b, struct sv_netlink_event *e)
{
        struct sv_bytes left;
        uint32_t size = (uint32_t)b->n;

        memcpy(b->p, &size, 4);
        left = sv_buf_bytes(b);
        if (!sv_netlink_read(&left, e))
                return false;
        assert_int_equal(left.n, 0);
        return true;
}

static void test_event_address(void **state)
{
        static const uint8_t v4[4] = {192, 0, 2, 7}, v6[16] = {0x20, 1, [15] = 7};
        struct ifaddrmsg m = {.ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = 3};
        uint32_t tentative = IFA_F_TENTATIVE, permanent = IFA_F_PERMANENT;
        struct sv_netlink_event e;
        SV_BUF b = SV_BUF_NULL;

        put_event(&b, RTM_NEWADDR, &m, sizeof(m));
        put_event_attribute(&b, IFA_ADDRESS, "\1\2\3\4", 4); /* the other end */
        put_event_attribute(&b, IFA_LOCAL, v4, 4);
        put_event_attribute(&b, IFA_LABEL, "eth0", 5);
        assert_true(read_event(&b, &e));
        assert_int_equal(e.kind, SV_NETLINK_ADDRESS);
        assert_int_equal(e.index, 3);
        assert_int_equal(e.address.family, 4);
        assert_int_equal(e.address.prefix, 24);
        assert_memory_equal(e.address.bytes, v4, 4);
        m.ifa_family = AF_INET6;
        for (int i = 0; i < 4; i++) { /* good; not yet certain, by either flags; of the link only */
                sv_buf_clear(&b);
                m.ifa_flags = i == 1 ? IFA_F_TENTATIVE : 0;
                m.ifa_scope = i == 3 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
                put_event(&b, RTM_NEWADDR, &m, sizeof(m));
                put_event_attribute(&b, IFA_ADDRESS, v6, 16);
                if (i != 1)
                        put_event_attribute(&b, IFA_FLAGS, i == 2 ? &tentative : &permanent, 4);
                assert_true(read_event(&b, &e));
                assert_int_equal(e.kind, i ? SV_NETLINK_OTHER : SV_NETLINK_ADDRESS);
        }
}

static void test_event_announced(void **state)
{
        static const struct {
                uint32_t flags;
                bool announced, address, others;
        } t[] = {{0, false, false, false},        {0x80000000, false, false, false},
                 {0x20, false, false, false}, /* there is a router, and nothing to ask */
                 {0x40, true, true, false},   /* it spoke before it was asked */
                 {0x80, true, false, true},       {0x20 | 0x40, true, true, false},
                 {0x20 | 0x80, true, false, true}};
        struct ifinfomsg m = {.ifi_family = AF_INET6, .ifi_index = 5};
        struct sv_netlink_event e;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_BUF b = SV_BUF_NULL;
                SV_BUF part = SV_BUF_NULL;

                put_event_attribute(&part, IFLA_INET6_CONF, "\0\0\0\0", 4);
                put_event_attribute(&part, IFLA_INET6_FLAGS, &t[i].flags, 4);
                put_event(&b, RTM_NEWLINK, &m, sizeof(m));
                put_event_attribute(&b, IFLA_IFNAME, "eth0", 5);
                put_event_attribute(&b, IFLA_PROTINFO | NLA_F_NESTED, part.p, part.n);
                assert_true(read_event(&b, &e));
                assert_int_equal(e.kind, t[i].announced ? SV_NETLINK_ANNOUNCED : SV_NETLINK_OTHER);
                assert_int_equal(e.ask_address, t[i].address);
                assert_int_equal(e.ask_others, t[i].others);
        }
}

static void test_event_resolvers(void **state)
{
        static const uint8_t option[] = {25, 3, 0, 0, 0, 0, 1, 0, ADDRESS, 1};
        struct nduseroptmsg m = {
                .nduseropt_family = AF_INET6, .nduseropt_opts_len = 24, .nduseropt_ifindex = 2};
        struct sv_netlink_event e;
        SV_BUF b = SV_BUF_NULL;

        put_event(&b, RTM_NEWNDUSEROPT, &m, sizeof(m));
        sv_buf_put(&b, sv_bytes(option, sizeof(option)));
        assert_true(read_event(&b, &e));
        assert_int_equal(e.kind, SV_NETLINK_RESOLVERS);
        assert_int_equal(e.index, 2);
        assert_int_equal(e.n_resolvers, 1);
        b.p[16 + 16 + 1] = 4; /* the option is longer than the message */
        assert_true(read_event(&b, &e));
        assert_int_equal(e.kind, SV_NETLINK_OTHER);
}

/* Two messages in one datagram; and every length that one can be cut to. */
static void test_events(void **state)
{
        const struct ifaddrmsg m = {.ifa_family = AF_INET, .ifa_prefixlen = 24, .ifa_index = 3};
        struct sv_netlink_event e;
        SV_BUF b = SV_BUF_NULL;
        struct sv_bytes left;
        uint8_t one[64];
        uint32_t size;

        put_event(&b, RTM_NEWADDR, &m, sizeof(m));
        put_event_attribute(&b, IFA_LOCAL, "\xc0\0\2\7", 4);
        size = (uint32_t)b.n;
        memcpy(b.p, &size, 4);
        memcpy(one, b.p, size);
        sv_buf_put(&b, sv_bytes(one, size));
        left = sv_buf_bytes(&b);
        for (int i = 0; i < 2; i++) {
                assert_true(sv_netlink_read(&left, &e));
                assert_int_equal(e.kind, SV_NETLINK_ADDRESS);
        }
        assert_false(sv_netlink_read(&left, &e));
        for (size_t n = 0; n < size; n++) {
                left = sv_bytes(b.p, n);
                assert_false(sv_netlink_read(&left, &e));
        }
        for (uint8_t n = 0; n < size; n++) { /* the message itself says that it is shorter */
                b.p[0] = n;
                left = sv_buf_bytes(&b);
                if (sv_netlink_read(&left, &e) && e.kind == SV_NETLINK_ADDRESS)
                        assert_in_range(n, 16 + 8, size);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_answer),
                cmocka_unit_test(test_changed),
                cmocka_unit_test(test_cut),
                cmocka_unit_test(test_no_address),
                cmocka_unit_test(test_dhcp6_limits),
                cmocka_unit_test(test_requests),
                cmocka_unit_test(test_rdnss),
                cmocka_unit_test(test_bad_rdnss),
                cmocka_unit_test(test_event_address),
                cmocka_unit_test(test_event_announced),
                cmocka_unit_test(test_event_resolvers),
                cmocka_unit_test(test_events),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
