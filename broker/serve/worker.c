/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/serve/worker.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/program/log.h"
#include "broker/known.h"
#include "broker/metrics.h"
#include "broker/process/channel.h"
#include "broker/recent.h"
#include "broker/serve/forward.h"
#include "broker/serve/peer.h"
#include "broker/serve/request.h"
#include "tee/trust-cache.h"

#define READ_MS 10000 /* a request is sent when it was read, in one piece */
#define OWED_MS 1000  /* until what nobody waited for is on the disk */

/* Of the monotonic clock, for how long something took. */
static int64_t read_us(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Without a database nothing is decided, and the guest may ask again. What is wrong with the files
 * is for the log. */
static int refuse_all(int fd, struct sv_request *r, struct sv_err *err)
{
        struct sv_err shown = SV_ERR_NULL;

        sv_log_err(err);
        sv_fail(&shown, SV_SYSTEM, err->check,
                "the broker's database cannot be used now; its log says more");
        sv_broker_refuse(r, &shown);
        sv_metrics_count(r->broker->metrics, "other", "refused", err->check, 0);
        return sv_forward_answer(fd, &r->answer, err);
}

static int work_on_request(struct sv_broker *b, int fd, const struct sv_net_peer *peer,
                           struct sv_err *err)
{
        SV_HTTP msg = {0};
        __attribute__((cleanup(sv_request_free))) struct sv_request r = {.broker = b,
                                                                         .msg = &msg,
                                                                         .peer = peer->name,
                                                                         .local = peer->local,
                                                                         .query = "",
                                                                         .source = peer->source};
        int64_t begun;
        bool closed;

        if (sv_forward_read(fd, READ_MS, &msg, &closed, err) < 0)
                return -1;
        if (closed)
                return 0;
        if (sv_broker_follow_store(b, err) < 0)
                return refuse_all(fd, &r, err);
        begun = read_us();
        r.now = time(NULL);
        sv_broker_handle(&r);
        if (!*r.check && r.outcome && !strcmp(r.outcome, "released"))
                sv_known_note(b->known, peer->source, sv_clock_ms());
        sv_metrics_count(b->metrics, r.action, r.outcome, sv_request_counted_check(&r),
                         read_us() - begun);
        return sv_forward_answer(fd, &r.answer, err);
}

static int64_t get_owed(const struct sv_broker *b)
{
        return b->store ? b->store->ops->owes_sync(b->store) : 0;
}

static void sync_owed(struct sv_broker *b)
{
        struct sv_err err = SV_ERR_NULL;

        if (get_owed(b) && b->store->ops->sync(b->store, &err) < 0)
                sv_log_err(&err);
}

/* For the next request. What was committed and nobody waited for is synced with what is committed
 * next, here or in another process, or by itself after a moment. */
static void wait_for_request(struct sv_broker *b, int control)
{
        struct pollfd p = {.fd = control, .events = POLLIN};
        int64_t owed = get_owed(b), left = owed + OWED_MS - sv_clock_ms();

        if (owed && (left <= 0 || poll(&p, 1, (int)left) == 0))
                sync_owed(b);
}

void sv_keeper_work(struct sv_broker *b, int control)
{
        struct sv_err err = SV_ERR_NULL;
        char line[SV_NET_PEER_SIZE];
        struct sv_net_peer peer;

        b->confirmed = sv_trust_cache_new();
        b->recent = calloc(1, sizeof(*b->recent));
        for (;;) {
                SV_FD fd = -1;

                wait_for_request(b, control);
                if (sv_control_take(control, line, sizeof(line), &fd, &err) < 0 || fd < 0) {
                        sync_owed(b);
                        return;
                }
                sv_net_read_peer(line, &peer);
                if (work_on_request(b, fd, &peer, &err) < 0) {
                        sv_log_err(&err);
                        shutdown(fd, SHUT_RDWR);
                }
                if (send(control, "", 1, MSG_NOSIGNAL) != 1)
                        return;
        }
}
