/* SPDX-License-Identifier: Apache-2.0 */
/* One source floods the broker in each way that is known; a guest at another one gets its key
 * meanwhile. What is asserted is the order (the guest is served while all of the stranger's
 * connections are still open) and the limits; how long it took is printed. */
#include "tests/conformance/floods.h"

/* For longer than the test takes, so that nothing but the shares helps. */
#define PATIENT "\"handshake_seconds\":30"

static void serves_beside(const int *fds, int n, const char *what)
{
        int64_t ms = release();

        assert_int_equal(count_open(fds, n), n);
        print_message("%s: a release takes %lld ms\n", what, (long long)ms);
}

static void silent(void **state)
{
        int fds[CROWD];

        start_with(PATIENT);
        connect_crowd(fds, "");
        serves_beside(fds, CROWD, "silent connections");
        close_all(fds, CROWD);
}

static void partial_hello(void **state)
{
        int fds[CROWD];

        start_with(PATIENT);
        connect_crowd(fds, "\x16\x03\x01");
        serves_beside(fds, CROWD, "partial ClientHello");
        close_all(fds, CROWD);
}

/* Each has a process, and says nothing more than a letter. */
static void slow_heads(void **state)
{
        struct sv_tls *t[SHARE];
        int fds[CROWD];
        struct sv_err err;

        start_with(PATIENT);
        for (int i = 0; i < SHARE; i++) {
                t[i] = shake_hands(&fds[i]);
                OK(sv_tls_write(t[i], sv_bytes_str("G"), &err));
        }
        for (int i = SHARE; i < CROWD; i++)
                fds[i] = connect_from(STRANGER);
        serves_beside(fds, CROWD, "slow heads");
        for (int i = 0; i < SHARE; i++)
                sv_tls_free(t[i]);
        close_all(fds + SHARE, CROWD - SHARE);
}

/* At its own source such a connection gives way when another waits: to one of the stranger's. */
static void kept_alive(void **state)
{
        struct sv_tls *t[SHARE], *later;
        int fds[SHARE], fd;

        start_with(PATIENT);
        for (int i = 0; i < SHARE; i++) {
                SV_HTTP answer = {0};

                t[i] = shake_hands(&fds[i]);
                assert_int_equal(
                        call(t[i], "GET", "/secure-vm/v0/health", NULL, SV_BYTES_NULL, &answer),
                        200);
        }
        serves_beside(fds, SHARE, "connections kept alive");
        later = shake_hands(&fd);
        assert_in_range(count_open(fds, SHARE), SHARE / 2, SHARE - 1);
        sv_tls_free(later);
        for (int i = 0; i < SHARE; i++)
                sv_tls_free(t[i]);
}

/* Silence and half a handshake end at the deadline, whether others wait or not. */
static void deadlines(void **state)
{
        int fds[2];

        start_with("\"handshake_seconds\":1");
        fds[0] = connect_from(STRANGER);
        fds[1] = connect_from(STRANGER);
        assert_int_equal(write(fds[1], "\x16\x03\x01", 3), 3);
        assert_int_equal(count_open(fds, 2), 2);
        WAIT_UNTIL(count_open(fds, 2) == 0, 15, "%d of 2 connections are open", count_open(fds, 2));
        close_all(fds, 2);
}

/* More may wait than the system lets the broker have open: said at the start. */
static void too_few_files(void **state)
{
        char config[256];
        int status;
        pid_t pid;

        configure("\"waiting\":4096");
        in_dir(config, "config.json");
        pid = fork();
        if (pid == 0) {
                const struct rlimit few = {256, 256};
                SV_BROKER b = {.audit_fd = -1};
                struct sv_err err = SV_ERR_NULL;

                setrlimit(RLIMIT_NOFILE, &few);
                if (sv_broker_open(config, &b, &err) == 0)
                        sv_broker_serve(&b, &err);
                _exit(strcmp(err.check, "broker.config.waiting") == 0 ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(silent, stop),
                cmocka_unit_test_teardown(partial_hello, stop),
                cmocka_unit_test_teardown(slow_heads, stop),
                cmocka_unit_test_teardown(kept_alive, stop),
                cmocka_unit_test_teardown(deadlines, stop),
                cmocka_unit_test(too_few_files),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
