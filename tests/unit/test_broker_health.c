/* SPDX-License-Identifier: Apache-2.0 */
/* Health: what must be well for a release, broken one by one. And what is counted. */
#include <signal.h>
#include <sys/wait.h>

#include "tests/unit/broker_inside.h"

#include "broker/health.h"
#include "broker/metrics.h"

static void is_well(const char *target)
{
        SV_HTTP answer = {0};

        assert_int_equal(ask(&(struct ask){.method = "GET", .target = target}, &answer), 200);
        assert_string_equal(sv_buf_str(&answer.body), "{\"ok\":true}");
}

static void is_ill(const char *target, int64_t later, const char *check)
{
        SV_HTTP answer = {0};
        SV_STR home = sv_asprintf("%s/", dir);

        assert_int_equal(
                ask(&(struct ask){.method = "GET", .target = target, .later = later}, &answer),
                503);
        assert_string_equal(seen_check, check);
        assert_string_equal(sv_http_field(&answer, "Retry-After"), "5");
        /* anybody may ask: no paths */
        assert_null(strstr(sv_buf_str(&answer.body), home));
}

static void well(void **state)
{
        is_well("/healthz");
        is_well("/readyz");
        is_well("/secure-vm/v0/health");
}

/* Up to two minutes a clock is set back without harm. */
static void clock_back(void **state)
{
        put_secret(PATH);
        is_well("/healthz");
        is_ill("/healthz", -200, "broker.health.clock");
        is_ill("/readyz", -200, "broker.health.clock");
}

static void space(void **state)
{
        SV_STR nowhere = sv_asprintf("%s/nowhere", dir);
        struct sv_err err;

        OK(sv_health_check_space(b.config.database, 1, &err));
        FAILS(sv_health_check_space(b.config.database, UINT64_MAX, &err), SV_SYSTEM,
              "broker.health.space");
        FAILS(sv_health_check_space(nowhere, 0, &err), SV_SYSTEM, "broker.health.space");
        free(b.config.audit_log);
        b.config.audit_log = sv_asprintf("%s", nowhere);
        is_ill("/healthz", 0, "broker.health.space");
        free(b.config.audit_log);
        b.config.audit_log = NULL;
        is_well("/healthz");
}

/* A kek that is not this database's. */
static void other_kek(void **state)
{
        struct sv_secret *own = b.store_key, *other;
        struct sv_err err;

        other = sv_secret_random(32, &err);
        assert_non_null(other);
        sv_store_free(b.store);
        b.store = NULL;
        b.store_key = other;
        OK(sv_store_open(
                &(struct sv_store_place){b.config.database, b.config.serial, b.config.kek, other},
                &b.store, &err));
        is_ill("/healthz", 0, "broker.store.state");
        sv_store_free(b.store);
        b.store = NULL;
        b.store_key = own;
        sv_secret_free(other);
        OK(sv_broker_follow_store(&b, &err));
        is_well("/healthz");
}

/* Put in its place, an empty database is no new one. */
static void other_database(void **state)
{
        SV_STR away = sv_asprintf("%s/away", dir);
        SV_BUF before = SV_BUF_NULL, after = SV_BUF_NULL;
        struct sv_err err;

        OK(sv_file_read(b.config.database, 64 << 20, &before, "test", &err));
        OK(sv_broker_follow_store(&b, &err));
        assert_int_equal(rename(b.config.database, away), 0);
        FAILS(sv_broker_follow_store(&b, &err), SV_SYSTEM, "broker.store");
        assert_int_equal(access(b.config.database, F_OK), -1);
        OK(sv_file_write(b.config.database, 0600, SV_BYTES_NULL, &err));
        FAILS(sv_broker_follow_store(&b, &err), SV_SYSTEM, "broker.store.rollback");
        FAILS(sv_broker_follow_store(&b, &err), SV_SYSTEM, "broker.store.rollback");
        OK(sv_file_read(b.config.database, 64 << 20, &after, "test", &err));
        assert_int_equal(after.n, 0);
        assert_int_equal(rename(away, b.config.database), 0);
        OK(sv_broker_follow_store(&b, &err));
        is_well("/healthz");
}

/* The last test of this broker: its verifier is gone after that. */
static void no_verifier(void **state)
{
        kill(b.verifier.pid, SIGKILL);
        assert_int_equal(waitpid(b.verifier.pid, NULL, 0), b.verifier.pid);
        is_well("/healthz");
        is_ill("/readyz", 0, "broker.process");
        b.verifier.pid = 0;
        close(b.verifier.control);
}

/* --- what is counted --- */

/* A broker that serves nobody but this test. */
static void counts_nothing(void **state)
{
        SV_STR value = admin_value("GET", "/metrics", SV_BYTES_NULL);

        refuses(&(struct ask){"GET", "/metrics", "Authorization", value, SV_BYTES_NULL, 0}, 503,
                "broker.metrics");
        refuses(&(struct ask){.method = "GET", .target = "/metrics"}, 401, "broker.admin.token");
}

static void counts(void **state)
{
        struct sv_metrics *m = NULL;
        SV_BUF text = SV_BUF_NULL;
        struct sv_err err;

        OK(sv_metrics_open(&m, &err));
        sv_metrics_count(m, "resource", "released", "", 3000);
        sv_metrics_count(m, "resource", "released", "", 40000000);
        sv_metrics_count(m, "resource", "refused", "policy.pcr.4", 1);
        sv_metrics_set(m, SV_GAUGE_BUSY, 7);
        sv_metrics_print(m, &text);
        assert_non_null(strstr(sv_buf_str(&text),
                               "\nsecure_vm_broker_requests_total{action=\"resource\",outcome="
                               "\"released\",check=\"\"} 2\n"));
        assert_non_null(strstr(sv_buf_str(&text),
                               "{action=\"resource\",outcome=\"refused\",check=\"policy.pcr.4\"} "
                               "1\n"));
        assert_non_null(strstr(sv_buf_str(&text),
                               "\nsecure_vm_broker_request_seconds_bucket{action=\"resource\",le="
                               "\"0.0025\"} 1\n"));
        assert_non_null(strstr(sv_buf_str(&text), "{action=\"resource\",le=\"30\"} 2\n"));
        assert_non_null(strstr(sv_buf_str(&text), "{action=\"resource\",le=\"+Inf\"} 3\n"));
        assert_non_null(strstr(sv_buf_str(&text), "_sum{action=\"resource\"} 40.003001\n"));
        assert_non_null(strstr(sv_buf_str(&text), "\nsecure_vm_broker_keeper_processes_busy 7\n"));
        assert_null(strstr(sv_buf_str(&text), "other"));
        sv_metrics_free(m);
}

/* Whoever invents names fills neither memory nor the page, and breaks no line of it. */
static void invented_names(void **state)
{
        struct sv_metrics *m = NULL;
        SV_BUF text = SV_BUF_NULL;
        SV_STR longest = sv_asprintf("%0200d", 0);
        size_t lines = 0;
        struct sv_err err;

        OK(sv_metrics_open(&m, &err));
        sv_metrics_count(m, "a", "b", "x\"} 1\nother", 1);
        sv_metrics_count(m, "a", "b", longest, 1);
        for (int i = 0; i < SV_METRICS_SERIES_MAX + 3; i++) {
                SV_STR check = sv_asprintf("check.%d", i);

                sv_metrics_count(m, "attest", "refused", check, 1);
        }
        sv_metrics_print(m, &text);
        for (const char *p = sv_buf_str(&text); (p = strstr(p, "requests_total{")); p++)
                lines++;
        assert_int_equal(lines, SV_METRICS_SERIES_MAX + 1);
        assert_non_null(strstr(sv_buf_str(&text), "{action=\"other\",outcome=\"other\",check="
                                                  "\"other\"} 5\n"));
        sv_metrics_free(m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(well),           cmocka_unit_test(clock_back),
                cmocka_unit_test(space),          cmocka_unit_test(other_kek),
                cmocka_unit_test(other_database), cmocka_unit_test(no_verifier),
                cmocka_unit_test(counts_nothing), cmocka_unit_test(counts),
                cmocka_unit_test(invented_names),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
