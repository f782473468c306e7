/* SPDX-License-Identifier: Apache-2.0 */
/* What a client that is none of ours sends over TLS, byte for byte, and what comes back. */
#include <time.h>
#include <unistd.h>

#include "tests/unit/broker_process.h"

#include "base/core/limits.h"
#include "base/net/http.h"
#include "broker/serve/net.h"

static uint8_t pin[32];
static struct sv_tls_ctx *tls;

static int group_setup(void **state)
{
        start_new_broker(pin, &tls);
        return 0;
}

static int group_teardown(void **state)
{
        return end_new_broker(tls);
}

static struct sv_tls *begin_talk(void)
{
        struct sv_url u;
        struct sv_tls *t;
        struct sv_err err;
        int fd;

        OK(sv_url_parse(url, false, &u, &err));
        fd = sv_tcp_connect(u.host, u.port, 5000, &err);
        assert_true(fd >= 0);
        t = sv_tls_connect(tls, fd, u.host, &err);
        assert_non_null(t);
        sv_tls_deadline(t, PATIENCE * 1000);
        return t;
}

/* All that comes until the broker closes. */
static void hear(struct sv_tls *t, struct sv_buf *out)
{
        char piece[4096];
        struct sv_err err;
        long n;

        while ((n = sv_tls_read(t, piece, sizeof(piece), &err)) > 0)
                sv_buf_put(out, sv_bytes(piece, (size_t)n));
}

static const char *say(const char *text, struct sv_buf *heard)
{
        SV_TLS *t = begin_talk();
        struct sv_err err;

        OK(sv_tls_write(t, sv_bytes_str(text), &err));
        hear(t, heard);
        return sv_buf_str(heard);
}

static bool begins(const char *text, const char *with)
{
        return !strncmp(text, with, strlen(with));
}

#define CLOSE  "Host: a\r\nConnection: close\r\n\r\n"
#define HEALTH "/secure-vm/v0/health"
#define KEY    "/kbs/v0/resource/a/b/c"

/* Load balancers ask so. */
static void old_clients(void **state)
{
        SV_BUF a = SV_BUF_NULL, b = SV_BUF_NULL, c = SV_BUF_NULL;

        say("GET " HEALTH " HTTP/1.0\r\n\r\n", &a);
        assert_true(begins(sv_buf_str(&a), "HTTP/1.1 200 OK\r\n"));
        assert_non_null(strstr(sv_buf_str(&a), "Connection: close\r\n"));
        say("GET " HEALTH " HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", &b);
        assert_non_null(strstr(sv_buf_str(&b), "Connection: close\r\n"));
        say("POST /kbs/v0/auth HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", &c);
        assert_true(begins(sv_buf_str(&c), "HTTP/1.1 400 "));
        assert_non_null(strstr(sv_buf_str(&c), "http.length"));
}

static const char *find_body(const struct sv_buf *heard)
{
        const char *end = strstr((const char *)heard->p, "\r\n\r\n");

        assert_non_null(end);
        return end + 4;
}

static void heads(void **state)
{
        SV_BUF get = SV_BUF_NULL, head = SV_BUF_NULL, refused = SV_BUF_NULL;
        SV_STR length = NULL;

        say("GET " HEALTH " HTTP/1.1\r\n" CLOSE, &get);
        say("HEAD " HEALTH " HTTP/1.1\r\n" CLOSE, &head);
        length = sv_asprintf("Content-Length: %zu\r\n", strlen(find_body(&get)));
        assert_true(begins(sv_buf_str(&head), "HTTP/1.1 200 OK\r\n"));
        assert_non_null(strstr(sv_buf_str(&head), length));
        assert_string_equal(find_body(&head), "");
        assert_true(strlen(find_body(&get)) > 0);
        /* a release has no head alone */
        say("HEAD " KEY " HTTP/1.1\r\n" CLOSE, &refused);
        assert_true(begins(sv_buf_str(&refused), "HTTP/1.1 405 Method Not Allowed\r\n"));
        assert_string_equal(find_body(&refused), "");
}

static void methods(void **state)
{
        static const struct {
                const char *line, *allow;
        } t[] = {{"PATCH " KEY, "GET, POST, DELETE"},
                 {"GET /kbs/v0/auth", "POST"},
                 {"POST " HEALTH, "GET, HEAD"},
                 {"POST /healthz", "GET, HEAD"},
                 {"POST /readyz", "GET, HEAD"},
                 {"POST /metrics", "GET"},
                 {"POST /secure-vm/v0/policy/a/b/c", "PUT, GET, DELETE"},
                 {"PATCH /kbs/v0/other", NULL}};

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_STR text = sv_asprintf("%s HTTP/1.1\r\n" CLOSE, t[i].line);
                SV_STR allow = sv_asprintf("\r\nAllow: %s\r\n", t[i].allow ? t[i].allow : "");
                SV_BUF heard = SV_BUF_NULL;

                say(text, &heard);
                assert_true(begins(sv_buf_str(&heard), t[i].allow ? "HTTP/1.1 405 Method Not "
                                                                    "Allowed\r\n"
                                                                  : "HTTP/1.1 404 "));
                assert_int_equal(strstr(sv_buf_str(&heard), allow) != NULL, t[i].allow != NULL);
                assert_non_null(
                        strstr(sv_buf_str(&heard), t[i].allow ? "broker.method" : "broker.route"));
        }
}

/* curl asks so before it sends much. */
static void leave_to_send(void **state)
{
        static const char body[] = "{\"version\":\"0.4.0\",\"tee\":\"snp\",\"extra-params\":\"\"}";
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        SV_STR head = sv_asprintf("POST /kbs/v0/auth HTTP/1.1\r\nContent-Length: %zu\r\n"
                                  "Expect: 100-Continue\r\n" CLOSE,
                                  strlen(body));
        SV_STR both = sv_asprintf("%s%s", head, body);
        SV_TLS *t = begin_talk();
        char first[sizeof(go_on)] = "";
        SV_BUF heard = SV_BUF_NULL, at_once = SV_BUF_NULL, large = SV_BUF_NULL;
        struct sv_err err;

        OK(sv_tls_write(t, sv_bytes_str(head), &err));
        assert_int_equal(sv_tls_read(t, first, strlen(go_on), &err), strlen(go_on));
        assert_string_equal(first, go_on);
        OK(sv_tls_write(t, sv_bytes_str(body), &err));
        hear(t, &heard);
        assert_true(begins(sv_buf_str(&heard), "HTTP/1.1 200 OK\r\n"));
        /* what has come needs no leave, and what is too much gets none */
        assert_true(begins(say(both, &at_once), "HTTP/1.1 200 OK\r\n"));
        say("POST /kbs/v0/auth HTTP/1.1\r\nContent-Length: 70000\r\nExpect: 100-continue\r\n" CLOSE,
            &large);
        assert_true(begins(sv_buf_str(&large), "HTTP/1.1 413 Content Too Large\r\n"));
}

/* Lines of the head that say how long the body is, and so many bytes of it. */
static void send_body(const char *line, const char *lines, size_t n, struct sv_buf *heard)
{
        SV_BUF text = SV_BUF_NULL;
        SV_TLS *t = begin_talk();
        struct sv_err err;

        sv_buf_printf(&text, "%s HTTP/1.1\r\n%s", line, lines);
        if (n)
                memset(sv_buf_grow(&text, n), 'x', n);
        OK(sv_tls_write(t, sv_buf_bytes(&text), &err));
        hear(t, heard);
}

static void must_be_too_large(const char *line, const char *lines, size_t n)
{
        SV_BUF heard = SV_BUF_NULL;

        send_body(line, lines, n, &heard);
        if (!begins(sv_buf_str(&heard), "HTTP/1.1 413 Content Too Large\r\n") ||
            !strstr(sv_buf_str(&heard), "http.limit"))
                fail_msg("%s, %zu bytes: %.100s", line, n, sv_buf_str(&heard));
}

static void must_be_taken(const char *line, const char *lines, size_t n)
{
        SV_BUF heard = SV_BUF_NULL;

        send_body(line, lines, n, &heard);
        if (begins(sv_buf_str(&heard), "HTTP/1.1 413") || strstr(sv_buf_str(&heard), "http.") ||
            !begins(sv_buf_str(&heard), "HTTP/1.1 "))
                fail_msg("%s, %zu bytes: %.100s", line, n, sv_buf_str(&heard));
}

/* Each route takes what its message needs; what is more is refused by its head, and without a
 * length when it comes. */
static void sizes(void **state)
{
        static const struct {
                const char *line;
                size_t max;
        } t[] = {{"POST /kbs/v0/auth", SV_AUTH_SIZE_MAX},
                 {"POST /kbs/v0/attest", SV_EVIDENCE_SIZE_MAX},
                 {"GET " KEY, SV_LINE_MAX},
                 {"POST " KEY, SV_SECRET_MAX + 1},
                 {"DELETE " KEY, SV_LINE_MAX},
                 {"POST /secure-vm/v0/outcome/a/b/c", SV_LINE_MAX},
                 {"POST /secure-vm/v0/disk/a/b/c", SV_LINE_MAX},
                 {"GET /secure-vm/v0/resource/a/b/c", SV_LINE_MAX},
                 {"POST /secure-vm/v0/rekey/a/b/c", SV_REKEY_SIZE_MAX},
                 {"POST /secure-vm/v0/restore/a/b/c", SV_LINE_MAX},
                 {"POST /secure-vm/v0/end-lease/a/b/c", SV_LINE_MAX},
                 {"GET /secure-vm/v0/resources", SV_LINE_MAX},
                 {"PUT /secure-vm/v0/policy/a/b/c", SV_POLICY_SIZE_MAX + 1},
                 {"GET /secure-vm/v0/policy/a/b/c", SV_LINE_MAX},
                 {"DELETE /secure-vm/v0/policy/a/b/c", SV_LINE_MAX},
                 {"GET /secure-vm/v0/policy-history/a/b/c", SV_LINE_MAX},
                 {"POST /secure-vm/v0/policy-test/a/b/c", SV_POLICY_SIZE_MAX + 1},
                 {"GET /secure-vm/v0/audit", SV_LINE_MAX},
                 {"GET /secure-vm/v0/health", SV_LINE_MAX},
                 {"GET /healthz", SV_LINE_MAX},
                 {"GET /readyz", SV_LINE_MAX},
                 {"GET /metrics", SV_LINE_MAX},
                 {"POST /nowhere", SV_LINE_MAX}};

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_STR most = sv_asprintf("Content-Length: %zu\r\n" CLOSE, t[i].max);
                SV_STR more = sv_asprintf("Content-Length: %zu\r\n" CLOSE, t[i].max + 1);
                SV_STR chunk =
                        sv_asprintf("Transfer-Encoding: chunked\r\n" CLOSE "%zx\r\n", t[i].max + 1);

                must_be_taken(t[i].line, most, t[i].max);
                must_be_too_large(t[i].line, more, 0);
                must_be_too_large(t[i].line, chunk, t[i].max + 1);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(old_clients),   cmocka_unit_test(heads), cmocka_unit_test(methods),
                cmocka_unit_test(leave_to_send), cmocka_unit_test(sizes),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
