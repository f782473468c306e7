/* SPDX-License-Identifier: Apache-2.0 */
/* For who looks after the broker: is it well, is it ready, what has it done. */
#include "base/core/file.h"
#include "base/program/log.h"
#include "broker/health.h"
#include "broker/limits.h"
#include "broker/metrics.h"
#include "broker/process/verifier.h"
#include "broker/serve/request.h"

/* Anybody may ask: what is wrong with the files here is for the log. */
static int hide_reason(struct sv_request *r, struct sv_err *err)
{
        struct sv_err full = *err;

        if (sv_limits_take(r->broker->limits, SV_LIMIT_RECORDS,
                           r->broker->config.records_per_minute, true, r->source))
                sv_log_err(&full);
        return sv_fail(err, full.class, full.check,
                       "this broker cannot release keys now; its log says more");
}

static int answer_ok(struct sv_request *r, struct sv_err *err)
{
        sv_buf_puts(&r->answer.body, "{\"ok\":true}");
        return sv_http_add(&r->answer, "Content-Type", "application/json", err);
}

int sv_handle_health(struct sv_request *r, struct sv_err *err)
{
        if (sv_health_check(r->broker, r->now, err) < 0)
                return hide_reason(r, err);
        return answer_ok(r, err);
}

/* A message that is none: it says so, and that is the answer. */
static int check_verifier(const struct sv_broker *b, struct sv_err *err)
{
        struct sv_hello hello;
        struct sv_err why = SV_ERR_NULL;
        SV_FD channel = -1;

        if (sv_verifier_hello(b, sv_bytes_str("{}"), &channel, &hello, &why) == 0 ||
            why.class == SV_FORMAT)
                return 0;
        *err = why;
        return -1;
}

int sv_handle_ready(struct sv_request *r, struct sv_err *err)
{
        if (sv_health_check(r->broker, r->now, err) < 0 || check_verifier(r->broker, err) < 0)
                return hide_reason(r, err);
        return answer_ok(r, err);
}

int sv_handle_metrics(struct sv_request *r, struct sv_err *err)
{
        if (!r->broker->metrics)
                return sv_fail(err, SV_SYSTEM, "broker.metrics", "nothing is counted here");
        sv_metrics_print(r->broker->metrics, &r->answer.body);
        if (sv_buf_ok(&r->answer.body, "the metrics", err) < 0)
                return -1;
        return sv_http_add(&r->answer, "Content-Type", "text/plain; version=0.0.4", err);
}
