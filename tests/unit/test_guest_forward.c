/* SPDX-License-Identifier: Apache-2.0 */
/* Ports of the host that lead to a guest: what a guest file may say of them, and what is refused.
 */
#include "base/core/limits.h"
#include "guest/guest.h"
#include "tests/unit/unit.h"

#define K "\"name\":\"a\",\"kernel\":\"k\""

static int parse(const char *text, struct sv_guest *g, struct sv_err *err)
{
        return sv_guest_parse(sv_bytes_str(text), "g.json", "/dir", g, err);
}

static void refusals(void **state)
{
        static const struct {
                const char *text, *check, *says;
        } t[] = {
                {"{" K ",\"nics\":[{\"type\":\"user\",\"forward\":[{\"port\":1023,\"to\":22}]}]}",
                 "guest.nics.forward.port", "from 1024"},
                {"{" K ",\"nics\":[{\"type\":\"user\",\"forward\":[{\"port\":65536,\"to\":22}]}]}",
                 "guest.nics.forward.port", "to 65535"},
                {"{" K ",\"nics\":[{\"type\":\"user\",\"forward\":[{\"port\":1024,\"to\":0}]}]}",
                 "guest.nics.forward.to", "from 1"},
                {"{" K ",\"nics\":[{\"type\":\"user\",\"forward\":[{\"port\":1024}]}]}",
                 "guest.nics.forward.to", "missing"},
                {"{" K ",\"nics\":[{\"type\":\"user\",\"forward\":[{\"port\":1024,\"to\":1,"
                 "\"address\":\"localhost\"}]}]}",
                 "guest.nics.forward.address", "IPv4"},
                {"{" K ",\"nics\":[{\"type\":\"user\",\"forward\":[{\"port\":1024,\"to\":1,"
                 "\"protocol\":\"sctp\"}]}]}",
                 "guest.nics.forward.protocol", "udp"},
                {"{" K
                 ",\"nics\":[{\"type\":\"bridge\",\"source\":\"b\",\"forward\":[{\"port\":1024,"
                 "\"to\":1}]}]}",
                 "guest.nics.forward", "address of its own"},
                {"{" K ",\"nics\":[{\"type\":\"user\",\"forward\":[{\"port\":1024,\"to\":1},"
                 "{\"port\":1024,\"to\":2,\"address\":\"0.0.0.0\"}]}]}",
                 "guest.nics.forward.port", "/nics/0/forward/1/port"},
                {"{" K ",\"nics\":[{\"type\":\"user\",\"forward\":[{\"port\":1024,\"to\":1}]},"
                 "{\"type\":\"user\",\"forward\":[{\"port\":1024,\"to\":1}]}]}",
                 "guest.nics.forward.port", "/nics/1/forward/0/port"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct sv_err err = SV_ERR_NULL;
                SV_GUEST g = {0};

                FAILS(parse(t[i].text, &g, &err), SV_USAGE, t[i].check);
                if (!strstr(err.msg, t[i].says))
                        fail_msg("%s: %s", t[i].text, err.msg);
        }
}

/* One port of the host leads to one place: of each protocol, and of each address of its own. */
static void forwards(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        SV_GUEST g = {0};

        OK(parse("{" K ",\"nics\":[{\"type\":\"user\",\"forward\":[{\"port\":1024,\"to\":65535},"
                 "{\"port\":1024,\"to\":1,\"protocol\":\"udp\"},"
                 "{\"port\":1024,\"to\":22,\"address\":\"127.0.0.2\"}]}]}",
                 &g, &err));
        assert_int_equal(g.nics[0].n_forwards, 3);
        assert_string_equal(g.nics[0].forwards[0].protocol, "tcp");
        assert_string_equal(g.nics[0].forwards[0].address, "127.0.0.1");
        assert_int_equal(g.nics[0].forwards[0].to, 65535);
        assert_string_equal(g.nics[0].forwards[1].protocol, "udp");
        assert_string_equal(g.nics[0].forwards[2].address, "127.0.0.2");
}

static void forwards_limit(void **state)
{
        for (size_t n = SV_GUEST_FORWARDS_MAX; n <= SV_GUEST_FORWARDS_MAX + 1; n++) {
                struct sv_err err = SV_ERR_NULL;
                SV_BUF text = SV_BUF_NULL;
                SV_GUEST g = {0};

                sv_buf_puts(&text, "{" K ",\"nics\":[{\"type\":\"user\",\"forward\":[");
                for (size_t i = 0; i < n; i++)
                        sv_buf_printf(&text, "%s{\"port\":%zu,\"to\":1}", i ? "," : "", 1024 + i);
                sv_buf_puts(&text, "]}]}");
                if (n <= SV_GUEST_FORWARDS_MAX)
                        OK(parse(sv_buf_str(&text), &g, &err));
                else
                        FAILS(parse(sv_buf_str(&text), &g, &err), SV_USAGE, "guest.nics.forward");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(refusals),
                cmocka_unit_test(forwards),
                cmocka_unit_test(forwards_limit),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
