/* SPDX-License-Identifier: Apache-2.0 */
/* agent: what the kernel is asked of a network, byte by byte, and what its answer means; which
 * cards there are. Sockets and cards are played: an ordinary user may not change a network. */
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "agent/card.h"
#include "agent/net.h"
#include "agent/netlink.h"
#include "base/core/file.h"

#define SOCKET 77

static struct sv_err err;

/* What was asked, and what is answered: how often with EINTR, and with other messages, before the
 * code. */
static struct {
        uint8_t asked[256];
        size_t n;
        int interrupts, others, code, lost;
} kernel;

ssize_t __wrap_sendto(int fd, const void *p, size_t n, int flags, const void *to, socklen_t size);
ssize_t __wrap_recv(int fd, void *p, size_t n, int flags);

ssize_t __wrap_sendto(int fd, const void *p, size_t n, int flags, const void *to, socklen_t size)
{
        assert_int_equal(fd, SOCKET);
        assert_int_equal(((const struct sockaddr_nl *)to)->nl_family, AF_NETLINK);
        assert_in_range(n, 16, sizeof(kernel.asked));
        memcpy(kernel.asked, p, n);
        kernel.n = n;
        errno = kernel.lost;
        return kernel.lost ? -1 : (ssize_t)n;
}

ssize_t __wrap_recv(int fd, void *p, size_t n, int flags)
{
        struct {
                struct nlmsghdr h;
                int32_t code;
        } answer = {{.nlmsg_len = sizeof(answer), .nlmsg_type = NLMSG_ERROR}, -kernel.code};

        assert_int_equal(fd, SOCKET);
        if (kernel.interrupts-- > 0) {
                errno = EINTR;
                return -1;
        }
        if (kernel.others-- > 0)
                answer.h.nlmsg_type = RTM_NEWADDR;
        memcpy(p, &answer, sizeof(answer));
        return sizeof(answer);
}

#define V4 "\xc0\x00\x02\x07"
#define V6 "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"

static const struct sv_address v4 = {.family = 4, .prefix = 24, .bytes = V4};
static const struct sv_address v6 = {.family = 6, .prefix = 64, .bytes = V6};

static int ask_up(struct sv_err *e)
{
        return sv_netlink_set_link(SOCKET, 3, true, 9000, e);
}

static int ask_down(struct sv_err *e)
{
        return sv_netlink_set_link(SOCKET, 3, false, 0, e);
}

static int ask_vlan(struct sv_err *e)
{
        return sv_netlink_add_vlan(SOCKET, 3, 7, "v7", e);
}

static int ask_remove_link(struct sv_err *e)
{
        return sv_netlink_remove_link(SOCKET, 3, e);
}

static int ask_v4(struct sv_err *e)
{
        return sv_netlink_add_address(SOCKET, 3, &v4, e);
}

static int ask_v6(struct sv_err *e)
{
        return sv_netlink_add_address(SOCKET, 3, &v6, e);
}

static int ask_remove_v4(struct sv_err *e)
{
        return sv_netlink_remove_address(SOCKET, 3, &v4, e);
}

static int ask_route(struct sv_err *e)
{
        return sv_netlink_add_route(SOCKET, 3, &v4, NULL, 5, e);
}

static int ask_default_v6(struct sv_err *e)
{
        return sv_netlink_add_route(SOCKET, 3, NULL, &v6, 5, e);
}

/* Flags of a request; of one that makes something anew. */
#define ASK  "\x05\x00"
#define MAKE "\x05\x06"
#define ZERO "\0\0\0\0"
#define BYTES(s)                                    \
        {                                           \
                (const uint8_t *)(s), sizeof(s) - 1 \
        }

static const struct {
        int (*ask)(struct sv_err *e);
        const char *check;
        bool twice;              /* what is there already is good */
        struct sv_bytes message; /* behind its length */
} requests[] = {
        {ask_up, "agent.net.link", false,
         BYTES("\x10\x00" ASK ZERO ZERO "\0\0\0\0"
               "\x03\0\0\0"
               "\x01\0\0\0"
               "\x01\0\0\0"
               "\x08\0\x04\0"
               "\x28\x23\0\0")},
        {ask_down, "agent.net.link", false,
         BYTES("\x10\x00" ASK ZERO ZERO "\0\0\0\0"
               "\x03\0\0\0"
               "\0\0\0\0"
               "\x01\0\0\0")},
        {ask_vlan, "agent.net.link", false,
         BYTES("\x10\x00" MAKE ZERO ZERO "\0\0\0\0" ZERO ZERO ZERO "\x07\0\x03\0"
               "v7\0\0"
               "\x08\0\x05\0"
               "\x03\0\0\0"
               "\x18\0\x12\0"
               "\x08\0\x01\0"
               "vlan"
               "\x0c\0\x02\0"
               "\x06\0\x01\0"
               "\x07\0\0\0")},
        {ask_remove_link, "agent.net.link", false,
         BYTES("\x11\x00" ASK ZERO ZERO "\0\0\0\0"
               "\x03\0\0\0" ZERO ZERO)},
        {ask_v4, "agent.net.address", true,
         BYTES("\x14\x00" MAKE ZERO ZERO "\x02\x18\0\0"
               "\x03\0\0\0"
               "\x08\0\x02\0" V4 "\x08\0\x01\0" V4)},
        {ask_v6, "agent.net.address", true,
         BYTES("\x14\x00" MAKE ZERO ZERO "\x0a\x40\0\0"
               "\x03\0\0\0"
               "\x14\0\x02\0" V6 "\x14\0\x01\0" V6)},
        {ask_remove_v4, "agent.net.address", true,
         BYTES("\x15\x00" ASK ZERO ZERO "\x02\x18\0\0"
               "\x03\0\0\0"
               "\x08\0\x02\0" V4 "\x08\0\x01\0" V4)},
        {ask_route, "agent.net.route", true,
         BYTES("\x18\x00" MAKE ZERO ZERO "\x02\x18\0\0"
               "\xfe\x03\xfd\x01"
               "\0\0\0\0"
               "\x08\0\x01\0" V4 "\x08\0\x04\0"
               "\x03\0\0\0"
               "\x08\0\x06\0"
               "\x05\0\0\0")},
        {ask_default_v6, "agent.net.route", true,
         BYTES("\x18\x00" MAKE ZERO ZERO "\x0a\0\0\0"
               "\xfe\x03\0\x01"
               "\x04\0\0\0"
               "\x14\0\x05\0" V6 "\x08\0\x04\0"
               "\x03\0\0\0"
               "\x08\0\x06\0"
               "\x05\0\0\0")},
};

static void test_messages(void **state)
{
        for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
                struct sv_bytes want = requests[i].message;
                uint32_t size;

                memset(&kernel, 0, sizeof(kernel));
                OK(requests[i].ask(&err));
                memcpy(&size, kernel.asked, 4);
                assert_int_equal(size, kernel.n);
                if (kernel.n != want.n + 4 || memcmp(kernel.asked + 4, want.p, want.n) != 0) {
                        for (size_t k = 4; k < kernel.n; k++)
                                print_error("\\x%02x", kernel.asked[k]);
                        fail_msg("request %zu: %zu bytes, not %zu", i, kernel.n, want.n + 4);
                }
        }
}

static void test_answers(void **state)
{
        for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
                memset(&kernel, 0, sizeof(kernel));
                kernel.interrupts = 2, kernel.others = 1;
                OK(requests[i].ask(&err));
                assert_int_equal(kernel.others, -1); /* its own answer was read */
                memset(&kernel, 0, sizeof(kernel));
                kernel.others = 1, kernel.code = EPERM;
                FAILS(requests[i].ask(&err), SV_SYSTEM, requests[i].check);
                memset(&kernel, 0, sizeof(kernel));
                kernel.lost = ENOBUFS;
                FAILS(requests[i].ask(&err), SV_SYSTEM, requests[i].check);
                memset(&kernel, 0, sizeof(kernel));
                kernel.code = EEXIST;
                if (requests[i].twice)
                        OK(requests[i].ask(&err));
                else
                        FAILS(requests[i].ask(&err), SV_SYSTEM, requests[i].check);
        }
}

/* --- sockets --- */

/* Which call fails, counted from 1 (0: none), and what was asked of them. */
static struct {
        int fails, calls, family, protocol, port, options;
        char device[32];
} sockets;

int __wrap_socket(int family, int type, int protocol);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t n);
int __wrap_bind(int fd, const struct sockaddr *to, socklen_t n);

static int count_call(int result)
{
        errno = EACCES;
        return ++sockets.calls == sockets.fails ? -1 : result;
}

int __wrap_socket(int family, int type, int protocol)
{
        sockets.family = family;
        sockets.protocol = protocol;
        return count_call(0) < 0 ? -1 : open("/dev/null", O_RDWR | O_CLOEXEC);
}

int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t n)
{
        if (option == SO_BINDTODEVICE && level == SOL_SOCKET)
                snprintf(sockets.device, sizeof(sockets.device), "%.*s", (int)n,
                         (const char *)value);
        sockets.options++;
        return count_call(0);
}

int __wrap_bind(int fd, const struct sockaddr *to, socklen_t n)
{
        if (to->sa_family == AF_INET)
                sockets.port = ntohs(((const struct sockaddr_in *)to)->sin_port);
        if (to->sa_family == AF_INET6)
                sockets.port = ntohs(((const struct sockaddr_in6 *)to)->sin6_port);
        return count_call(0);
}

/* Without either of its sockets there is no network, whatever cards there are. */
static void test_no_socket(void **state)
{
        const struct sv_agent_config config = {.brokers = {{.url = "https://192.0.2.1/"}},
                                               .n_brokers = 1};
        struct sv_net *net = NULL;
        char says[128];

        for (int i = 1; i <= 4; i++) { /* of each socket() and bind() */
                memset(&sockets, 0, sizeof(sockets));
                sockets.fails = i;
                FAILS(sv_net_up(&config, &net, says, &err), SV_SYSTEM, "agent.net.socket");
                assert_int_equal(sockets.calls, i);
                assert_null(net);
        }
}

static void test_lease_socket(void **state)
{
        for (int six = 0; six < 2; six++) {
                struct sv_lease_client c = {.fd = -1, .v6 = six != 0};
                int calls = six ? 5 : 4;

                memset(&sockets, 0, sizeof(sockets));
                OK(sv_lease_begin(&c, "eth0", &err));
                assert_int_equal(sockets.calls, calls);
                assert_int_equal(sockets.family, six ? AF_INET6 : AF_INET);
                assert_int_equal(sockets.port, six ? 546 : 68);
                assert_string_equal(sockets.device, "eth0");
                assert_int_equal(c.state, SV_LEASE_LOOKING);
                assert_in_range(c.fd, 0, 1 << 20);
                sv_lease_end(&c);
                for (int i = 1; i <= calls; i++) {
                        memset(&sockets, 0, sizeof(sockets));
                        sockets.fails = i;
                        FAILS(sv_lease_begin(&c, "eth0", &err), SV_SYSTEM, "agent.net.dhcp");
                        assert_int_equal(c.fd, -1);
                }
        }
}

/* --- cards --- */

static char *folder; /* stands for /sys/class/net; "ethN" has a device and the address ...:0N */

DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);
unsigned __wrap_if_nametoindex(const char *name);
int __real_sv_file_read(const char *path, size_t max, struct sv_buf *out, const char *check,
                        struct sv_err *e);
int __wrap_sv_file_read(const char *path, size_t max, struct sv_buf *out, const char *check,
                        struct sv_err *e);

DIR *__wrap_opendir(const char *path)
{
        return __real_opendir(strcmp(path, "/sys/class/net") ? path : folder);
}

int __wrap_access(const char *path, int mode)
{
        if (strncmp(path, "/sys/class/net/", 15) != 0)
                return __real_access(path, mode);
        return strncmp(path + 15, "eth", 3) ? -1 : 0;
}

unsigned __wrap_if_nametoindex(const char *name)
{
        return (unsigned)(name[3] - '0') + 10;
}

int __wrap_sv_file_read(const char *path, size_t max, struct sv_buf *out, const char *check,
                        struct sv_err *e)
{
        unsigned n;

        if (sscanf(path, "/sys/class/net/eth%u/address", &n) != 1)
                return __real_sv_file_read(path, max, out, check, e);
        sv_buf_printf(out, "52:54:00:00:00:%02x\n", n);
        return 0;
}

static void make_card(const char *name)
{
        char path[128];

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        assert_int_equal(mkdir(path, 0700), 0);
}

static void test_cards(void **state)
{
        struct sv_card cards[SV_GUEST_NICS_MAX + 1] = {{.index = 0}};
        struct sv_agent_config config = {.n_nics = 0};
        char name[] = "eth0", place[] = "/tmp/sv-cards-XXXXXX";
        size_t n;

        folder = mkdtemp(place);
        assert_non_null(folder);
        cards[SV_GUEST_NICS_MAX].index = 77;
        make_card("lo");
        FAILS(sv_cards_find(&config, cards, &n, &err), SV_SYSTEM, "agent.net.card");
        for (size_t i = 0; i <= SV_GUEST_NICS_MAX; i++) { /* one more than are looked at */
                name[3] = (char)('0' + i);
                make_card(name);
                OK(sv_cards_find(&config, cards, &n, &err));
                assert_int_equal(n, i < SV_GUEST_NICS_MAX ? i + 1 : SV_GUEST_NICS_MAX);
                assert_int_equal(cards[SV_GUEST_NICS_MAX].index, 77);
                for (size_t k = 0; k < n; k++) {
                        assert_int_equal(cards[k].order, k);
                        assert_int_equal(cards[k].index, 10 + cards[k].mac[5]);
                        assert_string_equal(cards[k].name, cards[k].link);
                        assert_true(!k || strcmp(cards[k - 1].name, cards[k].name) < 0);
                }
        }
        OK(sv_remove_tree(folder, &err));
}

/* Which card the command line means. */
static void test_named_cards(void **state)
{
        struct sv_card cards[SV_GUEST_NICS_MAX];
        struct sv_agent_config config = {.has_card = true, .card = {0x52, 0x54, 0, 0, 0, 2}};
        char place[] = "/tmp/sv-cards-XXXXXX";
        size_t n;

        folder = mkdtemp(place);
        assert_non_null(folder);
        make_card("eth1");
        FAILS(sv_cards_find(&config, cards, &n, &err), SV_SYSTEM, "agent.net.card");
        make_card("eth2");
        OK(sv_cards_find(&config, cards, &n, &err));
        assert_int_equal(n, 1);
        assert_string_equal(cards[0].name, "eth2");
        config.n_nics = 1; /* of a card that is not used */
        memcpy(config.nics[0].mac, "\x52\x54\0\0\0\1", 6);
        OK(sv_cards_find(&config, cards, &n, &err));
        assert_null(cards[0].nic);
        config.has_card = false;
        OK(sv_cards_find(&config, cards, &n, &err));
        assert_int_equal(n, 2);
        assert_ptr_equal(cards[0].nic, &config.nics[0]);
        assert_null(cards[1].nic);
        config.nics[0].mac[5] = 3; /* of none */
        FAILS(sv_cards_find(&config, cards, &n, &err), SV_SYSTEM, "agent.net.card");
        config.nics[0].first = true;
        OK(sv_cards_find(&config, cards, &n, &err));
        assert_ptr_equal(cards[0].nic, &config.nics[0]);
        OK(sv_remove_tree(folder, &err));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_messages),  cmocka_unit_test(test_answers),
                cmocka_unit_test(test_no_socket), cmocka_unit_test(test_lease_socket),
                cmocka_unit_test(test_cards),     cmocka_unit_test(test_named_cards),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
