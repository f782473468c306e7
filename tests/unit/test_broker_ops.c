/* SPDX-License-Identifier: Apache-2.0 */
/* What who looks after a broker asks of it while it serves. */
#include <fcntl.h>
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

#define set_config(member, value) set_member(member, sv_json_new_str(value))

static void find_metrics(void)
{
        char port[256];
        SV_BUF text = SV_BUF_NULL;

        in_dir(port, "port");
        WAIT_UNTIL((sv_buf_clear(&text), read_file(port, &text),
                    strchr(sv_buf_str(&text), '\n') != strrchr(sv_buf_str(&text), '\n')),
                   PATIENCE, "the port of metrics is not in %s", port);
        snprintf(metrics_url, sizeof(metrics_url), "https://127.0.0.1:%d",
                 atoi(strchr(sv_buf_str(&text), '\n') + 1));
}

static int group_setup(void **state)
{
        start_new_broker(pin, &tls);
        assert_int_equal(stop_broker(), 0);
        set_config("metrics_listen", "127.0.0.1:0");
        start_broker();
        find_metrics();
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

static bool is_logged(const char *text)
{
        SV_BUF log = SV_BUF_NULL;
        char path[256];

        in_dir(path, "audit.jsonl");
        read_file(path, &log);
        return strstr(sv_buf_str(&log), text);
}

static void is_named(const char *sent, bool taken)
{
        SV_HTTP answer = {0};
        const char *id;
        SV_STR record = NULL;

        call(url, "GET", "/kbs/v0/resource/a/b/c", sent ? SV_KBS_REQUEST_ID : NULL, sent, &answer);
        id = sv_http_field(&answer, SV_KBS_REQUEST_ID);
        assert_non_null(id);
        assert_int_equal(sent && !strcmp(id, sent), taken);
        record = sv_asprintf("\"request\":\"%s\"", id);
        assert_true(is_logged(record));
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

/* --- a log that nobody reads --- */

static int64_t read_counter(const char *name)
{
        SV_HTTP shown = {0};
        SV_STR line = sv_asprintf("\nsecure_vm_broker_%s ", name);
        const char *at;

        assert_int_equal(call(metrics_url, "GET", "/metrics", NULL, NULL, &shown), 200);
        at = strstr(sv_buf_str(&shown.body), line);
        assert_non_null(at);
        return atoll(at + strlen(line));
}

static int log_pipe[2];

static int serve_to_pipe(const char *config)
{
        dup2(log_pipe[1], STDERR_FILENO);
        return serve_here(config);
}

/* Requests do not wait for it, and what it lost is counted. */
static void stuck_log(void **state)
{
        char byte;

        assert_int_equal(stop_broker(), 0);
        assert_int_equal(pipe(log_pipe), 0);
        fcntl(log_pipe[1], F_SETPIPE_SZ, 4096);
        start_broker_by(serve_to_pipe);
        find_metrics();
        for (int i = 0; i < 40; i++) {
                SV_HTTP answer = {0};

                assert_int_equal(call(url, "GET", "/kbs/v0/resource/a/b/c", NULL, NULL, &answer),
                                 401);
        }
        assert_true(read_counter("log_lost_total") > 0);
        close(log_pipe[1]);
        assert_int_equal(read(log_pipe[0], &byte, 1), 1); /* it had come there */
        close(log_pipe[0]);
        assert_int_equal(stop_broker(), 0);
        start_broker();
        find_metrics();
}

/* --- another configuration --- */

static void reload_to(const char *counter)
{
        int64_t before = read_counter(counter);

        kill(broker, SIGHUP);
        WAIT_UNTIL(read_counter(counter) == before + 1, PATIENCE, "%s stays at %lld", counter,
                   (long long)before);
}

static void reload_well(void)
{
        reload_to("reloads_total");
}

/* Says so, and what was there goes on. */
static void reload_refused(void)
{
        int64_t taken = read_counter("reloads_total");

        reload_to("reloads_failed_total");
        assert_int_equal(read_counter("reloads_total"), taken);
}

static void write_here(const char *name, struct sv_bytes data)
{
        char path[256];
        struct sv_err err;

        in_dir(path, name);
        OK(sv_file_write(path, 0600, data, &err));
}

/* A key pair under these names; the public one is appended to `all`. */
static void make_key(const char *name, struct sv_buf *all)
{
        SV_KEY *key = NULL;
        SV_SECRET *pem = NULL;
        struct sv_err err;

        key = sv_key_generate(SV_KEY_P256, 0, &err);
        assert_non_null(key);
        OK(sv_key_private_pem(key, &pem, &err));
        OK(sv_key_public_pem(key, all, &err));
        write_here(name, sv_bytes(sv_secret_reveal(pem), sv_secret_size(pem)));
}

static int ask_as(const char *key, const char *path)
{
        SV_STR bearer = write_bearer(key, "GET", path);
        SV_HTTP answer = {0};

        return call(url, "GET", path, "Authorization", bearer, &answer);
}

static int administer(const char *key)
{
        return ask_as(key, "/secure-vm/v0/resources");
}

static void keys_change(void **state)
{
        char path[256];
        SV_BUF first = SV_BUF_NULL, second = SV_BUF_NULL, both = SV_BUF_NULL;
        SV_STR elsewhere = write_bearer("admin.key", "GET", "/secure-vm/v0/audit");
        SV_HTTP answer = {0};

        in_dir(path, "admin.pub");
        read_file(path, &first);
        make_key("second.key", &second);
        assert_int_equal(administer("admin.key"), 200);
        assert_int_equal(administer("second.key"), 401);
        sv_buf_puts(&both, "ann\n");
        sv_buf_put(&both, sv_buf_bytes(&first));
        sv_buf_puts(&both, "\nben\n");
        sv_buf_put(&both, sv_buf_bytes(&second));
        write_here("admin.pub", sv_buf_bytes(&both));
        assert_int_equal(administer("second.key"), 401); /* not by itself */
        reload_well();
        assert_int_equal(administer("admin.key"), 200);
        assert_int_equal(administer("second.key"), 200);
        /* what its own key says of a token, and not what the other does */
        assert_int_equal(
                call(url, "GET", "/secure-vm/v0/resources", "Authorization", elsewhere, &answer),
                401);
        assert_true(is_logged("\"check\":\"admin.token.request\""));
        write_here("admin.pub", sv_buf_bytes(&second));
        reload_well();
        assert_int_equal(administer("admin.key"), 401);
        assert_int_equal(administer("second.key"), 200);
        write_here("admin.pub", sv_buf_bytes(&first));
        reload_well();
        assert_true(is_logged("\"action\":\"reload\""));
        assert_true(is_logged("\"admins\":[\""));
}

static void set_admins(const char *text)
{
        struct sv_json *list = NULL;
        struct sv_err err;

        OK(sv_json_parse(sv_bytes_str(text), "test", &list, &err));
        set_member("admins", list);
}

/* Roles and paths come and go with a reload; a key has one entry. */
static void roles_change(void **state)
{
        static const char audit[] = "/secure-vm/v0/audit",
                          ours[] = "/secure-vm/v0/resource/ours/a/b",
                          theirs[] = "/secure-vm/v0/resource/theirs/a/b";
        SV_BUF pub = SV_BUF_NULL;

        make_key("limited.key", &pub);
        write_here("limited.pub", sv_buf_bytes(&pub));
        set_admins("[{\"key\":\"limited.pub\",\"roles\":[\"operator\"],\"paths\":[\"ours\"]}]");
        reload_well();
        assert_int_equal(ask_as("limited.key", ours), 200);
        assert_int_equal(ask_as("limited.key", theirs), 403);
        assert_int_equal(ask_as("limited.key", audit), 403);
        set_admins("[{\"name\":\"ben\",\"key\":\"limited.pub\",\"roles\":[\"auditor\"]}]");
        reload_well();
        assert_int_equal(ask_as("limited.key", audit), 200);
        set_admins("[{\"key\":\"admin.pub\",\"roles\":[\"auditor\"]}]");
        reload_refused();
        set_admins("[]");
        reload_well();
        assert_int_equal(ask_as("limited.key", audit), 401);
        assert_true(is_logged("\"paths\":[null,[\"ours\"]]"));
        assert_true(is_logged("\"names\":[null,null]"));
        assert_true(is_logged("\"names\":[null,\"ben\"]"));
        assert_true(is_logged("\"paths\":[null,null]"));
}

/* As many as may be, and one more. */
static void most_keys(void **state)
{
        char path[256];
        SV_BUF first = SV_BUF_NULL, all = SV_BUF_NULL;

        in_dir(path, "admin.pub");
        read_file(path, &first);
        for (int i = 1; i < SV_ADMIN_KEYS_MAX; i++)
                make_key("last.key", &all);
        sv_buf_put(&all, sv_buf_bytes(&first));
        write_here("admin.pub", sv_buf_bytes(&all));
        reload_well();
        assert_int_equal(administer("last.key"), 200);
        assert_int_equal(administer("admin.key"), 200);
        sv_buf_put(&all, sv_buf_bytes(&first));
        write_here("admin.pub", sv_buf_bytes(&all));
        reload_refused();
        assert_int_equal(administer("last.key"), 200);
        write_here("admin.pub", sv_buf_bytes(&first));
        reload_well();
        assert_int_equal(administer("last.key"), 401);
}

/* By name. */
static void reasons(void **state)
{
        static const struct {
                const char *member, *value;
                enum sv_class class;
                const char *check;
        } t[] = {{"listen", "127.0.0.1:1", SV_USAGE, "broker.reload.fixed"},
                 {"listen", "127.0.0.2:0", SV_USAGE, "broker.reload.fixed"},
                 {"metrics_listen", "127.0.0.1:1", SV_USAGE, "broker.reload.fixed"},
                 {"serial", "other", SV_USAGE, "broker.reload.fixed"},
                 {"oldest_protocol", "x", SV_USAGE, "broker.config.value"},
                 {"tls_cert", "nowhere", SV_SYSTEM, "broker.cert"},
                 {"admin_pub", "config.json", SV_FORMAT, "broker.admin.keys"},
                 {"audit_log", ".", SV_SYSTEM, "broker.audit"}};
        SV_BROKER old = {.audit_fd = -1};
        char path[256];
        SV_BUF good = SV_BUF_NULL;
        struct sv_err err;

        in_dir(path, "config.json");
        read_file(path, &good);
        OK(sv_broker_open(path, &old, &err));
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_BROKER fresh = {.audit_fd = -1};

                set_config(t[i].member, t[i].value);
                FAILS(sv_broker_prepare_reload(&old, &fresh, &err), t[i].class, t[i].check);
                write_here("config.json", sv_buf_bytes(&good));
        }
        SV_BROKER fresh = {.audit_fd = -1};

        OK(sv_broker_prepare_reload(&old, &fresh, &err));
}

static void collateral_is_fixed(void **state)
{
        static const char *const t[] = {
                "{\"fetch\":true}",
                "{\"fetch\":true,\"fetches_per_minute\":7}",
                "{\"fetch\":true,\"mirror\":\"https://a.example\"}",
                "{\"fetch\":true,\"mirror\":[\"https://a.example\",\"https://b.example\"]}",
                "{\"fetch\":true,\"cache\":\"other\"}",
                "{\"offline\":\"other\"}"};
        struct sv_broker_config c[sizeof(t) / sizeof(*t)] = {{0}};
        struct sv_err err;

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_STR text = sv_asprintf("{\"collateral\":%s}", t[i]);

                OK(sv_broker_config_parse(sv_bytes_str(text), "/d", &c[i], &err));
        }
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
                for (size_t k = 0; k < sizeof(t) / sizeof(*t); k++) {
                        const char *name = sv_broker_config_fixed(&c[i], &c[k]);

                        assert_string_equal(name ? name : "", i == k ? "" : "collateral");
                }
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
                sv_broker_config_free(&c[i]);
}

/* Each is refused, and what was there goes on. */
static void bad_configurations(void **state)
{
        static const struct {
                const char *member, *value;
        } t[] = {{"listen", "127.0.0.1:1"},  {"metrics_listen", "127.0.0.1:1"},
                 {"database", "other.db"},   {"kek", "other"},
                 {"oldest_protocol", "x"},   {"tls_cert", "nowhere"},
                 {"tls_key", "config.json"}, {"admin_pub", "config.json"},
                 {"audit_log", "."},         {"nonsense", "x"}};
        char path[256];
        SV_BUF good = SV_BUF_NULL;

        in_dir(path, "config.json");
        read_file(path, &good);
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                set_config(t[i].member, t[i].value);
                reload_refused();
                write_here("config.json", sv_buf_bytes(&good));
                assert_int_equal(administer("admin.key"), 200);
        }
        write_here("config.json", sv_bytes_str("{"));
        reload_refused();
        write_here("config.json", sv_buf_bytes(&good));
        reload_well();
}

static void make_certificate(const char *name, uint8_t new_pin[32])
{
        static const char *const names[] = {"localhost", NULL};
        SV_KEY *key = NULL;
        SV_CERT *cert = NULL;
        SV_SECRET *secret = NULL;
        SV_BUF pem = SV_BUF_NULL, spki = SV_BUF_NULL;
        SV_STR key_name = sv_asprintf("%s.key", name);
        SV_STR cert_name = sv_asprintf("%s.crt", name);
        struct sv_err err;

        key = sv_key_generate(SV_KEY_P256, 0, &err);
        assert_non_null(key);
        cert = sv_cert_self_signed(key, "other", names, 0, INT32_MAX, &err);
        assert_non_null(cert);
        OK(sv_cert_pem(cert, &pem, &err));
        OK(sv_key_private_pem(key, &secret, &err));
        OK(sv_key_spki(key, &spki, &err));
        OK(sv_digest(SV_SHA256, sv_buf_bytes(&spki), new_pin, &err));
        write_here(cert_name, sv_buf_bytes(&pem));
        write_here(key_name, sv_bytes(sv_secret_reveal(secret), sv_secret_size(secret)));
}

static void call_again(struct sv_http_conn *c)
{
        SV_HTTP req = {0}, answer = {0};
        struct sv_err err;

        OK(sv_http_conn_call(c, "GET", "/healthz", &req, SV_BYTES_NULL, &answer, &err));
        assert_int_equal(answer.status, 200);
        assert_false(c->resent);
}

static bool is_served(struct sv_tls_ctx *with)
{
        struct sv_http_conn c = {.tls = NULL};
        SV_HTTP req = {0}, answer = {0};
        int rc;

        assert_int_equal(sv_http_conn_init(&c, url, with, NULL), 0);
        rc = sv_http_conn_call(&c, "GET", "/healthz", &req, SV_BYTES_NULL, &answer, NULL);
        sv_http_conn_close(&c);
        return rc == 0;
}

/* A connection that is open goes on over all of them. */
static void certificate_changes(void **state)
{
        uint8_t new_pin[32];
        struct sv_tls_ctx *old_tls = tls, *new_tls;
        struct sv_http_conn open = {.tls = NULL};
        struct sv_tls *kept;
        struct sv_err err;

        make_certificate("new", new_pin);
        new_tls = sv_tls_client(sv_bytes(new_pin, 32), NULL, &err);
        assert_non_null(new_tls);
        OK(sv_http_conn_init(&open, url, tls, &err));
        call_again(&open);
        kept = open.tls;
        /* the key alone does not go with the certificate */
        set_config("tls_key", "new.key");
        reload_refused();
        call_again(&open);
        set_config("tls_cert", "new.crt");
        /* what counts reloads is behind that certificate as well */
        kill(broker, SIGHUP);
        WAIT_UNTIL(is_served(new_tls), PATIENCE, "the new certificate is not there");
        tls = new_tls;
        memcpy(pin, new_pin, sizeof(pin));
        call_again(&open);
        assert_ptr_equal(open.tls, kept);
        assert_int_equal(administer("admin.key"), 200); /* whose token names the pin */
        assert_false(is_served(old_tls));
        sv_http_conn_close(&open);
        sv_tls_ctx_free(old_tls);
}

/* Requests meanwhile are all answered. */
static void reloads_meanwhile(void **state)
{
        struct sv_http_conn c = {.tls = NULL};
        struct sv_tls *kept = NULL;
        struct sv_err err;

        OK(sv_http_conn_init(&c, url, tls, &err));
        for (int i = 0; i < 40; i++) {
                if (i % 4 == 0)
                        kill(broker, SIGHUP);
                call_again(&c);
                if (!kept)
                        kept = c.tls;
                assert_ptr_equal(c.tls, kept);
        }
        sv_http_conn_close(&c);
}

/* Who rotates the log moves it away and says so. */
static void log_is_moved(void **state)
{
        char path[256], away[256];
        SV_HTTP answer = {0};

        in_dir(path, "audit.jsonl");
        in_dir(away, "audit.1");
        assert_int_equal(rename(path, away), 0);
        reload_well();
        call(url, "GET", "/kbs/v0/resource/a/b/moved", NULL, NULL, &answer);
        assert_true(is_logged("a/b/moved"));
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
                cmocka_unit_test(stuck_log),
                cmocka_unit_test(keys_change),
                cmocka_unit_test(roles_change),
                cmocka_unit_test(most_keys),
                cmocka_unit_test(reasons),
                cmocka_unit_test(collateral_is_fixed),
                cmocka_unit_test(bad_configurations),
                cmocka_unit_test(log_is_moved),
                cmocka_unit_test(certificate_changes),
                cmocka_unit_test(reloads_meanwhile),
                cmocka_unit_test(database_gone),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
