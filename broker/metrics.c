/* SPDX-License-Identifier: Apache-2.0 */
/* The text form: https://prometheus.io/docs/instrumenting/exposition_formats/ . */
#include "broker/metrics.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/core/limits.h"

#define LABELS_SIZE 160
#define ACTIONS_MAX 48
#define N_BUCKETS   12

enum { FREE, WRITTEN, READY }; /* a slot whose writer died stays WRITTEN, and is passed over */

/* What is found by its labels. */
struct slot {
        atomic_int state;
        char labels[LABELS_SIZE];
        atomic_llong count;
};

struct latency {
        struct slot of; /* labels: the action; count: of all */
        atomic_llong sum_us, buckets[N_BUCKETS];
};

struct sv_metrics {
        atomic_llong gauges[SV_N_GAUGES];
        struct slot requests[SV_METRICS_SERIES_MAX + 1]; /* the last one: "other" */
        struct latency latencies[ACTIONS_MAX];
};

static const int64_t limits_us[N_BUCKETS] = {1000,   2500,   5000,    10000,   25000,    50000,
                                             100000, 250000, 1000000, 2500000, 10000000, 30000000};

static const struct {
        const char *name, *type, *help;
} gauges[SV_N_GAUGES] = {
        [SV_GAUGE_STARTED] = {"start_time_seconds", "gauge", "When the broker began to serve."},
        [SV_GAUGE_WORKERS] = {"keeper_processes", "gauge", "Processes that have the keys."},
        [SV_GAUGE_BUSY] = {"keeper_processes_busy", "gauge", "Of them, with a request."},
        [SV_GAUGE_CONNECTIONS] = {"connections", "gauge", "Connections that are held."},
        [SV_GAUGE_ACCEPTED] = {"connections_accepted_total", "counter", "Connections accepted."},
        [SV_GAUGE_DROPPED] = {"connections_dropped_total", "counter",
                              "Connections closed before they were served."},
        [SV_GAUGE_WAITING] = {"connections_waiting", "gauge", "Connections that wait."},
        [SV_GAUGE_DEFERRED] = {"requests_deferred_total", "counter",
                               "Requests that were told to come later: nobody could work on them."},
        [SV_GAUGE_DIED] = {"keeper_processes_died_total", "counter",
                           "Processes with the keys that died of a signal."},
        [SV_GAUGE_RELOADS] = {"reloads_total", "counter", "Configurations that were taken."},
        [SV_GAUGE_RELOADS_FAILED] = {"reloads_failed_total", "counter",
                                     "Configurations that were refused: the old one stayed."},
        [SV_GAUGE_LOG_LOST] = {"log_lost_total", "counter",
                               "Copies of audit records that standard error had no room for."},
};

int sv_metrics_open(struct sv_metrics **out, struct sv_err *err)
{
        void *p = mmap(NULL, sizeof(**out), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                       0);

        if (p == MAP_FAILED)
                return sv_fail_errno(err, "broker.serve", "no memory for what processes count");
        *out = p;
        return 0;
}

void sv_metrics_free(struct sv_metrics *m)
{
        if (m)
                munmap(m, sizeof(*m));
}

void sv_metrics_set(struct sv_metrics *m, enum sv_gauge what, int64_t value)
{
        if (m)
                atomic_store(&m->gauges[what], value);
}

void sv_metrics_add(struct sv_metrics *m, enum sv_gauge what, int64_t n)
{
        if (m)
                atomic_fetch_add(&m->gauges[what], n);
}

/* This slot, when it has these labels or is free and gets them. */
static bool take_slot(struct slot *s, const char *labels)
{
        int seen = FREE;

        if (atomic_compare_exchange_strong(&s->state, &seen, WRITTEN)) {
                memcpy(s->labels, labels, strlen(labels) + 1);
                atomic_store(&s->state, READY);
                return true;
        }
        /* somebody else may be writing the same: then there are two, and both are printed as one */
        return seen == READY && !strcmp(s->labels, labels);
}

static bool is_plain(const char *text)
{
        return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789._-") == strlen(text);
}

static void count_request(struct sv_metrics *m, const char *action, const char *outcome,
                          const char *check)
{
        char labels[LABELS_SIZE];
        size_t i = 0;
        int n = snprintf(labels, sizeof(labels), "action=\"%s\",outcome=\"%s\",check=\"%s\"",
                         action, outcome, check);

        if (n < 0 || (size_t)n >= sizeof(labels) || !is_plain(action) || !is_plain(outcome) ||
            !is_plain(check))
                i = SV_METRICS_SERIES_MAX;
        while (i < SV_METRICS_SERIES_MAX && !take_slot(&m->requests[i], labels))
                i++;
        atomic_fetch_add(&m->requests[i].count, 1);
}

static void count_time(struct sv_metrics *m, const char *action, int64_t us)
{
        for (size_t i = 0; i < ACTIONS_MAX; i++) {
                struct latency *l = &m->latencies[i];

                if (!take_slot(&l->of, action))
                        continue;
                for (size_t k = 0; k < N_BUCKETS; k++)
                        if (us <= limits_us[k])
                                atomic_fetch_add(&l->buckets[k], 1);
                atomic_fetch_add(&l->sum_us, us);
                atomic_fetch_add(&l->of.count, 1);
                return;
        }
}

void sv_metrics_count(struct sv_metrics *m, const char *action, const char *outcome,
                      const char *check, int64_t us)
{
        if (!m)
                return;
        count_request(m, action, outcome, check);
        count_time(m, action, us);
}

#define PREFIX "secure_vm_broker_"

static void print_head(struct sv_buf *out, const char *name, const char *type, const char *help)
{
        sv_buf_printf(out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name,
                      type);
}

/* Is it the first with these labels? */
static bool is_first(const struct sv_metrics *m, size_t i)
{
        for (size_t k = 0; k < i; k++)
                if (atomic_load(&m->requests[k].state) == READY &&
                    !strcmp(m->requests[k].labels, m->requests[i].labels))
                        return false;
        return true;
}

static void print_requests(const struct sv_metrics *m, struct sv_buf *out)
{
        long long other = atomic_load(&m->requests[SV_METRICS_SERIES_MAX].count);

        print_head(out, "requests_total", "counter",
                   "Requests by what was asked, how it ended and the check that failed.");
        for (size_t i = 0; i < SV_METRICS_SERIES_MAX; i++) {
                long long sum = 0;

                if (atomic_load(&m->requests[i].state) != READY || !is_first(m, i))
                        continue;
                for (size_t k = i; k < SV_METRICS_SERIES_MAX; k++)
                        if (atomic_load(&m->requests[k].state) == READY &&
                            !strcmp(m->requests[k].labels, m->requests[i].labels))
                                sum += atomic_load(&m->requests[k].count);
                sv_buf_printf(out, PREFIX "requests_total{%s} %lld\n", m->requests[i].labels, sum);
        }
        if (other)
                sv_buf_printf(out,
                              PREFIX "requests_total{action=\"other\",outcome=\"other\","
                                     "check=\"other\"} %lld\n",
                              other);
}

static void print_latency(const struct latency *l, struct sv_buf *out)
{
        const char *action = l->of.labels;

        for (size_t k = 0; k < N_BUCKETS; k++)
                sv_buf_printf(out, PREFIX "request_seconds_bucket{action=\"%s\",le=\"%g\"} %lld\n",
                              action, (double)limits_us[k] / 1e6,
                              (long long)atomic_load(&l->buckets[k]));
        sv_buf_printf(out, PREFIX "request_seconds_bucket{action=\"%s\",le=\"+Inf\"} %lld\n",
                      action, (long long)atomic_load(&l->of.count));
        sv_buf_printf(out, PREFIX "request_seconds_sum{action=\"%s\"} %.6f\n", action,
                      (double)atomic_load(&l->sum_us) / 1e6);
        sv_buf_printf(out, PREFIX "request_seconds_count{action=\"%s\"} %lld\n", action,
                      (long long)atomic_load(&l->of.count));
}

void sv_metrics_print(const struct sv_metrics *m, struct sv_buf *out)
{
        for (size_t i = 0; i < SV_N_GAUGES; i++) {
                print_head(out, gauges[i].name, gauges[i].type, gauges[i].help);
                sv_buf_printf(out, PREFIX "%s %lld\n", gauges[i].name,
                              (long long)atomic_load(&m->gauges[i]));
        }
        print_requests(m, out);
        print_head(out, "request_seconds", "histogram", "How long the keeper worked on a request.");
        for (size_t i = 0; i < ACTIONS_MAX; i++)
                if (atomic_load(&m->latencies[i].of.state) == READY)
                        print_latency(&m->latencies[i], out);
}
