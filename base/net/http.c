/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 heads (RFC 9112), read strictly: whatever two implementations could read in two ways is
 * refused. Pure. */
#include "base/net/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/rd.h"

/* Fields that may appear once: twice, two readers could each believe another one. */
static const char *const singular[] = {"Content-Length",
                                       "Transfer-Encoding",
                                       "Host",
                                       "Authorization",
                                       "Content-Type",
                                       "Cookie",
                                       NULL};

void sv_http_msg_free(struct sv_http_msg *m)
{
        free(m->method);
        free(m->target);
        free(m->reason);
        for (size_t i = 0; i < m->n_fields; i++) {
                free(m->fields[i].name);
                if (m->fields[i].value)
                        sv_wipe(m->fields[i].value,
                                strlen(m->fields[i].value)); /* tokens travel here */
                free(m->fields[i].value);
        }
        sv_buf_free(&m->body);
        memset(m, 0, sizeof(*m));
}

const char *sv_http_field(const struct sv_http_msg *m, const char *name)
{
        for (size_t i = 0; i < m->n_fields; i++)
                if (!strcasecmp(m->fields[i].name, name))
                        return m->fields[i].value;
        return NULL;
}

/* token of RFC 9110 section 5.6.2 */
static bool is_tchar(uint8_t c)
{
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(struct sv_bytes b)
{
        for (size_t i = 0; i < b.n; i++)
                if (!is_tchar(b.p[i]))
                        return false;
        return b.n > 0;
}

/* Visible ASCII, blanks and tabs; bytes above 127 have no agreed meaning and this project's
 * programs do not send them. */
static bool is_field_value(struct sv_bytes b)
{
        for (size_t i = 0; i < b.n; i++)
                if (b.p[i] != '\t' && (b.p[i] < 0x20 || b.p[i] > 0x7e))
                        return false;
        return true;
}

static char *copy_bytes_text(struct sv_bytes b)
{
        return sv_asprintf("%.*s", (int)b.n, b.n ? (const char *)b.p : "");
}

static int add_http_field(struct sv_http_msg *m, struct sv_bytes name, struct sv_bytes value,
                          struct sv_err *err)
{
        if (m->n_fields == SV_HTTP_FIELDS_MAX)
                return sv_fail(err, SV_FORMAT, "http.head", "more than %d header fields",
                               SV_HTTP_FIELDS_MAX);
        if (!is_token(name) || !is_field_value(value))
                return sv_fail(err, SV_FORMAT, "http.head",
                               "header field %zu has a name or value with forbidden bytes",
                               m->n_fields + 1);
        m->fields[m->n_fields].name = copy_bytes_text(name);
        m->fields[m->n_fields].value = copy_bytes_text(value);
        m->n_fields++;
        return 0;
}

int sv_http_add(struct sv_http_msg *m, const char *name, const char *value, struct sv_err *err)
{
        return add_http_field(m, sv_bytes_str(name), sv_bytes_str(value), err);
}

/* The next line without its CRLF. */
static int read_crlf_line(struct sv_rd *r, struct sv_bytes *line, struct sv_err *err)
{
        struct sv_rd look = *r;
        struct sv_bytes rest = sv_rd_rest(&look);
        const uint8_t *cr = rest.n ? memchr(rest.p, '\r', rest.n) : NULL;
        size_t n = cr ? (size_t)(cr - rest.p) : 0;

        if (!cr || n + 1 >= rest.n || cr[1] != '\n' || memchr(rest.p, '\n', n))
                return sv_fail(err, SV_FORMAT, "http.head",
                               "a line of the head does not end in CR LF");
        *line = sv_rd_bytes(r, n);
        sv_rd_skip(r, 2);
        return 0;
}

/* The bytes up to the next `sep`; everything when there is none. */
static struct sv_bytes cut_at(struct sv_bytes *from, char sep)
{
        const uint8_t *at = from->n ? memchr(from->p, sep, from->n) : NULL;
        struct sv_bytes first = at ? sv_bytes(from->p, (size_t)(at - from->p)) : *from;
        size_t taken = first.n + (at ? 1 : 0);

        *from = sv_bytes(from->p ? from->p + taken : NULL, from->n - taken);
        return first;
}

static bool equals_text(struct sv_bytes b, const char *s)
{
        return b.n == strlen(s) && !memcmp(b.p, s, b.n);
}

static int parse_request_line(struct sv_bytes line, struct sv_http_msg *m, struct sv_err *err)
{
        struct sv_bytes method = cut_at(&line, ' ');
        struct sv_bytes target = cut_at(&line, ' ');

        if (!is_token(method) || method.n > SV_HTTP_METHOD_MAX)
                return sv_fail(err, SV_FORMAT, "http.head",
                               "the request does not begin with a method");
        if (!target.n || target.p[0] != '/')
                return sv_fail(err, SV_FORMAT, "http.head",
                               "the request target does not begin with '/'");
        for (size_t i = 0; i < target.n; i++)
                if (target.p[i] < 0x21 || target.p[i] > 0x7e || target.p[i] == '#')
                        return sv_fail(err, SV_FORMAT, "http.head",
                                       "the request target holds a forbidden byte");
        m->old = equals_text(line, "HTTP/1.0");
        if (!m->old && !equals_text(line, "HTTP/1.1"))
                return sv_fail(err, SV_FORMAT, "http.version",
                               "the request is neither HTTP/1.1 nor HTTP/1.0");
        m->method = copy_bytes_text(method);
        m->target = copy_bytes_text(target);
        return 0;
}

static int parse_status_line(struct sv_bytes line, struct sv_http_msg *m, struct sv_err *err)
{
        struct sv_bytes version = cut_at(&line, ' ');
        struct sv_bytes code = cut_at(&line, ' ');

        if (!equals_text(version, "HTTP/1.1"))
                return sv_fail(err, SV_FORMAT, "http.version", "the answer is not HTTP/1.1");
        if (code.n != 3 || code.p[0] < '1' || code.p[0] > '5')
                return sv_fail(err, SV_FORMAT, "http.head",
                               "the answer has no status between 100 and 599");
        for (size_t i = 0; i < 3; i++) {
                if (code.p[i] < '0' || code.p[i] > '9')
                        return sv_fail(err, SV_FORMAT, "http.head", "the status is not a number");
                m->status = m->status * 10 + (code.p[i] - '0');
        }
        if (!is_field_value(line))
                return sv_fail(err, SV_FORMAT, "http.head",
                               "the reason phrase holds a forbidden byte");
        m->reason = copy_bytes_text(line);
        return 0;
}

static int parse_field_line(struct sv_bytes line, struct sv_http_msg *m, struct sv_err *err)
{
        struct sv_bytes value = line;
        struct sv_bytes name = cut_at(&value, ':');

        if (line.p[0] == ' ' || line.p[0] == '\t')
                return sv_fail(err, SV_FORMAT, "http.fold",
                               "a header field is continued on a second line");
        if (name.n == line.n)
                return sv_fail(err, SV_FORMAT, "http.head", "header field %zu has no colon",
                               m->n_fields + 1);
        while (value.n && (value.p[0] == ' ' || value.p[0] == '\t'))
                value = sv_bytes(value.p + 1, value.n - 1);
        while (value.n && (value.p[value.n - 1] == ' ' || value.p[value.n - 1] == '\t'))
                value.n--;
        return add_http_field(m, name, value, err);
}

static int check_single_fields(const struct sv_http_msg *m, bool request, struct sv_err *err)
{
        for (const char *const *name = singular; *name; name++) {
                size_t n = 0;

                for (size_t i = 0; i < m->n_fields; i++)
                        n += !strcasecmp(m->fields[i].name, *name);
                if (n > 1)
                        return sv_fail(err, SV_FORMAT, "http.duplicate", "%s is given %zu times",
                                       *name, n);
        }
        if (request && !m->old && !sv_http_field(m, "Host"))
                return sv_fail(err, SV_FORMAT, "http.host", "the request has no Host field");
        return 0;
}

int sv_http_parse_head(struct sv_bytes head, bool request, struct sv_http_msg *out,
                       struct sv_err *err)
{
        SV_HTTP m = {0};
        struct sv_rd r = sv_rd(head);
        struct sv_bytes line;

        if (head.n > SV_HTTP_HEAD_MAX)
                return sv_fail(err, SV_FORMAT, "http.head", "the head is longer than %u bytes",
                               SV_HTTP_HEAD_MAX);
        if (read_crlf_line(&r, &line, err) < 0)
                return -1;
        if ((request ? parse_request_line(line, &m, err) : parse_status_line(line, &m, err)) < 0)
                return -1;
        for (;;) {
                if (read_crlf_line(&r, &line, err) < 0)
                        return -1;
                if (!line.n)
                        break;
                if (parse_field_line(line, &m, err) < 0)
                        return -1;
        }
        if (sv_rd_done(&r, "http.head", "the head", err) < 0 ||
            check_single_fields(&m, request, err) < 0)
                return -1;
        *out = m;
        memset(&m, 0, sizeof(m));
        return 0;
}
