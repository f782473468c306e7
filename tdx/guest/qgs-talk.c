/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/core/rd.h"
#include "base/net/tls.h"
#include "tdx/guest/qgs.h"

#define CONNECT_MS 3000

int sv_qgs_connect(const char *address, int *out, struct sv_err *err)
{
        struct sockaddr_un un = {.sun_family = AF_UNIX};
        struct sockaddr_vm vm = {.svm_family = AF_VSOCK};
        bool vsock = sscanf(address, "vsock:%u:%u", &vm.svm_cid, &vm.svm_port) == 2;
        SV_FD fd =
                socket(vsock ? AF_VSOCK : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        const struct sockaddr *a =
                vsock ? (const struct sockaddr *)&vm : (const struct sockaddr *)&un;
        int bad = 0;
        socklen_t n = sizeof(bad);

        if (!vsock && strlen(address) >= sizeof(un.sun_path))
                return sv_fail(err, SV_SYSTEM, "tdx.qgs.connect",
                               "%s: a socket's path has at most %zu bytes", address,
                               sizeof(un.sun_path) - 1);
        memcpy(un.sun_path, address, vsock ? 0 : strlen(address));
        if (fd < 0 || (connect(fd, a, vsock ? sizeof(vm) : sizeof(un)) < 0 && errno != EINPROGRESS))
                return sv_fail_errno(err, "tdx.qgs.connect", "the quote service at %s", address);
        if (sv_net_wait(fd, POLLOUT, CONNECT_MS, err) < 0)
                return sv_wrap(err, "the quote service at %s", address);
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &bad, &n) < 0 || bad) {
                errno = bad;
                return sv_fail_errno(err, "tdx.qgs.connect", "the quote service at %s", address);
        }
        *out = fd;
        fd = -1;
        return 0;
}

/* Until `end`, whatever came before: who sends a byte now and then is not waited for longer than
 * who sends none. */
static int wait_until(int fd, short events, int64_t end)
{
        int64_t left = end - sv_clock_ms();

        return left <= 0 ? -1 : sv_net_wait(fd, events, (int)left, NULL);
}

/* All of `size` bytes, or an error. */
static int receive_bytes(int fd, uint8_t *to, size_t size, int64_t end, struct sv_err *err)
{
        for (size_t have = 0; have < size;) {
                ssize_t n;

                if (wait_until(fd, POLLIN, end) < 0)
                        return sv_fail(err, SV_SYSTEM, "tdx.qgs.answer",
                                       "the quote service does not answer: restart it (systemctl "
                                       "restart qgsd)");
                n = recv(fd, to + have, size - have, 0);
                if (n == 0)
                        return sv_fail(err, SV_SYSTEM, "tdx.qgs.answer",
                                       "the quote service hung up without an answer: see its log "
                                       "(journalctl -u qgsd)");
                if (n < 0 && errno != EAGAIN && errno != EINTR)
                        return sv_fail_errno(err, "tdx.qgs.answer",
                                             "reading the quote service's answer");
                have += n > 0 ? (size_t)n : 0;
        }
        return 0;
}

int sv_qgs_exchange(int fd, struct sv_bytes request, int timeout_ms, struct sv_buf *answer,
                    struct sv_err *err)
{
        int64_t end = sv_clock_ms() + timeout_ms;
        uint8_t length[4];
        struct sv_rd r = sv_rd(sv_bytes(length, 4));
        uint32_t size;
        size_t at = answer->n;

        for (size_t sent = 0; sent < request.n;) {
                ssize_t n = send(fd, request.p + sent, request.n - sent, MSG_NOSIGNAL);

                if (n < 0 && errno != EAGAIN && errno != EINTR)
                        return sv_fail_errno(err, "tdx.qgs.answer", "asking the quote service");
                if (n < 0 && wait_until(fd, POLLOUT, end) < 0)
                        return sv_fail(err, SV_SYSTEM, "tdx.qgs.answer",
                                       "the quote service takes no request: restart it (systemctl "
                                       "restart qgsd)");
                sent += n > 0 ? (size_t)n : 0;
        }
        if (receive_bytes(fd, length, 4, end, err) < 0)
                return -1;
        size = sv_rd_u32be(&r);
        if (!size || size > SV_QGS_SIZE_MAX)
                return sv_fail(err, SV_FORMAT, "tdx.qgs.message",
                               "the quote service announces %u bytes, at most %u were expected",
                               size, SV_QGS_SIZE_MAX);
        sv_buf_grow(answer, size);
        return answer->bad ? sv_buf_ok(answer, "the quote service's answer", err)
                           : receive_bytes(fd, answer->p + at, size, end, err);
}
