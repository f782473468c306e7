/* SPDX-License-Identifier: Apache-2.0 */
/* One process per connection: TLS and HTTP. It has the TLS key and no other, opens no file, and
 * hands each request to the keeper. What a request leaves behind in memory dies with its
 * connection, and a fault in one is not a fault in all. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/program/log.h"
#include "base/program/seccomp.h"
#include "broker/process/sandbox.h"
#include "broker/serve/forward.h"
#include "broker/serve/net.h"
#include "broker/serve/request.h"

#define REQUESTS_MAX 100   /* on one connection */
#define IDLE_MS      15000 /* between two requests */
#define REQUEST_MS   30000 /* from a request's first byte to the end of its answer */
#define CONNECTION_S 600   /* whatever happens, a connection ends */

static volatile sig_atomic_t draining;

static void on_term(int sig)
{
        draining = 1;
}

static bool wait_idle(int fd)
{
        for (int waited = 0; waited < IDLE_MS && !draining; waited += 250)
                if (sv_net_wait(fd, POLLIN, 250, NULL) == 0)
                        return true;
        return false;
}

static int answer_one(struct sv_tls *t, int keeper, bool last, bool *keep)
{
        SV_HTTP msg = {0};
        __attribute__((cleanup(sv_request_free))) struct sv_request r = {.msg = &msg, .query = ""};
        struct sv_err err = SV_ERR_NULL;
        const char *connection;
        bool closed;
        int rc;

        *keep = false;
        sv_tls_deadline(t, REQUEST_MS);
        rc = sv_http_read_request(t, sv_broker_prepare_body, &msg, &closed, &err);
        if (rc == 0 && closed)
                return 0;
        if (rc < 0 && err.class != SV_FORMAT)
                return -1; /* the connection is gone, so no answer */
        if (rc < 0) {
                sv_broker_refuse(&r, &err);
        } else {
                connection = sv_http_field(&msg, "Connection");
                *keep = !last && !draining && !msg.old &&
                        !(connection && !strcasecmp(connection, "close"));
                if (sv_forward_request(keeper, &msg, REQUEST_MS, &r.answer, &err) < 0)
                        return -1; /* as when the connection's own process had died */
        }
        if (!*keep && sv_http_add(&r.answer, "Connection", "close", &err) < 0)
                return -1;
        r.answer.head_only = msg.method && !strcmp(msg.method, "HEAD");
        return sv_http_write(t, &r.answer, &err);
}

int sv_connection_enter(int fd, int keeper, struct sv_err *err)
{
        struct sigaction sa = {.sa_handler = on_term};
        const int keep[] = {fd, keeper, -1};
        sigset_t none;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        sigaction(SIGTERM, &sa, NULL);
        sigaction(SIGINT, &sa, NULL);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        alarm(CONNECTION_S);
        if (sv_close_other_fds(keep, "broker.sandbox", err) < 0)
                return -1;
        return sv_sandbox_enter(SV_SANDBOX_CONNECTION, NULL, NULL, err);
}

void sv_connection_serve(struct sv_broker *b, int fd, int keeper)
{
        struct sv_err err = SV_ERR_NULL;
        struct sv_tls *t;
        bool keep = true;

        if (sv_connection_enter(fd, keeper, &err) < 0) {
                sv_log_err(&err);
                return;
        }
        t = sv_tls_accept(b->tls, fd, (int)b->config.handshake_seconds * 1000, &err);
        if (!t)
                return;
        for (int i = 1; keep; i++) {
                if (i > 1 && !wait_idle(fd))
                        break;
                if (answer_one(t, keeper, i == REQUESTS_MAX, &keep) < 0)
                        break;
        }
        sv_tls_free(t);
}
