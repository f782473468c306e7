/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 messages over a connection. */
#include "base/net/http.h"

#include <stdio.h>
#include <strings.h>

#include "base/core/file.h"
#include "base/core/limits.h"

#define CHUNK_SIZE  16384
#define RECORD_SIZE 16384 /* bytes of one record of TLS (RFC 8446 section 5.1) */

/* Offset just behind the blank line, 0 while it has not come. `from`: how much was looked at
 * before. */
static size_t find_head_end(struct sv_bytes b, size_t from)
{
        for (size_t i = from > 3 ? from - 3 : 0; i + 4 <= b.n; i++)
                if (!memcmp(b.p + i, "\r\n\r\n", 4))
                        return i + 4;
        return 0;
}

/* Reads through the end of the head; what came behind it stays in `in` after *head bytes. */
static int read_http_head(struct sv_tls *t, struct sv_buf *chunk, struct sv_buf *in, size_t *head,
                          bool *closed, struct sv_err *err)
{
        *head = 0;
        while (!*head) {
                size_t before = in->n;
                long got = sv_tls_read(t, chunk->p, chunk->n, err);

                if (got < 0)
                        return -1;
                if (got == 0 && !before) {
                        *closed = true;
                        return 0;
                }
                if (got == 0)
                        return sv_fail(err, SV_FORMAT, "http.head",
                                       "the connection ended within the head, after %zu bytes",
                                       before);
                sv_buf_put(in, sv_bytes(chunk->p, (size_t)got));
                if (sv_buf_ok(in, "an HTTP head", err) < 0)
                        return -1;
                *head = find_head_end(sv_buf_bytes(in), before);
                if ((*head ? *head : in->n) > SV_HTTP_HEAD_MAX)
                        return sv_fail(err, SV_FORMAT, "http.head",
                                       "the head is longer than %u bytes", SV_HTTP_HEAD_MAX);
        }
        return 0;
}

/* RFC 9110, section 10.1.1: not of an old client, nor when the body has begun to come. */
static int allow_body(struct sv_tls *t, const struct sv_http_msg *m, bool begun, struct sv_err *err)
{
        const char *expected = m->method ? sv_http_field(m, "Expect") : NULL;

        if (!expected || strcasecmp(expected, "100-continue") || m->old || begun)
                return 0;
        return sv_tls_write(t, sv_bytes_str("HTTP/1.1 100 Continue\r\n\r\n"), err);
}

static int read_http_body(struct sv_tls *t, struct sv_buf *chunk, struct sv_bytes first,
                          struct sv_http_msg *m, struct sv_err *err)
{
        struct sv_http_body b;
        size_t used = 0;

        if (sv_http_body_begin(m, &b, err) < 0 ||
            (!b.done && allow_body(t, m, first.n > 0, err) < 0))
                return -1;
        if (sv_http_body_feed(&b, first, &used, &m->body, err) < 0)
                return -1;
        while (used == first.n && !b.done) {
                long got = sv_tls_read(t, chunk->p, chunk->n, err);

                if (got < 0)
                        return -1;
                if (got == 0)
                        return sv_fail(err, SV_FORMAT, "http.cut",
                                       "the connection ended within the body, after %zu bytes",
                                       m->body.n);
                first = sv_bytes(chunk->p, (size_t)got);
                if (sv_http_body_feed(&b, first, &used, &m->body, err) < 0)
                        return -1;
        }
        /* This project's programs wait for the answer before they send again; bytes behind a
         * message are a sign of a smuggled request. */
        if (used != first.n)
                return sv_fail(err, SV_FORMAT, "http.trailing", "%zu bytes follow the message",
                               first.n - used);
        return 0;
}

static int read_message(struct sv_tls *t, bool request, void (*prepare)(struct sv_http_msg *m),
                        struct sv_http_msg *out, bool *closed, struct sv_err *err)
{
        SV_BUF in = {.max = SV_HTTP_HEAD_MAX + CHUNK_SIZE, .locked = true};
        SV_BUF chunk = {.locked = true};
        SV_HTTP m = {0};
        size_t head;

        *closed = false;
        sv_buf_room(&chunk, CHUNK_SIZE);
        sv_buf_grow(&chunk, CHUNK_SIZE);
        if (sv_buf_ok(&chunk, "what is read from the network", err) < 0)
                return -1;
        if (read_http_head(t, &chunk, &in, &head, closed, err) < 0)
                return -1;
        if (*closed)
                return 0;
        if (sv_http_parse_head(sv_bytes(in.p, head), request, &m, err) < 0)
                return -1;
        m.body.max = SV_HTTP_BODY_MAX;
        if (prepare)
                prepare(&m);
        if (read_http_body(t, &chunk, sv_bytes(in.p + head, in.n - head), &m, err) < 0)
                return -1;
        *out = m;
        memset(&m, 0, sizeof(m));
        return 0;
}

int sv_http_read(struct sv_tls *t, bool request, struct sv_http_msg *out, bool *closed,
                 struct sv_err *err)
{
        return read_message(t, request, NULL, out, closed, err);
}

int sv_http_read_request(struct sv_tls *t, void (*prepare)(struct sv_http_msg *m),
                         struct sv_http_msg *out, bool *closed, struct sv_err *err)
{
        return read_message(t, true, prepare, out, closed, err);
}

int sv_http_write_body(struct sv_tls *t, const struct sv_http_msg *m, struct sv_bytes body,
                       struct sv_err *err)
{
        SV_BUF head = {.locked = true}; /* a body that has room comes into it */

        if (m->method)
                sv_buf_printf(&head, "%s %s HTTP/1.1\r\n", m->method, m->target);
        else
                sv_buf_printf(&head, "HTTP/1.1 %d %s\r\n", m->status, m->reason ? m->reason : "");
        for (size_t i = 0; i < m->n_fields; i++)
                sv_buf_printf(&head, "%s: %s\r\n", m->fields[i].name, m->fields[i].value);
        if (m->status != 204)
                sv_buf_printf(&head, "Content-Length: %zu\r\n", body.n);
        sv_buf_puts(&head, "\r\n");
        if (m->head_only)
                body = SV_BYTES_NULL;
        if (sv_buf_ok(&head, "an HTTP head", err) < 0)
                return -1;
        /* What has room in one record goes out in one. */
        if (body.n && head.n + body.n <= RECORD_SIZE) {
                sv_buf_room(&head, body.n);
                sv_buf_put(&head, body);
                body.n = 0;
        }
        if (sv_buf_ok(&head, "an HTTP message", err) < 0 ||
            sv_tls_write(t, sv_buf_bytes(&head), err) < 0)
                return -1;
        return body.n ? sv_tls_write(t, body, err) : 0;
}

int sv_http_write(struct sv_tls *t, const struct sv_http_msg *m, struct sv_err *err)
{
        return sv_http_write_body(t, m, sv_buf_bytes(&m->body), err);
}
