/* SPDX-License-Identifier: Apache-2.0 */
/* guest/nics.c: what a guest file says of its network, and what of it stands on the command line.
 */
#include "tests/unit/unit.h"

#include "guest/guest.h"

#define PIN  "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEAD "{\"name\":\"a\",\"kernel\":\"k\",\"disks\":[{\"path\":\"d\"}]"
#define URL  "\"url\":\"https://[fd00::1]:8443\",\"pin\":\"" PIN "\""
#define ATT  ",\"attestation\":{" URL "}"
#define MAC  "\"type\":\"user\",\"mac\":\"52:54:00:12:34:56\""
/* What is before the interface's own words. */
#define LINE                                                                                    \
        "securevm.url=https://[fd00::1]:8443 securevm.pin=" PIN " securevm.resource=default/a/" \
        "root"

#define VF(members)                                                                          \
        "{\"name\":\"a\",\"kernel\":\"k\",\"nics\":[{\"type\":\"vf\",\"source\":\"ens1f0\"," \
        "\"vf\":{" members "}}]}"

static struct sv_err err;

static int parse(const char *text, struct sv_guest *g)
{
        return sv_guest_parse(sv_bytes_str(text), "g.json", "/x", g, &err);
}

static void expect_line(const char *text, const char *line)
{
        SV_GUEST g = {0};
        SV_BUF out = SV_BUF_NULL;

        OK(parse(text, &g));
        OK(sv_guest_cmdline(&g, &out, &err));
        assert_string_equal(sv_buf_str(&out), line);
}

static void test_words(void **state)
{
        expect_line(HEAD ATT "}", LINE " securevm.disk=root");
        expect_line(HEAD ATT ",\"nics\":[{" MAC "}]}", LINE " securevm.disk=root");
        expect_line(HEAD ",\"attestation\":{" URL ",\"wait\":600,\"card\":\"52:54:00:12:34:56\"},"
                         "\"nics\":[{\"type\":\"user\"},{" MAC "}]}",
                    LINE " securevm.wait=600 securevm.card=52:54:00:12:34:56 securevm.disk=root");
        expect_line(HEAD ATT ",\"nics\":[{\"type\":\"user\"},{" MAC
                             ",\"address\":[\"192.0.2.7/32\",\"2001:db8::7/64\"],\"gateway\":"
                             "[\"fe80::1\",\"192.0.2.1\"],\"dns\":\"192.0.2.53\",\"vlan\":4094,"
                             "\"mtu\":576}]}",
                    LINE " securevm.nic=52:54:00:12:34:56,address=192.0.2.7/32,address=2001:db8::7/"
                         "64,gateway=fe80::1,gateway=192.0.2.1,dns=192.0.2.53,vlan=4094,mtu=576 "
                         "securevm.disk=root");
}

/* An interface without an address of its own has the one that it is launched with. */
static void test_mac(void **state)
{
        SV_GUEST g = {0};
        SV_BUF line = SV_BUF_NULL;
        char mac[SV_MAC_TEXT], word[64];

        OK(parse(HEAD ATT ",\"nics\":[{\"type\":\"user\"},{\"type\":\"user\",\"vlan\":1}]}", &g));
        sv_guest_mac(&g, 1, mac);
        assert_int_equal(strlen(mac), SV_MAC_TEXT - 1);
        assert_memory_equal(mac, "52:54:00:", 9);
        assert_int_equal(strtoul(mac + 15, NULL, 16), (g.uuid[15] + 1) & 0xff);
        OK(sv_guest_cmdline(&g, &line, &err));
        snprintf(word, sizeof(word), " securevm.nic=%s,vlan=1 ", mac);
        assert_non_null(strstr(sv_buf_str(&line), word));
}

static void test_wrong(void **state)
{
#define NIC(text) HEAD ATT ",\"nics\":[{" MAC "," text "}]}"
        static const struct {
                const char *text, *check, *words;
        } t[] = {
                {NIC("\"address\":\"192.0.2.7\""), "guest.nics.address", "prefix"},
                {NIC("\"address\":\"192.0.2.7/0\""), "guest.nics.address", "/nics/0/address"},
                {NIC("\"address\":\"192.0.2.7/33\""), "guest.nics.address", "192.0.2.7/33"},
                {NIC("\"address\":\"127.0.0.1/8\""), "guest.nics.address", "127.0.0.1"},
                {NIC("\"address\":\"dhcp\""), "guest.nics.address", "dhcp"},
                {NIC("\"address\":7"), "guest.nics.address", "found 7"},
                {NIC("\"address\":[\"192.0.2.7/24\",7]"), "guest.nics.address", "/address/1"},
                {NIC("\"address\":\"1.0.0.1/8 securevm.url=x\""), "guest.nics.address", "prefix"},
                {NIC("\"address\":[\"1.0.0.1/8\",\"1.0.0.2/8\",\"1.0.0.3/8\",\"1.0.0.4/"
                     "8\",\"1.0.0.5/8\"]"),
                 "guest.nics.address", "at most 4"},
                {NIC("\"address\":\"192.0.2.7/24\",\"gateway\":\"192.0.2.1/24\""),
                 "guest.nics.gateway", "192.0.2.1/24"},
                {NIC("\"gateway\":\"192.0.2.1\""), "guest.nics.gateway", "of no address"},
                {NIC("\"address\":\"192.0.2.7/24\",\"gateway\":\"fe80::1\""), "guest.nics.gateway",
                 "IPv6"},
                {NIC("\"address\":\"192.0.2.7/24\",\"gateway\":[\"192.0.2.1\",\"192.0.2.2\"]"),
                 "guest.nics.gateway", "remove one"},
                {NIC("\"address\":\"192.0.2.7/24\",\"gateway\":[\"192.0.2.1\",\"fe80::1\","
                     "\"fe80::2\"]"),
                 "guest.nics.gateway", "one of each"},
                {NIC("\"dns\":\"dns.example\""), "guest.nics.dns", "dns.example"},
                {NIC("\"dns\":[\"1.0.0.1\",\"1.0.0.2\",\"1.0.0.3\",\"1.0.0.4\"]"), "guest.nics.dns",
                 "at most 3"},
                {NIC("\"vlan\":0"), "guest.nics.vlan", "found 0"},
                {NIC("\"vlan\":4095"), "guest.nics.vlan", "4095"},
                {NIC("\"mtu\":575"), "guest.nics.mtu", "575"},
                {NIC("\"mtu\":65536"), "guest.nics.mtu", "65536"},
                {NIC("\"bond\":\"eth1\""), "guest.nics.bond", "does not bond"},
                {NIC("\"gatway\":\"192.0.2.1\""), "guest.nics.unknown", "\"gateway\"?"},
                {HEAD ATT ",\"nics\":[{" MAC "},{" MAC "}]}", "guest.nics.mac", "/nics/1"},
                {HEAD ATT ",\"cmdline\":\"securevm.ip=1.0.0.1/8,1.0.0.2\",\"nics\":[{" MAC
                          ",\"mtu\":1400}]}",
                 "guest.nics.ip", "keep one"},
                {HEAD ATT ",\"cmdline\":\"securevm.nic=x\"}", "guest.cmdline", "\"nics\""},
                {HEAD ATT ",\"cmdline\":\"securevm.wait=1\"}", "guest.cmdline", "secure-vm itself"},
                {HEAD ATT ",\"cmdline\":\"securevm.card=x\"}", "guest.cmdline", "secure-vm itself"},
                {HEAD ",\"nics\":[{" MAC ",\"mtu\":1400}]}", "guest.nics.unused", "remove them"},
                {"{\"name\":\"a\",\"kernel\":\"k\"" ATT
                 ",\"disks\":[{\"path\":\"d\",\"verity\":\"ext4:sha256:4096:4096:66560:"
                 "272633856:" HASH ":" HASH "\"}],\"nics\":[{" MAC ",\"vlan\":7}]}",
                 "guest.nics.unused", "encrypted disk"},
                {VF("\"index\":256"), "guest.nics.vf.index", "256"},
                {VF("\"create\":2,\"index\":2"), "guest.nics.vf.index", "last has the number 1"},
                {VF("\"vlan\":4095"), "guest.nics.vf.vlan", "4095"},
                {VF("\"vlan\":1,\"qos\":8"), "guest.nics.vf.qos", "8"},
                {VF("\"qos\":3"), "guest.nics.vf.qos", "\"vlan\""},
                {VF("\"max_rate\":10,\"min_rate\":11"), "guest.nics.vf.rate", "11 and 10"},
                {VF("\"max_rate\":0"), "guest.nics.vf.max_rate", "found 0"},
                {VF("\"trust\":1"), "guest.nics.vf.trust", "true or false"},
                {"{\"name\":\"a\",\"kernel\":\"k\",\"nics\":[{\"type\":\"vf\"}]}",
                 "guest.nics.source", "the card's name"},
                {"{\"name\":\"a\",\"kernel\":\"k\",\"nics\":[{\"type\":\"vdpa\",\"source\":\"e\"}]"
                 "}",
                 "guest.nics.vdpa", "\"bridge\""},
                {"{\"name\":\"a\",\"kernel\":\"k\",\"nics\":[{\"type\":\"bridge\",\"source\":\"e\","
                 "\"vf\":{}}]}",
                 "guest.nics.vf", "\"bridge\""},
                {"{\"name\":\"a\",\"kernel\":\"k\",\"memory_max\":\"4GiB\",\"nics\":[{\"type\":"
                 "\"vf\","
                 "\"source\":\"e\"}]}",
                 "guest.nics.vf.memory", "memory_max"},
                {"{\"name\":\"a\",\"kernel\":\"k\",\"nics\":[{\"type\":\"vf\",\"source\":\"e\","
                 "\"tuning\":{\"queues\":1}}]}",
                 "guest.nics.tuning.vf", "remove this"},
                {"{\"name\":\"a\",\"kernel\":\"k\",\"nics\":[{\"type\":\"vf\",\"source\":\"e\","
                 "\"vf\":"
                 "{\"index\":1}},{\"type\":\"vf\",\"source\":\"e\",\"vf\":{\"index\":1}}]}",
                 "guest.nics.vf.index", "/nics/1"},
                {HEAD ",\"attestation\":{" URL ",\"card\":\"eth0\"}}", "guest.attestation.card",
                 "\"mac\""},
                {HEAD ",\"attestation\":{" URL ",\"card\":\"52:54:00:12:34:57\"},\"nics\":[{" MAC
                      "}]}",
                 "guest.attestation.card", "52:54:00:12:34:57"},
                {HEAD ",\"attestation\":{" URL ",\"wait\":0}}", "guest.attestation.wait",
                 "found 0"},
                {HEAD ",\"attestation\":{" URL ",\"wait\":86401}}", "guest.attestation.wait",
                 "86401"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_GUEST g = {0};

                memset(&err, 0, sizeof(err));
                if (parse(t[i].text, &g) == 0)
                        fail_msg("%s was taken", t[i].text);
                if (strcmp(err.check, t[i].check) || !strstr(err.msg, t[i].words))
                        fail_msg("%s: expected %s and \"%s\", got %s: %s", t[i].text, t[i].check,
                                 t[i].words, err.check, err.msg);
                assert_int_equal(err.class, SV_USAGE);
        }
}

/* The largest and the smallest of each number, and lists at their limits. */
static void test_limits(void **state)
{
        static const char *const good[] = {
                NIC("\"vlan\":1,\"mtu\":65535"),
                NIC("\"vlan\":4094,\"mtu\":576"),
                NIC("\"address\":[\"1.0.0.1/8\",\"1.0.0.2/8\",\"1.0.0.3/8\",\"1.0.0.4/8\"]"),
                NIC("\"address\":[]"),
                NIC("\"dns\":[\"1.0.0.1\",\"1.0.0.2\",\"::1:0:0:1:0\"]"),
                HEAD ",\"attestation\":{" URL ",\"wait\":1}}",
                HEAD ",\"attestation\":{" URL ",\"wait\":86400,\"card\":\"52:54:00:AB:34:56\"},"
                     "\"nics\":[{\"type\":\"user\",\"mac\":\"52:54:00:ab:34:56\"}]}",
        };

        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                SV_GUEST g = {0};

                OK(parse(good[i], &g));
        }
}

/* What is not said of a virtual function, and that 0 is a number. */
static void test_vf(void **state)
{
        SV_GUEST g = {0};
        SV_GUEST h = {0};

        OK(parse(VF(""), &g));
        assert_true(g.nics[0].vf.spoof_check && !g.nics[0].vf.trust && !g.nics[0].vf.index_given);
        OK(parse(VF("\"index\":0,\"spoof_check\":false,\"trust\":true"), &h));
        assert_true(!h.nics[0].vf.spoof_check && h.nics[0].vf.trust && h.nics[0].vf.index_given);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_words),  cmocka_unit_test(test_mac),
                cmocka_unit_test(test_vf),     cmocka_unit_test(test_wrong),
                cmocka_unit_test(test_limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
