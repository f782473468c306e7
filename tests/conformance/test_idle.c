/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that wait for nothing, many of them at once: what one costs, that guests are served
 * beside them, that they still are connections after it, and that they give way to who waits.
 *
 *      idle [CONNECTIONS]
 */
#pragma GCC diagnostic ignored "-Wunused-function"
#include <fcntl.h>
#include <sys/socket.h>

#include "tests/conformance/floods.h"

#define MANY              2000 /* unless said otherwise */
#define UNLESS_CONFIGURED 10000
#define OF_SOURCE         100
#define EACH              100 /* of so many one asks again */
#define MOST_KIB          32

static int many = MANY;
static int *idle; /* sockets of the peers */
static struct sv_tls **asks;

static void allow_files(int n)
{
        struct rlimit files;

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
        if (files.rlim_cur < (rlim_t)n)
                files.rlim_cur = (rlim_t)n < files.rlim_max ? (rlim_t)n : files.rlim_max;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
        if (files.rlim_cur < (rlim_t)n)
                fail_msg("%d connections need %d open files, and the system allows %llu", many, n,
                         (unsigned long long)files.rlim_cur);
}

static int idle_setup(void **state)
{
        allow_files(many + 1000);
        idle = calloc((size_t)many, sizeof(*idle));
        asks = calloc((size_t)many, sizeof(struct sv_tls *));
        assert_true(idle && asks);
        return group_setup(state);
}

static int idle_teardown(void **state)
{
        free(idle);
        free(asks);
        return group_teardown(state);
}

/* The connection stays, its TLS of this side does not: it is freed with another socket in the place
 * of its own, to which it says its goodbye. */
static int forget_tls(struct sv_tls *t, int fd)
{
        int pair[2], kept = fcntl(fd, F_DUPFD_CLOEXEC, 0);

        assert_true(kept >= 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        assert_true(dup2(pair[0], fd) == fd);
        sv_tls_free(t);
        close(pair[0]);
        close(pair[1]);
        return kept;
}

static void ask_health(struct sv_tls *t)
{
        SV_HTTP answer = {0};

        assert_int_equal(call(t, "GET", "/secure-vm/v0/health", NULL, SV_BYTES_NULL, &answer), 200);
}

static struct sv_tls *shake_hands_from(int source, int *fd)
{
        SV_STR from = sv_asprintf("127.1.%d.%d", source / 250, source % 250 + 1);
        struct sv_err err;
        struct sv_tls *t;

        *fd = connect_from(from);
        t = sv_tls_connect(tls, *fd, "127.0.0.1", &err);
        if (!t)
                fail_msg("%s [%s]", err.msg, err.check);
        return t;
}

static void open_idle(int n, int of_source)
{
        for (int i = 0; i < n; i++) {
                asks[i] = shake_hands_from(i / of_source, &idle[i]);
                if (i % EACH == 0) {
                        ask_health(asks[i]);
                        continue;
                }
                idle[i] = forget_tls(asks[i], idle[i]);
                asks[i] = NULL;
        }
}

static void close_idle(int n)
{
        for (int i = 0; i < n; i++) {
                if (asks[i])
                        sv_tls_free(asks[i]);
                else
                        close(idle[i]);
                asks[i] = NULL;
        }
}

static long memory_of(pid_t pid)
{
        SV_STR path = sv_asprintf("/proc/%d/statm", (int)pid);
        SV_BUF text = SV_BUF_NULL;
        char *at;

        read_file(path, &text);
        strtol(sv_buf_str(&text), &at, 10);
        return strtol(at, NULL, 10) * (sysconf(_SC_PAGESIZE) >> 10);
}

static bool has_children(pid_t pid)
{
        SV_STR path = sv_asprintf("/proc/%d/task/%d/children", (int)pid, (int)pid);
        SV_BUF text = SV_BUF_NULL;

        read_file(path, &text);
        return text.n > 0;
}

static void must_cost_little(long kib, int n)
{
        print_message("%d idle connections: %.1f KiB each\n", n, (double)kib / n);
#ifndef __SANITIZE_ADDRESS__ /* it keeps what was freed */
        assert_true(kib < (long)MOST_KIB * n);
#endif
}

static void live_at_once(void **state)
{
        SV_STR members = many + 64 <= UNLESS_CONFIGURED
                                 ? sv_asprintf("%s", "")
                                 : sv_asprintf("\"connections\":%d", many + 64);
        int64_t began;
        long before;
        pid_t net;

        start_with(members);
        release();
        net = find_broker_child("sv-net");
        before = memory_of(net);
        began = sv_clock_ms();
        open_idle(many, OF_SOURCE);
        print_message("%d handshakes take %lld ms\n", many, (long long)(sv_clock_ms() - began));
        WAIT_UNTIL(!has_children(find_broker_child("sv-http")), 15, "%s",
                   "a connection without a request has a process");
        must_cost_little(memory_of(net) - before, many);
        print_message("a release beside them takes %lld ms\n", (long long)release());
        for (int i = 0; i < many; i += EACH)
                ask_health(asks[i]);
        assert_int_equal(count_open(idle, many), many);
        close_idle(many);
}

/* All places are taken, by idle ones: who comes next gets one of them. */
static void give_way(void **state)
{
        start_with("\"connections\":40,\"connections_per_source\":40,\"handshake_seconds\":30");
        open_idle(40, 20);
        assert_int_equal(count_open(idle, 40), 40);
        print_message("a release takes %lld ms\n", (long long)release());
        assert_in_range(count_open(idle, 40), 36, 39);
        close_idle(40);
}

/* An end does not wait for them. */
static void end_at_once(void **state)
{
        int64_t began;

        start_with("");
        open_idle(20, 20);
        began = sv_clock_ms();
        assert_int_equal(stop(NULL), 0);
        print_message("the end takes %lld ms\n", (long long)(sv_clock_ms() - began));
        WAIT_UNTIL(count_open(idle, 20) == 0, 15, "%d are open", count_open(idle, 20));
        close_idle(20);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(live_at_once, stop),
                cmocka_unit_test_teardown(give_way, stop),
                cmocka_unit_test_teardown(end_at_once, stop),
        };

        if (argc > 1)
                many = atoi(argv[1]);
        if (many < MANY / 2)
                return 2;
        if (getenv("SV_JITTER")) /* so many would take longer than one may be idle */
                many = 200;
        return cmocka_run_group_tests(tests, idle_setup, idle_teardown);
}
