/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of the network's process, in a broker of its own: what it does when a socket is not only
 * the broker's. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/broker_process.h"

#include "attest/kbs/http-conn.h"
#include "base/core/clock.h"
#include "base/net/tls.h"
#include "broker/serve/connection.h"
#include "broker/serve/held.h"

/* Shared with all processes of the broker. */
static struct loop {
        volatile bool drains;
        volatile int turns;                         /* of a loop that drains */
        volatile size_t served, left, asks, linger; /* linger: turns that ended with one */
        volatile int64_t later_ms;                  /* than it is */
        volatile int64_t left_ms;                   /* of the first that is served */
        volatile int unwiped;                       /* turns that left bytes of somebody's */
        volatile bool plays, pause,
                waits; /* the test plays the process; the loop is to, and does */
        volatile int read, answer, processes; /* bytes it has; that it is to say; so far */
        volatile bool told;                   /* that the first was answered */
} * loop;

static uint8_t pin[32];
static struct sv_tls_ctx *tls;

int64_t __real_sv_clock_ms(void);
int64_t __wrap_sv_clock_ms(void);
int64_t __wrap_sv_clock_ms(void)
{
        return __real_sv_clock_ms() + loop->later_ms;
}

void __real_sv_held_step(struct sv_held *h);
void __wrap_sv_held_step(struct sv_held *h);
void __wrap_sv_held_step(struct sv_held *h)
{
        __real_sv_held_step(h);
        loop->drains = h->draining;
        loop->turns += h->draining;
        loop->served = h->queue.lines[SV_CONN_SERVED].n;
        loop->left = h->queue.lines[SV_CONN_LEFT].n;
        loop->linger += h->queue.lines[SV_CONN_TOLD].n > 0;
        loop->asks = h->queue.lines[SV_CONN_ASKS].n;
        if (loop->served)
                loop->left_ms =
                        sv_queue_next(&h->queue, SV_CONN_SERVED, NULL)->end_ms - sv_clock_ms();
        for (size_t i = 0; i < 16384; i++)
                if (h->room[i]) {
                        loop->unwiped++;
                        break;
                }
        while (loop->pause) {
                loop->waits = true;
                usleep(1000);
        }
        loop->waits = false;
}

/* A process that answers a byte with a byte, when the test says so. */
static void play_process(const struct sv_connection *c)
{
        uint8_t byte, said[9] = {'K', 1};

        loop->processes++;
        while (recv(c->data, &byte, 1, 0) == 1) {
                loop->read++;
                while (loop->answer < loop->read)
                        usleep(1000);
                (void)!send(c->data, "a", 1, MSG_NOSIGNAL);
                while (!loop->told)
                        usleep(1000);
                (void)!send(c->control, said, sizeof(said), MSG_NOSIGNAL);
                said[1]++;
        }
}

void __real_sv_connection_serve(struct sv_broker *b, int control);
void __wrap_sv_connection_serve(struct sv_broker *b, int control);
void __wrap_sv_connection_serve(struct sv_broker *b, int control)
{
        struct sv_connection c;

        if (!loop->plays)
                __real_sv_connection_serve(b, control);
        else if (sv_connection_take(control, &c, NULL) == 0)
                play_process(&c);
}

static int setup(void **state)
{
        memset((void *)(uintptr_t)loop, 0, sizeof(*loop));
        start_new_broker(pin, &tls);
        return 0;
}

static int teardown(void **state)
{
        return end_new_broker(tls);
}

static int connect_tcp(void)
{
        struct sv_url u;
        struct sv_err err;
        int fd;

        OK(sv_url_parse(url, false, &u, &err));
        fd = sv_tcp_connect(u.host, u.port, 2000, &err);
        assert_true(fd >= 0);
        return fd;
}

static struct sv_tls *connect_tls(void)
{
        struct sv_err err;
        struct sv_tls *t = sv_tls_connect(tls, connect_tcp(), "127.0.0.1", &err);

        assert_non_null(t);
        return t;
}

static void send_text(struct sv_tls *t, const char *text)
{
        struct sv_err err;

        OK(sv_tls_write(t, sv_bytes_str(text), &err));
}

/* --- a service manager's socket --- */

static int manager_fd = -1;

static int serve_for_manager(const char *config)
{
        char pid[16];

        snprintf(pid, sizeof(pid), "%d", (int)getpid());
        if (dup2(manager_fd, 3) < 0 || setenv("LISTEN_PID", pid, 1) < 0 ||
            setenv("LISTEN_FDS", "1", 1) < 0)
                return 9;
        return serve_here(config);
}

/* Who comes while it drains is the next broker's: it is not heard of over and over. */
static void drains_with_a_managers_socket(void **state)
{
        uint16_t port = 0;
        struct sv_err err;
        int listening, waits, turns;

        assert_int_equal(stop_broker(), 0);
        loop->drains = false;
        listening = sv_tcp_listen("127.0.0.1", &port, &err);
        assert_true(listening >= 0);
        manager_fd = fcntl(listening, F_DUPFD_CLOEXEC, 100); /* not where it is handed over */
        assert_true(manager_fd >= 0);
        close(listening);
        start_broker_by(serve_for_manager);
        {
                SV_TLS *t = connect_tls();

                send_text(t, "x");
                WAIT_UNTIL(loop->served, PATIENCE, "%s", "no request is served");
                kill(broker, SIGTERM);
                WAIT_UNTIL(loop->drains, PATIENCE, "%s", "the broker does not drain");
                waits = connect_tcp();
                turns = loop->turns;
                sleep(2);
                assert_int_equal(loop->served, 1); /* so it did drain for that long */
                turns = loop->turns - turns;
                print_message("%d turns\n", turns);
                assert_true(turns < 200);
        }
        assert_int_equal(stop_broker(), 0);
        close(waits);
        close(manager_fd);
}

/* --- one request after another --- */

static void expect_answer(struct sv_tls *t)
{
        uint8_t byte = 0;
        struct sv_err err;

        sv_tls_deadline(t, (int)test_patience(PATIENCE) * 1000);
        assert_int_equal(sv_tls_read(t, &byte, 1, &err), 1);
        assert_int_equal(byte, 'a');
}

/* The loop hears of an answer in the same turn as of the next request: this has all its time. */
static void next_request_in_one_turn(void **state)
{
        SV_TLS *t = NULL;

        loop->plays = true;
        loop->answer = 1;
        t = connect_tls();
        send_text(t, "x");
        expect_answer(t);
        loop->pause = true;
        WAIT_UNTIL(loop->waits, PATIENCE, "%s", "the loop does not come to its turn's end");
        send_text(t, "y");
        loop->told = true;
        usleep(200000); /* both are there now */
        loop->pause = false;
        WAIT_UNTIL(loop->read == 2, PATIENCE, "%s", "the second request is not forwarded");
        WAIT_UNTIL(!loop->waits && loop->left_ms > 60000, 5, "the second request has %d ms",
                   (int)loop->left_ms);
        loop->answer = 2;
        expect_answer(t);
        assert_int_equal(loop->processes, 1);
}

/* A process is not killed in a request for those before it. */
static void a_process_has_its_time(void **state)
{
        SV_TLS *t = NULL;

        loop->plays = loop->told = true;
        t = connect_tls();
        send_text(t, "x");
        WAIT_UNTIL(loop->read == 1, PATIENCE, "%s", "no request is served");
        loop->later_ms = 55000;
        loop->answer = 1;
        expect_answer(t);
        WAIT_UNTIL(!loop->served, PATIENCE, "%s", "the first answer has no end");
        send_text(t, "y");
        WAIT_UNTIL(loop->read == 2, PATIENCE, "%s", "the second request is not forwarded");
        assert_int_equal(loop->processes, 2);
        loop->answer = 2;
        expect_answer(t);
}

static int ask_health(void)
{
        struct sv_http_conn conn;
        SV_HTTP req = {0};
        SV_HTTP answer = {0};
        struct sv_err err;
        int rc;

        OK(sv_http_conn_init(&conn, url, tls, &err));
        OK(sv_http_add(&req, "Connection", "close", &err));
        rc = sv_http_conn_call(&conn, "GET", "/secure-vm/v0/health", &req, SV_BYTES_NULL, &answer,
                               &err);
        sv_http_conn_close(&conn);
        return rc < 0 ? -1 : answer.status;
}

/* Also when the connection is closed in the turn. */
static void nothing_stays_in_the_room(void **state)
{
        for (int i = 0; i < 5; i++)
                assert_int_equal(ask_health(), 200);
        assert_int_equal(loop->unwiped, 0);
}

/* Its connection is gone with its request under way, and no word of an end. */
static void reset_after_a_byte(void)
{
        const struct linger at_once = {1, 0};
        int fd = connect_tcp(), none = open("/dev/null", O_RDWR | O_CLOEXEC);
        struct sv_err err;
        SV_TLS *t = sv_tls_connect(tls, fd, "127.0.0.1", &err);

        assert_non_null(t);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
        send_text(t, "x");
        WAIT_UNTIL(loop->read == 1, PATIENCE, "%s", "no request is served");
        assert_true(dup2(none, fd) == fd);
        close(none);
}

/* Clients that go keep no more processes than those that stay: the next waits for the one before.
 */
static void client_goes(void **state)
{
        assert_int_equal(stop_broker(), 0);
        set_member("connections", sv_json_new_int(2));
        set_member("requests", sv_json_new_int(2));
        start_broker();
        loop->plays = true;
        reset_after_a_byte();
        WAIT_UNTIL(loop->left == 1, PATIENCE, "%s", "a process is not counted");
        usleep(500000);
        assert_int_equal(loop->processes, 1);
        {
                SV_TLS *t = connect_tls();

                send_text(t, "x");
                usleep(500000);
                assert_int_equal(loop->processes, 1);
                loop->answer = 100;
                loop->told = true; /* the first ends, and this one is served */
                expect_answer(t);
                assert_true(loop->processes > 1);
                WAIT_UNTIL(!loop->left, PATIENCE, "%s", "a process is counted for ever");
        }
}

/* --- who cannot be served in time --- */

/* Its whole answer, and then the end: not a reset, although its request was never read. */
static void expect_later(struct sv_tls *t)
{
        struct sv_err err = SV_ERR_NULL;
        char text[2048] = "";
        size_t n = 0;
        long got;

        sv_tls_deadline(t, (int)test_patience(PATIENCE) * 1000);
        do {
                got = sv_tls_read(t, text + n, sizeof(text) - 1 - n, &err);
                n += got > 0 ? (size_t)got : 0;
        } while (got > 0);
        if (got < 0)
                fail_msg("%s", err.msg);
        assert_non_null(strstr(text, "HTTP/1.1 503 "));
        assert_non_null(strstr(text, "\r\nRetry-After: "));
        assert_non_null(strstr(text, "\"check\":\"broker.busy\""));
}

static void fill_processes(struct sv_tls **first)
{
        assert_int_equal(stop_broker(), 0);
        set_member("requests", sv_json_new_int(1));
        start_broker();
        loop->plays = true;
        *first = connect_tls();
        send_text(*first, "x");
        WAIT_UNTIL(loop->read == 1, PATIENCE, "%s", "no request is served");
}

static void told_to_come_later(void **state)
{
        SV_TLS *first = NULL, *t = NULL;

        fill_processes(&first);
        t = connect_tls();
        send_text(t, "a request that nobody has time for");
        WAIT_UNTIL(loop->asks == 1, PATIENCE, "%s", "the second request does not wait");
        loop->later_ms = SV_WAIT_MS + 1000;
        expect_later(t);
        WAIT_UNTIL(!loop->asks, PATIENCE, "%s", "it waits still");
        assert_int_equal(loop->processes, 1);
        assert_true(loop->linger); /* it had time to read that */
        loop->answer = 1;
        loop->told = true;
        expect_answer(first);
}

/* A broker that ends serves what it can in its time, and tells the rest. */
static void told_when_it_ends(void **state)
{
        SV_TLS *first = NULL, *t = NULL;

        fill_processes(&first);
        t = connect_tls();
        send_text(t, "y");
        WAIT_UNTIL(loop->asks == 1, PATIENCE, "%s", "the second request does not wait");
        kill(broker, SIGTERM);
        expect_later(t);
        loop->answer = 1;
        loop->told = true;
        expect_answer(first);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(drains_with_a_managers_socket, setup, teardown),
                cmocka_unit_test_setup_teardown(next_request_in_one_turn, setup, teardown),
                cmocka_unit_test_setup_teardown(a_process_has_its_time, setup, teardown),
                cmocka_unit_test_setup_teardown(client_goes, setup, teardown),
                cmocka_unit_test_setup_teardown(told_to_come_later, setup, teardown),
                cmocka_unit_test_setup_teardown(told_when_it_ends, setup, teardown),
                cmocka_unit_test_setup_teardown(nothing_stays_in_the_room, setup, teardown),
        };

        loop = mmap(NULL, sizeof(*loop), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert_ptr_not_equal(loop, MAP_FAILED);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
