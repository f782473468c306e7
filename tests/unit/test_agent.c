/* SPDX-License-Identifier: Apache-2.0 */
/* agent: the kernel command line's words, DHCP messages; one change at a time. */
#include "unit.h"

#include <sys/mount.h>

#include "agent/config.h"
#include "agent/dhcp.h"
#include "agent/net.h"
#include "base/core/file.h"

#define PIN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define GOOD                                                          \
        "securevm.url=https://10.0.2.2:8443 securevm.pin=sha256:" PIN \
        " securevm.resource=default/demo/root securevm.disk=root"

#define WORD "ext4:sha256:4096:4096:66560:272633856:" PIN ":" PIN

static struct sv_err err;

static int parse(const char *text, struct sv_agent_config *c)
{
        return sv_agent_config_parse(sv_bytes_str(text), c, &err);
}

static void test_words(void **state)
{
        struct sv_agent_config c;

        OK(parse("BOOT_IMAGE=/vmlinuz root=/dev/vda quiet " GOOD " securevmish=1\n", &c));
        OK(sv_agent_config_need(&c, &err));
        assert_string_equal(c.url, "https://10.0.2.2:8443");
        assert_string_equal(c.resource, "default/demo/root");
        assert_string_equal(c.disk, "root");
        assert_string_equal(c.root_type, "ext4");
        assert_string_equal(c.root_options, "");
        assert_int_equal(c.root_flags, 0);
        assert_true(c.has_pin);
        assert_int_equal(c.pin[0], 0x01);
        assert_int_equal(c.pin[31], 0xef);
        assert_false(c.has_ip);
        assert_false(c.discard);
        OK(parse("", &c)); /* a running system that was started by others */
        FAILS(sv_agent_config_need(&c, &err), SV_USAGE, "agent.cmdline.missing");
}

static void test_root(void **state)
{
        struct sv_agent_config c;

        OK(parse("securevm.root=btrfs,ro,subvol=a,noatime,discard", &c));
        assert_string_equal(c.root_type, "btrfs");
        assert_string_equal(c.root_options, "subvol=a,discard");
        assert_int_equal(c.root_flags, MS_RDONLY | MS_NOATIME);
        assert_true(c.discard);
        OK(parse("securevm.root=ext4,rw", &c));
        assert_int_equal(c.root_flags, 0);
        assert_string_equal(c.root_options, "");
}

/* As many options as there is room for, and a byte more, of which the comma may be the one. */
static void test_root_room(void **state)
{
        const int room = sizeof((struct sv_agent_config){0}.root_options) - 1;

        for (int first = 1; first <= room + 1; first++) {
                SV_STR full = sv_asprintf("securevm.root=ext4,%0*d,%0*d", first, 0,
                                          first < room - 1 ? room - 1 - first : 1, 0);
                SV_STR more = sv_asprintf("%s0", full);
                struct sv_agent_config c;

                if (first < room - 1)
                        OK(parse(full, &c));
                else
                        FAILS(parse(full, &c), SV_USAGE, "agent.cmdline.value");
                if (first == room)
                        assert_non_null(strstr(err.msg, "too many options"));
                FAILS(parse(more, &c), SV_USAGE, "agent.cmdline.value");
        }
}

/* A root that needs no key, and so no broker; it says itself what it is. */
static void test_verity(void **state)
{
        struct sv_agent_config c;

        OK(parse("securevm.disk=sys securevm.verity=" WORD, &c));
        OK(sv_agent_config_need(&c, &err));
        assert_true(c.has_verity);
        assert_true(c.verity.data_blocks == 66560);
        OK(parse(GOOD " securevm.verity=" WORD, &c));
        assert_true(c.has_verity);
        OK(parse(GOOD, &c));
        assert_false(c.has_verity);
        OK(parse("securevm.verity=" WORD, &c));
        FAILS(sv_agent_config_need(&c, &err), SV_USAGE, "agent.cmdline.missing");
        FAILS(parse("securevm.verity=" WORD " securevm.root=ext4", &c), SV_USAGE,
              "agent.cmdline.verity");
        FAILS(parse("securevm.root=ext4 securevm.verity=" WORD, &c), SV_USAGE,
              "agent.cmdline.verity");
        FAILS(parse("securevm.verity=" WORD " securevm.verity=" WORD, &c), SV_USAGE,
              "agent.cmdline.twice");
        FAILS(parse("securevm.verity=" WORD "0", &c), SV_USAGE, "verity.digest");
        FAILS(parse("securevm.verity=", &c), SV_USAGE, "verity.form");
}

/* Above it an encrypted disk, which has a key, and so a broker; and a file system to name. */
static void test_data(void **state)
{
        struct sv_agent_config c;

        OK(parse(GOOD, &c));
        assert_string_equal(sv_agent_config_encrypted(&c), c.disk);
        OK(parse(GOOD " securevm.verity=" WORD, &c));
        assert_string_equal(sv_agent_config_encrypted(&c), "");
        OK(parse(GOOD " securevm.verity=" WORD " securevm.data=d securevm.root=btrfs", &c));
        OK(sv_agent_config_need(&c, &err));
        assert_string_equal(sv_agent_config_encrypted(&c), "d");
        assert_string_equal(c.root_type, "btrfs");
        OK(parse("securevm.disk=sys securevm.verity=" WORD " securevm.data=d", &c));
        FAILS(sv_agent_config_need(&c, &err), SV_USAGE, "agent.cmdline.missing");
        FAILS(parse(GOOD " securevm.data=d", &c), SV_USAGE, "agent.cmdline.data");
        FAILS(parse(GOOD " securevm.verity=" WORD " securevm.data=", &c), SV_USAGE,
              "agent.cmdline.value");
}

static void test_console(void **state)
{
        struct sv_agent_config c;

        OK(parse(GOOD, &c));
        assert_false(c.keep_console);
        OK(parse("securevm.console=host", &c));
        assert_true(c.keep_console);
}

static void test_ip(void **state)
{
        struct sv_agent_config c;

        OK(parse("securevm.ip=192.0.2.7/24,192.0.2.1", &c));
        assert_true(c.has_ip);
        assert_int_equal(c.address, 0xc0000207);
        assert_int_equal(c.gateway, 0xc0000201);
        assert_int_equal(c.prefix, 24);
        OK(parse("securevm.ip=192.0.2.7/1,192.0.2.1", &c));
        assert_int_equal(c.prefix, 1);
        OK(parse("securevm.ip=192.0.2.7/32,192.0.2.1", &c));
        assert_int_equal(c.prefix, 32);
}

static void test_bad_words(void **state)
{
        static const struct {
                const char *text, *check;
        } cases[] = {
                {"securevm.urls=https://a", "agent.cmdline.unknown"},
                {"securevm.url", "agent.cmdline.unknown"},
                {"securevm.", "agent.cmdline.unknown"},
                {"securevm.=x", "agent.cmdline.unknown"},
                {"securevm.url=", "agent.cmdline.value"},
                {"securevm.url=https://a\x01", "agent.cmdline.value"},
                {"securevm.url=https://\xc3\xa4", "agent.cmdline.value"},
                {"securevm.url=https://a securevm.url=https://b", "agent.cmdline.twice"},
                {"securevm.disk=123456789012345678901234567890123", "agent.cmdline.value"},
                {"securevm.pin=" PIN, "agent.cmdline.pin"},
                {"securevm.pin=sha256:" PIN "0", "agent.cmdline.pin"},
                {"securevm.pin=sha256:"
                 "x123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
                 "agent.cmdline.pin"},
                {"securevm.pin=sha384:" PIN, "agent.cmdline.pin"},
                {"securevm.resource=default/demo", "agent.cmdline.resource"},
                {"securevm.resource=default/demo/root/x", "agent.cmdline.resource"},
                {"securevm.resource=default//root", "agent.cmdline.resource"},
                {"securevm.resource=default/../root", "agent.cmdline.resource"},
                {"securevm.resource=default/demo/a?b", "agent.cmdline.resource"},
                {"securevm.resource=default/demo/", "agent.cmdline.resource"},
                {"securevm.resource=", "agent.cmdline.resource"},
                {"securevm.root=", "agent.cmdline.value"},
                {"securevm.root=ext4,", "agent.cmdline.value"},
                {"securevm.root=,ro", "agent.cmdline.value"},
                {"securevm.console=", "agent.cmdline.value"},
                {"securevm.console=hosts", "agent.cmdline.value"},
                {"securevm.console=none", "agent.cmdline.value"},
                {"securevm.ip=192.0.2.7", "agent.cmdline.ip"},
                {"securevm.ip=192.0.2.7/24", "agent.cmdline.ip"},
                {"securevm.ip=192.0.2.7,192.0.2.1/24", "agent.cmdline.ip"},
                {"securevm.ip=192.0.2.7/0,192.0.2.1", "agent.cmdline.ip"},
                {"securevm.ip=192.0.2.7/33,192.0.2.1", "agent.cmdline.ip"},
                {"securevm.ip=192.0.2.7/-1,192.0.2.1", "agent.cmdline.ip"},
                {"securevm.ip=192.0.2.7/24x,192.0.2.1", "agent.cmdline.ip"},
                {"securevm.ip=192.0.2.300/24,192.0.2.1", "agent.cmdline.ip"},
                {"securevm.ip=192.0.2.7/24,gateway", "agent.cmdline.ip"},
        };
        struct sv_agent_config c;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                if (parse(cases[i].text, &c) == 0 || strcmp(err.check, cases[i].check))
                        fail_msg("%s: expected %s, got %s", cases[i].text, cases[i].check,
                                 err.check);
                assert_int_equal(err.class, SV_USAGE);
        }
}

/* Each of the three words the unlock cannot do without. */
static void test_needed(void **state)
{
        static const char *const words[] = {"securevm.url=https://a", "securevm.resource=a/b/c",
                                            "securevm.disk=root"};

        for (int without = 0; without < 3; without++) {
                struct sv_agent_config c;
                char text[256] = "";
                size_t n = 0;

                for (int i = 0; i < 3; i++)
                        if (i != without)
                                n += (size_t)snprintf(text + n, sizeof(text) - n, "%s ", words[i]);
                OK(parse(text, &c));
                FAILS(sv_agent_config_need(&c, &err), SV_USAGE, "agent.cmdline.missing");
        }
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

/* Option 6: as many as the C library asks are kept. */
/* What is written for them; NULL: no file. A machine that takes no file ends it. */
static void expect_resolvers(const uint32_t *addresses, size_t n, const char *text)
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

static void test_resolvers(void **state)
{
        static const uint8_t four[] = {6,   16, 10, 0, 2,  3, 192, 0, 2,  53,
                                       127, 0,  0,  1, 10, 0, 0,   9, 255},
                             none[] = {6, 0, 255}, odd[] = {6, 6, 10, 0, 2, 3, 1, 2, 255};
        struct sv_dhcp_lease lease;
        struct sv_agent_config c;
        SV_BUF b = SV_BUF_NULL;

        put_answer(&b, SV_DHCP_ACK);
        OK(parse_answer(&b, &lease));
        assert_int_equal(lease.resolvers[0], 0);
        b.n--; /* instead of the end */
        sv_buf_put(&b, sv_bytes(four, sizeof(four)));
        OK(parse_answer(&b, &lease));
        /* The loopback is nobody here, but harmless: this machine's own. */
        expect_resolvers(lease.resolvers, SV_RESOLVERS_MAX,
                         "nameserver 10.0.2.3\nnameserver 192.0.2.53\nnameserver "
                         "127.0.0.1\noptions timeout:2 attempts:2\n");
        put_answer(&b, SV_DHCP_ACK);
        b.n--;
        sv_buf_put(&b, sv_bytes(none, sizeof(none)));
        FAILS(parse_answer(&b, &lease), SV_FORMAT, "agent.dhcp.option");
        put_answer(&b, SV_DHCP_ACK);
        b.n--;
        sv_buf_put(&b, sv_bytes(odd, sizeof(odd)));
        FAILS(parse_answer(&b, &lease), SV_FORMAT, "agent.dhcp.option");
        expect_resolvers((const uint32_t[]){0, 0xe0000001, 0x00000001}, 3, NULL);
        OK(parse("securevm.ip=192.0.2.7/24,192.0.2.1,192.0.2.53,192.0.2.54", &c));
        assert_int_equal(c.gateway, 0xc0000201);
        assert_int_equal(c.resolvers[0], 0xc0000235);
        assert_int_equal(c.resolvers[1], 0xc0000236);
        assert_int_equal(c.resolvers[2], 0);
        FAILS(parse("securevm.ip=192.0.2.7/24,192.0.2.1,1.1.1.1,2.2.2.2,3.3.3.3,4.4.4.4", &c),
              SV_USAGE, "agent.cmdline.ip");
        FAILS(parse("securevm.ip=192.0.2.7/24,192.0.2.1,", &c), SV_USAGE, "agent.cmdline.ip");
        FAILS(parse("securevm.ip=192.0.2.7/24,192.0.2.1,x", &c), SV_USAGE, "agent.cmdline.ip");
}

static void test_dhcp_request(void **state)
{
        const struct sv_dhcp_lease offer = {.address = 0x0a00020f, .server = 0x0a000202};
        SV_BUF b = SV_BUF_NULL;

        sv_dhcp_put(&b, SV_DHCP_DISCOVER, mac, XID, NULL);
        assert_int_equal(b.n, 300);
        assert_memory_equal(b.p, "\1\1\6\0\1\2\3\4\0\0\x80\0", 12);
        assert_memory_equal(b.p + 28, mac, 6);
        assert_memory_equal(b.p + OPTIONS, "\x35\1\1\x37\3\1\3\6\xff", 9);
        sv_buf_clear(&b);
        sv_dhcp_put(&b, SV_DHCP_REQUEST, mac, XID, &offer);
        assert_int_equal(b.n, 300);
        assert_memory_equal(b.p + OPTIONS,
                            "\x35\1\3\x32\4\12\0\2\17\x36\4\12\0\2\2\x37\3\1\3\6\xff", 21);
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
                cmocka_unit_test(test_words),
                cmocka_unit_test(test_root),
                cmocka_unit_test(test_root_room),
                cmocka_unit_test(test_verity),
                cmocka_unit_test(test_data),
                cmocka_unit_test(test_console),
                cmocka_unit_test(test_ip),
                cmocka_unit_test(test_bad_words),
                cmocka_unit_test(test_needed),
                cmocka_unit_test(test_dhcp_answer),
                cmocka_unit_test(test_resolvers),
                cmocka_unit_test(test_dhcp_request),
                cmocka_unit_test(test_dhcp_malformed),
                cmocka_unit_test(test_dhcp_hosts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
