/* SPDX-License-Identifier: Apache-2.0 */
/* base/core/address.c: addresses of both families and of cards, each way to write one wrong. */
#include "tests/unit/unit.h"

#include "base/core/address.h"

static bool reads(const char *text, bool prefix, const char *printed)
{
        struct sv_address a = {.prefix = 77};
        char out[SV_ADDRESS_TEXT];

        if (!sv_address_read(sv_bytes_str(text), prefix, &a)) {
                assert_int_equal(a.prefix, 77);
                return false;
        }
        sv_address_print(&a, out);
        if (printed)
                assert_string_equal(out, printed);
        return true;
}

static void test_good(void **state)
{
        struct sv_address a;

        assert_true(reads("192.0.2.7", false, "192.0.2.7"));
        assert_true(reads("192.0.2.7/24", true, "192.0.2.7/24"));
        assert_true(reads("192.0.2.7/1", true, "192.0.2.7/1"));
        assert_true(reads("192.0.2.7/32", true, "192.0.2.7"));
        assert_true(reads("2001:db8::7", false, "2001:db8::7"));
        assert_true(reads("2001:DB8:0::7/64", true, "2001:db8::7/64"));
        assert_true(reads("2001:db8::7/128", true, "2001:db8::7"));
        assert_true(reads("1111:2222:3333:4444:5555:6666:7777:8888/127", true,
                          "1111:2222:3333:4444:5555:6666:7777:8888/127"));
        a = sv_address_v4(0xc0000207, 24);
        assert_int_equal(a.family, 4);
        assert_memory_equal(a.bytes, "\xc0\0\2\7", 4);
        assert_true(sv_address_is_host(&a));
}

static void test_bad(void **state)
{
        static const struct {
                const char *text;
                bool prefix;
        } bad[] = {
                {"", false},
                {"192.0.2", false},
                {"192.0.2.256", false},
                {"192.0.2.7 ", false},
                {" 192.0.2.7", false},
                {"192.0.2.7/24", false},
                {"192.0.2.7", true},
                {"192.0.2.7/", true},
                {"192.0.2.7/0", true},
                {"192.0.2.7/33", true},
                {"192.0.2.7/024", true},
                {"192.0.2.7/+24", true},
                {"192.0.2.7/24/24", true},
                {"192.0.2.7/1000", true},
                {"2001:db8::7::1", false},
                {"2001:db8::g", false},
                {"[2001:db8::7]", false},
                {"fe80::1%eth0", false},
                {"2001:db8::7/129", true},
                {"2001:db8::7/0", true},
                {"a.host.name", false},
                {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb", false},
        };
        struct sv_address a;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                if (reads(bad[i].text, bad[i].prefix, NULL))
                        fail_msg("\"%s\" was taken", bad[i].text);
        assert_false(sv_address_read(sv_bytes("192.0.2.7\0", 10), false, &a));
}

static void test_hosts(void **state)
{
        static const char *const hosts[] = {"1.0.0.1", "126.0.0.1", "128.0.0.1",   "223.0.0.1",
                                            "fe80::1", "fec0::2",   "2001:db8::1", "fd00::1"},
                                 *const others[] = {
                                         "0.0.2.7",         "127.0.0.1", "224.0.0.1",
                                         "255.255.255.255", "::",        "::1",
                                         "::1.2.3.4",       "ff02::1",   "::ffff:1.2.3.4"};
        struct sv_address a = {0};

        assert_false(sv_address_is_host(&a));
        for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
                assert_true(sv_address_read(sv_bytes_str(hosts[i]), false, &a));
                if (!sv_address_is_host(&a))
                        fail_msg("%s is a host's", hosts[i]);
        }
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
                assert_true(sv_address_read(sv_bytes_str(others[i]), false, &a));
                if (sv_address_is_host(&a))
                        fail_msg("%s is no host's", others[i]);
        }
}

static void test_macs(void **state)
{
        static const char *const bad[] = {"",
                                          "52:54:00:12:34",
                                          "52:54:00:12:34:5",
                                          "52:54:00:12:34:567",
                                          "52-54-00-12-34-56",
                                          "52:54:00:12:34:5g",
                                          "+2:54:00:12:34:56",
                                          "53:54:00:12:34:56",
                                          "00:00:00:00:00:00"};
        uint8_t mac[6] = {0};

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                if (sv_mac_read(sv_bytes_str(bad[i]), mac) || mac[0])
                        fail_msg("\"%s\" was taken", bad[i]);
        assert_true(sv_mac_read(sv_bytes_str("52:54:00:aB:34:Fe"), mac));
        assert_memory_equal(mac, "\x52\x54\0\xab\x34\xfe", 6);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),
                cmocka_unit_test(test_bad),
                cmocka_unit_test(test_hosts),
                cmocka_unit_test(test_macs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
