/* SPDX-License-Identifier: Apache-2.0 */
/* A broker whose answers no client may take; a socket plays it. */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "attest/kbs/client.h"
#include "base/core/file.h"
#include "tests/unit/unit.h"

static char last_url[64]; /* of the broker that was started last */

/* Head and body: a connection that is closed with something unread is reset, and its answer lost.
 */
static bool read_request(int c)
{
        char text[8192] = "", *end, *length;
        size_t n = 0;

        for (ssize_t got; n < sizeof(text) - 1; n += (size_t)got) {
                got = read(c, text + n, sizeof(text) - 1 - n);
                if (got <= 0)
                        return false;
                text[n + (size_t)got] = 0;
                end = strstr(text, "\r\n\r\n");
                length = strcasestr(text, "\r\nContent-Length:");
                if (end && n + (size_t)got >= (size_t)(end + 4 - text) +
                                                      (length ? strtoul(length + 17, NULL, 10) : 0))
                        return true;
        }
        return false;
}

/* Until the next request has come: a close with it unread resets the connection. */
static void wait_for_more(int c)
{
        struct pollfd p = {.fd = c, .events = POLLIN};

        poll(&p, 1, 20000);
}

/* A client of a broker that answers `times` connections with that text, each closed after it;
 * `reset`: the first not before it has another request. */
static struct sv_kbs_client *start_any_broker(const char *answer, int times, bool reset,
                                              pid_t *broker)
{
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t n = sizeof(at);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sv_kbs_client *client = NULL;
        char url[64];
        struct sv_err err;
        pid_t pid;

        assert_int_equal(bind(fd, (struct sockaddr *)&at, n), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
        assert_int_equal(listen(fd, 4), 0);
        snprintf(url, sizeof(url), "http://127.0.0.1:%u", ntohs(at.sin_port));
        snprintf(last_url, sizeof(last_url), "%s", url);
        pid = fork();
        if (pid == 0) /* not beyond a test that fails */
                prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (int i = 0; pid == 0 && i < times; i++) {
                int c = accept(fd, NULL, NULL);

                if (c < 0 || !read_request(c) || dprintf(c, "%s", answer) < 0)
                        _exit(1);
                if (reset && i == 0)
                        wait_for_more(c);
                close(c);
        }
        if (pid == 0)
                _exit(0);
        close(fd);
        *broker = pid;
        OK(sv_kbs_client_new(url, NULL, &client, &err));
        return client;
}

static struct sv_kbs_client *start_broker(const char *answer, int times, pid_t *broker)
{
        return start_any_broker(answer, times, false, broker);
}

static void end_broker(struct sv_kbs_client *client, pid_t broker)
{
        sv_kbs_client_free(client);
        kill(broker, SIGKILL);
        assert_int_equal(waitpid(broker, NULL, 0), broker);
}

#define CHALLENGE "{\"nonce\":\"AAAA\",\"extra-params\":\"\"}"
#define ANSWER    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 34\r\n"

#define ERROR_OF(name)                                                                  \
        "{\"type\":\"https://github.com/confidential-containers/kbs/errors/" name "\"," \
        "\"detail\":\"-\"}"

static void answers_that_are_refused(void **state)
{
        static const struct {
                const char *answer, *check;
                int times; /* a connection closed without an answer is tried again, once */
                enum sv_class class;
        } t[] = {
                {"", "http.closed", 2, SV_SYSTEM},
                {ANSWER "\r\n" CHALLENGE, "kbs.cookie", 1, SV_FORMAT},
                {ANSWER "Set-Cookie: other=1\r\n\r\n" CHALLENGE, "kbs.cookie", 1, SV_FORMAT},
                {ANSWER "Set-Cookie: kbs-session-id=1\r\n\r\n" CHALLENGE, NULL, 1, SV_OK},
        };
        struct sv_err err;

        assert_int_equal(strlen(CHALLENGE), 34);
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                pid_t pid;
                struct sv_kbs_client *c = start_broker(t[i].answer, t[i].times, &pid);

                if (t[i].check)
                        FAILS(sv_kbs_auth(c, "tdx", NULL, &err), t[i].class, t[i].check);
                else
                        OK(sv_kbs_auth(c, "tdx", NULL, &err));
                end_broker(c, pid);
        }
}

/* A later try helps against a broker that is overloaded or forgot the session, and nothing else. */
static void tries_that_may_pass_later(void **state)
{
        static const struct {
                int status;
                const char *body;
                bool later;
        } t[] = {
                {400, "{}", false},
                {407, "{}", false},
                {408, "{}", true},
                {409, "{}", false},
                {428, "{}", false},
                {429, "{}", true},
                {430, "{}", false},
                {499, "{}", false},
                {500, "{}", true},
                {599, "{}", true},
                {401, ERROR_OF("TokenNotFound"), true},
                {401, ERROR_OF("TokenVerifierError"), true},
                {401, ERROR_OF("PolicyDeny"), false},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_STR answer = sv_asprintf("HTTP/1.1 %d No\r\nContent-Type: application/json\r\n"
                                            "Content-Length: %zu\r\n\r\n%s",
                                            t[i].status, strlen(t[i].body), t[i].body);
                struct sv_err err;
                pid_t pid;
                struct sv_kbs_client *c = start_broker(answer, 1, &pid);

                assert_int_equal(sv_kbs_auth(c, "tdx", NULL, &err), -1);
                if (sv_kbs_retryable(c) != t[i].later)
                        fail_msg("%d %s: expected %s", t[i].status, t[i].body,
                                 t[i].later ? "another try" : "no other try");
                end_broker(c, pid);
        }
}

/* Seconds of a 503 or 429, within bounds; the host's clock says nothing to a guest. */
static void retry_after(void **state)
{
        static const struct {
                int status;
                const char *value;
                unsigned seconds;
        } t[] = {
                {503, "5", 5},          {429, "60", 60}, {503, "61", 60},
                {503, "4294967296", 0}, {503, "-1", 0},  {503, "Wed, 21 Oct 2026 07:28:00 GMT", 0},
                {500, "5", 0},          {401, "5", 0},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_STR answer = sv_asprintf("HTTP/1.1 %d No\r\nRetry-After: %s\r\n"
                                            "Content-Length: 2\r\n\r\n{}",
                                            t[i].status, t[i].value);
                struct sv_err err;
                pid_t pid;
                struct sv_kbs_client *c = start_broker(answer, 1, &pid);

                assert_int_equal(sv_kbs_retry_after(c), 0);
                assert_int_equal(sv_kbs_auth(c, "tdx", NULL, &err), -1);
                assert_int_equal(sv_kbs_retry_after(c), t[i].seconds);
                end_broker(c, pid);
        }
}

/* Each step wants the one before it. */
static void steps_in_order(void **state)
{
        SV_JSON *evidence = sv_json_object();
        struct sv_kbs_client *c = NULL;
        uint8_t digest[48];
        struct sv_err err;

        OK(sv_kbs_client_new("http://127.0.0.1:1", NULL, &c, &err));
        FAILS(sv_kbs_binding(c, digest, &err), SV_USAGE, "kbs.order");
        FAILS(sv_kbs_attest(c, evidence, &err), SV_USAGE, "kbs.order");
        assert_null(sv_kbs_resource(c, "a/b/c", NULL, &err));
        assert_string_equal(err.check, "kbs.order");
        assert_null(sv_kbs_token(c));
        sv_kbs_client_free(c);
}

/* What needs no session goes to the next broker when one cannot, and stays there; a refusal is a
 * refusal. */
static void another_broker(void **state)
{
        static const char busy[] = "HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\n{}",
                          no[] = "HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\n{}",
                          yes[] = "HTTP/1.1 204 Yes\r\n\r\n";
        struct sv_kbs_client *c, *other;
        struct sv_err err;
        pid_t first, second;
        char url[64];

        c = start_broker(busy, 1, &first);
        other = start_broker(yes, 2, &second);
        snprintf(url, sizeof(url), "%s", last_url);
        OK(sv_kbs_client_also(c, url, NULL, &err));
        OK(sv_kbs_report(c, "a/b/c", sv_bytes_str("{}"), &err));
        OK(sv_kbs_report(c, "a/b/c", sv_bytes_str("{}"), &err));
        end_broker(other, second);
        end_broker(c, first);

        c = start_broker(no, 1, &first);
        OK(sv_kbs_client_also(c, "http://127.0.0.1:1", NULL, &err));
        FAILS(sv_kbs_report(c, "a/b/c", sv_bytes_str("{}"), &err), SV_SYSTEM, "kbs.http");
        assert_true(sv_kbs_answered(c));
        for (int i = 2; i < SV_BROKERS_MAX; i++)
                OK(sv_kbs_client_also(c, "http://127.0.0.1:1", NULL, &err));
        FAILS(sv_kbs_client_also(c, "http://127.0.0.1:1", NULL, &err), SV_USAGE, "kbs.brokers");
        end_broker(c, first);
}

/* A broker that closes an idle connection just as the next request is on its way resets it: that is
 * asked again as one that was closed before. */
static void reset_while_asked(void **state)
{
        static const char yes[] = "HTTP/1.1 204 Yes\r\n\r\n";
        struct sv_err err;
        pid_t pid;
        struct sv_kbs_client *c = start_any_broker(yes, 2, true, &pid);

        OK(sv_kbs_report(c, "a/b/c", sv_bytes_str("{}"), &err));
        OK(sv_kbs_report(c, "a/b/c", sv_bytes_str("{}"), &err));
        end_broker(c, pid);
}

/* What is no address, and one whose encryption is not what the caller has a context for. */
static void no_address(void **state)
{
        static const char *const urls[] = {"", "ftp://127.0.0.1:1", "https://127.0.0.1:1"};
        struct sv_kbs_client *c = NULL;
        struct sv_err err;

        for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
                FAILS(sv_kbs_client_new(urls[i], NULL, &c, &err), SV_USAGE, "http.url");
                assert_null(c);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(answers_that_are_refused),
                                           cmocka_unit_test(another_broker),
                                           cmocka_unit_test(reset_while_asked),
                                           cmocka_unit_test(tries_that_may_pass_later),
                                           cmocka_unit_test(retry_after),
                                           cmocka_unit_test(steps_in_order),
                                           cmocka_unit_test(no_address)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
