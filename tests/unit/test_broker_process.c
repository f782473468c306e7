/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker's processes say to each other, with the other side in hostile hands. */
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#include "base/core/file.h"
#include "base/core/limits.h"
#include "broker/process/channel.h"
#include "broker/process/sandbox.h"

static int ends[2];

static int open_pair(void **state)
{
        struct sv_err err;

        OK(sv_channel_pair(ends, &err));
        return 0;
}

static int close_pair(void **state)
{
        close(ends[0]);
        close(ends[1]);
        return 0;
}

static void frames(void **state)
{
        SV_BUF got = SV_BUF_NULL;
        uint8_t type = 0;
        bool closed;
        struct sv_err err;

        OK(sv_channel_send(ends[0], 7, sv_bytes_str("abc"), &err));
        OK(sv_channel_recv(ends[1], 1000, 3, &type, &got, &closed, &err));
        assert_int_equal(type, 7);
        assert_false(closed);
        assert_int_equal(got.n, 3);
        OK(sv_channel_send(ends[0], 7, sv_bytes_str("abcd"), &err));
        FAILS(sv_channel_recv(ends[1], 1000, 3, &type, &got, &closed, &err), SV_SYSTEM,
              "broker.process");
}

/* In one piece or in several, they are the same two frames. */
static void both_frames(void **state)
{
        static const size_t sizes[][2] = {{0, 0},       {3, 0},     {0, 5},     {8000, 8384},
                                          {8000, 8385}, {16384, 0}, {16385, 0}, {20000, 30000}};
        struct sv_err err;

        for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
                SV_BUF a = SV_BUF_NULL, b = SV_BUF_NULL, one = SV_BUF_NULL, two = SV_BUF_NULL;

                memset(sv_buf_grow(&a, sizes[i][0]), 'a', sizes[i][0]);
                memset(sv_buf_grow(&b, sizes[i][1]), 'b', sizes[i][1]);
                OK(sv_channel_send_both(ends[0], 7, sv_buf_bytes(&a), 8, sv_buf_bytes(&b), &err));
                OK(sv_channel_expect(ends[1], 1000, 7, sizes[i][0], &one, &err));
                OK(sv_channel_expect(ends[1], 1000, 8, sizes[i][1], &two, &err));
                assert_true(sv_bytes_eq(sv_buf_bytes(&a), sv_buf_bytes(&one)));
                assert_true(sv_bytes_eq(sv_buf_bytes(&b), sv_buf_bytes(&two)));
        }
        FAILS(sv_channel_expect(ends[1], 1, 7, 1, &(struct sv_buf){0}, &err), SV_SYSTEM,
              "broker.process");
}

static void waits_have_an_end(void **state)
{
        SV_BUF got = SV_BUF_NULL;
        uint8_t type = 0;
        bool closed;
        struct sv_err err;

        FAILS(sv_channel_recv(ends[1], 20, 3, &type, &got, NULL, &err), SV_SYSTEM,
              "broker.process");
        assert_int_equal(send(ends[0], "\x07\x03", 2, 0), 2); /* half a head */
        FAILS(sv_channel_recv(ends[1], 20, 3, &type, &got, NULL, &err), SV_SYSTEM,
              "broker.process");
        shutdown(ends[0], SHUT_WR);
        OK(sv_channel_recv(ends[1], 20, 3, &type, &got, &closed, &err));
        assert_true(closed);
        FAILS(sv_channel_recv(ends[1], 20, 3, &type, &got, NULL, &err), SV_SYSTEM,
              "broker.process");
}

static void wrong_type(void **state)
{
        SV_BUF got = SV_BUF_NULL;
        struct sv_err err;

        OK(sv_channel_send(ends[0], 7, SV_BYTES_NULL, &err));
        FAILS(sv_channel_expect(ends[1], 1000, 8, 3, &got, &err), SV_SYSTEM, "broker.process");
}

static void errors_travel(void **state)
{
        const struct sv_err sent = {SV_PROOF, "snp.report_data", "expected\x1b one, found another"};
        SV_BUF got = SV_BUF_NULL;
        struct sv_err err;

        OK(sv_channel_send_error(ends[0], &sent, &err));
        FAILS(sv_channel_expect(ends[1], 1000, 8, sizeof(err), &got, &err), SV_PROOF,
              "snp.report_data");
        assert_string_equal(err.msg, "expected? one, found another");
        for (enum sv_class class = SV_USAGE; class <= SV_POLICY; class ++) {
                const struct sv_err each = {class, "a.b", "what it was and what to do"};

                OK(sv_channel_send_error(ends[0], &each, &err));
                sv_buf_clear(&got);
                FAILS(sv_channel_expect(ends[1], 1000, 8, sizeof(err), &got, &err), class, "a.b");
        }
}

/* A class or a check that is none would go into the audit record and to the guest. */
static void errors_that_are_none(void **state)
{
        static const struct {
                uint8_t class;
                const char *check;
        } cases[] = {{0, "a.b"}, {1, "a.b"}, {7, "a.b"}, {255, "a.b"},
                     {5, ""},    {5, "a b"}, {5, "A.b"}, {5, "a\"b"}};
        struct sv_err err;

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                uint8_t body[70] = {cases[i].class};

                memcpy(body + 1, cases[i].check, strlen(cases[i].check));
                FAILS(sv_channel_read_error(sv_bytes(body, sizeof(body)), &err), SV_SYSTEM,
                      "broker.process");
        }
        for (size_t n = 0; n < 65; n++) {
                const uint8_t body[65] = {5, 'a'};

                FAILS(sv_channel_read_error(sv_bytes(body, n), &err), SV_SYSTEM, "broker.process");
        }
}

/* --- values --- */

static void make_tree(const char *text, struct sv_buf *raw, struct sv_json **j)
{
        struct sv_err err;

        OK(sv_json_parse(sv_bytes_str(text), "test", j, &err));
        OK(sv_put_tree(raw, *j, &err));
}

static void trees(void **state)
{
        static const char text[] = "{\"a\":[1,-9223372036854775808,true,false,null,\"\\u00e4\"],"
                                   "\"b\":{\"c\":{}},\"d\":[],\"e\":\"\"}";
        SV_BUF raw = SV_BUF_NULL;
        SV_JSON *j = NULL;
        struct sv_rd r;
        struct sv_err err;

        make_tree(text, &raw, &j);
        for (size_t n = 0; n <= raw.n; n++) {
                SV_JSON *back = NULL;

                r = sv_rd(sv_bytes(raw.p, n));
                if (n < raw.n) {
                        FAILS(sv_rd_tree(&r, &back, &err), SV_FORMAT, "broker.process");
                        continue;
                }
                OK(sv_rd_tree(&r, &back, &err));
                assert_int_equal(sv_rd_left(&r), 0);
                assert_true(sv_json_equal(j, back));
        }
}

static void refuse_tree(const void *raw, size_t n)
{
        struct sv_rd r = sv_rd(sv_bytes(raw, n));
        SV_JSON *j = NULL;
        struct sv_err err;

        FAILS(sv_rd_tree(&r, &j, &err), SV_FORMAT, "broker.process");
}

static void trees_that_are_none(void **state)
{
        static const uint8_t doubled[] = {
                SV_JSON_OBJECT, 2, 0, 0, 0, 1, 0, 0, 0, 'a', 0, 1, 0, 0, 0, 'a', 0};
        uint8_t deep[(SV_JSON_DEPTH_MAX + 1) * 5];
        SV_BUF many = SV_BUF_NULL, raw = SV_BUF_NULL;
        SV_JSON *j = NULL;
        struct sv_err err;

        refuse_tree("\x09", 1);                     /* no such type */
        refuse_tree("\x03........", 9);             /* a double */
        refuse_tree("\x01\x02", 2);                 /* neither true nor false */
        refuse_tree("\x04\x01\x00\x00\x00\x00", 6); /* NUL in a text */
        refuse_tree("\x05\xff\xff\xff\xff", 5);     /* more than there is */
        refuse_tree(doubled, sizeof(doubled));
        for (size_t i = 0; i < sizeof(deep); i++)
                deep[i] = i % 5 == 0 ? SV_JSON_ARRAY : i % 5 == 1;
        refuse_tree(deep, sizeof(deep));
        sv_buf_u8(&many, SV_JSON_ARRAY);
        sv_buf_u32le(&many, SV_JSON_MEMBERS_MAX);
        memset(sv_buf_grow(&many, SV_JSON_MEMBERS_MAX), 0, SV_JSON_MEMBERS_MAX);
        refuse_tree(many.p, many.n);
        OK(sv_json_parse(sv_bytes_str("[1.5]"), "test", &j, &err));
        FAILS(sv_put_tree(&raw, j, &err), SV_FORMAT, "broker.process");
}

/* --- descriptors and rights --- */

static void descriptors(void **state)
{
        char text[8];
        int control[2], fd = -1, own = dup(STDERR_FILENO);
        struct sv_err err;

        OK(sv_control_pair(control, &err));
        OK(sv_control_pass(control[0], "peer", own, &err));
        OK(sv_control_take(control[1], text, sizeof(text), &fd, &err));
        assert_string_equal(text, "peer");
        assert_true(fd >= 0);
        close(fd);
        close(own);
        assert_int_equal(send(control[0], "none", 4, 0), 4);
        FAILS(sv_control_take(control[1], text, sizeof(text), &fd, &err), SV_SYSTEM,
              "broker.process");
        close(control[0]);
        OK(sv_control_take(control[1], text, sizeof(text), &fd, &err));
        assert_int_equal(fd, -1);
        close(control[1]);
}

/* Once given up they are gone: a second filter is refused by the first. */
static void no_way_back(void **state)
{
        pid_t pid = fork();
        int status;

        if (pid == 0) {
                struct sv_err err = SV_ERR_NULL;
                bool partly = false;

                if (sv_sandbox_enter(SV_SANDBOX_HTTP, NULL, &partly, &err) < 0 ||
                    sv_sandbox_enter(SV_SANDBOX_CONNECTION, NULL, &partly, &err) < 0)
                        _exit(1);
                if (sv_sandbox_enter(SV_SANDBOX_CONNECTION, NULL, &partly, &err) == 0)
                        _exit(2);
                _exit(strcmp(err.check, "broker.sandbox") ? 3 : 0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

/* What serves each service ends those of its children that do not end; these end nobody. */
static void who_may_kill(void **state)
{
        static const struct {
                enum sv_sandbox service, child;
        } pairs[] = {{SV_SANDBOX_HTTP, SV_SANDBOX_CONNECTION},
                     {SV_SANDBOX_VERIFIER, SV_SANDBOX_VERIFICATION},
                     {SV_SANDBOX_FETCHER, SV_SANDBOX_FETCH}};

        for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
                pid_t pid = fork();
                int status;

                if (pid == 0) {
                        struct sv_err err = SV_ERR_NULL;
                        bool partly = false;

                        if (sv_sandbox_enter(pairs[i].service, NULL, &partly, &err) < 0 ||
                            kill(getpid(), 0) < 0)
                                _exit(1);
                        if (sv_sandbox_enter(pairs[i].child, NULL, &partly, &err) < 0)
                                _exit(2);
                        if (kill(getpid(), 0) == 0 || errno != EPERM)
                                _exit(3);
                        /* nor by what the kernel sends for them */
                        if (fcntl(0, F_SETOWN, getpid()) == 0 || errno != EPERM ||
                            fcntl(0, F_SETSIG, SIGKILL) == 0 || errno != EPERM)
                                _exit(4);
                        _exit(fcntl(0, F_GETFL) < 0 ? 5 : 0);
                }
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_int_equal(status, 0);
        }
}

/* It has everybody's words: no process comes of it, and none hears of it. */
static void network_makes_no_process(void **state)
{
        pid_t pid = fork();
        int status;

        if (pid == 0) {
                struct sv_err err = SV_ERR_NULL;
                bool partly = false;

                if (sv_sandbox_enter(SV_SANDBOX_NET, NULL, &partly, &err) < 0)
                        _exit(1);
                if (fork() >= 0 || errno != EPERM || kill(getpid(), 0) == 0 || errno != EPERM)
                        _exit(2);
                _exit(sv_sandbox_enter(SV_SANDBOX_CONNECTION, NULL, &partly, &err) == 0 ? 3 : 0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

/* Its folders by landlock, and beside them what landlock leaves open. */
static void fetcher_changes_no_file(void **state)
{
        char path[] = "/tmp/sv-fetcher-XXXXXX";
        int fd = mkstemp(path), status;
        struct stat st;
        pid_t pid;

        assert_int_equal(write(fd, "kek", 3), 3);
        pid = fork();
        if (pid == 0) {
                const struct sv_sandbox_files files = {.read = {"/usr", NULL}};
                struct rlimit none = {0, 0};
                struct sv_err err = SV_ERR_NULL;
                bool partly = false;

                if (sv_sandbox_enter(SV_SANDBOX_FETCHER, &files, &partly, &err) < 0)
                        _exit(1);
                if (truncate(path, 0) == 0 || chmod(path, 0777) == 0)
                        _exit(2);
                if (!partly && (open(path, O_RDONLY) >= 0 || unlink(path) == 0))
                        _exit(3);
                _exit(prlimit(getppid(), RLIMIT_NOFILE, &none, NULL) == 0 ? 4 : 0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_size, 3);
        close(fd);
        unlink(path);
}

#define WITH_PAIR(test) cmocka_unit_test_setup_teardown(test, open_pair, close_pair)

int main(void)
{
        const struct CMUnitTest tests[] = {
                WITH_PAIR(frames),
                WITH_PAIR(both_frames),
                WITH_PAIR(waits_have_an_end),
                WITH_PAIR(wrong_type),
                WITH_PAIR(errors_travel),
                cmocka_unit_test(errors_that_are_none),
                cmocka_unit_test(trees),
                cmocka_unit_test(trees_that_are_none),
                cmocka_unit_test(descriptors),
                cmocka_unit_test(no_way_back),
                cmocka_unit_test(who_may_kill),
                cmocka_unit_test(network_makes_no_process),
                cmocka_unit_test(fetcher_changes_no_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
