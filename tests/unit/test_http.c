/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP heads and bodies: what is taken, and one check name for each way of being wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/unit.h"

#include "base/net/http.h"
#include "base/core/limits.h"

#define REQ "POST /kbs/v0/auth HTTP/1.1\r\nHost: b:1\r\n"
#define RSP "HTTP/1.1 200 OK\r\n"

static const struct bad_head {
        bool request;
        const char *check;
        const char *text;
} bad_heads[] = {
        {true, "http.head", ""},
        {true, "http.head", "\r\n"},
        {true, "http.head", "GET / HTTP/1.1\nHost: a\n\n"},
        {true, "http.head", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"},
        {true, "http.head", "GET / HTTP/1.1\rHost: a\r\n\r\n"},
        {true, "http.head", "G@T / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {true, "http.head", "GETGETGETGETGETGET / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {true, "http.head", "GET a HTTP/1.1\r\nHost: a\r\n\r\n"},
        {true, "http.head", "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"},
        {true, "http.head", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {true, "http.head", "GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n"},
        {true, "http.head", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"},
        {true, "http.head", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n"},
        {true, "http.version", "GET /\r\nHost: a\r\n\r\n"},
        {true, "http.version", "GET / HTTP/0.9\r\nHost: a\r\n\r\n"},
        {true, "http.version", "GET / HTTP/1.2\r\nHost: a\r\n\r\n"},
        {true, "http.version", "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
        {true, "http.version", "GET / http/1.1\r\nHost: a\r\n\r\n"},
        {true, "http.version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
        {true, "http.host", "GET / HTTP/1.1\r\n\r\n"},
        {true, "http.duplicate", "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n"},
        {true, "http.duplicate", REQ "Content-Length: 1\r\nContent-Length: 1\r\n\r\n"},
        {true, "http.duplicate", REQ "Content-Length: 1\r\ncontent-length: 2\r\n\r\n"},
        {true, "http.duplicate", REQ "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n"},
        {true, "http.duplicate",
         REQ "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {true, "http.duplicate", REQ "Cookie: a=b\r\nCookie: a=c\r\n\r\n"},
        {true, "http.fold", REQ "X: a\r\n b\r\n\r\n"},
        {true, "http.fold", REQ "\tX: a\r\n\r\n"},
        {true, "http.head", REQ "X : a\r\n\r\n"},
        {true, "http.head", REQ "X\r\n\r\n"},
        {true, "http.head", REQ ": a\r\n\r\n"},
        {true, "http.head", REQ "X: a\x01\r\n\r\n"},
        {true, "http.head", REQ "X: a\x7f\r\n\r\n"},
        {true, "http.head", REQ "X: \xff\r\n\r\n"},
        {true, "http.head", REQ "X: a\r\r\n\r\n"},
        {true, "http.head", REQ "\r\nrest"},
        {false, "http.version", "HTTP/1.0 200 OK\r\n\r\n"},
        {false, "http.version", "ICY 200 OK\r\n\r\n"},
        {false, "http.head", "HTTP/1.1 20 OK\r\n\r\n"},
        {false, "http.head", "HTTP/1.1 2000 OK\r\n\r\n"},
        {false, "http.head", "HTTP/1.1 099 OK\r\n\r\n"},
        {false, "http.head", "HTTP/1.1 600 OK\r\n\r\n"},
        {false, "http.head", "HTTP/1.1 2x0 OK\r\n\r\n"},
        {false, "http.head", "HTTP/1.1 200 O\x01\r\n\r\n"},
};

static void test_bad_heads(void **state)
{
        for (size_t i = 0; i < sizeof(bad_heads) / sizeof(*bad_heads); i++) {
                const struct bad_head *b = &bad_heads[i];
                SV_HTTP m = {0};
                struct sv_err err = SV_ERR_NULL;

                if (sv_http_parse_head(sv_bytes_str(b->text), b->request, &m, &err) == 0 ||
                    strcmp(err.check, b->check))
                        fail_msg("head %zu: expected %s, found %s (%s)", i, b->check, err.check,
                                 err.msg);
                assert_int_equal(err.class, SV_FORMAT);
                assert_null(m.method);
        }
}

static void test_good_head(void **state)
{
        SV_HTTP m = {0};
        struct sv_err err = SV_ERR_NULL;

        assert_int_equal(sv_http_parse_head(sv_bytes_str(REQ "X:  a b \t\r\nEmpty:\r\n\r\n"), true,
                                            &m, &err),
                         0);
        assert_string_equal(m.method, "POST");
        assert_string_equal(m.target, "/kbs/v0/auth");
        assert_string_equal(sv_http_field(&m, "x"), "a b");
        assert_string_equal(sv_http_field(&m, "EMPTY"), "");
        assert_null(sv_http_field(&m, "Y"));
}

/* Load balancers of today still ask so. */
static void test_old_requests(void **state)
{
        SV_HTTP m = {0}, chunked = {0};
        struct sv_http_body b;
        struct sv_err err = SV_ERR_NULL;

        OK(sv_http_parse_head(sv_bytes_str("GET / HTTP/1.0\r\n\r\n"), true, &m, &err));
        assert_true(m.old);
        OK(sv_http_parse_head(sv_bytes_str("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
                              true, &chunked, &err));
        FAILS(sv_http_body_begin(&chunked, &b, &err), SV_FORMAT, "http.length");
}

static void test_truncated_heads(void **state)
{
        const char *whole[] = {REQ "Content-Length: 3\r\nX: y\r\n\r\n",
                               RSP "Content-Length: 3\r\n\r\n"};

        for (int i = 0; i < 2; i++)
                for (size_t n = 0; n < strlen(whole[i]); n++) {
                        SV_HTTP m = {0};
                        struct sv_err err = SV_ERR_NULL;

                        assert_int_equal(
                                sv_http_parse_head(sv_bytes(whole[i], n), i == 0, &m, &err), -1);
                        assert_true(err.check[0]);
                        assert_int_equal(err.class, SV_FORMAT);
                }
}

static void test_many_fields(void **state)
{
        for (int n = SV_HTTP_FIELDS_MAX - 1; n <= SV_HTTP_FIELDS_MAX; n++) {
                SV_BUF b = SV_BUF_NULL;
                SV_HTTP m = {0};
                struct sv_err err = SV_ERR_NULL;

                sv_buf_puts(&b, "GET / HTTP/1.1\r\nHost: a\r\n");
                for (int i = 0; i < n; i++)
                        sv_buf_printf(&b, "X-%d: y\r\n", i);
                sv_buf_puts(&b, "\r\n");
                assert_int_equal(sv_http_parse_head(sv_buf_bytes(&b), true, &m, &err),
                                 n < SV_HTTP_FIELDS_MAX ? 0 : -1);
        }
}

static const struct body_case {
        bool request;
        const char *check; /* NULL: fine */
        const char *fields;
        const char *body;
        const char *expect;
} bodies[] = {
        {true, NULL, "Content-Length: 3\r\n", "abc", "abc"},
        {true, NULL, "Content-Length: 0\r\n", "", ""},
        {true, NULL, "", "", ""},
        {true, NULL, "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n", "abc"},
        {true, NULL, "Transfer-Encoding: Chunked\r\n", "1\r\na\r\n00000002\r\nbc\r\n0\r\n\r\n",
         "abc"},
        {true, NULL, "Transfer-Encoding: chunked\r\n", "A\r\n0123456789\r\n0\r\n\r\n",
         "0123456789"},
        {true, "http.length", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "", NULL},
        {true, "http.length", "Transfer-Encoding: gzip, chunked\r\n", "", NULL},
        {true, "http.length", "Transfer-Encoding: identity\r\n", "", NULL},
        {true, "http.length", "Transfer-Encoding: \x20\r\n", "", NULL},
        {true, "http.length", "Content-Length: -1\r\n", "", NULL},
        {true, "http.length", "Content-Length: +3\r\n", "", NULL},
        {true, "http.length", "Content-Length: 0x3\r\n", "", NULL},
        {true, "http.length", "Content-Length: 3,3\r\n", "", NULL},
        {true, "http.length", "Content-Length: 3 3\r\n", "", NULL},
        {true, "http.length", "Content-Length:\r\n", "", NULL},
        {true, "http.length", "Content-Length: 99999999999999999999999\r\n", "", NULL},
        {true, "http.limit", "Content-Length: 8388609\r\n", "", NULL},
        {true, "http.chunk", "Transfer-Encoding: chunked\r\n", "g\r\n", NULL},
        {true, "http.chunk", "Transfer-Encoding: chunked\r\n", "\r\n", NULL},
        {true, "http.chunk", "Transfer-Encoding: chunked\r\n", "-1\r\n", NULL},
        {true, "http.chunk", "Transfer-Encoding: chunked\r\n", "0x1\r\na", NULL},
        {true, "http.chunk", "Transfer-Encoding: chunked\r\n", " 1\r\na", NULL},
        {true, "http.chunk", "Transfer-Encoding: chunked\r\n", "1 \r\na", NULL},
        {true, "http.chunk", "Transfer-Encoding: chunked\r\n", "1;x=y\r\na", NULL},
        {true, "http.chunk", "Transfer-Encoding: chunked\r\n", "000000001\r\na", NULL},
        {true, "http.chunk", "Transfer-Encoding: chunked\r\n", "1\na", NULL},
        {true, "http.chunk", "Transfer-Encoding: chunked\r\n", "1\r\nab\r\n", NULL},
        {true, "http.chunk", "Transfer-Encoding: chunked\r\n", "1\r\na\n", NULL},
        {true, "http.chunk", "Transfer-Encoding: chunked\r\n", "0\r\nX: trailer\r\n\r\n", NULL},
        {true, "http.limit", "Transfer-Encoding: chunked\r\n", "ffffffff\r\n", NULL},
        {true, "http.limit", "Transfer-Encoding: chunked\r\n", "1\r\na\r\n800000\r\n", NULL},
        {true, "http.trailing", "Content-Length: 3\r\n", "abcGET / HTTP/1.1\r\n", NULL},
        {true, "http.trailing", "", "GET / HTTP/1.1\r\n", NULL},
        {true, "http.trailing", "Transfer-Encoding: chunked\r\n", "0\r\n\r\nGET", NULL},
        {true, "http.cut", "Content-Length: 3\r\n", "ab", NULL},
        {true, "http.cut", "Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r", NULL},
        {false, NULL, "Content-Length: 3\r\n", "abc", "abc"},
        {false, "http.length", "", "abc", NULL},
};

static struct sv_tls *connect_to(const char *text, size_t n, struct sv_err *err)
{
        struct sv_tls *t;
        int sv[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
        assert_int_equal(write(sv[0], text, n), (ssize_t)n);
        close(sv[0]);
        t = sv_tls_plain(sv[1], err);
        assert_non_null(t);
        return t;
}

/* Through a socket pair, so that the reading code is the one that programs use. */
static int exchange(const char *text, size_t n, bool request, struct sv_http_msg *m, bool *closed,
                    struct sv_err *err)
{
        SV_TLS *t = connect_to(text, n, err);

        return sv_http_read(t, request, m, closed, err);
}

static void test_bodies(void **state)
{
        for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
                const struct body_case *c = &bodies[i];
                SV_BUF text = SV_BUF_NULL;
                SV_HTTP m = {0};
                struct sv_err err = SV_ERR_NULL;
                bool closed;
                int rc;

                sv_buf_printf(&text, "%s%s\r\n%s", c->request ? REQ : RSP, c->fields, c->body);
                rc = exchange(sv_buf_str(&text), text.n, c->request, &m, &closed, &err);
                if (!c->check) {
                        if (rc < 0)
                                fail_msg("body %zu: %s (%s)", i, err.check, err.msg);
                        assert_string_equal(sv_buf_str(&m.body), c->expect);
                } else if (rc == 0 || strcmp(err.check, c->check)) {
                        fail_msg("body %zu: expected %s, found %s (%s)", i, c->check, err.check,
                                 err.msg);
                }
        }
}

/* Cut anywhere: an orderly end only before the first byte, an error everywhere else. */
static void test_cut_messages(void **state)
{
        static const char whole[] = REQ "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";

        for (size_t n = 0; n < sizeof(whole) - 1; n++) {
                SV_HTTP m = {0};
                struct sv_err err = SV_ERR_NULL;
                bool closed;
                int rc = exchange(whole, n, true, &m, &closed, &err);

                assert_int_equal(rc, n ? -1 : 0);
                assert_true(closed == (n == 0));
                if (n)
                        assert_int_equal(err.class, SV_FORMAT);
        }
}

static void test_head_too_long(void **state)
{
        SV_BUF text = SV_BUF_NULL;
        SV_HTTP m = {0};
        struct sv_err err = SV_ERR_NULL;
        bool closed;

        sv_buf_puts(&text, REQ "X: ");
        memset(sv_buf_grow(&text, SV_HTTP_HEAD_MAX), 'a', SV_HTTP_HEAD_MAX);
        sv_buf_puts(&text, "\r\n\r\n");
        assert_int_equal(exchange(sv_buf_str(&text), text.n, true, &m, &closed, &err), -1);
        assert_string_equal(err.check, "http.head");
}

static void lower(struct sv_http_msg *m)
{
        assert_string_equal(m->method, "POST");
        assert_int_equal(m->body.n, 0);
        m->body.locked = true;
        m->body.max = 3;
}

/* The head decides what the body is read into, and how much of it. */
static void test_prepared_body(void **state)
{
        static const struct {
                const char *fields, *body, *check;
        } cases[] = {{"Content-Length: 3\r\n", "abc", NULL},
                     {"Content-Length: 4\r\n", "abcd", "http.limit"},
                     {"Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n", NULL},
                     {"Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
                      "http.limit"}};

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                SV_BUF text = SV_BUF_NULL;
                SV_TLS *t = NULL;
                SV_HTTP m = {0};
                struct sv_err err = SV_ERR_NULL;
                bool closed;

                sv_buf_printf(&text, REQ "%s\r\n%s", cases[i].fields, cases[i].body);
                t = connect_to(sv_buf_str(&text), text.n, &err);
                if (cases[i].check) {
                        FAILS(sv_http_read_request(t, lower, &m, &closed, &err), SV_FORMAT,
                              cases[i].check);
                        continue;
                }
                OK(sv_http_read_request(t, lower, &m, &closed, &err));
                assert_string_equal(sv_buf_str(&m.body), "abc");
                assert_true(m.body.locked);
        }
}

static void test_add_refuses_lines(void **state)
{
        SV_HTTP m = {0};
        struct sv_err err = SV_ERR_NULL;

        assert_int_equal(sv_http_add(&m, "X", "a\r\nSet-Cookie: b", &err), -1);
        assert_int_equal(sv_http_add(&m, "X\r\nY", "a", &err), -1);
        assert_int_equal(m.n_fields, 0);
}

static void test_urls(void **state)
{
        static const struct {
                const char *text, *host, *port, *prefix;
        } good[] = {
                {"https://10.0.2.2:8443", "10.0.2.2", "8443", ""},
                {"https://kbs.example", "kbs.example", "443", ""},
                {"https://kbs.example/", "kbs.example", "443", ""},
                {"https://kbs.example:1/a/b/", "kbs.example", "1", "/a/b"},
                {"https://[fe80::1]:80/x", "fe80::1", "80", "/x"},
                {"http://127.0.0.1", "127.0.0.1", "80", ""},
        };
        static const char *const bad[] = {"",
                                          "https://",
                                          "https:///a",
                                          "ftp://a",
                                          "https://a:0",
                                          "https://a:65536",
                                          "https://a:",
                                          "https://a:1x",
                                          "https://a:0x10",
                                          "https://[::1",
                                          "https://[::1]x",
                                          "https://u@h",
                                          "https://a?b",
                                          "https://a/b?c",
                                          "https://a/ b",
                                          "https://a b",
                                          "https://a\r\nX: y",
                                          "kbs.example"};
        struct sv_url u;
        struct sv_err err;

        for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
                assert_int_equal(sv_url_parse(good[i].text, true, &u, &err), 0);
                assert_string_equal(u.host, good[i].host);
                assert_string_equal(u.port, good[i].port);
                assert_string_equal(u.prefix, good[i].prefix);
        }
        assert_int_equal(sv_url_parse("http://127.0.0.1", false, &u, &err), -1);
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                if (sv_url_parse(bad[i], true, &u, &err) == 0)
                        fail_msg("taken: %s", bad[i]);
                assert_string_equal(err.check, "http.url");
                assert_int_equal(err.class, SV_USAGE);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bad_heads),     cmocka_unit_test(test_good_head),
                cmocka_unit_test(test_old_requests),  cmocka_unit_test(test_truncated_heads),
                cmocka_unit_test(test_many_fields),   cmocka_unit_test(test_bodies),
                cmocka_unit_test(test_cut_messages),  cmocka_unit_test(test_prepared_body),
                cmocka_unit_test(test_head_too_long), cmocka_unit_test(test_add_refuses_lines),
                cmocka_unit_test(test_urls),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
