/* SPDX-License-Identifier: Apache-2.0 */
/* TLS: the pinned key and nothing else; the CA and the host's name; and the plain form. Each case
 * is one child that serves once. */
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#include "base/net/tls.h"
#include "base/core/file.h"

#define DAY 86400

struct side {
        struct sv_key *key;
        struct sv_certs certs;
        uint8_t pin[32];
};

static struct side make_side(const char *name, int64_t from, int64_t to)
{
        struct side s = {0};
        const char *names[] = {name, NULL};
        SV_BUF spki = SV_BUF_NULL;
        struct sv_err err;
        struct sv_cert *c;

        s.key = sv_key_generate(SV_KEY_P256, 0, &err);
        assert_non_null(s.key);
        c = sv_cert_self_signed(s.key, name, names, from, to, &err);
        assert_non_null(c);
        OK(sv_certs_add(&s.certs, c, &err));
        OK(sv_key_spki(s.key, &spki, &err));
        OK(sv_digest(SV_SHA256, sv_buf_bytes(&spki), s.pin, &err));
        return s;
}

static void free_side(struct side *s)
{
        sv_key_free(s->key);
        sv_certs_free(&s->certs);
}

/* The server: echoes one message, then ends. */
static pid_t serve_once(const struct side *s, int fd)
{
        pid_t pid = fork();
        struct sv_err err;

        if (pid)
                return pid;
        alarm(test_patience(PATIENCE));
        SV_TLS_CTX *ctx = sv_tls_server(&s->certs, s->key, &err);
        SV_TLS *t = ctx ? sv_tls_accept(ctx, fd, 30000, &err) : NULL;
        char buf[64];
        long n = t ? sv_tls_read(t, buf, sizeof(buf), &err) : -1;

        if (n > 0)
                sv_tls_write(t, sv_bytes(buf, (size_t)n), &err);
        sv_tls_free(t);
        _exit(n > 0 ? 0 : 1);
}

/* 0 when a message came back; the error is what the client saw. */
static int talk(const struct side *server, struct sv_tls_ctx *client, const char *host, int *served,
                struct sv_err *err)
{
        int sv[2], status, rc = -1;
        char buf[64];
        pid_t pid;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
        pid = serve_once(server, sv[1]);
        close(sv[1]);
        struct sv_tls *t = sv_tls_connect(client, sv[0], host, err);

        if (t && sv_tls_write(t, sv_bytes_str("hello"), err) == 0 &&
            sv_tls_read(t, buf, sizeof(buf), err) == 5 && !memcmp(buf, "hello", 5)) {
                rc = 0;
                assert_non_null(strstr(sv_tls_describe(t), "TLSv1.3"));
                assert_int_equal(sv_tls_read(t, buf, sizeof(buf), err), 0);
                assert_int_equal(sv_tls_count(t), 5);
        }
        sv_tls_free(t);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        *served = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        return rc;
}

static void the_pinned_key_is_enough(void **state)
{
        /* another name, and out of date: the key was measured, the rest says nothing */
        struct side s = make_side("elsewhere", 1000, 2000);
        struct sv_err err = SV_ERR_NULL;
        SV_TLS_CTX *c = sv_tls_client(sv_bytes(s.pin, 32), NULL, &err);
        int served;

        assert_non_null(c);
        OK(talk(&s, c, "broker", &served, &err));
        assert_true(served);
        OK(talk(&s, c, "10.0.2.2", &served, &err));
        free_side(&s);
}

static void another_key_is_refused(void **state)
{
        struct side s = make_side("broker", 0, (int64_t)4e9),
                    other = make_side("broker", 0, (int64_t)4e9);
        struct sv_err err = SV_ERR_NULL;
        SV_TLS_CTX *c = sv_tls_client(sv_bytes(other.pin, 32), NULL, &err);
        int served;

        FAILS(talk(&s, c, "broker", &served, &err), SV_PROOF, "tls.pin");
        assert_false(served); /* and not a byte was said before */
        for (int bit = 0; bit < 256; bit += 37) {
                uint8_t pin[32];

                memcpy(pin, s.pin, 32);
                pin[bit / 8] ^= (uint8_t)(1 << bit % 8);
                SV_TLS_CTX *near = sv_tls_client(sv_bytes(pin, 32), NULL, &err);

                FAILS(talk(&s, near, "broker", &served, &err), SV_PROOF, "tls.pin");
        }
        free_side(&s);
        free_side(&other);
}

static void the_ca_and_the_name_must_fit(void **state)
{
        struct side s = make_side("broker.example", 0, (int64_t)4e9),
                    other = make_side("broker.example", 0, (int64_t)4e9);
        struct side old = make_side("broker.example", 1000, 2000);
        struct sv_err err = SV_ERR_NULL;
        SV_TLS_CTX *c = sv_tls_client(SV_BYTES_NULL, &s.certs, &err);
        SV_TLS_CTX *c_other = sv_tls_client(SV_BYTES_NULL, &other.certs, &err);
        SV_TLS_CTX *c_old = sv_tls_client(SV_BYTES_NULL, &old.certs, &err);
        int served;

        OK(talk(&s, c, "broker.example", &served, &err));
        FAILS(talk(&s, c, "other.example", &served, &err), SV_PROOF, "tls.ca");
        FAILS(talk(&s, c, "10.0.2.2", &served, &err), SV_PROOF, "tls.ca");
        FAILS(talk(&s, c_other, "broker.example", &served, &err), SV_PROOF, "tls.ca");
        FAILS(talk(&old, c_old, "broker.example", &served, &err), SV_PROOF, "tls.ca");
        free_side(&s);
        free_side(&other);
        free_side(&old);
}

static void no_trust_no_client(void **state)
{
        struct side s = make_side("a", 0, (int64_t)4e9);
        struct sv_err err = SV_ERR_NULL;
        struct sv_certs none = {0};

        assert_null(sv_tls_client(SV_BYTES_NULL, NULL, &err));
        assert_string_equal(err.check, "tls.trust");
        assert_null(sv_tls_client(SV_BYTES_NULL, &none, &err));
        assert_null(sv_tls_client(sv_bytes(s.pin, 31), NULL, &err));
        assert_null(sv_tls_client(sv_bytes(s.pin, 32), &s.certs, &err));
        free_side(&s);
}

/* Something that answers but does not speak TLS, and something that does not answer. */
static void not_tls(void **state)
{
        struct side s = make_side("a", 0, (int64_t)4e9);
        struct sv_err err = SV_ERR_NULL;
        SV_TLS_CTX *c = sv_tls_client(sv_bytes(s.pin, 32), NULL, &err);
        int sv[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
        assert_int_equal(write(sv[1], "HTTP/1.1 400 Bad Request\r\n\r\n", 28), 28);
        assert_null(sv_tls_connect(c, sv[0], "a", &err));
        assert_int_equal(err.class, SV_SYSTEM);
        assert_string_equal(err.check, "tls.connect");
        close(sv[1]);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
        close(sv[1]);
        assert_null(sv_tls_connect(c, sv[0], "a", &err));
        assert_int_equal(err.class, SV_SYSTEM);
        free_side(&s);
}

/* --- without waiting --- */

#define LONG 100000 /* more than one record, and than a socket takes at once */

/* The client: sends so much, stands still until it is told to go on, and reads it again. */
static pid_t echo_once(const uint8_t pin[32], int fd)
{
        static char out[LONG], in[LONG];
        pid_t pid = fork();
        struct sv_err err;

        if (pid)
                return pid;
        alarm(test_patience(PATIENCE));
        memset(out, 'x', LONG);
        SV_TLS_CTX *ctx = sv_tls_client(sv_bytes(pin, 32), NULL, &err);
        SV_TLS *t = sv_tls_connect(ctx, fd, "broker", &err);
        size_t n = 0;
        long got;

        if (!t || sv_tls_write(t, sv_bytes(out, LONG), &err) < 0)
                _exit(1);
        raise(SIGSTOP);
        while (n < LONG && (got = sv_tls_read(t, in + n, LONG - n, &err)) > 0)
                n += (size_t)got;
        _exit(n == LONG && !memcmp(in, out, LONG) ? 0 : 2);
}

static void wait_as_it_wants(const struct sv_tls *t, int fd)
{
        assert_true(sv_tls_wants(t) == POLLIN || sv_tls_wants(t) == POLLOUT);
        assert_int_equal(sv_net_wait(fd, sv_tls_wants(t), 60000, NULL), 0);
}

/* Seven bytes of each piece at a time: what is looked at stays until it is taken. */
static void take_all(struct sv_tls *t, int fd, char *all)
{
        char room[16384], again[16384];
        size_t n = 0;
        struct sv_err err;

        while (n < LONG) {
                long got = sv_tls_peek(t, room, sizeof(room), &err);

                if (got == SV_TLS_WAITS) {
                        wait_as_it_wants(t, fd);
                        continue;
                }
                assert_true(got > 0);
                assert_int_equal(sv_tls_peek(t, again, sizeof(again), &err), got);
                assert_memory_equal(room, again, (size_t)got);
                got = got > 7 && n % 2 ? 7 : got;
                memcpy(all + n, room, (size_t)got);
                sv_tls_skip(t, again, (size_t)got);
                n += (size_t)got;
        }
        assert_int_equal(n, LONG);
}

static void let_go_on(pid_t pid)
{
        int status;

        assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
        assert_true(WIFSTOPPED(status));
        assert_int_equal(kill(pid, SIGCONT), 0);
}

/* To a peer that reads nothing until it has been waited for once. */
static void give_all(struct sv_tls *t, int fd, pid_t peer, const char *all)
{
        struct sv_err err;
        bool waited = false;

        for (size_t n = 0; n < LONG;) {
                size_t piece = LONG - n < 16384 ? LONG - n : 16384;
                long put = sv_tls_write_some(t, sv_bytes(all + n, piece), &err);

                if (put == SV_TLS_WAITS) {
                        if (!waited)
                                let_go_on(peer);
                        wait_as_it_wants(t, fd);
                        waited = true;
                        continue;
                }
                assert_true(put > 0);
                n += (size_t)put;
        }
        assert_true(waited);
}

/* The context is not needed any more, but by the connection. */
static void a_server_that_does_not_wait(void **state)
{
        struct side s = make_side("broker", 0, (int64_t)4e9);
        static char all[LONG];
        struct sv_err err = SV_ERR_NULL;
        struct sv_tls_ctx *ctx = sv_tls_server(&s.certs, s.key, &err);
        int sv[2], status, done, small = 4096;
        struct sv_tls *t;
        pid_t pid;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
        setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
        t = sv_tls_begin(ctx, sv[0], &err);
        assert_non_null(t);
        sv_tls_ctx_free(ctx);
        assert_int_equal(sv_tls_shake(t, &err), 0); /* there is nothing yet */
        pid = echo_once(s.pin, sv[1]);
        close(sv[1]);
        while ((done = sv_tls_shake(t, &err)) == 0)
                wait_as_it_wants(t, sv[0]);
        assert_int_equal(done, 1);
        assert_non_null(strstr(sv_tls_describe(t), "TLSv1.3"));
        take_all(t, sv[0], all);
        give_all(t, sv[0], pid, all);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        sv_net_wait(sv[0], POLLIN, 60000, NULL);
        assert_int_equal(sv_tls_peek(t, all, 1, &err), 0); /* the end */
        sv_tls_free(t);
        free_side(&s);
}

/* A hello of 100 000 bytes in records of 16 KiB: a call reads two of them, the next goes on. */
static void nobody_keeps_a_turn(void **state)
{
        static const uint8_t head[] = {22, 3, 1, 0x40, 0}, hello[] = {1, 1, 0x86, 0xa0};
        struct side s = make_side("broker", 0, (int64_t)4e9);
        static uint8_t record[5 + 0x4000];
        struct sv_err err = SV_ERR_NULL;
        SV_TLS_CTX *ctx = sv_tls_server(&s.certs, s.key, &err);
        int sv[2], left, before = 4 * (int)sizeof(record);
        struct sv_tls *t;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv), 0);
        t = sv_tls_begin(ctx, sv[0], &err);
        assert_non_null(t);
        memcpy(record, head, sizeof(head));
        memcpy(record + 5, hello, sizeof(hello));
        for (int i = 0; i < 4; i++) {
                assert_int_equal(write(sv[1], record, sizeof(record)), sizeof(record));
                memset(record + 5, 0, sizeof(hello));
        }
        for (int turn = 0; turn < 2; turn++) {
                assert_int_equal(sv_tls_shake(t, &err), 0);
                assert_int_equal(sv_tls_wants(t), POLLIN);
                assert_int_equal(ioctl(sv[0], FIONREAD, &left), 0);
                assert_int_equal(before - left, 32 << 10);
                before = left;
        }
        assert_int_equal(sv_tls_shake(t, &err), 0);
        close(sv[1]);
        assert_int_equal(sv_tls_shake(t, &err), -1);
        sv_tls_free(t);
        free_side(&s);
}

static void plain_and_deadline(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        char buf[8];
        int sv[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sv), 0);
        SV_TLS *a = sv_tls_plain(sv[0], &err), *b = sv_tls_plain(sv[1], &err);

        OK(sv_tls_write(a, sv_bytes_str("x"), &err));
        assert_int_equal(sv_tls_read(b, buf, sizeof(buf), &err), 1);
        assert_string_equal(sv_tls_describe(a), "plain");
        assert_int_equal(sv_tls_count(b), 1);
        assert_int_equal(sv_tls_count(a), 0);
        sv_tls_deadline(b, 50);
        assert_int_equal(sv_tls_read(b, buf, sizeof(buf), &err), -1);
        assert_string_equal(err.check, "tls.timeout");
}

static void tcp(void **state)
{
        struct sv_err err = SV_ERR_NULL;
        uint16_t port = 0;
        char text[8], peer[80];
        int l, fd;

        l = sv_tcp_listen("127.0.0.1", &port, &err);
        assert_true(l >= 0 && port);
        snprintf(text, sizeof(text), "%u", (unsigned)port);
        fd = sv_tcp_connect("127.0.0.1", text, 2000, &err);
        assert_true(fd >= 0);
        sv_net_peer(fd, peer);
        assert_non_null(strstr(peer, "127.0.0.1:"));
        close(fd);
        close(l);
        assert_int_equal(sv_tcp_connect("127.0.0.1", text, 2000, &err), -1);
        assert_string_equal(err.check, "net.connect");
        assert_int_equal(sv_tcp_connect("no such host", "1", 2000, &err), -1);
        assert_string_equal(err.check, "net.resolve");
        assert_int_equal(sv_tcp_listen("not an address", &port, &err), -1);
        assert_string_equal(err.check, "net.address");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_pinned_key_is_enough),
                cmocka_unit_test(another_key_is_refused),
                cmocka_unit_test(the_ca_and_the_name_must_fit),
                cmocka_unit_test(no_trust_no_client),
                cmocka_unit_test(not_tls),
                cmocka_unit_test(plain_and_deadline),
                cmocka_unit_test(a_server_that_does_not_wait),
                cmocka_unit_test(nobody_keeps_a_turn),
                cmocka_unit_test(tcp),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
