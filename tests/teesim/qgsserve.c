/* SPDX-License-Identifier: Apache-2.0 */
/* The quote service of a TDX host: signs the TDREPORT that it is asked about, in the messages of
 * Intel's quote_wrapper/qgs_msg_lib. Written apart from tdx/guest/qgs.c, as an independent other
 * side. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/rd.h"
#include "tests/teesim/intelpki.h"
#include "tests/teesim/signer.h"

#define HEADER   16
#define REQUEST  (HEADER + 8 + INTEL_TD_REPORT)
#define NO_QUOTE 0xe011u /* of Intel's quote library */

static bool read_all(int fd, uint8_t *p, size_t n)
{
        while (n) {
                ssize_t got = read(fd, p, n);

                if (got <= 0)
                        return false;
                p += got;
                n -= (size_t)got;
        }
        return true;
}

static void say(const char *what)
{
        puts(what);
        fflush(stdout);
}

static void put_answer(uint32_t error, struct sv_bytes body, struct sv_buf *out)
{
        sv_buf_u32be(out, (uint32_t)(HEADER + body.n));
        sv_buf_u16le(out, 1);
        sv_buf_u16le(out, 1);
        sv_buf_u32le(out, 1); /* GET_QUOTE_RESP */
        sv_buf_u32le(out, (uint32_t)(HEADER + body.n));
        sv_buf_u32le(out, error);
        sv_buf_put(out, body);
}

static bool understood(struct sv_bytes request)
{
        struct sv_rd r = sv_rd(request);

        return sv_rd_u16le(&r) == 1 && sv_rd_u16le(&r) <= 1 &&
               sv_rd_u32le(&r) == 0 /* GET_QUOTE_REQ */ && sv_rd_u32le(&r) == REQUEST &&
               sv_rd_u32le(&r) == 0 && sv_rd_u32le(&r) == INTEL_TD_REPORT && sv_rd_u32le(&r) == 0;
}

static void answer(const struct intel_signer *keys, struct sv_bytes request, bool refuse,
                   struct sv_buf *out)
{
        SV_BUF quote = SV_BUF_NULL, body = SV_BUF_NULL;

        if (request.n != REQUEST || !understood(request)) {
                say("not understood");
                put_answer(0x12003, SV_BYTES_NULL, out);
        } else if (refuse || !intel_quote_report(keys, request.p + HEADER + 8, &quote)) {
                say(refuse ? "refused" : "no report of this machine");
                put_answer(NO_QUOTE, SV_BYTES_NULL, out);
        } else {
                sv_buf_u32le(&body, 0);
                sv_buf_u32le(&body, (uint32_t)quote.n);
                sv_buf_put(&body, sv_buf_bytes(&quote));
                put_answer(0, sv_buf_bytes(&body), out);
                say("signed");
        }
}

static void serve_one(const struct intel_signer *keys, int fd, const char *how)
{
        uint8_t length[4], request[REQUEST];

        while (read_all(fd, length, 4)) {
                struct sv_rd r = sv_rd(sv_bytes(length, 4));
                uint32_t n = sv_rd_u32be(&r);
                SV_BUF out = SV_BUF_NULL;

                if (n > sizeof(request) || !read_all(fd, request, n))
                        return;
                if (!strcmp(how, "silent")) {
                        say("silent");
                        continue;
                }
                answer(keys, sv_bytes(request, n), !strcmp(how, "refuse"), &out);
                if (sv_fd_write(fd, "the port", sv_buf_bytes(&out), NULL) < 0)
                        return;
        }
}

int intel_serve_qgs(const char *dir, const char *socket_path, const char *how, struct sv_err *err)
{
        struct sockaddr_un at = {.sun_family = AF_UNIX};
        SV_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct intel_signer keys = {0};

        intel_signer_load(dir, &keys);
        snprintf(at.sun_path, sizeof(at.sun_path), "%s", socket_path);
        if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 1) < 0)
                return sv_fail_errno(err, "serve", "cannot listen on %s", socket_path);
        for (;;) {
                SV_FD guest = accept(fd, NULL, NULL);

                if (guest >= 0)
                        serve_one(&keys, guest, how);
        }
}
