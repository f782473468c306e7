/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/process/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/secret.h"
#include "base/core/visible.h"
#include "base/program/pass-fd.h"

#define CHECK   "broker.process"
#define HEAD    5          /* bytes in front of a body */
#define SHORT   16384      /* bytes of bodies that are sent with their heads */
#define PIECE   (64 << 10) /* memory is taken as bytes come, not as a size says */
#define SEND_S  30         /* for a process that does not read */
#define TEXT_AT 65         /* of an error's body: class, check */

int sv_channel_pair(int out[2], struct sv_err *err)
{
        struct timeval limit = {.tv_sec = SEND_S};

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out) < 0)
                return sv_fail_errno(err, CHECK, "no channel to another process");
        for (int i = 0; i < 2; i++)
                setsockopt(out[i], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
        return 0;
}

int sv_control_pair(int out[2], struct sv_err *err)
{
        return sv_fd_pair(out, CHECK, err);
}

static int send_whole(int fd, struct sv_bytes data, struct sv_err *err)
{
        while (data.n) {
                ssize_t n = send(fd, data.p, data.n, MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return sv_fail_errno(err, CHECK, "another process does not read");
                data = sv_bytes(data.p + n, data.n - (size_t)n);
        }
        return 0;
}

static size_t put_frame(uint8_t *to, uint8_t type, struct sv_bytes body)
{
        *to = type;
        sv_bytes_put_le(to + 1, body.n, 4);
        if (body.n)
                memcpy(to + HEAD, body.p, body.n);
        return HEAD + body.n;
}

static int send_long(int fd, uint8_t type, struct sv_bytes body, struct sv_err *err)
{
        uint8_t head[HEAD] = {type};

        if (body.n > UINT32_MAX)
                return sv_fail(err, SV_SYSTEM, CHECK, "a message of %zu bytes", body.n);
        sv_bytes_put_le(head + 1, body.n, 4);
        if (send_whole(fd, sv_bytes(head, sizeof(head)), err) < 0)
                return -1;
        return send_whole(fd, body, err);
}

int sv_channel_send(int fd, uint8_t type, struct sv_bytes body, struct sv_err *err)
{
        uint8_t whole[HEAD + SHORT];
        size_t n;
        int r;

        if (body.n > SHORT)
                return send_long(fd, type, body, err);
        n = put_frame(whole, type, body);
        r = send_whole(fd, sv_bytes(whole, n), err);
        sv_wipe(whole, n); /* it may be a secret */
        return r;
}

int sv_channel_send_both(int fd, uint8_t type, struct sv_bytes body, uint8_t then,
                         struct sv_bytes next, struct sv_err *err)
{
        uint8_t whole[2 * HEAD + SHORT];
        size_t n;
        int r;

        if (body.n > SHORT || next.n > SHORT - body.n)
                return sv_channel_send(fd, type, body, err) < 0
                               ? -1
                               : sv_channel_send(fd, then, next, err);
        n = put_frame(whole, type, body);
        n += put_frame(whole + n, then, next);
        r = send_whole(fd, sv_bytes(whole, n), err);
        sv_wipe(whole, n);
        return r;
}

static int wait_readable(int fd, int64_t end, struct sv_err *err)
{
        for (;;) {
                struct pollfd p = {.fd = fd, .events = POLLIN};
                int64_t left = end < 0 ? -1 : end - sv_clock_ms();
                int n;

                if (end >= 0 && left <= 0)
                        return sv_fail(err, SV_SYSTEM, CHECK, "another process does not answer");
                n = poll(&p, 1, (int)left);
                if (n > 0)
                        return 0;
                if (n < 0 && errno != EINTR)
                        return sv_fail_errno(err, CHECK, "cannot wait for another process");
        }
}

/* Bytes that came, at most n; 0 at the end. `there`: they are expected to be there already. */
static long recv_some(int fd, int64_t end, bool there, uint8_t *p, size_t n, struct sv_err *err)
{
        for (;; there = false) {
                ssize_t got;

                if (!there && wait_readable(fd, end, err) < 0)
                        return -1;
                got = recv(fd, p, n, MSG_DONTWAIT);
                if (got >= 0 || errno == ECONNRESET)
                        return got < 0 ? 0 : got;
                if (errno != EINTR && errno != EAGAIN)
                        return sv_fail_errno(err, CHECK, "cannot hear another process");
        }
}

static int recv_whole(int fd, int64_t end, bool there, uint8_t *p, size_t n, bool *closed,
                      struct sv_err *err)
{
        for (size_t at = 0; at < n;) {
                long got = recv_some(fd, end, there || at, p + at, n - at, err);

                if (got < 0)
                        return -1;
                if (got == 0 && at == 0 && closed) {
                        *closed = true;
                        return 0;
                }
                if (got == 0)
                        return sv_fail(err, SV_SYSTEM, CHECK,
                                       "another process has ended before it answered");
                at += (size_t)got;
        }
        return 0;
}

int sv_channel_recv(int fd, int ms, size_t max, uint8_t *type, struct sv_buf *body, bool *closed,
                    struct sv_err *err)
{
        int64_t end = ms < 0 ? -1 : sv_clock_ms() + ms;
        uint8_t head[HEAD];
        struct sv_rd r = sv_rd(sv_bytes(head, sizeof(head)));
        size_t n;

        if (closed)
                *closed = false;
        if (recv_whole(fd, end, false, head, sizeof(head), closed, err) < 0)
                return -1;
        if (closed && *closed)
                return 0;
        *type = sv_rd_u8(&r);
        n = sv_rd_u32le(&r);
        if (n > max)
                return sv_fail(err, SV_SYSTEM, CHECK,
                               "another process sends %zu bytes, expected at most %zu", n, max);
        while (n) {
                size_t piece = n < PIECE ? n : PIECE;
                uint8_t *p = sv_buf_grow(body, piece);

                if (!p)
                        return sv_buf_ok(body, "a message", err);
                if (recv_whole(fd, end, true, p, piece, NULL, err) < 0)
                        return -1;
                n -= piece;
        }
        return 0;
}

int sv_channel_expect(int fd, int ms, uint8_t type, size_t max, struct sv_buf *body,
                      struct sv_err *err)
{
        uint8_t got = 0;

        if (sv_channel_recv(fd, ms, max, &got, body, NULL, err) < 0)
                return -1;
        if (got == SV_FRAME_ERROR)
                return sv_channel_read_error(sv_buf_bytes(body), err);
        if (got != type)
                return sv_fail(err, SV_SYSTEM, CHECK,
                               "another process sends a message %u, expected %u", got, type);
        return 0;
}

/* --- errors --- */

int sv_channel_send_error(int fd, const struct sv_err *what, struct sv_err *err)
{
        SV_BUF body = SV_BUF_NULL;

        sv_buf_u8(&body, (uint8_t)what->class);
        sv_buf_put(&body, sv_bytes(what->check, sizeof(what->check)));
        sv_buf_put(&body, sv_bytes_str(what->msg));
        if (sv_buf_ok(&body, "an error", err) < 0)
                return -1;
        return sv_channel_send(fd, SV_FRAME_ERROR, sv_buf_bytes(&body), err);
}

int sv_channel_read_error(struct sv_bytes body, struct sv_err *err)
{
        static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
        struct sv_rd r = sv_rd(body);
        enum sv_class class = (enum sv_class)sv_rd_u8(&r);
        char check[64], text[sizeof(err->msg)];
        struct sv_bytes rest;

        sv_rd_copy(&r, check, sizeof(check));
        rest = sv_rd_rest(&r);
        if (body.n < TEXT_AT || check[63] || !check[0] || class < SV_USAGE || class > SV_POLICY ||
            strspn(check, letters) != strlen(check))
                return sv_fail(err, SV_SYSTEM, CHECK, "another process sends no error that is one");
        snprintf(text, sizeof(text), "%.*s", (int)(rest.n < 1023 ? rest.n : 1023), rest.p);
        sv_make_visible(text, strlen(text), false);
        return sv_fail(err, class, check, "%s", text);
}

/* --- descriptors --- */

int sv_control_pass(int control, const char *text, int fd, struct sv_err *err)
{
        return sv_fd_pass(control, text, fd, CHECK, err);
}

int sv_control_take(int control, char *text, size_t size, int *fd, struct sv_err *err)
{
        return sv_fd_take(control, text, size, fd, CHECK, err);
}
