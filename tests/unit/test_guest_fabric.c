/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's disk that is a namespace of an NVMe subsystem: read, named by what it is, and refused
 * where it says too little, too much, or what the kernel would take for more than a name. */
#include "base/core/file.h"
#include "base/core/limits.h"
#include "guest/guest.h"
#include "tests/unit/unit.h"

#define NQN  "nqn.2014-08.org.nvmexpress:uuid:0b5b0c9e-7d3c-4d9c-8a3e-6f1f5a3b2c1d"
#define UUID "uuid.6f0fc24c-1b5c-4d34-a6a5-3e1b0b8e9c11"

static struct sv_err err;

static int parse_disks(const char *disks, struct sv_guest *g)
{
        SV_STR text = sv_asprintf("{\"name\":\"g\",\"kernel\":\"k\",\n\"disks\":[%s]}", disks);

        return sv_guest_parse(sv_bytes_str(text), "g.json", "/d", g, &err);
}

static void read_all(void **state)
{
        SV_GUEST g = {0};

        OK(parse_disks("{\"nvme\":{\"subsystem\":\"" NQN "\",\"namespace\":\"" UUID "\","
                       "\"transport\":\"rdma\",\"addresses\":[\"192.0.2.7\",\"[2001:db8::7]:1\"],"
                       "\"discovery\":\"192.0.2.9:8010\",\"host\":\"nqn.x:h\","
                       "\"secret\":\"key\"}},"
                       "{\"nvme\":{\"subsystem\":\"" NQN "\",\"namespace\":"
                       "\"eui.0123456789abcdef\",\"addresses\":\"192.0.2.7\"},\"id\":\"b\"},"
                       "{\"path\":\"c\"}",
                       &g));
        assert_string_equal(g.disks[0].path, "/dev/disk/by-id/nvme-" UUID);
        assert_string_equal(g.disks[0].nvme.subsystem, NQN);
        assert_string_equal(g.disks[0].nvme.transport, "rdma");
        assert_int_equal(g.disks[0].nvme.n_addresses, 2);
        assert_int_equal(g.disks[0].nvme.n_discovery, 1);
        assert_string_equal(g.disks[0].nvme.host, "nqn.x:h");
        assert_string_equal(g.disks[0].nvme.secret, "/d/key");
        assert_string_equal(g.disks[1].path, "/dev/disk/by-id/nvme-eui.0123456789abcdef");
        assert_string_equal(g.disks[1].nvme.transport, "tcp");
        assert_null(g.disks[2].nvme.subsystem);
        assert_string_equal(g.disks[2].path, "/d/c");
}

#define DISK(more)                                                                             \
        "{\"nvme\":{\"subsystem\":\"" NQN "\",\"namespace\":\"" UUID "\",\"addresses\":\"192." \
        "0.2.7\"" more "}}"
#define OF(subsystem, namespace, addresses)     \
        "{\"nvme\":{\"subsystem\":\"" subsystem \
        "\",\"namespace\":\"" namespace "\","   \
                                        "\"addresses\":" addresses "}}"
#define NGUID "eui.0123456789abcdef0123456789abcdef"

static void refused(void **state)
{
        static const struct {
                const char *disks, *check, *place;
        } t[] = {
                {"{}", "guest.disks.path", "g.json:2: /disks/0"},
                {"{\"path\":\"a\",\"nvme\":{\"subsystem\":\"" NQN "\",\"namespace\":\"" UUID
                 "\",\"addresses\":\"192.0.2.7\"}}",
                 "guest.disks.path", "both"},
                {"{\"nvme\":{\"namespace\":\"" UUID "\",\"addresses\":\"192.0.2.7\"}}",
                 "guest.disks.nvme.subsystem", "/disks/0/nvme"},
                {"{\"nvme\":{\"subsystem\":\"" NQN "\",\"addresses\":\"192.0.2.7\"}}",
                 "guest.disks.nvme.namespace", "/disks/0/nvme"},
                {"{\"nvme\":{\"subsystem\":\"" NQN "\",\"namespace\":\"" UUID "\"}}",
                 "guest.disks.nvme", "nothing says where"},
                {"{\"nvme\":true}", "guest.disks.nvme", "true"},
                {DISK(",\"tls\":true"), "guest.disks.nvme.unknown", "tls"},
                {DISK(",\"transport\":\"fc\""), "guest.disks.nvme.transport", "fc"},
                {DISK(",\"host\":\"me\""), "guest.disks.nvme.host", "me"},
                /* what follows a comma would be an option of its own */
                {OF("nqn.x,hostnqn=nqn.y", UUID, "\"192.0.2.7\""), "guest.disks.nvme.subsystem",
                 "hostnqn"},
                {OF("nqn.x y", UUID, "\"192.0.2.7\""), "guest.disks.nvme.subsystem", "x y"},
                {OF("iqn.x", UUID, "\"192.0.2.7\""), "guest.disks.nvme.subsystem", "iqn.x"},
                {OF("nqn.x", "nvme0n1", "\"192.0.2.7\""), "guest.disks.nvme.namespace", "nvme0n1"},
                {OF("nqn.x", "uuid.6F0FC24C-1b5c-4d34-a6a5-3e1b0b8e9c11", "\"192.0.2.7\""),
                 "guest.disks.nvme.namespace", "6F0FC24C"},
                {OF("nqn.x", UUID "0", "\"192.0.2.7\""), "guest.disks.nvme.namespace", UUID},
                {OF("nqn.x", "uuid.6f0fc24c-1b5c-4d34-a6a5", "\"192.0.2.7\""),
                 "guest.disks.nvme.namespace", "uuid."},
                {OF("nqn.x", "eui.0123456789abcde", "\"192.0.2.7\""), "guest.disks.nvme.namespace",
                 "eui."},
                {OF("nqn.x", UUID, "\"target\""), "guest.disks.nvme.addresses", "target"},
                {OF("nqn.x", UUID, "\"192.0.2.7:0\""), "guest.disks.nvme.addresses", ":0"},
                {OF("nqn.x", UUID, "\"192.0.2.7:65536\""), "guest.disks.nvme.addresses", "65536"},
                {OF("nqn.x", UUID, "\"192.0.2.7:44,host_iface=x\""), "guest.disks.nvme.addresses",
                 "host_iface"},
                {OF("nqn.x", UUID, "\"[192.0.2.7]:1\""), "guest.disks.nvme.addresses", "[192"},
                {OF("nqn.x", UUID, "\"[2001:db8::7\""), "guest.disks.nvme.addresses", "[2001"},
                {OF("nqn.x", UUID, "[]"), "guest.disks.nvme", "nothing says where"},
                /* two writers of one namespace */
                {DISK("") "," DISK(",\"host\":\"nqn.x\""), "guest.disks.path", "same file"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_GUEST g = {0};

                FAILS(parse_disks(t[i].disks, &g), SV_USAGE, t[i].check);
                if (!strstr(err.msg, t[i].place))
                        fail_msg("%zu: %s", i, err.msg);
        }
}

static void ports(void **state)
{
        static const struct {
                const char *text, *host;
                unsigned port;
        } t[] = {
                {"192.0.2.7", "192.0.2.7", 7},         {"192.0.2.7:65535", "192.0.2.7", 65535},
                {"2001:db8::7", "2001:db8::7", 7},     {"[2001:db8::7]", "2001:db8::7", 7},
                {"[2001:DB8::7]:1", "2001:db8::7", 1},
        };
        struct sv_fabric_address a;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                assert_true(sv_fabric_address_read(t[i].text, 7, &a));
                assert_string_equal(a.host, t[i].host);
                assert_int_equal(a.port, t[i].port);
        }
        assert_false(sv_fabric_address_read("", 7, &a));
        assert_false(sv_fabric_address_read("192.0.2.7:", 7, &a));
        assert_false(sv_fabric_address_read("192.0.2.7:+1", 7, &a));
}

/* As many, and one more. */
static void limits(void **state)
{
        for (unsigned more = 0; more < 2; more++) {
                SV_BUF list = SV_BUF_NULL, nqn = SV_BUF_NULL;
                SV_STR disks = NULL;
                SV_STR named = NULL;
                SV_GUEST g = {0}, h = {0};

                for (unsigned i = 0; i < SV_NVME_ADDRESSES_MAX + more; i++)
                        sv_buf_printf(&list, "%s\"192.0.2.%u\"", i ? "," : "", i + 1);
                disks = sv_asprintf(OF("nqn.x", NGUID, "[%s]"), sv_buf_str(&list));
                sv_buf_puts(&nqn, "nqn.");
                while (nqn.n < SV_NQN_MAX + more)
                        sv_buf_puts(&nqn, "x");
                named = sv_asprintf(OF("%s", UUID, "\"192.0.2.7\""), sv_buf_str(&nqn));
                if (!more) {
                        OK(parse_disks(disks, &g));
                        OK(parse_disks(named, &h));
                        continue;
                }
                FAILS(parse_disks(disks, &g), SV_USAGE, "guest.disks.nvme.addresses");
                FAILS(parse_disks(named, &h), SV_USAGE, "guest.disks.nvme.subsystem");
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(read_all),
                cmocka_unit_test(refused),
                cmocka_unit_test(ports),
                cmocka_unit_test(limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
