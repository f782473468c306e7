/* SPDX-License-Identifier: Apache-2.0 */
/* One process for the requests of one connection, while there are some: HTTP, as bytes that the
 * network's process has taken out of TLS. It has no key, opens no file, and hands each request to
 * the keeper. What a request leaves behind in memory is not there for others, and a fault in one is
 * not a fault in all. */
#include "broker/serve/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/core/rd.h"
#include "base/program/log.h"
#include "base/program/seccomp.h"
#include "broker/process/channel.h"
#include "broker/process/sandbox.h"
#include "broker/serve/forward.h"
#include "broker/serve/request.h"

#define REQUEST_MS 30000 /* from a request's first byte to the end of its answer */
#define ANSWERED   'K'
#define LAST       'L'

/* --- the network's side --- */

int sv_connection_give(int control, int data, int keeper, unsigned nice, unsigned left,
                       struct sv_err *err)
{
        char text[24];

        snprintf(text, sizeof(text), "%u %u", nice, left);
        if (sv_control_pass(control, text, data, err) < 0)
                return -1;
        return sv_control_pass(control, "keeper", keeper, err);
}

void sv_connection_ask_to_end(int control)
{
        static const char last = LAST;

        (void)!send(control, &last, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

bool sv_connection_hear(int control, uint64_t *taken)
{
        uint8_t said[9];
        ssize_t n = recv(control, said, sizeof(said), MSG_DONTWAIT);

        if (n == (ssize_t)sizeof(said) && said[0] == ANSWERED) {
                struct sv_rd r = sv_rd(sv_bytes(said + 1, 8));

                *taken = sv_rd_u64le(&r);
                return true;
        }
        return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* --- its own --- */

static bool is_last(int control)
{
        char said;

        return recv(control, &said, 1, MSG_DONTWAIT) == 1 && said == LAST;
}

static void tell_answered(int control, struct sv_tls *t)
{
        uint8_t said[9] = {ANSWERED};

        sv_bytes_put_le(said + 1, sv_tls_count(t), 8);
        (void)!send(control, said, sizeof(said), MSG_NOSIGNAL);
}

static int answer_one(struct sv_tls *t, const struct sv_connection *c, bool last, bool *keep)
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
                if (sv_forward_request(c->keeper, &msg, REQUEST_MS, &r.answer, &err) < 0)
                        return -1; /* as when the connection's own process had died */
                *keep = !last && !msg.old && !(connection && !strcasecmp(connection, "close")) &&
                        !is_last(c->control);
        }
        if (!*keep && sv_http_add(&r.answer, "Connection", "close", &err) < 0)
                return -1;
        r.answer.head_only = msg.method && !strcmp(msg.method, "HEAD");
        return sv_http_write(t, &r.answer, &err);
}

int sv_connection_take(int control, struct sv_connection *out, struct sv_err *err)
{
        char text[24], word[8], *end;
        unsigned long nice_by;

        *out = (struct sv_connection){.control = control, .data = -1, .keeper = -1};
        if (sv_control_take(control, text, sizeof(text), &out->data, err) < 0 || out->data < 0 ||
            sv_control_take(control, word, sizeof(word), &out->keeper, err) < 0 || out->keeper < 0)
                return -1;
        nice_by = strtoul(text, &end, 10);
        out->left = (unsigned)strtoul(end, NULL, 10);
        errno = 0;
        if (nice((int)nice_by) < 0 && errno)
                sv_warn("%s", "a connection's process is as urgent as all others");
        return 0;
}

int sv_connection_enter(const struct sv_connection *c, struct sv_err *err)
{
        const int keep[] = {c->control, c->data, c->keeper, -1};

        if (sv_close_other_fds(keep, "broker.sandbox", err) < 0)
                return -1;
        return sv_sandbox_enter(SV_SANDBOX_CONNECTION, NULL, NULL, err);
}

void sv_connection_serve(struct sv_broker *b, int control)
{
        struct sv_err err = SV_ERR_NULL;
        struct sv_connection c;
        bool keep = true;
        struct sv_tls *t;

        (void)b;
        if (sv_connection_take(control, &c, &err) < 0 || sv_connection_enter(&c, &err) < 0) {
                if (err.class)
                        sv_log_err(&err);
                return;
        }
        t = sv_tls_plain(c.data, &err);
        while (t && keep && c.left) {
                struct pollfd p = {.fd = c.data, .events = POLLIN};

                if (poll(&p, 1, -1) < 0 && errno != EINTR)
                        break;
                if (answer_one(t, &c, --c.left == 0, &keep) < 0)
                        break;
                if (keep)
                        tell_answered(control, t);
        }
        sv_tls_free(t);
}
