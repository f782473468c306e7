/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program/manager.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/core/file.h"

void sv_notify_manager(const char *line)
{
        const char *path = getenv("NOTIFY_SOCKET");
        struct sockaddr_un addr = {.sun_family = AF_UNIX};
        size_t n = path ? strlen(path) : 0;
        SV_FD fd = -1;

        if ((n < 2 || n >= sizeof(addr.sun_path)) || (*path != '/' && *path != '@'))
                return;
        memcpy(addr.sun_path, path, n);
        if (*path == '@') /* an abstract name */
                addr.sun_path[0] = 0;
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd >= 0)
                (void)!sendto(fd, line, strlen(line), MSG_NOSIGNAL, (struct sockaddr *)&addr,
                              (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
}

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

static bool is_listening(int fd)
{
        int listens = 0, type = 0;
        socklen_t n = sizeof(int);

        return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &n) == 0 && listens &&
               getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) == 0 && type == SOCK_STREAM;
}

int sv_take_manager_socket(int *fd, struct sv_err *err)
{
        const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
        bool ours = pid && n && strtol(pid, NULL, 10) == getpid();
        long count = ours ? strtol(n, NULL, 10) : 0;

        *fd = -1;
        unsetenv("LISTEN_PID");
        unsetenv("LISTEN_FDS");
        unsetenv("LISTEN_FDNAMES");
        if (count == 0)
                return 0;
        if (count != 1 || !is_listening(FIRST_FD))
                return sv_fail(err, SV_USAGE, "manager.socket",
                               "expected one listening socket (ListenStream=) from the service "
                               "manager, found %ld, or of another kind; correct the .socket unit",
                               count);
        if (fcntl(FIRST_FD, F_SETFD, FD_CLOEXEC) < 0 || fcntl(FIRST_FD, F_SETFL, O_NONBLOCK) < 0)
                return sv_fail_errno(err, "manager.socket", "the service manager's socket");
        *fd = FIRST_FD;
        return 0;
}
