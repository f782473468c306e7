/* SPDX-License-Identifier: Apache-2.0 */
/* The versions of the database, the way between them, and the trust anchors of its policies. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#include "base/core/file.h"
#include "broker/broker.h"
#include "broker/store/sqlite.h"
#include "policy/policy.h"

#define VERSION 4 /* of this program */

static char dir[64], path[128];

/* The broker's own reader: counted, and in one test deadly. */
static int reads, die_at;

static int read_anchors(struct sv_bytes text, struct sv_anchors *out, struct sv_err *err)
{
        if (++reads == die_at)
                raise(SIGKILL);
        return sv_broker_read_anchors(text, out, err);
}

static int setup(void **state)
{
        reads = die_at = 0;
        snprintf(dir, sizeof(dir), "/tmp/sv-schema-XXXXXX");
        assert_non_null(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/db", dir);
        return 0;
}

static int teardown(void **state)
{
        struct sv_err err;

        OK(sv_remove_tree(dir, &err));
        return 0;
}

/* --- databases by hand --- */

static void run_sql(const char *sql)
{
        sqlite3 *db = NULL;

        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
                fail_msg("%s", sqlite3_errmsg(db));
        sqlite3_close(db);
}

static int64_t ask_sql(const char *sql)
{
        sqlite3 *db = NULL;
        sqlite3_stmt *q = NULL;
        int64_t v;

        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(q), SQLITE_ROW);
        v = sqlite3_column_int64(q, 0);
        sqlite3_finalize(q);
        sqlite3_close(db);
        return v;
}

/* A policy for vtpm that names one or two roots. */
static void write_policy(const char *resource, const char *root, const char *other,
                         struct sv_buf *out)
{
        SV_JSON *rules = sv_json_array();
        SV_JSON *trust = sv_json_object();
        struct sv_json *rule = sv_json_add(rules, sv_json_object());
        struct sv_json *roots = sv_json_set(trust, "ek_roots", sv_json_array());
        struct sv_err err;

        sv_json_set_str(rule, "check", "policy.ek.cn");
        sv_json_set_str(rule, "claim", "/ek/subject_cn");
        sv_json_set_str(rule, "equals", "demo");
        sv_json_set_str(rule, "covers", "configuration");
        sv_json_set_str(rule, "reason", "the TPM of this guest");
        sv_json_add(roots, sv_json_new_str(root));
        if (other)
                sv_json_add(roots, sv_json_new_str(other));
        OK(sv_policy_write("demo", "vtpm", resource, rules, trust, out, &err));
}

static void insert_policy_row(const char *resource, struct sv_bytes text)
{
        sqlite3 *db = NULL;
        sqlite3_stmt *q = NULL;

        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(
                sqlite3_prepare_v2(db, "INSERT INTO policies VALUES (?, ?, 1000)", -1, &q, NULL),
                SQLITE_OK);
        sqlite3_bind_text(q, 1, resource, -1, SQLITE_STATIC);
        sqlite3_bind_blob64(q, 2, text.p, text.n, SQLITE_STATIC);
        assert_int_equal(sqlite3_step(q), SQLITE_DONE);
        sqlite3_finalize(q);
        sqlite3_close(db);
}

/* As brokers made it before there were versions, with a session, a resource, three policies of
 * which one does not parse, and an audit record. */
static void make_old(void)
{
        static const char schema[] =
                "PRAGMA journal_mode=WAL;"
                "CREATE TABLE sessions (id TEXT PRIMARY KEY, nonce TEXT NOT NULL, tee TEXT NOT "
                "NULL,"
                " secret BLOB, expires INTEGER NOT NULL, used INTEGER NOT NULL DEFAULT 0,"
                " token TEXT, ek_cn TEXT);"
                "CREATE INDEX sessions_expires ON sessions (expires);"
                "CREATE TABLE resources (path TEXT PRIMARY KEY, sealed BLOB NOT NULL,"
                " size INTEGER NOT NULL, created INTEGER NOT NULL);"
                "CREATE TABLE policies (path TEXT PRIMARY KEY, text BLOB NOT NULL,"
                " created INTEGER NOT NULL);"
                "CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL,"
                " record TEXT NOT NULL);"
                "INSERT INTO sessions (id, nonce, tee, expires) VALUES ('s', 'n', 'tpm', 2000);"
                "INSERT INTO resources VALUES ('a/b/c', x'010203', 3, 1000);"
                "INSERT INTO audit (time, record) VALUES (1000, '{\"action\":\"attest\"}');";
        SV_BUF one = SV_BUF_NULL, two = SV_BUF_NULL;

        run_sql(schema);
        write_policy("a/b/c", "root one", NULL, &one);
        write_policy("a/b/d", "root one", "root two", &two);
        insert_policy_row("a/b/c", sv_buf_bytes(&one));
        insert_policy_row("a/b/broken", sv_bytes_str("{\"version\":2}"));
        insert_policy_row("a/b/d", sv_buf_bytes(&two));
}

/* --- through the interface --- */

static struct sv_store *open_store(void)
{
        struct sv_store *s = NULL;
        struct sv_err err;

        OK(sv_store_open(path, read_anchors, &s, &err));
        return s;
}

static void put(struct sv_store *s, const char *resource, const char *root, const char *other)
{
        SV_BUF text = SV_BUF_NULL;
        SV_ANCHORS anchors = {0};
        struct sv_err err;

        write_policy(resource, root, other, &text);
        OK(sv_broker_read_anchors(sv_buf_bytes(&text), &anchors, &err));
        OK(s->ops->put_policy(s, resource, sv_buf_bytes(&text), &anchors, 1000, &err));
}

static void anchors_are(struct sv_store *s, const char *tee, const char *const *expected, size_t n)
{
        SV_ANCHORS a = {0};
        struct sv_err err;

        OK(s->ops->get_anchors(s, tee, &a, &err));
        assert_int_equal(a.n, n);
        for (size_t i = 0; i < n; i++) {
                assert_string_equal(a.list[i].kind, "ek-root");
                assert_string_equal(sv_buf_str(&a.list[i].data), expected[i]);
        }
}

static const char *const both[] = {"root one", "root two"};

static void old_is_whole(struct sv_store *s)
{
        SV_BUF sealed = SV_BUF_NULL, text = SV_BUF_NULL;
        SV_JSON *list = sv_json_array();
        struct sv_err err;

        assert_int_equal(ask_sql("PRAGMA user_version"), VERSION);
        /* sessions begin again */
        assert_int_equal(ask_sql("SELECT count(*) FROM sessions"), 0);
        assert_int_equal(ask_sql("SELECT time FROM floors WHERE name = 'sessions'"), 0);
        OK(s->ops->get_resource(s, "a/b/c", 1, &sealed, &err));
        assert_memory_equal(sealed.p, "\1\2\3", 3);
        OK(s->ops->get_policy(s, "a/b/broken", &text, &err));
        assert_string_equal(sv_buf_str(&text), "{\"version\":2}");
        OK(s->ops->list_audit(s, 0, 10, list, &err));
        assert_int_equal(sv_json_len(list), 1);
        anchors_are(s, "vtpm", both, 2);
}

/* --- tests --- */

static void new_database(void **state)
{
        SV_STORE *s = open_store();

        assert_int_equal(ask_sql("PRAGMA user_version"), VERSION);
        assert_int_equal(ask_sql("SELECT count(*) FROM policies"), 0);
        anchors_are(s, "vtpm", NULL, 0);
}

static void without_version(void **state)
{
        SV_STORE *s = NULL;
        SV_STORE *again = NULL;

        make_old();
        assert_int_equal(ask_sql("PRAGMA user_version"), 0);
        s = open_store();
        old_is_whole(s);
        assert_int_equal(reads, 3);
        /* once: the second open finds its version */
        again = open_store();
        old_is_whole(again);
        assert_int_equal(reads, 3);
}

/* As the first version with a number left it. */
static void from_version_1(void **state)
{
        static const char schema[] =
                "PRAGMA journal_mode=WAL;"
                "CREATE TABLE sessions (id TEXT PRIMARY KEY, nonce TEXT NOT NULL,"
                " tee TEXT NOT NULL, secret BLOB, expires INTEGER NOT NULL,"
                " used INTEGER NOT NULL DEFAULT 0, token TEXT, ek_cn TEXT);"
                "CREATE TABLE resources (path TEXT PRIMARY KEY, sealed BLOB NOT NULL,"
                " size INTEGER NOT NULL, created INTEGER NOT NULL);"
                "CREATE TABLE policies (path TEXT PRIMARY KEY, text BLOB NOT NULL,"
                " created INTEGER NOT NULL);"
                "CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT,"
                " time INTEGER NOT NULL, record TEXT NOT NULL);"
                "CREATE TABLE anchors (id INTEGER PRIMARY KEY, tee TEXT NOT NULL, kind TEXT NOT "
                "NULL, data BLOB NOT NULL, UNIQUE (tee, kind, data));"
                "CREATE TABLE policy_anchors (path TEXT NOT NULL REFERENCES policies ON DELETE "
                "CASCADE, anchor INTEGER NOT NULL REFERENCES anchors, PRIMARY KEY (path, anchor)) "
                "WITHOUT ROWID;"
                "INSERT INTO resources VALUES ('a/b/c', x'010203', 3, 1000);"
                "INSERT INTO resources VALUES ('a/b/d', x'04', 1, 1001);"
                "PRAGMA user_version = 1;";
        SV_STORE *s = NULL;
        SV_BUF sealed = SV_BUF_NULL;
        SV_JSON *list = sv_json_array();
        struct sv_err err;

        run_sql(schema);
        s = open_store();
        assert_int_equal(ask_sql("PRAGMA user_version"), VERSION);
        OK(s->ops->get_resource(s, "a/b/c", 1, &sealed, &err));
        assert_int_equal(sealed.n, 3);
        assert_memory_equal(sealed.p, "\1\2\3", 3);
        OK(s->ops->put_resource(s, "a/b/c", 2, sv_bytes_str("new"), 3, 1002, &err));
        OK(s->ops->list_resources(s, list, &err));
        assert_int_equal(sv_json_len(list), 2);
        assert_int_equal(ask_sql("SELECT created FROM resources WHERE path = 'a/b/c' AND version "
                                 "= 1"),
                         1000);
        assert_int_equal(
                ask_sql("SELECT count(*) FROM sqlite_master WHERE name = 'resources_before'"), 0);
}

static char log_text[4096];

static void read_log(int fd)
{
        ssize_t n = read(fd, log_text, sizeof(log_text) - 1);

        log_text[n > 0 ? n : 0] = '\0';
}

static void broken_is_logged(void **state)
{
        int pipes[2], saved = dup(STDERR_FILENO);
        SV_STORE *s = NULL;

        make_old();
        assert_int_equal(pipe(pipes), 0);
        dup2(pipes[1], STDERR_FILENO);
        s = open_store();
        dup2(saved, STDERR_FILENO);
        close(saved);
        close(pipes[1]);
        read_log(pipes[0]);
        close(pipes[0]);
        assert_non_null(strstr(log_text, "a/b/broken"));
        assert_non_null(strstr(log_text, "policy.version"));
        assert_null(strstr(log_text, "a/b/c"));
}

static void newer_is_refused(void **state)
{
        SV_BUF before = SV_BUF_NULL, after = SV_BUF_NULL;
        struct sv_store *s = NULL;
        struct sv_err err;

        make_old();
        run_sql("PRAGMA journal_mode=DELETE; PRAGMA user_version = 5;");
        OK(sv_file_read(path, 1 << 20, &before, "test", &err));
        FAILS(sv_store_open(path, read_anchors, &s, &err), SV_SYSTEM, "broker.store.version");
        assert_null(s);
        assert_non_null(strstr(err.msg, path));
        assert_non_null(strstr(err.msg, "version 5"));
        OK(sv_file_read(path, 1 << 20, &after, "test", &err));
        assert_int_equal(before.n, after.n);
        assert_memory_equal(before.p, after.p, before.n);
        run_sql("PRAGMA user_version = -1;");
        FAILS(sv_store_open(path, read_anchors, &s, &err), SV_SYSTEM, "broker.store.version");
}

/* Killed at the second policy, that is after the tables and an anchor were made. */
static void killed_on_the_way(void **state)
{
        SV_STORE *s = NULL;
        int status;
        pid_t pid;

        make_old();
        pid = fork();
        if (pid == 0) {
                struct sv_store *child = NULL;

                die_at = 2;
                _exit(sv_store_open(path, read_anchors, &child, NULL) == 0 ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        assert_int_equal(ask_sql("PRAGMA user_version"), 0);
        assert_int_equal(ask_sql("SELECT count(*) FROM sqlite_schema WHERE name = 'anchors'"), 0);
        s = open_store();
        old_is_whole(s);
}

/* Four processes find the old database at the same moment. */
static void several_at_once(void **state)
{
        SV_STORE *s = NULL;
        int status;

        make_old();
        for (int i = 0; i < 4; i++)
                if (fork() == 0) {
                        struct sv_store *child = NULL;

                        _exit(sv_store_open(path, read_anchors, &child, NULL) == 0 ? 0 : 1);
                }
        for (int i = 0; i < 4; i++) {
                assert_true(wait(&status) > 0);
                assert_true(WIFEXITED(status));
                assert_int_equal(WEXITSTATUS(status), 0);
        }
        s = open_store();
        old_is_whole(s);
}

static int fail_fill(struct sv_store *s, struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "test.fill", "this step fails");
}

static int copy_fill(struct sv_store *s, struct sv_err *err)
{
        return sv_sqlite_exec(s, "INSERT INTO two SELECT n + 1 FROM one", err);
}

static int migrate(const struct sv_sqlite_step *list, int n, struct sv_err *err)
{
        struct sv_sqlite *s = sv_sqlite_connect(path, err);
        int rc = sv_sqlite_migrate(&s->store, list, n, err);

        sv_sqlite_close(&s->store);
        return rc;
}

/* From 1 over 2 to 3, whole or not at all. */
static void several_steps(void **state)
{
        static const struct sv_sqlite_step list[] = {
                {"CREATE TABLE one (n INTEGER); INSERT INTO one VALUES (41);", NULL},
                {"CREATE TABLE two (n INTEGER);", copy_fill},
                {"ALTER TABLE two ADD COLUMN m INTEGER;", NULL},
                {"CREATE TABLE four (n INTEGER);", fail_fill},
                {"this is no SQL", NULL},
        };
        const struct sv_sqlite_step bad[] = {list[0], list[1], list[2], list[4]};
        struct sv_err err;

        OK(migrate(list, 1, &err));
        assert_int_equal(ask_sql("PRAGMA user_version"), 1);
        OK(migrate(list, 3, &err));
        assert_int_equal(ask_sql("PRAGMA user_version"), 3);
        assert_int_equal(ask_sql("SELECT n FROM two WHERE m IS NULL"), 42);
        FAILS(migrate(list, 4, &err), SV_SYSTEM, "test.fill");
        FAILS(migrate(bad, 4, &err), SV_SYSTEM, "broker.store");
        assert_int_equal(ask_sql("PRAGMA user_version"), 3);
        assert_int_equal(ask_sql("SELECT count(*) FROM sqlite_schema WHERE name = 'four'"), 0);
        FAILS(migrate(list, 2, &err), SV_SYSTEM, "broker.store.version");
}

/* Put, put again with another root, and deleted: each anchor is there once and as long as a policy
 * names it. */
static void anchors_follow_policies(void **state)
{
        SV_STORE *s = open_store();
        struct sv_err err;

        put(s, "a/b/c", "root one", NULL);
        put(s, "a/b/d", "root one", "root two");
        anchors_are(s, "vtpm", both, 2);
        anchors_are(s, "sev-snp", NULL, 0);
        put(s, "a/b/d", "root one", NULL);
        anchors_are(s, "vtpm", both, 1);
        put(s, "a/b/c", "root two", NULL);
        anchors_are(s, "vtpm", both, 2);
        OK(s->ops->delete_policy(s, "a/b/d", &err));
        anchors_are(s, "vtpm", both + 1, 1);
        OK(s->ops->delete_policy(s, "a/b/c", &err));
        anchors_are(s, "vtpm", NULL, 0);
        FAILS(s->ops->delete_policy(s, "a/b/c", &err), SV_USAGE, "broker.policy.absent");
}

/* Three hundred policies of one maker's TPMs: one anchor to read. */
static void many_policies(void **state)
{
        SV_STORE *s = open_store();

        for (int i = 0; i < 300; i++) {
                SV_STR resource = sv_asprintf("a/b/r%d", i);

                put(s, resource, "root one", NULL);
        }
        anchors_are(s, "vtpm", both, 1);
        assert_int_equal(ask_sql("SELECT count(*) FROM anchors"), 1);
}

static void damaged_record(void **state)
{
        SV_JSON *list = sv_json_array(), *record = sv_json_object();
        SV_STORE *s = NULL;
        struct sv_err err;

        OK(sv_store_open(path, NULL, &s, &err));
        OK(s->ops->put_audit(s, 1000, record, 0, &err));
        run_sql("UPDATE audit SET record = '{'");
        FAILS(s->ops->list_audit(s, 0, 100, list, &err), SV_FORMAT, "broker.audit.json");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(new_database, setup, teardown),
                cmocka_unit_test_setup_teardown(without_version, setup, teardown),
                cmocka_unit_test_setup_teardown(from_version_1, setup, teardown),
                cmocka_unit_test_setup_teardown(broken_is_logged, setup, teardown),
                cmocka_unit_test_setup_teardown(newer_is_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(killed_on_the_way, setup, teardown),
                cmocka_unit_test_setup_teardown(several_at_once, setup, teardown),
                cmocka_unit_test_setup_teardown(several_steps, setup, teardown),
                cmocka_unit_test_setup_teardown(anchors_follow_policies, setup, teardown),
                cmocka_unit_test_setup_teardown(many_policies, setup, teardown),
                cmocka_unit_test_setup_teardown(damaged_record, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
