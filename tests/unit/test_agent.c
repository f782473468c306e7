/* SPDX-License-Identifier: Apache-2.0 */
/* agent: the kernel command line's words; one change at a time. Those of the network:
 * test_agent_net.c. */
#include "unit.h"

#include <sys/mount.h>

#include "agent/config.h"
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
        assert_int_equal(c.n_brokers, 1);
        assert_string_equal(c.brokers[0].url, "https://10.0.2.2:8443");
        assert_string_equal(c.resource, "default/demo/root");
        assert_string_equal(c.disk, "root");
        assert_string_equal(c.root_type, "ext4");
        assert_string_equal(c.root_options, "");
        assert_int_equal(c.root_flags, 0);
        assert_true(c.brokers[0].has_pin);
        assert_int_equal(c.brokers[0].pin[0], 0x01);
        assert_int_equal(c.brokers[0].pin[31], 0xef);
        assert_int_equal(c.n_nics, 0);
        assert_int_equal(c.wait_s, SV_WAIT_S);
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

/* What stands behind a URL is about that broker. */
static void test_brokers(void **state)
{
        static const struct {
                const char *text, *check;
        } cases[] = {
                {"securevm.url=https://a securevm.pin=sha256:" PIN " securevm.pin=sha256:" PIN,
                 "agent.cmdline.twice"},
                {"securevm.pin=sha256:" PIN " securevm.url=https://a securevm.pin=sha256:" PIN,
                 "agent.cmdline.twice"},
                {"securevm.url=https://a securevm.url=https://b securevm.owner=x securevm.owner=x",
                 "agent.cmdline.twice"},
                {"securevm.url=https://a securevm.owner=x", "agent.cmdline.owner"},
                {"securevm.owner=x securevm.url=https://a", "agent.cmdline.owner"},
                {"securevm.url=https://a securevm.url=", "agent.cmdline.value"},
        };
        struct sv_agent_config c;
        SV_BUF most = SV_BUF_NULL;

        OK(parse("securevm.url=https://a securevm.pin=sha256:" PIN " securevm.url=https://b "
                 "securevm.resource=x/y/z securevm.owner=them",
                 &c));
        assert_int_equal(c.n_brokers, 2);
        assert_true(c.brokers[0].has_pin);
        assert_false(c.brokers[1].has_pin);
        assert_string_equal(c.brokers[1].url, "https://b");
        assert_string_equal(c.brokers[0].owner, "");
        assert_string_equal(c.brokers[1].owner, "them");
        OK(parse("securevm.pin=sha256:" PIN " securevm.url=https://a securevm.url=https://b "
                 "securevm.pin=sha256:" PIN,
                 &c));
        assert_true(c.brokers[0].has_pin && c.brokers[1].has_pin);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                FAILS(parse(cases[i].text, &c), SV_USAGE, cases[i].check);
        for (int i = 0; i < SV_BROKERS_MAX; i++)
                sv_buf_printf(&most, "securevm.url=https://b%d ", i);
        OK(parse(sv_buf_str(&most), &c));
        assert_int_equal(c.n_brokers, SV_BROKERS_MAX);
        sv_buf_puts(&most, "securevm.url=https://more");
        FAILS(parse(sv_buf_str(&most), &c), SV_USAGE, "agent.cmdline.brokers");
}

static void test_console(void **state)
{
        struct sv_agent_config c;

        OK(parse(GOOD, &c));
        assert_false(c.keep_console);
        OK(parse("securevm.console=host", &c));
        assert_true(c.keep_console);
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_words),     cmocka_unit_test(test_root),
                cmocka_unit_test(test_root_room), cmocka_unit_test(test_verity),
                cmocka_unit_test(test_data),      cmocka_unit_test(test_console),
                cmocka_unit_test(test_brokers),   cmocka_unit_test(test_bad_words),
                cmocka_unit_test(test_needed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
