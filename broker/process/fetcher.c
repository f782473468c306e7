/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/process/fetcher.h"

#include <string.h>
#include <unistd.h>

#include "attest/fetch/fetch.h"
#include "base/core/clock.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/rd.h"
#include "base/core/visible.h"
#include "base/program/log.h"
#include "broker/limits.h"
#include "broker/process/channel.h"
#include "broker/recent.h"
#include "broker/process/service.h"
#include "broker/process/wire.h"
#include "tee/trust-cache.h"

#define FETCH_MS 20000 /* a guest waits for its answer 30 s */

/* --- the keeper's side --- */

bool sv_fetcher_wanted(const struct sv_broker *b)
{
        return b->config.collateral.fetch || b->config.collateral.offline;
}

void sv_fetching_free(struct sv_fetching *f)
{
        if (f->channel >= 0)
                close(f->channel);
        sv_buf_free(&f->blobs);
        sv_buf_free(&f->note);
        f->channel = -1;
}

/* What was there stays when nothing new comes. */
static int take_fetched(struct sv_fetching *f, struct sv_err *err)
{
        SV_BUF note = SV_BUF_NULL, blobs = SV_BUF_NULL;

        if (sv_channel_expect(f->channel, ANSWER_MS, FRAME_NOTE, SV_LINE_MAX, &note, err) < 0 ||
            sv_channel_expect(f->channel, ANSWER_MS, FRAME_BLOBS, SV_BLOBS_SIZE_MAX, &blobs, err) <
                    0)
                return -1;
        sv_make_visible((char *)note.p, note.n, false);
        sv_buf_clear(&f->note);
        sv_buf_put(&f->note, sv_buf_bytes(&note));
        sv_buf_free(&f->blobs);
        f->blobs = blobs;
        blobs = (struct sv_buf)SV_BUF_NULL;
        return 0;
}

bool sv_fetcher_recall(const struct sv_broker *b, struct sv_bytes needs, struct sv_fetching *out)
{
        const struct sv_recent_entry *e = sv_recent_find(b->recent, needs, sv_clock_ms());

        if (!e)
                return false;
        sv_buf_put(&out->blobs, sv_buf_bytes(&e->blobs));
        sv_buf_puts(&out->note, "recent: ");
        sv_buf_put(&out->note, sv_buf_bytes(&e->note));
        out->recent = !out->blobs.bad && !out->note.bad;
        return out->recent;
}

int sv_fetcher_get(const struct sv_broker *b, uint64_t source, struct sv_bytes needs,
                   struct sv_fetching *out, struct sv_err *err)
{
        SV_BUF body = SV_BUF_NULL;

        out->recent = false;
        out->asked_ms = sv_clock_ms();
        sv_buf_u64le(&body, source);
        sv_buf_put(&body, needs);
        if (sv_buf_ok(&body, "what is needed", err) < 0 ||
            sv_service_call(&b->fetcher, &out->channel, err) < 0 ||
            sv_channel_send(out->channel, FRAME_NEEDS, sv_buf_bytes(&body), err) < 0)
                return -1;
        return take_fetched(out, err);
}

bool sv_fetcher_again(struct sv_fetching *f)
{
        return f->channel >= 0 &&
               sv_channel_send(f->channel, FRAME_AGAIN, SV_BYTES_NULL, NULL) == 0 &&
               take_fetched(f, NULL) == 0;
}

void sv_fetcher_held(const struct sv_broker *b, struct sv_bytes needs, struct sv_fetching *f)
{
        if (f->channel < 0)
                return;
        (void)!sv_channel_send(f->channel, FRAME_HELD, SV_BYTES_NULL, NULL);
        sv_recent_keep(b->recent, needs, sv_buf_bytes(&f->blobs), sv_buf_bytes(&f->note),
                       f->asked_ms);
}

/* --- in the fetcher's process --- */

struct asking {
        const struct sv_broker *b;
        uint64_t source;
};

/* A report names its chip before anybody can know whether it is genuine. So what is asked of the
 * makers' servers is bounded, for a source and for all; half of it only for chips of which a proof
 * held. */
static int allow_fetch(void *arg, bool known, struct sv_err *err)
{
        const struct asking *a = arg;
        int64_t max = a->b->config.collateral.fetches_per_minute;

        if ((known ||
             sv_limits_take(a->b->limits, SV_LIMIT_UNKNOWN, (max + 1) / 2, true, a->source)) &&
            sv_limits_take(a->b->limits, SV_LIMIT_FETCHES, max, true, a->source))
                return 0;
        return sv_fail(err, SV_SYSTEM, SV_CHECK_FETCHES,
                       "the makers' servers were asked for as much as this source may have in a "
                       "minute, or all may: try again later, or let the broker have the "
                       "platform's collateral beforehand");
}

unsigned sv_fetcher_interval(const struct sv_broker *b)
{
        int64_t max = b->config.collateral.fetches_per_minute;

        /* a quarter of half of them is one source's */
        return max > 0 && max < 8 * 60 ? (unsigned)((8 * 60 + max - 1) / max) : 1;
}

static struct sv_fetch make_fetch(const struct sv_broker *b, struct asking *asking)
{
        const struct sv_broker_collateral *c = &b->config.collateral;
        struct sv_fetch fetch = {.cache = c->cache,
                                 .mirrors = (const char *const *)c->mirrors,
                                 .mirror_ca = c->mirror_ca,
                                 .offline = c->offline,
                                 .budget_ms = FETCH_MS,
                                 .allow = allow_fetch};

        sv_fetch_defaults(&fetch);
        fetch.arg = asking;
        return fetch;
}

/* A verifier that was taken over names other servers. */
static int check_needs(const struct sv_json *needs, struct sv_err *err)
{
        for (size_t i = 0; i < sv_json_len(needs); i++) {
                const char *url = sv_json_str(sv_json_get(sv_json_at(needs, i), "url"));
                bool known = false;

                for (const struct sv_tee_verify *const *t = sv_tees_verify; url && *t; t++)
                        for (const char *const *m = (*t)->makers; m && *m; m++)
                                known |= !strncmp(url, *m, strlen(*m));
                if (!known)
                        return sv_fail(err, SV_FORMAT, "collateral.needs",
                                       "row %zu of what is needed is of no maker's that a TEE of "
                                       "this broker names",
                                       i);
        }
        return 0;
}

static void note_fetched(const struct sv_fetched *used, struct sv_buf *out)
{
        for (size_t i = 0; i < used->n; i++)
                sv_buf_printf(out, "%s%s %s", i ? ", " : "", used->list[i].entry.kind,
                              sv_fetch_from_name(used->list[i].from));
        for (size_t i = 0; i < sv_json_len(used->absent); i++)
                sv_buf_printf(out, "%s%s absent", out->n ? ", " : "",
                              sv_json_str(sv_json_at(used->absent, i)));
}

static int answer_fetched(int fd, const struct sv_fetched *fetched, struct sv_err *err)
{
        SV_BUF note = SV_BUF_NULL, raw = SV_BUF_NULL;
        SV_BLOBS blobs = {0};

        note_fetched(fetched, &note);
        sv_fetched_blobs(fetched, NULL, &blobs);
        sv_shared_write("", &(struct sv_collateral){blobs.list, blobs.n, NULL}, &raw);
        if (sv_buf_ok(&note, "a note", err) < 0 || sv_buf_ok(&raw, "collateral", err) < 0 ||
            sv_channel_send(fd, FRAME_NOTE, sv_buf_bytes(&note), err) < 0)
                return -1;
        return sv_channel_send(fd, FRAME_BLOBS, sv_buf_bytes(&raw), err);
}

/* After the first answer: the keeper says how it ended. */
static int serve_end(const struct sv_fetch *f, const struct sv_json *needs, int fd,
                     struct sv_fetched *fetched, struct sv_err *err)
{
        SV_BUF none = SV_BUF_NULL;
        SV_FETCHED again = {0};
        uint8_t type = 0;
        bool closed;

        if (sv_channel_recv(fd, -1, 0, &type, &none, &closed, err) < 0)
                return -1;
        if (closed || type == FRAME_HELD) {
                if (!closed)
                        sv_fetch_mark_verified(f, fetched);
                return 1;
        }
        if (!sv_fetch_drop_doubtful(f, fetched))
                return sv_fail(err, SV_PROOF, "collateral.needs", "it would be the same again");
        if (sv_fetch_needs(f, needs, NULL, &again, err) < 0)
                return -1;
        sv_fetched_free(fetched);
        *fetched = again;
        again = (struct sv_fetched){0};
        return answer_fetched(fd, fetched, err);
}

static int serve_needs(const struct sv_broker *b, int fd, struct sv_err *err)
{
        struct asking asking = {.b = b};
        struct sv_fetch f = make_fetch(b, &asking);
        SV_FETCHED fetched = {0};
        SV_BUF body = SV_BUF_NULL;
        SV_JSON *needs = NULL;
        struct sv_rd r;
        int rc;

        if (sv_channel_expect(fd, ANSWER_MS, FRAME_NEEDS, 8 + SV_LINE_MAX, &body, err) < 0)
                return -1;
        r = sv_rd(sv_buf_bytes(&body));
        asking.source = sv_rd_u64le(&r);
        if (sv_json_parse(sv_rd_rest(&r), "collateral.needs", &needs, err) < 0 ||
            check_needs(needs, err) < 0 || sv_fetch_needs(&f, needs, NULL, &fetched, err) < 0 ||
            answer_fetched(fd, &fetched, err) < 0)
                return -1;
        while ((rc = serve_end(&f, needs, fd, &fetched, err)) == 0)
                ;
        return rc < 0 ? -1 : 0;
}

static void serve_fetching(struct sv_broker *b, int fd)
{
        struct sv_err err = SV_ERR_NULL;

        if (serve_needs(b, fd, &err) < 0)
                sv_channel_send_error(fd, &err, NULL);
}

/* Counted together by all that the fetcher starts. */
static void open_limits(struct sv_broker *b)
{
        struct sv_err err = SV_ERR_NULL;

        b->limits = NULL;
        if (sv_limits_open(&b->limits, &err) < 0) {
                sv_log_err(&err);
                _exit(SV_SYSTEM);
        }
}

static void warm_fetcher(struct sv_broker *b)
{
        open_limits(b);
        sv_service_warm(b);
}

static const struct sv_service service = {
        .name = "sv-fetcher",
        .sandbox = SV_SANDBOX_FETCHER,
        .child = SV_SANDBOX_FETCH,
        .inside = true,
        .warm = warm_fetcher,
        .serve = serve_fetching,
};

int sv_fetcher_start(struct sv_broker *b, struct sv_err *err)
{
        const struct sv_broker_collateral *c = &b->config.collateral;
        const struct sv_sandbox_files files = {
                .read = {"/etc/ssl", "/etc/pki", "/etc/resolv.conf", "/etc/hosts", "/etc/gai.conf",
                         "/etc/nsswitch.conf", "/etc/host.conf", "/run/systemd/resolve", "/usr",
                         "/lib", "/lib64", c->offline ? c->offline : "/usr",
                         c->mirror_ca ? c->mirror_ca : "/usr", NULL},
                .write = c->cache,
        };

        return sv_fetcher_wanted(b) ? sv_service_start(b, &service, &files, &b->fetcher, err) : 0;
}
