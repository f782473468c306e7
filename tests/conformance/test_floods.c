/* SPDX-License-Identifier: Apache-2.0 */
/* One source floods the broker in each way that is known; a guest at another one gets its key
 * meanwhile. What is asserted is the order (the guest is served while all of the stranger's
 * connections are still open) and the limits; how long it took is printed. */
#include <dirent.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "tests/conformance/floods.h"

#include "broker/recent.h"

/* For longer than the test takes, and few places, so that nothing but the shares helps. */
#define PATIENT "\"handshake_seconds\":30,\"connections\":64"

static void serves_beside(const int *fds, int n, const char *what)
{
        int64_t ms = release();

        assert_int_equal(count_open(fds, n), n);
        print_message("%s: a release takes %lld ms\n", what, (long long)ms);
}

static void silent(void **state)
{
        int fds[CROWD];

        start_with(PATIENT);
        connect_crowd(fds, "");
        serves_beside(fds, CROWD, "silent connections");
        close_all(fds, CROWD);
}

static void partial_hello(void **state)
{
        int fds[CROWD];

        start_with(PATIENT);
        connect_crowd(fds, "\x16\x03\x01");
        serves_beside(fds, CROWD, "partial ClientHello");
        close_all(fds, CROWD);
}

/* Each has a process, and says nothing more than a letter. */
static void slow_heads(void **state)
{
        struct sv_tls *t[SHARE];
        int fds[CROWD];
        struct sv_err err;

        start_with(PATIENT);
        for (int i = 0; i < SHARE; i++) {
                t[i] = shake_hands(&fds[i]);
                OK(sv_tls_write(t[i], sv_bytes_str("G"), &err));
        }
        for (int i = SHARE; i < CROWD; i++)
                fds[i] = connect_from(STRANGER);
        serves_beside(fds, CROWD, "slow heads");
        for (int i = 0; i < SHARE; i++)
                sv_tls_free(t[i]);
        close_all(fds + SHARE, CROWD - SHARE);
}

/* At its own source such a connection gives way when another waits: to one of the stranger's. */
static void kept_alive(void **state)
{
        struct sv_tls *t[SHARE], *later;
        int fds[SHARE], fd;

        start_with(PATIENT);
        for (int i = 0; i < SHARE; i++) {
                SV_HTTP answer = {0};

                t[i] = shake_hands(&fds[i]);
                assert_int_equal(
                        call(t[i], "GET", "/secure-vm/v0/health", NULL, SV_BYTES_NULL, &answer),
                        200);
        }
        serves_beside(fds, SHARE, "connections kept alive");
        later = shake_hands(&fd);
        assert_in_range(count_open(fds, SHARE), SHARE / 2, SHARE - 1);
        sv_tls_free(later);
        for (int i = 0; i < SHARE; i++)
                sv_tls_free(t[i]);
}

/* From many addresses, one connection each, which is begun and never goes on; who is closed comes
 * again. */
static pid_t flood_from_many(int n)
{
        pid_t pid = fork();
        int *fds;

        if (pid)
                return pid;
        fds = calloc((size_t)n, sizeof(*fds));
        for (int i = 0;; i = (i + 1) % n) {
                char from[32];

                if (i == 0)
                        usleep(20000);
                if (fds[i] && count_open(&fds[i], 1))
                        continue;
                if (fds[i])
                        close(fds[i]);
                snprintf(from, sizeof(from), "127.0.%d.%d", 1 + i / 200, 1 + i % 200);
                fds[i] = connect_from(from);
                (void)!write(fds[i], "\x16\x03\x01", 3);
        }
}

static void wait_for_dropped(void)
{
        int64_t end = sv_clock_ms() + (int64_t)test_patience(30) * 1000;
        bool dropped = false;

        while (!dropped && sv_clock_ms() < end) {
                SV_TLS *t = sv_tls_connect(tls, connect_from(STRANGER), "127.0.0.1", NULL);

                dropped = !t;
        }
        assert_true(dropped);
}

/* So many strangers that nobody finds room: but a guest that was released to does. */
static void many_strangers(void **state)
{
        pid_t pid;

        start_with("\"handshake_seconds\":2,\"connections\":8,\"connections_per_source\":4,"
                   "\"waiting\":16");
        release();
        pid = flood_from_many(64);
        wait_for_dropped();
        for (int i = 0; i < 3; i++)
                print_message("64 strangers: a release takes %lld ms\n", (long long)release());
        assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

/* --- requests --- */

#define REQUESTS   10000
#define CHIP_ID_AT 0x1a0 /* in a report */
#define AT_ONCE    100   /* on one connection (broker/serve/serve.c) */

static int64_t count_rows(const char *sql)
{
        char path[256];
        sqlite3 *db = NULL;
        sqlite3_stmt *q = NULL;
        int64_t n;

        in_dir(path, "broker.db");
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        sqlite3_busy_timeout(db, 60000);
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(q), SQLITE_ROW);
        n = sqlite3_column_int64(q, 0);
        sqlite3_finalize(q);
        sqlite3_close(db);
        return n;
}

static int64_t count_bytes(void)
{
        static const char *const names[] = {"broker.db", "broker.db-wal", "audit.jsonl"};
        int64_t n = 0;

        /* SQLite's log of changes is as long as the last time that it was taken over: the keepers
         * have the database open all the time */
        count_rows("PRAGMA wal_checkpoint(TRUNCATE)");
        for (size_t i = 0; i < 3; i++) {
                char path[256];
                struct stat st;

                in_dir(path, names[i]);
                n += stat(path, &st) == 0 ? st.st_size : 0;
        }
        return n;
}

/* A process of the stranger's, which sends until it is done or ended. */
static pid_t flood(const char *from, int requests, void (*send)(struct sv_tls *t, int i))
{
        pid_t pid = fork();

        if (pid)
                return pid;
        for (int i = 0; i < requests; i += AT_ONCE) {
                struct sv_tls *t = sv_tls_connect(tls, connect_from(from), "127.0.0.1", NULL);

                if (!t)
                        _exit(9);
                for (int k = 0; k < AT_ONCE && k < requests; k++)
                        send(t, i + k);
                sv_tls_free(t);
        }
        _exit(0);
}

static void wait_for(pid_t pid)
{
        int status;

        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static void send_auth(struct sv_tls *t, int i)
{
        static const char ask[] = "{\"version\":\"0.4.0\",\"tee\":\"snp\",\"extra-params\":\"\"}";
        SV_HTTP answer = {0};

        if (call(t, "POST", "/kbs/v0/auth", NULL, sv_bytes_str(ask), &answer) != 200)
                _exit(1);
}

/* Ten thousand challenges that nobody comes back for: no session, no record, no refusal. */
static void challenges(void **state)
{
        int64_t bytes, records;
        pid_t pid;

        start_with("");
        release();
        records = count_rows("SELECT count(*) FROM audit");
        bytes = count_bytes();
        pid = flood(STRANGER, REQUESTS, send_auth);
        print_message("POST /auth: a release takes %lld ms\n", (long long)release());
        assert_int_equal(waitpid(pid, NULL, WNOHANG), 0); /* the flood goes on */
        wait_for(pid);
        release();
        assert_true(count_bytes() - bytes < 128 << 10);
        assert_int_equal(count_rows("SELECT count(*) FROM audit"), records + 6);
        assert_int_equal(count_rows("SELECT count(*) FROM audit WHERE stranger AND record NOT LIKE "
                                    "'%\"attested\"%'"),
                         0);
}

/* A challenge, and what answers it: of the guest's chip, or of one that nobody knows. Not an
 * assertion: a stranger's process has no test to fail. */
static bool answer_challenge(struct sv_tls *t, bool forged, char cookie[256], struct sv_buf *body)
{
        static const char ask[] = "{\"version\":\"0.4.0\",\"tee\":\"snp\",\"extra-params\":\"\"}";
        SV_KBS_CHALLENGE c = {""};
        SV_HTTP auth = {0};
        SV_KEY *key = sv_key_generate(SV_KEY_P256, 0, NULL);
        SV_KBS_PUBKEY pubkey = {""};
        SV_JSON *evidence = NULL;
        uint8_t data[64] = {0}, report[AMD_REPORT];
        const char *set;

        if (call(t, "POST", "/kbs/v0/auth", NULL, sv_bytes_str(ask), &auth) != 200 ||
            sv_kbs_parse_challenge(sv_buf_bytes(&auth.body), &c, NULL) < 0 ||
            sv_kbs_pubkey_from_key(key, &pubkey, NULL) < 0 ||
            sv_kbs_binding_digest("", c.nonce, &pubkey, data, NULL) < 0)
                return false;
        amd_report(&pki, platform_state, data, 3, report);
        if (forged)
                sv_random(report + CHIP_ID_AT, 64, NULL);
        if (sv_snp_evidence_wrap(sv_bytes(report, sizeof(report)), &evidence, NULL) < 0)
                return false;
        sv_kbs_write_attestation(c.nonce, &pubkey, evidence, body);
        set = sv_http_field(&auth, "Set-Cookie");
        snprintf(cookie, 256, "%.*s", (int)strcspn(set, ";"), set);
        return true;
}

static void send_forged(struct sv_tls *t, int i)
{
        SV_BUF body = SV_BUF_NULL;
        SV_HTTP answer = {0};
        char cookie[256];

        if (i % AT_ONCE >= AT_ONCE / 2) /* two requests each */
                return;
        if (!answer_challenge(t, true, cookie, &body))
                _exit(2);
        if (call(t, "POST", "/kbs/v0/attest", cookie, sv_buf_bytes(&body), &answer) == 200)
                _exit(4);
}

static int attest_with(const char *cookie, struct sv_bytes body)
{
        SV_HTTP answer = {0};
        int fd, status;
        struct sv_tls *t = shake_hands(&fd);

        status = call(t, "POST", "/kbs/v0/attest", cookie, body, &answer);
        sv_tls_free(t);
        return status;
}

/* A challenge outlives the broker that made it, and counts once all the same. */
static void restarted(void **state)
{
        SV_BUF body = SV_BUF_NULL;
        char cookie[256];
        struct sv_tls *t;
        int fd;

        start_with("");
        t = shake_hands(&fd);
        assert_true(answer_challenge(t, false, cookie, &body));
        sv_tls_free(t);
        stop(NULL);
        start_with("");
        assert_int_equal(attest_with(cookie, sv_buf_bytes(&body)), 200);
        assert_int_equal(attest_with(cookie, sv_buf_bytes(&body)), 401);
        stop(NULL);
        start_with("");
        assert_int_equal(attest_with(cookie, sv_buf_bytes(&body)), 401);
        assert_int_equal(count_rows("SELECT count(*) FROM audit WHERE record LIKE "
                                    "'%broker.session.used%'"),
                         2);
}

/* What a stranger is refused is recorded, a quarter of what may be in a minute; the rest is
 * counted. */
static void forged_reports(void **state)
{
        int64_t before, minutes = sv_clock_ms();
        pid_t pid;

        start_with("\"records_per_minute\":40");
        release();
        before = count_rows("SELECT count(*) FROM audit WHERE stranger");
        pid = flood(STRANGER, 1000, send_forged);
        print_message("forged reports: a release takes %lld ms\n", (long long)release());
        assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
        wait_for(pid);
        minutes = (sv_clock_ms() - minutes) / 60000 + 1;
        assert_in_range(count_rows("SELECT count(*) FROM audit WHERE stranger") - before, 10,
                        10 + 10 * minutes);
        assert_int_equal(count_rows("SELECT count(*) FROM sessions WHERE token IS NOT NULL"), 0);
}

static unsigned count_files(const char *part)
{
        char path[256];
        unsigned n = 0;
        struct dirent *e;
        DIR *d;

        in_dir(path, "collateral");
        d = opendir(path);
        while (d && (e = readdir(d)))
                n += strstr(e->d_name, part) != NULL;
        if (d)
                closedir(d);
        return n;
}

static void remove_entries(void)
{
        char path[256];
        struct dirent *e;
        DIR *d;

        in_dir(path, "collateral");
        d = opendir(path);
        while (d && (e = readdir(d)))
                if (strstr(e->d_name, ".entry"))
                        unlinkat(dirfd(d), e->d_name, 0);
        if (d)
                closedir(d);
}

static unsigned asked(void)
{
        return makers_shared->asked[MAKERS_PATHS];
}

/* Once more than what may be asked for by now: 429, and when there is one more for one source. */
static bool is_told_to_wait(void)
{
        SV_BUF body = SV_BUF_NULL;
        SV_HTTP answer = {0};
        char cookie[256];
        int fd, status;
        struct sv_tls *t = shake_hands(&fd);

        assert_true(answer_challenge(t, true, cookie, &body));
        status = call(t, "POST", "/kbs/v0/attest", cookie, sv_buf_bytes(&body), &answer);
        sv_tls_free(t);
        if (status != 429)
                return false;
        assert_string_equal(sv_http_field(&answer, "Retry-After"), "8");
        return true;
}

static void sleep_until(int64_t ms)
{
        while (sv_clock_ms() < ms)
                usleep(10000);
}

/* Five sources ask for chips that nobody knows until nothing is left for such; the platform whose
 * proof held before gets what it needs again. */
static void unknown_chips(void **state)
{
        SV_STR refused = sv_asprintf("SELECT count(*) FROM audit WHERE stranger AND record LIKE "
                                     "'%%%s%%'",
                                     "broker.collateral.budget");
        SV_STR tree = sv_asprintf("%s/mirror", dir);
        struct makers mirror;
        SV_STR members = NULL;
        int64_t began = sv_clock_ms(), held, seconds;
        unsigned before;

        makers_tree = tree;
        mirror = makers_start(dir, NULL, 0);
        members = sv_asprintf("\"collateral\":{\"fetch\":true,\"fetches_per_minute\":64,"
                              "\"mirror\":\"http://127.0.0.1:%u\"}",
                              mirror.port);
        setenv("no_proxy", "127.0.0.1", 1);
        start_with(members);
        release();
        held = sv_clock_ms();
        before = asked();
        assert_int_equal(before, 3);
        for (int i = 2; i <= 6; i++) {
                SV_STR from = sv_asprintf("127.0.0.%d", i);

                wait_for(flood(from, 24, send_forged));
        }
        seconds = (sv_clock_ms() - began) / 1000 + 1;
        /* Of 32 in a minute three were the guest's. */
        assert_in_range(asked() - before, 29, 29 + seconds * 32 / 60 + 1);
        assert_true(count_rows(refused) > 0);
        WAIT_UNTIL(is_told_to_wait(), PATIENCE, "%s", "a source over its limit is not told when");
        assert_int_equal(count_files(".lock"), 0);
        remove_entries();
        /* nor is what was fetched for the guest's last release taken for this one's */
        sleep_until(held + SV_RECENT_MS);
        before = asked();
        print_message("unknown chips: a release takes %lld ms\n", (long long)release());
        assert_int_equal(asked() - before, 3);
        makers_stop(&mirror);
}

/* Silence and half a handshake end at the deadline, whether others wait or not. */
static void deadlines(void **state)
{
        int fds[2];

        start_with("\"handshake_seconds\":1");
        fds[0] = connect_from(STRANGER);
        fds[1] = connect_from(STRANGER);
        assert_int_equal(write(fds[1], "\x16\x03\x01", 3), 3);
        assert_int_equal(count_open(fds, 2), 2);
        WAIT_UNTIL(count_open(fds, 2) == 0, 15, "%d of 2 connections are open", count_open(fds, 2));
        close_all(fds, 2);
}

static rlim_t files; /* that the broker may have open */

static int serve_with_files(const char *config)
{
        const struct rlimit few = {files / 2, files};
        SV_BROKER b = {.audit_fd = -1};
        struct sv_err err = SV_ERR_NULL;

        setrlimit(RLIMIT_NOFILE, &few);
        if (sv_broker_open(config, &b, &err) < 0 || sv_broker_serve(&b, &err) < 0)
                return strcmp(err.check, "broker.config.waiting") == 0 ? 7 : 1;
        return 0;
}

static int refuse_files(const char *members)
{
        char config[256];
        int status;
        pid_t pid;

        configure(members);
        in_dir(config, "config.json");
        pid = fork();
        if (pid == 0)
                _exit(serve_with_files(config));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A broker holds as many connections as it may have files open for, unless its configuration asks
 * for more, or they are too few for the least. That is said at the start. */
static void few_files(void **state)
{
        SV_BROKER_CONFIG c = {0};
        struct sv_err err;

        OK(sv_broker_config_parse(sv_bytes_str("{\"connections\":64}"), "/", &c, &err));
        files = (rlim_t)sv_broker_config_files(&c);
        assert_int_equal(refuse_files("\"connections\":65"), 7);
        configure("");
        start_broker_by(serve_with_files);
        release();
        assert_int_equal(stop_broker(), 0);
        files--;
        assert_int_equal(refuse_files(""), 7);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(silent, stop),
                cmocka_unit_test_teardown(partial_hello, stop),
                cmocka_unit_test_teardown(slow_heads, stop),
                cmocka_unit_test_teardown(kept_alive, stop),
                cmocka_unit_test_teardown(many_strangers, stop),
                cmocka_unit_test_teardown(challenges, stop),
                cmocka_unit_test_teardown(forged_reports, stop),
                cmocka_unit_test_teardown(unknown_chips, stop),
                cmocka_unit_test_teardown(restarted, stop),
                cmocka_unit_test_teardown(deadlines, stop),
                cmocka_unit_test(few_files),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
