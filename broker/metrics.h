/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker counts, in memory that the keeper's processes share: requests by action, outcome
 * and check, how long they took, and how many processes there are. No name of a guest, a resource
 * or an address goes in. Counting takes no lock, so that a process that dies while it counts stops
 * no other. */
#pragma once

#include "base/core/buf.h"

struct sv_metrics;

enum sv_gauge {
        SV_GAUGE_STARTED,     /* seconds since 1970 */
        SV_GAUGE_WORKERS,     /* processes of the keeper */
        SV_GAUGE_BUSY,        /* of them, with a request */
        SV_GAUGE_CONNECTIONS, /* held: idle, or with a request */
        SV_GAUGE_ACCEPTED,    /* connections, since the start; this and the next three are the */
        SV_GAUGE_DROPPED,     /* network's process's word: closed before they were served */
        SV_GAUGE_WAITING,     /* for a place */
        SV_GAUGE_DEFERRED,    /* requests that were told to come later */
        SV_GAUGE_DIED,        /* processes of the keeper that died of a signal */
        SV_GAUGE_RELOADS,     /* of the configuration, since the start */
        SV_GAUGE_RELOADS_FAILED,
        SV_GAUGE_LOG_LOST, /* records that had no room on standard error */
        SV_N_GAUGES
};

int sv_metrics_open(struct sv_metrics **out, struct sv_err *err);
void sv_metrics_free(struct sv_metrics *m);

/* All of these take NULL: nothing is counted. */
void sv_metrics_set(struct sv_metrics *m, enum sv_gauge what, int64_t value);
void sv_metrics_add(struct sv_metrics *m, enum sv_gauge what, int64_t n);
/* One request; `check` is "" when nothing failed. Texts are of letters, digits, '.', '_' and '-';
 * of more than SV_METRICS_SERIES_MAX combinations the rest is counted together, under "other". */
void sv_metrics_count(struct sv_metrics *m, const char *action, const char *outcome,
                      const char *check, int64_t us);
/* In Prometheus's text form, version 0.0.4. */
void sv_metrics_print(const struct sv_metrics *m, struct sv_buf *out);
