/* SPDX-License-Identifier: Apache-2.0 */
/* What who looks after a broker asks of it while it serves. */
#include <time.h>
#include <unistd.h>

#include "tests/unit/broker_process.h"

#include "attest/jose/token.h"
#include "attest/kbs/http-conn.h"
#include "attest/kbs/kbs.h"
#include "base/core/limits.h"

static uint8_t pin[32];
static struct sv_tls_ctx *tls;
static char metrics_url[64];

static void set_config(const char *member, const char *value)
{
        char path[256];
        SV_BUF text = SV_BUF_NULL, out = SV_BUF_NULL;
        SV_JSON *config = NULL;
        struct sv_err err;

        in_dir(path, "config.json");
        read_file(path, &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &config, &err));
        sv_json_set_str(config, member, value);
        sv_json_print(config, &out);
        OK(sv_file_write(path, 0644, sv_buf_bytes(&out), &err));
}

static int group_setup(void **state)
{
        char port[256];
        SV_BUF text = SV_BUF_NULL;

        start_new_broker(pin, &tls);
        assert_int_equal(stop_broker(), 0);
        set_config("metrics_listen", "127.0.0.1:0");
        start_broker();
        in_dir(port, "port");
        WAIT_UNTIL((sv_buf_clear(&text), read_file(port, &text),
                    strchr(sv_buf_str(&text), '\n') != strrchr(sv_buf_str(&text), '\n')),
                   PATIENCE, "the port of metrics is not in %s", port);
        snprintf(metrics_url, sizeof(metrics_url), "https://127.0.0.1:%d",
                 atoi(strchr(sv_buf_str(&text), '\n') + 1));
        return 0;
}

static int group_teardown(void **state)
{
        return end_new_broker(tls);
}

/* One request on a connection of its own; a field (NULL: none) goes with it. */
static int call(const char *where, const char *method, const char *path, const char *field,
                const char *value, struct sv_http_msg *answer)
{
        struct sv_http_conn c = {.tls = NULL};
        SV_HTTP req = {0};
        struct sv_err err;

        OK(sv_http_conn_init(&c, where, tls, &err));
        if (field)
                OK(sv_http_add(&req, field, value, &err));
        OK(sv_http_conn_call(&c, method, path, &req, SV_BYTES_NULL, answer, &err));
        sv_http_conn_close(&c);
        return answer->status;
}

static bool has(const struct sv_http_msg *answer, const char *text)
{
        return memmem(answer->body.p, answer->body.n, text, strlen(text)) != NULL;
}

static char *write_bearer(const char *key_name, const char *method, const char *path)
{
        const struct sv_admin_request what = {pin, method, path, SV_BYTES_NULL};
        char file[256];
        SV_BUF pem = SV_BUF_NULL, value = SV_BUF_NULL;
        SV_KEY *key = NULL;
        struct sv_err err;

        in_dir(file, key_name);
        read_file(file, &pem);
        key = sv_key_from_pem(sv_buf_bytes(&pem), true, &err);
        assert_non_null(key);
        sv_buf_puts(&value, "Bearer ");
        OK(sv_admin_token_sign(key, &what, time(NULL), &value, &err));
        return sv_asprintf("%s", sv_buf_str(&value));
}

static void metrics(void **state)
{
        SV_HTTP refused = {0}, shown = {0}, other = {0}, asked = {0}, well = {0};
        SV_STR bearer = write_bearer("admin.key", "GET", "/metrics");

        assert_int_equal(call(url, "GET", "/kbs/v0/resource/secret/name/tag", NULL, NULL, &refused),
                         401);
        assert_int_equal(call(metrics_url, "GET", "/metrics", NULL, NULL, &shown), 200);
        assert_string_equal(sv_http_field(&shown, "Content-Type"), "text/plain; version=0.0.4");
        assert_true(has(&shown, "secure_vm_broker_requests_total{action=\"resource\",outcome="
                                "\"refused\",check=\"broker.session.cookie\"} 1\n"));
        assert_true(has(&shown, "secure_vm_broker_connections_accepted_total "));
        assert_false(has(&shown, "secret"));
        assert_false(has(&shown, "127.0.0.1"));
        /* where only that is served */
        assert_int_equal(
                call(metrics_url, "GET", "/kbs/v0/resource/secret/name/tag", NULL, NULL, &other),
                404);
        assert_true(has(&other, "broker.route"));
        assert_int_equal(call(metrics_url, "GET", "/readyz", NULL, NULL, &well), 200);
        /* elsewhere for administrators */
        sv_http_msg_free(&refused);
        assert_int_equal(call(url, "GET", "/metrics", NULL, NULL, &refused), 401);
        assert_true(has(&refused, "broker.admin.token"));
        assert_int_equal(call(url, "GET", "/metrics", "Authorization", bearer, &asked), 200);
        assert_true(has(&asked, "secure_vm_broker_start_time_seconds "));
}

static void is_named(const char *sent, bool taken)
{
        SV_HTTP answer = {0};
        const char *id;
        SV_BUF log = SV_BUF_NULL;
        SV_STR record = NULL;
        char path[256];

        call(url, "GET", "/kbs/v0/resource/a/b/c", sent ? SV_KBS_REQUEST_ID : NULL, sent, &answer);
        id = sv_http_field(&answer, SV_KBS_REQUEST_ID);
        assert_non_null(id);
        assert_int_equal(sent && !strcmp(id, sent), taken);
        record = sv_asprintf("\"request\":\"%s\"", id);
        in_dir(path, "audit.jsonl");
        read_file(path, &log);
        assert_non_null(strstr(sv_buf_str(&log), record));
}

/* Answer and record name a request alike. */
static void request_ids(void **state)
{
        SV_STR longest = sv_asprintf("%0*d", SV_REQUEST_ID_MAX, 1);
        SV_STR longer = sv_asprintf("%0*d", SV_REQUEST_ID_MAX + 1, 1);

        is_named(NULL, false);
        is_named("abc-DEF-0123", true);
        is_named(longest, true);
        is_named(longer, false);
        is_named("1234567", false);
        is_named("12345678", true);
        is_named("1234567\"", false);
        is_named("12345 678", false);
}

/* Gone, it is an answer and no new database; back, it is served. */
static void database_gone(void **state)
{
        char path[256], away[256];
        SV_HTTP gone = {0}, ready = {0}, back = {0};

        in_dir(path, "broker.db");
        in_dir(away, "away.db");
        assert_int_equal(rename(path, away), 0);
        assert_int_equal(call(url, "GET", "/healthz", NULL, NULL, &gone), 503);
        assert_true(has(&gone, "broker.store"));
        assert_false(has(&gone, path));
        assert_non_null(sv_http_field(&gone, "Retry-After"));
        assert_int_equal(call(url, "GET", "/readyz", NULL, NULL, &ready), 503);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(rename(away, path), 0);
        assert_int_equal(call(url, "GET", "/healthz", NULL, NULL, &back), 200);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(metrics),
                cmocka_unit_test(request_ids),
                cmocka_unit_test(database_gone),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
