/* SPDX-License-Identifier: Apache-2.0 */
/* A quote service of our own: a process that answers one connection after another on a unix socket
 * with given bytes. */
#pragma once

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/file.h"
#include "tests/unit/unit.h"

/* answer.n == 0: takes connections and says nothing. Ended by qgs_stop. */
static inline pid_t qgs_start(const char *path, struct sv_bytes answer)
{
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        pid_t pid;

        snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
        unlink(path);
        assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
        assert_int_equal(listen(fd, 8), 0);
        pid = fork();
        if (pid == 0)
                for (;;) {
                        int c = accept(fd, NULL, NULL);
                        char request[4096];

                        if (c >= 0 && answer.n && recv(c, request, sizeof(request), 0) > 0)
                                for (size_t i = 0; i < answer.n; i += 3) /* in pieces */
                                        if (send(c, answer.p + i,
                                                 answer.n - i < 3 ? answer.n - i : 3,
                                                 MSG_NOSIGNAL) < 0)
                                                break;
                        if (answer.n)
                                close(c);
                }
        close(fd);
        return pid;
}

static inline void qgs_stop(pid_t pid)
{
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}
