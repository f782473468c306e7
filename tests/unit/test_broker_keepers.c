/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's processes that work on requests: those that many requests at once have called for
 * stay for a while, for the next of them, and go when none come. */
#include <sqlite3.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/broker_process.h"

#include "attest/jose/token.h"
#include "attest/kbs/http-conn.h"

#define AT_ONCE 8 /* more than wait for as long as it takes */
#define STAY    4 /* those */

static uint8_t pin[32];
static struct sv_tls_ctx *tls;
static char metrics_url[64];

static int group_setup(void **state)
{
        char port[256];
        SV_BUF text = SV_BUF_NULL;

        start_new_broker(pin, &tls);
        assert_int_equal(stop_broker(), 0);
        set_member("metrics_listen", sv_json_new_str("127.0.0.1:0"));
        start_broker();
        in_dir(port, "port");
        read_file(port, &text);
        assert_non_null(strchr(sv_buf_str(&text), '\n'));
        snprintf(metrics_url, sizeof(metrics_url), "https://127.0.0.1:%d",
                 atoi(strchr(sv_buf_str(&text), '\n') + 1));
        return 0;
}

static int group_teardown(void **state)
{
        return end_new_broker(tls);
}

static int ask_broker(const char *where, const char *bearer, struct sv_http_msg *answer,
                      struct sv_err *err)
{
        struct sv_http_conn c = {.tls = NULL};
        SV_HTTP req = {0};
        int rc = -1;

        if (sv_http_conn_init(&c, where, tls, err) == 0 &&
            (!bearer || sv_http_add(&req, "Authorization", bearer, err) == 0))
                rc = sv_http_conn_call(&c, "GET", "/metrics", &req, SV_BYTES_NULL, answer, err);
        sv_http_conn_close(&c);
        return rc;
}

static char *write_bearer(const char *key_name)
{
        const struct sv_admin_request what = {pin, "GET", "/metrics", SV_BYTES_NULL};
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

/* The one that answers this is among them, or has been taken for it since. */
static void count_processes(int *all, int *busy)
{
        static const char name[] = "\nsecure_vm_broker_keeper_processes";
        SV_HTTP shown = {0};
        const char *at;
        struct sv_err err;

        OK(ask_broker(metrics_url, NULL, &shown, &err));
        at = strstr(sv_buf_str(&shown.body), "\nsecure_vm_broker_keeper_processes ");
        assert_non_null(at);
        *all = atoi(at + sizeof(name));
        at = strstr(sv_buf_str(&shown.body), "\nsecure_vm_broker_keeper_processes_busy ");
        assert_non_null(at);
        *busy = atoi(at + sizeof(name) + strlen("_busy"));
}

static int count_busy(void)
{
        int all, busy;

        count_processes(&all, &busy);
        return busy;
}

static int count_all(void)
{
        int all, busy;

        count_processes(&all, &busy);
        return all;
}

static void start_asking(pid_t pids[AT_ONCE])
{
        for (int i = 0; i < AT_ONCE; i++) {
                SV_STR bearer = write_bearer("admin.key"); /* which is used up in the database */

                pids[i] = fork();
                assert_true(pids[i] >= 0);
                if (pids[i] == 0) {
                        SV_HTTP answer = {0};
                        struct sv_err err;

                        if (ask_broker(url, bearer, &answer, &err) == 0)
                                _exit(0);
                        fprintf(stderr, "%s [%s]\n", err.msg, err.check);
                        _exit(1);
                }
        }
}

/* As many requests at once, each with a process: while somebody else changes the database all of
 * them wait. How many processes there are when none of them has a request any more. */
static int count_after_burst(void)
{
        pid_t pids[AT_ONCE];
        sqlite3 *db = NULL;
        char path[256];
        int all, busy;
        time_t end = patience_end(PATIENCE);

        in_dir(path, "broker.db");
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
        start_asking(pids);
        WAIT_UNTIL(count_busy() >= AT_ONCE, PATIENCE, "%d requests have no process each", AT_ONCE);
        assert_int_equal(sqlite3_close(db), SQLITE_OK);
        for (int i = 0; i < AT_ONCE; i++) {
                int status;

                assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
                assert_int_equal(status, 0);
        }
        do
                count_processes(&all, &busy);
        while (busy > 1 && patience_lasts(end));
        assert_true(busy <= 1);
        return all;
}

/* On a machine that takes as long for it as they stay, once more. */
static void stay_and_go(void **state)
{
        WAIT_UNTIL(count_after_burst() >= AT_ONCE, PATIENCE,
                   "the processes of %d requests do not stay for the next ones", AT_ONCE);
        WAIT_UNTIL(count_all() <= STAY + 1, PATIENCE, "processes that nobody needs do not go");
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(stay_and_go)};

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
