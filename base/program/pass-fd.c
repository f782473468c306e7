/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program/pass-fd.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

int sv_fd_pair(int out[2], const char *check, struct sv_err *err)
{
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, out) < 0)
                return sv_fail_errno(err, check, "no channel to another process");
        return 0;
}

int sv_fd_pass(int control, const char *text, int fd, const char *check, struct sv_err *err)
{
        union {
                char room[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } u = {.room = {0}};
        struct iovec io = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text) + 1};
        struct msghdr m = {.msg_iov = &io,
                           .msg_iovlen = 1,
                           .msg_control = u.room,
                           .msg_controllen = sizeof(u.room)};
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);

        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd, sizeof(fd));
        while (sendmsg(control, &m, MSG_NOSIGNAL) < 0)
                if (errno != EINTR)
                        return sv_fail_errno(err, check, "another process is not there");
        return 0;
}

static int get_descriptor(struct msghdr *m)
{
        struct cmsghdr *c = CMSG_FIRSTHDR(m);
        int fd = -1;

        if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
            c->cmsg_len == CMSG_LEN(sizeof(int)))
                memcpy(&fd, CMSG_DATA(c), sizeof(fd));
        return fd;
}

int sv_fd_take(int control, char *text, size_t size, int *fd, const char *check, struct sv_err *err)
{
        union {
                char room[CMSG_SPACE(sizeof(int))];
                struct cmsghdr align;
        } u;
        struct iovec io = {.iov_base = text, .iov_len = size - 1};
        struct msghdr m = {.msg_iov = &io,
                           .msg_iovlen = 1,
                           .msg_control = u.room,
                           .msg_controllen = sizeof(u.room)};
        ssize_t n;

        while ((n = recvmsg(control, &m, MSG_CMSG_CLOEXEC)) < 0)
                if (errno != EINTR)
                        return sv_fail_errno(err, check, "cannot hear another process");
        text[n] = '\0';
        *fd = n ? get_descriptor(&m) : -1;
        if (n && *fd < 0)
                return sv_fail(err, SV_SYSTEM, check, "another process sends no descriptor");
        return 0;
}
