/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of the quote service: one thing wrong at a time; and the conversation over a socket. */
#include "base/core/buf.h"
#include "tdx/guest/qgs.h"
#include "tests/unit/qgs_service.h"

static char root[] = "/tmp/tdx-qgs.XXXXXX";

struct shape {
        uint16_t major;
        uint32_t type, extra, error;
        size_t body;
};

static void message(struct sv_buf *b, const struct shape *s, const void *body)
{
        sv_buf_clear(b);
        sv_buf_u16le(b, s->major);
        sv_buf_u16le(b, 7); /* a newer minor version is the same protocol */
        sv_buf_u32le(b, s->type);
        sv_buf_u32le(b, (uint32_t)(16 + s->body + s->extra));
        sv_buf_u32le(b, s->error);
        sv_buf_put(b, sv_bytes(body, s->body));
}

static const uint8_t quote_body[] = {2, 0, 0, 0, 5, 0, 0, 0, 'i', 'd', 'q', 'u', 'o', 't', 'e'};
static const uint8_t platform_body[] = {4, 0, 13, 0, 2, 0, 0, 0, 1, 0, 0, 0, 'i', 'd', 's'};

static void parsed(void **state)
{
        struct shape q = {1, 1, 0, 0, sizeof(quote_body)}, p = {1, 5, 0, 0, sizeof(platform_body)};
        struct sv_err err = SV_ERR_NULL;
        struct sv_qgs_platform platform;
        SV_BUF b = SV_BUF_NULL;
        struct sv_bytes quote;

        message(&b, &q, quote_body);
        OK(sv_qgs_quote_response(sv_buf_bytes(&b), &quote, &err));
        assert_int_equal(quote.n, 5);
        assert_memory_equal(quote.p, "quote", 5);
        for (size_t n = 0; n < b.n; n++)
                FAILS(sv_qgs_quote_response(sv_bytes(b.p, n), &quote, &err), SV_FORMAT,
                      "tdx.qgs.message");
        message(&b, &p, platform_body);
        OK(sv_qgs_platform_response(sv_buf_bytes(&b), &platform, &err));
        assert_int_equal(platform.tdqe_svn, 4);
        assert_int_equal(platform.pce_svn, 13);
        assert_int_equal(platform.platform_id.n * 10 + platform.cpu_svn.n, 21);
        for (size_t n = 0; n < b.n; n++)
                FAILS(sv_qgs_platform_response(sv_bytes(b.p, n), &platform, &err), SV_FORMAT,
                      "tdx.qgs.message");
}

static void one_thing_wrong(void **state)
{
        static const struct {
                struct shape shape;
                const char *check;
        } t[] = {
                {{2, 1, 0, 0, sizeof(quote_body)}, "tdx.qgs.message"},
                {{1, 5, 0, 0, sizeof(quote_body)}, "tdx.qgs.message"},
                {{1, 1, 1, 0, sizeof(quote_body)}, "tdx.qgs.message"},
                {{1, 1, 0, 0, sizeof(quote_body) - 1}, "tdx.qgs.message"},
                {{1, 1, 0, 0x12005, sizeof(quote_body)}, "tdx.qgs.refused"},
                {{1, 1, 0, 0xe011, 0}, "tdx.qgs.refused"},
        };
        static const uint8_t empty[] = {0, 0, 0, 0, 0, 0, 0, 0},
                             huge[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3};
        struct shape s = {1, 1, 0, 0, sizeof(empty)};
        struct sv_err err = SV_ERR_NULL;
        SV_BUF b = SV_BUF_NULL;
        struct sv_bytes quote;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                message(&b, &t[i].shape, quote_body);
                FAILS(sv_qgs_quote_response(sv_buf_bytes(&b), &quote, &err),
                      !strcmp(t[i].check, "tdx.qgs.refused") ? SV_SYSTEM : SV_FORMAT, t[i].check);
        }
        message(&b, &s, empty);
        FAILS(sv_qgs_quote_response(sv_buf_bytes(&b), &quote, &err), SV_FORMAT, "tdx.qgs.message");
        s.body = sizeof(huge);
        message(&b, &s, huge);
        FAILS(sv_qgs_quote_response(sv_buf_bytes(&b), &quote, &err), SV_FORMAT, "tdx.qgs.message");
}

static void requests(void **state)
{
        static const uint8_t platform[] = {0, 0, 0,  16, 1, 0, 1, 0, 4, 0,
                                           0, 0, 16, 0,  0, 0, 0, 0, 0, 0};
        static const uint8_t quote[] = {0, 0, 0, 27, 1, 0, 1, 0, 0, 0, 0, 0, 27,  0,   0,  0,
                                        0, 0, 0, 0,  3, 0, 0, 0, 0, 0, 0, 0, 'a', 'b', 'c'};
        SV_BUF b = SV_BUF_NULL, q = SV_BUF_NULL;

        sv_qgs_platform_request(&b);
        assert_int_equal(b.n, sizeof(platform));
        assert_memory_equal(b.p, platform, sizeof(platform));
        sv_qgs_quote_request(sv_bytes_str("abc"), &q);
        assert_int_equal(q.n, sizeof(quote));
        assert_memory_equal(q.p, quote, sizeof(quote));
}

static int talk(const char *path, struct sv_bytes answer, struct sv_buf *got, struct sv_err *err)
{
        SV_BUF question = SV_BUF_NULL;
        SV_FD fd = -1;
        pid_t pid = qgs_start(path, answer);
        int r;

        sv_buf_clear(got);
        sv_qgs_platform_request(&question);
        r = sv_qgs_connect(path, &fd, err) < 0
                    ? -1
                    : sv_qgs_exchange(fd, sv_buf_bytes(&question), answer.n ? 20000 : 50, got, err);
        qgs_stop(pid);
        return r;
}

static void over_a_socket(void **state)
{
        SV_STR path = sv_asprintf("%s/qgs.sock", root);
        struct sv_err err = SV_ERR_NULL;
        SV_BUF got = SV_BUF_NULL;
        int fd = -1;

        FAILS(talk(path, sv_bytes_str("\1\1\1\1") /* 16 MiB announced */, &got, &err), SV_FORMAT,
              "tdx.qgs.message");
        FAILS(talk(path, sv_bytes((const uint8_t *)"\0\0\0\0", 4), &got, &err), SV_FORMAT,
              "tdx.qgs.message");
        /* hangs up early */
        FAILS(talk(path, sv_bytes((const uint8_t *)"\0\0\0\5abc", 7), &got, &err), SV_SYSTEM,
              "tdx.qgs.answer");
        /* says nothing */
        FAILS(talk(path, SV_BYTES_NULL, &got, &err), SV_SYSTEM, "tdx.qgs.answer");
        OK(talk(path, sv_bytes((const uint8_t *)"\0\0\0\5abcde", 9), &got, &err));
        assert_int_equal(got.n, 5);
        assert_memory_equal(got.p, "abcde", 5);
        /* nobody listens any more */
        FAILS(sv_qgs_connect(path, &fd, &err), SV_SYSTEM, "tdx.qgs.connect");
        unlink(path);
        FAILS(sv_qgs_connect(path, &fd, &err), SV_SYSTEM, "tdx.qgs.connect");
        FAILS(sv_qgs_connect("/01234567890123456789012345678901234567890123456789012345678901234567"
                             "89012345678901234567890123456789012345678901",
                             &fd, &err),
              SV_SYSTEM, "tdx.qgs.connect");
}

/* Whole in the end, a byte at a time, and later than anybody waits: the end counts for the whole
 * conversation. */
static void by_and_by(void **state)
{
        SV_STR path = sv_asprintf("%s/slow.sock", root);
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd = -1;
        struct sv_err err = SV_ERR_NULL;
        SV_BUF question = SV_BUF_NULL, got = SV_BUF_NULL;
        pid_t pid;

        snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
        assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
        assert_int_equal(listen(listener, 1), 0);
        pid = fork();
        if (pid == 0) {
                int c = accept(listener, NULL, NULL);

                for (unsigned i = 0; i < 4 + 500; i++) {
                        usleep(10000);
                        if (send(c, i == 2 ? "\1" : i == 3 ? "\xf4" : "\0", 1, MSG_NOSIGNAL) < 0)
                                break;
                }
                _exit(0);
        }
        close(listener);
        sv_qgs_platform_request(&question);
        OK(sv_qgs_connect(path, &fd, &err));
        FAILS(sv_qgs_exchange(fd, sv_buf_bytes(&question), 300, &got, &err), SV_SYSTEM,
              "tdx.qgs.answer");
        close(fd);
        qgs_stop(pid);
}

static int set_up(void **state)
{
        return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
        return sv_remove_tree(root, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(parsed),    cmocka_unit_test(one_thing_wrong),
                cmocka_unit_test(requests),  cmocka_unit_test(over_a_socket),
                cmocka_unit_test(by_and_by),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
