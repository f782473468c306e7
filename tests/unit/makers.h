/* SPDX-License-Identifier: Apache-2.0 */
/* A maker's server or a mirror of it, on loopback, with the faults that such servers have. One
 * child process; it counts what it is asked. */
#pragma once

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#include "base/core/file.h"
#include "base/net/tls.h"

struct makers_shared {      /* between the test, its children and the server */
        unsigned asked[16]; /* by the row of the table below */
        unsigned waiting;   /* processes that wait for another one's answer */
        unsigned want;      /* /together answers when so many wait */
};

struct makers {
        pid_t pid;
        uint16_t port;
        char ca[128]; /* file: its certificate; "" when it speaks plain http */
};

static struct makers_shared *makers_shared;
/* a folder whose files are served by their names, when set before the start */
static const char *makers_tree;

enum {
        MAKERS_OK,
        MAKERS_BUSY,
        MAKERS_FLAKY,
        MAKERS_DOWN,
        MAKERS_CUT,
        MAKERS_HUGE,
        MAKERS_ENDLESS,
        MAKERS_LOOP,
        MAKERS_TO_PLAIN,
        MAKERS_HOP,
        MAKERS_CHAIN,
        MAKERS_TOGETHER,
        MAKERS_HEADS,
        MAKERS_PATHS
};

static const char *const makers_paths[] = {"/ok",    "/busy",     "/flaky", "/down",     "/cut",
                                           "/huge",  "/endless",  "/loop",  "/to-plain", "/hop",
                                           "/chain", "/together", "/heads"};

#define MAKERS_BODY "{\"good\":true,\"nextUpdate\":\"2026-02-01T00:00:00Z\"}"

static void makers_say(struct sv_tls *t, const char *head, const char *body)
{
        SV_STR all = sv_asprintf("HTTP/1.1 %s\r\nConnection: close\r\n\r\n%s", head, body);

        (void)sv_tls_write(t, sv_bytes_str(all), NULL);
}

static void makers_flood(struct sv_tls *t, const char *head, const char *piece_head)
{
        char zeros[8192];

        memset(zeros, '0', sizeof(zeros));
        (void)sv_tls_write(t, sv_bytes_str(head), NULL);
        for (int i = 0; i < 4096; i++)
                if ((*piece_head && sv_tls_write(t, sv_bytes_str(piece_head), NULL) < 0) ||
                    sv_tls_write(t, sv_bytes(zeros, sizeof(zeros)), NULL) < 0 ||
                    (*piece_head && sv_tls_write(t, sv_bytes_str("\r\n"), NULL) < 0))
                        return; /* the client has had enough */
}

static bool makers_file(struct sv_tls *t, const char *request)
{
        SV_STR path =
                sv_asprintf("%s%.*s", makers_tree, (int)strcspn(request + 4, " "), request + 4);
        SV_BUF body = SV_BUF_NULL;

        if (sv_file_read(path, 1 << 20, &body, "test", NULL) < 0)
                return false;
        SV_STR head = sv_asprintf(
                "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", body.n);

        return sv_tls_write(t, sv_bytes_str(head), NULL) == 0 &&
               sv_tls_write(t, sv_buf_bytes(&body), NULL) == 0;
}

/* Until as many ask as the test wants to ask at once. */
static void makers_wait_for_all(void)
{
        time_t end = patience_end(PATIENCE);

        while (__atomic_load_n(&makers_shared->waiting, __ATOMIC_SEQ_CST) < makers_shared->want &&
               patience_lasts(end))
                ;
}

static void makers_answer(struct sv_tls *t, int row, unsigned nth, uint16_t port,
                          const char *request)
{
        static const char ok[] = "200 OK\r\nContent-Type: application/json";
        SV_STR loop = sv_asprintf(
                "302 Found\r\nContent-Length: 0\r\nLocation: https://127.0.0.1:%u/loop", port);
        SV_STR plain = sv_asprintf(
                "302 Found\r\nContent-Length: 0\r\nLocation: http://127.0.0.1:%u/ok", port);
        SV_STR hop = sv_asprintf("302 Found\r\nContent-Length: 3\r\nX-Chain: "
                                 "of-the-redirect\r\nLocation: https://127.0.0.1:%u/ok",
                                 port);

        switch (row) {
        case MAKERS_OK:
                makers_say(t, ok, MAKERS_BODY);
                return;
        case MAKERS_BUSY:
                makers_say(t, nth ? ok : "429 Too Many Requests\r\nRetry-After: 7",
                           nth ? MAKERS_BODY : "slowly");
                return;
        case MAKERS_FLAKY:
                makers_say(t, nth < 2 ? "500 Internal Server Error" : ok,
                           nth < 2 ? "oops" : MAKERS_BODY);
                return;
        case MAKERS_DOWN:
                makers_say(t, "502 Bad Gateway", "down");
                return;
        case MAKERS_CUT:
                makers_say(t, "200 OK\r\nContent-Length: 1000", "{\"good\":");
                return;
        case MAKERS_HUGE:
                makers_flood(t, "HTTP/1.1 200 OK\r\nContent-Length: 33554432\r\n\r\n", "");
                return;
        case MAKERS_ENDLESS:
                makers_flood(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                             "2000\r\n");
                return;
        case MAKERS_LOOP:
                makers_say(t, loop, "");
                return;
        case MAKERS_TO_PLAIN:
                makers_say(t, plain, "");
                return;
        case MAKERS_HOP:
                makers_say(t, hop, "hop");
                return;
        case MAKERS_CHAIN:
                makers_say(t,
                           "200 OK\r\nx-chain: %2D%2D\r\nX-CHAIN: second\r\nX-Empty:", MAKERS_BODY);
                return;
        case MAKERS_TOGETHER:
                makers_wait_for_all();
                makers_say(t, ok, MAKERS_BODY);
                return;
        case MAKERS_HEADS:
                makers_flood(t, "HTTP/1.1 200 OK\r\n", "X-Long: ");
                return;
        default:
                if (makers_tree && makers_file(t, request))
                        return;
                makers_say(t, "404 Not Found\r\nContent-Length: 0", "");
        }
}

static int makers_row(const char *request)
{
        for (int i = 0; i < MAKERS_PATHS; i++) {
                SV_STR line = sv_asprintf("GET %s HTTP/1.1\r\n", makers_paths[i]);

                if (!strncmp(request, line, strlen(line)))
                        return i;
        }
        return MAKERS_PATHS;
}

static void makers_one(struct sv_tls *t, uint16_t port)
{
        char request[4096];
        size_t n = 0;
        long got;
        int row;

        while (n < sizeof(request) - 1 &&
               (got = sv_tls_read(t, request + n, sizeof(request) - 1 - n, NULL)) > 0) {
                n += (size_t)got;
                request[n] = '\0';
                if (strstr(request, "\r\n\r\n"))
                        break;
        }
        request[n] = '\0';
        if (!n)
                return;
        row = makers_row(request);
        makers_answer(t, row, __atomic_fetch_add(&makers_shared->asked[row], 1, __ATOMIC_SEQ_CST),
                      port, request);
}

static void makers_serve(int listener, uint16_t port, struct sv_tls_ctx *ctx)
{
        signal(SIGPIPE, SIG_IGN);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
                int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
                struct sv_tls *t = fd < 0 ? NULL
                                   : ctx  ? sv_tls_accept(ctx, fd, 30000, NULL)
                                          : sv_tls_plain(fd, NULL);

                if (t)
                        makers_one(t, port);
                sv_tls_free(t);
        }
}

/* `name` NULL: plain http. Else TLS with a certificate of its own for that name, good until
 * `not_after`. */
__attribute__((unused)) static struct makers makers_start(const char *dir, const char *name,
                                                          int64_t not_after)
{
        struct makers m = {0};
        struct sv_err err = SV_ERR_NULL;
        struct sv_tls_ctx *ctx = NULL;
        int listener;

        if (!makers_shared)
                makers_shared = mmap(NULL, sizeof(*makers_shared), PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert_true(makers_shared != MAP_FAILED);
        listener = sv_tcp_listen("127.0.0.1", &m.port, &err);
        assert_true(listener >= 0);
        if (name) {
                const char *const names[] = {name, NULL};
                SV_KEY *key = sv_key_generate(SV_KEY_P256, 0, &err);
                SV_CERTS certs = {0};
                SV_BUF pem = SV_BUF_NULL;

                OK(sv_certs_add(&certs, sv_cert_self_signed(key, name, names, 1, not_after, &err),
                                &err));
                OK(sv_cert_pem(certs.list[0], &pem, &err));
                snprintf(m.ca, sizeof(m.ca), "%s/ca-%u.pem", dir, m.port);
                OK(sv_file_write(m.ca, 0600, sv_buf_bytes(&pem), &err));
                ctx = sv_tls_server(&certs, key, &err);
                assert_non_null(ctx);
        }
        m.pid = fork();
        if (m.pid == 0)
                makers_serve(listener, m.port, ctx);
        close(listener);
        sv_tls_ctx_free(ctx);
        return m;
}

__attribute__((unused)) static void makers_stop(struct makers *m)
{
        kill(m->pid, SIGKILL);
        waitpid(m->pid, NULL, 0);
}
