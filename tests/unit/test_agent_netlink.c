/* SPDX-License-Identifier: Apache-2.0 */
/* agent: what the kernel is asked of a network, byte by byte, and what its answer means. The socket
 * is a played one: an ordinary user may not change a network. */
#include "unit.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "agent/netlink.h"

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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_messages),
                cmocka_unit_test(test_answers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
