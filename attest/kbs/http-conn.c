/* SPDX-License-Identifier: Apache-2.0 */
/* Client connections: connect, send, read; a kept connection that the broker closed meanwhile is
 * opened again once. */
#include "attest/kbs/http-conn.h"

#include <stdio.h>
#include <strings.h>

#include "base/core/file.h"

#define CONNECT_TIMEOUT_MS 10000
#define CALL_TIMEOUT_MS    60000

int sv_http_conn_init(struct sv_http_conn *c, const char *url, struct sv_tls_ctx *ctx,
                      struct sv_err *err)
{
        memset(c, 0, sizeof(*c));
        if (sv_url_parse(url, ctx == NULL, &c->url, err) < 0)
                return -1;
        if (c->url.tls != (ctx != NULL))
                return sv_fail(err, SV_USAGE, "http.url",
                               "an https URL needs a pinned key or a CA, a plain one has neither");
        c->ctx = ctx;
        return 0;
}

void sv_http_conn_close(struct sv_http_conn *c)
{
        sv_tls_free(c->tls);
        c->tls = NULL;
}

static int open_conn(struct sv_http_conn *c, struct sv_err *err)
{
        int fd = sv_tcp_connect(c->url.host, c->url.port, CONNECT_TIMEOUT_MS, err);

        if (fd < 0)
                return -1;
        c->tls = c->ctx ? sv_tls_connect(c->ctx, fd, c->url.host, err) : sv_tls_plain(fd, err);
        return c->tls ? 0 : -1;
}

/* One try; *closed when the broker had closed the connection before it saw the request: it ended,
 * or was reset as the request came behind the close, and no byte of an answer came. */
static int try_call(struct sv_http_conn *c, const struct sv_http_msg *req, struct sv_bytes body,
                    struct sv_http_msg *answer, bool *closed, struct sv_err *err)
{
        uint64_t before = sv_tls_count(c->tls);
        struct sv_err fault = SV_ERR_NULL;

        sv_tls_deadline(c->tls, CALL_TIMEOUT_MS);
        *closed = sv_http_write_body(c->tls, req, body, err) < 0;
        if (*closed) {
                /* A refusal may be waiting although the rest was not taken (a body that is too
                 * large). */
                struct sv_err ignored;
                bool none;

                return sv_http_read(c->tls, false, answer, &none, &ignored) == 0 && !none
                       ? *closed = false,
                         0 : -1;
        }
        if (sv_http_read(c->tls, false, answer, closed, &fault) < 0) {
                *closed = !strcmp(fault.check, "tls.read") && sv_tls_count(c->tls) == before;
                if (err)
                        *err = fault;
                return -1;
        }
        return *closed ? sv_fail(err, SV_SYSTEM, "http.closed",
                                 "the broker closed the connection without an answer")
                       : 0;
}

static int add_standard(const struct sv_http_conn *c, struct sv_http_msg *req, struct sv_err *err)
{
        bool v6 = strchr(c->url.host, ':') != NULL;
        SV_STR host =
                sv_asprintf("%s%s%s:%s", v6 ? "[" : "", c->url.host, v6 ? "]" : "", c->url.port);

        if (sv_http_add(req, "Host", host, err) < 0)
                return -1;
        return sv_http_add(req, "User-Agent", "secure-vm/" SV_VERSION, err);
}

int sv_http_conn_call(struct sv_http_conn *c, const char *method, const char *path,
                      struct sv_http_msg *req, struct sv_bytes body, struct sv_http_msg *answer,
                      struct sv_err *err)
{
        bool reused = c->tls != NULL, closed = false;
        const char *keep;
        int rc;

        c->resent = false;
        req->method = sv_asprintf("%s", method);
        req->target = sv_asprintf("%s%s", c->url.prefix, path);
        if (add_standard(c, req, err) < 0 || (!c->tls && open_conn(c, err) < 0))
                return -1;
        rc = try_call(c, req, body, answer, &closed, err);
        c->resent = rc < 0 && closed && reused;
        if (c->resent) {
                sv_http_conn_close(c);
                rc = open_conn(c, err) < 0 ? -1 : try_call(c, req, body, answer, &closed, err);
        }
        keep = rc == 0 ? sv_http_field(answer, "Connection") : NULL;
        if (rc < 0 || (keep && !strcasecmp(keep, "close")))
                sv_http_conn_close(c);
        return rc;
}
