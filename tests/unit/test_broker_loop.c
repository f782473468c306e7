/* SPDX-License-Identifier: Apache-2.0 */
/* The loop of the network's process, in a broker of its own: what it does when a socket is not only
 * the broker's. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/broker_process.h"

#include "attest/kbs/http-conn.h"
#include "base/net/tls.h"
#include "broker/serve/held.h"

/* Shared with all processes of the broker. */
static struct loop {
        volatile bool drains;
        volatile int turns; /* of a loop that drains */
        volatile size_t served;
} * loop;

static uint8_t pin[32];
static struct sv_tls_ctx *tls;

void __real_sv_held_step(struct sv_held *h);
void __wrap_sv_held_step(struct sv_held *h);
void __wrap_sv_held_step(struct sv_held *h)
{
        __real_sv_held_step(h);
        loop->drains = h->draining;
        loop->turns += h->draining;
        loop->served = h->queue.lines[SV_CONN_SERVED].n;
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(drains_with_a_managers_socket, setup, teardown),
        };

        loop = mmap(NULL, sizeof(*loop), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert_ptr_not_equal(loop, MAP_FAILED);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
