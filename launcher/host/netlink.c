/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/host/netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/core/file.h"

int sv_netlink_ask(struct sv_bytes request, struct sv_buf *answer, const char *check,
                   struct sv_err *err)
{
        SV_FD fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        struct sockaddr_nl from = {.nl_family = AF_NETLINK}, kernel = from;
        socklen_t size = sizeof(from);
        ssize_t n;

        sv_buf_clear(answer);
        if (fd < 0 || !sv_buf_grow(answer, SV_NETLINK_ANSWER_MAX))
                return sv_fail_errno(err, check, "netlink");
        if (sendto(fd, request.p, request.n, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
                return sv_fail_errno(err, check, "netlink");
        do
                n = recvfrom(fd, answer->p, answer->n, 0, (struct sockaddr *)&from, &size);
        while ((n < 0 && errno == EINTR) || (n >= 0 && from.nl_pid != 0));
        if (n < 0)
                return sv_fail_errno(err, check, "netlink");
        answer->n = (size_t)n;
        return 0;
}
