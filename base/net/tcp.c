/* SPDX-License-Identifier: Apache-2.0 */
/* TCP sockets: connect and listen with bounded waits. */
#include "base/net/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/core/limits.h"

int sv_net_wait(int fd, short events, int timeout_ms, struct sv_err *err)
{
        struct pollfd p = {.fd = fd, .events = events};
        int64_t end = sv_clock_ms() + timeout_ms;

        for (;;) {
                int64_t left = timeout_ms < 0 ? -1 : end - sv_clock_ms();
                int n = poll(&p, 1, timeout_ms < 0 ? -1 : left < 0 ? 0 : (int)left);

                if (n > 0)
                        return 0; /* also on errors: the read or write that follows tells which */
                if (n == 0)
                        return sv_fail(err, SV_SYSTEM, "tls.timeout",
                                       "the peer did not answer within %d ms", timeout_ms);
                if (errno != EINTR)
                        return sv_fail_errno(err, "net.poll", "cannot wait for the connection");
        }
}

static int connect_address(const struct addrinfo *a, int timeout_ms)
{
        int fd =
                socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
        int one = 1, bad = 0;
        socklen_t n = sizeof(bad);

        if (fd < 0)
                return -1;
        if (connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
                if (errno != EINPROGRESS)
                        goto fail;
                if (sv_net_wait(fd, POLLOUT, timeout_ms, NULL) < 0) {
                        errno = ETIMEDOUT;
                        goto fail;
                }
                if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &bad, &n) < 0)
                        goto fail;
                if (bad) {
                        errno = bad;
                        goto fail;
                }
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        return fd;
fail:
        bad = errno;
        close(fd);
        errno = bad;
        return -1;
}

int sv_tcp_connect(const char *host, const char *port, int timeout_ms, struct sv_err *err)
{
        struct addrinfo hints = {
                .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
        struct addrinfo *list, *a;
        int rc = getaddrinfo(host, port, &hints, &list);
        int fd = -1;

        if (rc)
                return sv_fail(err, SV_SYSTEM, "net.resolve", "cannot find the address of %s: %s",
                               host, gai_strerror(rc));
        for (a = list; a && fd < 0; a = a->ai_next)
                fd = connect_address(a, timeout_ms);
        if (fd < 0)
                sv_fail_errno(err, "net.connect", "cannot connect to %s port %s", host, port);
        freeaddrinfo(list);
        return fd;
}

static int listen_address(const struct addrinfo *a)
{
        int fd =
                socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
        int one = 1, saved;

        if (fd < 0)
                return -1;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, SV_LISTEN_BACKLOG) == 0)
                return fd;
        saved = errno;
        close(fd);
        errno = saved;
        return -1;
}

int sv_tcp_port(int fd, uint16_t *port, struct sv_err *err)
{
        struct sockaddr_storage bound;
        socklen_t n = sizeof(bound);

        if (getsockname(fd, (struct sockaddr *)&bound, &n) < 0)
                return sv_fail_errno(err, "net.listen", "cannot tell the port of the socket");
        *port = ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                  : ((struct sockaddr_in *)&bound)->sin_port);
        return 0;
}

int sv_tcp_listen(const char *address, uint16_t *port, struct sv_err *err)
{
        struct addrinfo hints = {.ai_family = AF_UNSPEC,
                                 .ai_socktype = SOCK_STREAM,
                                 .ai_flags = AI_NUMERICSERV | AI_NUMERICHOST | AI_PASSIVE};
        struct addrinfo *a;
        char text[8];
        int rc, fd;

        snprintf(text, sizeof(text), "%u", (unsigned)*port);
        rc = getaddrinfo(address, text, &hints, &a);
        if (rc)
                return sv_fail(err, SV_USAGE, "net.address",
                               "cannot listen on '%s': %s (give an IP address)", address,
                               gai_strerror(rc));
        fd = listen_address(a);
        freeaddrinfo(a);
        if (fd < 0)
                return sv_fail_errno(err, "net.listen", "cannot listen on %s port %u", address,
                                     (unsigned)*port);
        if (sv_tcp_port(fd, port, err) == 0)
                return fd;
        close(fd);
        return -1;
}

void sv_net_peer(int fd, char out[80])
{
        struct sockaddr_storage peer;
        socklen_t n = sizeof(peer);
        char host[64], port[8];

        out[0] = '\0';
        if (getpeername(fd, (struct sockaddr *)&peer, &n) < 0 ||
            getnameinfo((struct sockaddr *)&peer, n, host, sizeof(host), port, sizeof(port),
                        NI_NUMERICHOST | NI_NUMERICSERV))
                return;
        snprintf(out, 80, peer.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}
