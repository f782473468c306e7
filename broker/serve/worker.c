/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/serve/worker.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/program/log.h"
#include "broker/process/channel.h"
#include "broker/serve/forward.h"
#include "broker/serve/net.h"
#include "broker/serve/request.h"

#define READ_MS 10000 /* a request is sent when it was read, in one piece */

/* Of the text that came with the channel, the source is what stands behind the last space. */
static uint64_t split_source(char *peer)
{
        char *at = strrchr(peer, ' ');

        if (!at)
                return 0;
        *at = '\0';
        return strtoull(at + 1, NULL, 16);
}

static int work_on_request(struct sv_broker *b, int fd, char *peer, struct sv_err *err)
{
        SV_HTTP msg = {0};
        __attribute__((cleanup(sv_request_free))) struct sv_request r = {
                .broker = b, .msg = &msg, .peer = peer, .query = "", .source = split_source(peer)};
        bool closed;

        if (sv_forward_read(fd, READ_MS, &msg, &closed, err) < 0)
                return -1;
        if (closed)
                return 0;
        if (sv_broker_follow_store(b, err) < 0)
                return -1;
        r.now = time(NULL);
        sv_broker_handle(&r);
        return sv_forward_answer(fd, &r.answer, err);
}

void sv_keeper_work(struct sv_broker *b, int control)
{
        struct sv_err err = SV_ERR_NULL;
        char peer[SV_NET_PEER_SIZE];

        for (;;) {
                SV_FD fd = -1;

                if (sv_control_take(control, peer, sizeof(peer), &fd, &err) < 0 || fd < 0)
                        return;
                if (work_on_request(b, fd, peer, &err) < 0) {
                        sv_log_err(&err);
                        shutdown(fd, SHUT_RDWR);
                }
                if (send(control, "", 1, MSG_NOSIGNAL) != 1)
                        return;
        }
}
