/* SPDX-License-Identifier: Apache-2.0 */
/* The versions of the database, and the way between them. */
#include <unistd.h>

#include "tests/unit/unit.h"
#include "tests/unit/put_policy.h"

#include "tests/unit/broker_place.h"
#include "tests/unit/kill_each.h"

#include "broker/broker.h"
#include <sqlite3.h>

#include "broker/store/sql-mac.h"
#include "broker/store/sql.h"

#define VERSION 14 /* of this program */

/* --- databases by hand --- */

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

static void insert_policy_row(const char *resource, const char *text)
{
        sqlite3 *db = NULL;
        sqlite3_stmt *q = NULL;

        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(
                sqlite3_prepare_v2(db, "INSERT INTO policies VALUES (?, ?, 1000)", -1, &q, NULL),
                SQLITE_OK);
        sqlite3_bind_text(q, 1, resource, -1, SQLITE_STATIC);
        sqlite3_bind_blob64(q, 2, text, strlen(text), SQLITE_STATIC);
        assert_int_equal(sqlite3_step(q), SQLITE_DONE);
        sqlite3_finalize(q);
        sqlite3_close(db);
}

/* As brokers made it before there were versions, with a session, a resource, two policies of
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

        run_sql(schema);
        insert_policy_row("a/b/c", "{\"version\":1}");
        insert_policy_row("a/b/broken", "{\"version\":2}");
}

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
        OK(s->ops->check(s, &err));
}

/* --- tests --- */

static void new_database(void **state)
{
        SV_STORE *s = open_store();
        struct sv_err err;

        assert_int_equal(ask_sql("PRAGMA user_version"), VERSION);
        assert_int_equal(ask_sql("SELECT count(*) FROM policies"), 0);
        assert_int_equal(
                ask_sql("SELECT count(*) FROM sqlite_schema WHERE name LIKE '%anchors%' OR "
                        "type = 'trigger'"),
                0);
        OK(s->ops->verify(s, &err));
}

static void without_version(void **state)
{
        SV_STORE *s = NULL;
        SV_STORE *again = NULL;

        make_old();
        assert_int_equal(ask_sql("PRAGMA user_version"), 0);
        s = open_store();
        old_is_whole(s);
        /* once: the second open finds its version */
        again = open_store();
        old_is_whole(again);
        assert_int_equal(ask_sql("SELECT serial FROM state"), 1);
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
                "CREATE TRIGGER anchors_unused AFTER DELETE ON policy_anchors WHEN NOT EXISTS "
                "(SELECT 1 FROM policy_anchors WHERE anchor = OLD.anchor) BEGIN DELETE FROM "
                "anchors WHERE id = OLD.anchor; END;"
                "INSERT INTO policies VALUES ('a/b/c', x'7b7d', 1000);"
                "INSERT INTO anchors VALUES (1, 'vtpm', 'ek-root', x'01');"
                "INSERT INTO policy_anchors VALUES ('a/b/c', 1);"
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
        OK(s->ops->list_resources(s, NULL, list, &err));
        assert_int_equal(sv_json_len(list), 2);
        assert_int_equal(ask_sql("SELECT created FROM resources WHERE path = 'a/b/c' AND version "
                                 "= 1"),
                         1000);
        assert_int_equal(
                ask_sql("SELECT count(*) FROM sqlite_master WHERE name = 'resources_before'"), 0);
}

/* As the last version without MACs left it. */
static void make_version_4(void)
{
        run_sql("PRAGMA journal_mode=WAL;"
                "CREATE TABLE policies (path TEXT PRIMARY KEY, text BLOB NOT NULL, created INTEGER "
                "NOT NULL);"
                "CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, "
                "record TEXT NOT NULL, stranger INTEGER NOT NULL DEFAULT 0);"
                "CREATE TABLE anchors (id INTEGER PRIMARY KEY, tee TEXT NOT NULL, kind TEXT NOT "
                "NULL, data BLOB NOT NULL, UNIQUE (tee, kind, data));"
                "CREATE TABLE policy_anchors (path TEXT NOT NULL REFERENCES policies ON DELETE "
                "CASCADE, anchor INTEGER NOT NULL REFERENCES anchors, PRIMARY KEY (path, anchor)) "
                "WITHOUT ROWID;"
                "CREATE TRIGGER anchors_unused AFTER DELETE ON policy_anchors WHEN NOT EXISTS "
                "(SELECT 1 FROM policy_anchors WHERE anchor = OLD.anchor) BEGIN DELETE FROM "
                "anchors WHERE id = OLD.anchor; END;"
                "CREATE TABLE resources (path TEXT NOT NULL, version INTEGER NOT NULL, sealed BLOB "
                "NOT NULL, size INTEGER NOT NULL, created INTEGER NOT NULL, PRIMARY KEY (path, "
                "version));"
                "CREATE TABLE sessions (id TEXT PRIMARY KEY, source INTEGER NOT NULL, tee TEXT NOT "
                "NULL, token TEXT, ek_cn TEXT, expires INTEGER NOT NULL);"
                "CREATE TABLE releases (session TEXT NOT NULL REFERENCES sessions ON DELETE "
                "CASCADE, path TEXT NOT NULL, PRIMARY KEY (session, path)) WITHOUT ROWID;"
                "CREATE TABLE floors (name TEXT PRIMARY KEY, time INTEGER NOT NULL) WITHOUT ROWID;"
                "CREATE TABLE disks (path TEXT NOT NULL, volume TEXT NOT NULL, generation INTEGER "
                "NOT NULL, restored INTEGER NOT NULL, time INTEGER NOT NULL, PRIMARY KEY (path, "
                "volume)) WITHOUT ROWID;"
                "CREATE TRIGGER disks_unused AFTER DELETE ON resources WHEN NOT EXISTS (SELECT 1 "
                "FROM resources WHERE path = OLD.path) BEGIN DELETE FROM disks WHERE path = "
                "OLD.path; END;");
        run_sql("INSERT INTO floors VALUES ('sessions', 0), ('admin_tokens', 0);"
                "INSERT INTO policies VALUES ('a/b/c', x'7b7d', 1000), ('a/b/d', x'7b', 1000);"
                "INSERT INTO anchors VALUES (1, 'vtpm', 'ek-root', x'01');"
                "INSERT INTO policy_anchors VALUES ('a/b/c', 1);"
                "INSERT INTO resources VALUES ('a/b/c', 1, x'01', 1, 1000);"
                "INSERT INTO resources VALUES ('a/b/c', 2, x'0203', 2, 1000);"
                "INSERT INTO disks VALUES ('a/b/c', 'volume', 9, 1, 1000);"
                "INSERT INTO sessions VALUES ('s', 1, 'tpm', 'token', 'cn', 2000);"
                "INSERT INTO releases VALUES ('s', 'a/b/c');"
                "PRAGMA user_version = 4;");
}

/* All that was there is authenticated from then on, and what hung together still does. */
static void from_version_4(void **state)
{
        const struct sv_session n = {.tee = (char *)"tpm", .expires = 4000};
        const struct sv_session_limits max = {9, 9};
        struct sv_disk_floor floor;
        SV_BUF text = SV_BUF_NULL, sealed = SV_BUF_NULL;
        SV_STORE *s = NULL;
        bool authenticated;
        struct sv_err err;

        make_version_4();
        OK(sv_store_is_authenticated(path, &authenticated, &err));
        assert_false(authenticated);
        s = open_store();
        OK(sv_store_is_authenticated(path, &authenticated, &err));
        assert_true(authenticated);
        OK(s->ops->verify(s, &err));
        OK(s->ops->check(s, &err));
        OK(s->ops->get_policy(s, "a/b/c", &text, &err));
        assert_string_equal(sv_buf_str(&text), "{}");
        OK(s->ops->get_resource(s, "a/b/c", 2, &sealed, &err));
        OK(s->ops->get_disk(s, "a/b/c", "volume", &floor, &err));
        assert_int_equal(floor.generation, 9);
        assert_true(floor.restored);
        OK(s->ops->put_session(s, "t", &n, 3000, &max, &err));
        assert_int_equal(ask_sql("SELECT count(*) FROM releases"), 0);
        run_sql("UPDATE policies SET text = x'00' WHERE path = 'a/b/d'");
        FAILS(s->ops->get_policy(s, "a/b/d", &text, &err), SV_SYSTEM, "broker.store.mac");
}

int __real_sv_macs_adopt_row(struct sv_store *s, struct sv_macs *m, enum sv_row_kind kind,
                             const char *row_path, const char *name, struct sv_err *err);
int __wrap_sv_macs_adopt_row(struct sv_store *s, struct sv_macs *m, enum sv_row_kind kind,
                             const char *row_path, const char *name, struct sv_err *err);

static int rows_until_failure; /* 0: none fails */

int __wrap_sv_macs_adopt_row(struct sv_store *s, struct sv_macs *m, enum sv_row_kind kind,
                             const char *row_path, const char *name, struct sv_err *err)
{
        if (rows_until_failure && --rows_until_failure == 0)
                return sv_fail(err, SV_SYSTEM, "test.row", "this row cannot be read");
        return __real_sv_macs_adopt_row(s, m, kind, row_path, name, err);
}

/* Whichever row it is that cannot be authenticated: the database stays what it was. A row that was
 * passed over would be refused from then on, and with it its key. */
static void row_fails(void **state)
{
        SV_STORE *s = NULL;
        struct sv_err err;

        make_version_4();
        for (int row = 1; row <= 5; row++) { /* two policies, two versions, a disk */
                rows_until_failure = row;
                FAILS(sv_store_open(&place, &s, &err), SV_SYSTEM, "test.row");
                assert_int_equal(ask_sql("PRAGMA user_version"), 4);
        }
        rows_until_failure = 6;
        s = open_store();
        assert_int_equal(rows_until_failure, 1);
        rows_until_failure = 0;
        OK(s->ops->verify(s, &err));
}

/* Later steps run on a database whose changes are counted already. */
static void from_version_5(void **state)
{
        SV_STORE *s = open_store();
        struct sv_err err;

        OK(s->ops->put_resource(s, "a/b/c", 1, sv_bytes_str("x"), 1, 1000, &err));
        sv_store_free(s);
        run_sql("DROP TABLE leases; DROP TABLE policy_versions; DROP INDEX audit_links;"
                "DROP TABLE accepted; DROP TABLE settings; DROP TABLE reference_sets;"
                "DROP TABLE pending; DROP INDEX sessions_alive;"
                "ALTER TABLE audit DROP COLUMN link; PRAGMA user_version = 5;");
        s = open_store();
        assert_int_equal(ask_sql("PRAGMA user_version"), VERSION);
        assert_int_equal(ask_sql("SELECT count(*) FROM leases"), 0);
        OK(s->ops->verify(s, &err));
}

/* A policy from before versions were kept is the first of them as soon as there is a second. */
static void from_version_6(void **state)
{
        SV_STORE *s = NULL;
        SV_JSON *before = sv_json_array();
        SV_JSON *after = sv_json_array();
        SV_BUF text = SV_BUF_NULL;
        struct sv_err err;

        make_version_4(); /* whose policies are taken with the step to MACs */
        s = open_store();
        assert_int_equal(ask_sql("SELECT count(*) FROM policy_versions"), 0);
        OK(s->ops->list_policy_versions(s, "a/b/c", before, &err));
        assert_int_equal(sv_json_len(before), 1);
        assert_int_equal(sv_json_int(sv_json_get(sv_json_at(before, 0), "version"), 0), 1);
        assert_true(sv_json_bool(sv_json_get(sv_json_at(before, 0), "current"), false));
        OK(s->ops->get_policy_version(s, "a/b/c", 1, &text, &err));
        assert_string_equal(sv_buf_str(&text), "{}");
        OK(put_policy_text(s, "a/b/c", sv_bytes_str("{\"new\":1}"), 2000, &err));
        OK(s->ops->list_policy_versions(s, "a/b/c", after, &err));
        assert_int_equal(sv_json_len(after), 2);
        sv_buf_clear(&text);
        OK(s->ops->get_policy_version(s, "a/b/c", 1, &text, &err));
        assert_string_equal(sv_buf_str(&text), "{}");
        OK(s->ops->check(s, &err));
}

/* Resources from before there were settings have none, and may get some. */
static void from_version_10(void **state)
{
        struct sv_settings is = {.most = 3, .labels = ",a=b,"};
        SV_STORE *s = open_store();
        struct sv_err err;

        OK(s->ops->put_resource(s, "a/b/c", 1, sv_bytes_str("x"), 1, 1000, &err));
        sv_store_free(s);
        run_sql("DROP TABLE settings; DROP TABLE reference_sets; DROP TABLE pending;"
                "DROP INDEX sessions_alive;"
                "PRAGMA user_version = 10;");
        s = open_store();
        assert_int_equal(ask_sql("PRAGMA user_version"), VERSION);
        OK(s->ops->put_settings(s, "a/b/c", &is, &err));
        memset(&is, 0, sizeof(is));
        OK(s->ops->get_settings(s, "a/b/c", &is, &err));
        assert_int_equal(is.most, 3);
        assert_string_equal(is.labels, ",a=b,");
        OK(s->ops->check(s, &err));
        OK(s->ops->delete_resource(s, "a/b/c", 1, &err));
        assert_int_equal(ask_sql("SELECT count(*) FROM settings"), 0);
        OK(s->ops->check(s, &err));
}

/* One that is only read needs the key for that. */
static void older_is_not_changed(void **state)
{
        struct sv_store *s = NULL;
        struct sv_err err;

        make_version_4();
        place.key = NULL;
        FAILS(sv_store_open(&place, &s, &err), SV_SYSTEM, "broker.store.version");
        assert_non_null(strstr(err.msg, "version 4"));
        assert_int_equal(ask_sql("PRAGMA user_version"), 4);
}

static void newer_is_refused(void **state)
{
        SV_BUF before = SV_BUF_NULL, after = SV_BUF_NULL;
        struct sv_store *s = NULL;
        struct sv_err err;

        make_old();
        run_sql("PRAGMA journal_mode=DELETE; PRAGMA user_version = 15;");
        OK(sv_file_read(path, 1 << 20, &before, "test", &err));
        FAILS(sv_store_open(&place, &s, &err), SV_SYSTEM, "broker.store.version");
        assert_null(s);
        assert_non_null(strstr(err.msg, path));
        assert_non_null(strstr(err.msg, "version 15"));
        OK(sv_file_read(path, 1 << 20, &after, "test", &err));
        assert_int_equal(before.n, after.n);
        assert_memory_equal(before.p, after.p, before.n);
        run_sql("PRAGMA user_version = -1;");
        FAILS(sv_store_open(&place, &s, &err), SV_SYSTEM, "broker.store.version");
}

/* A broker that runs on while a newer one brings its database further writes no more, however it
 * begins, and never breaks what that one keeps. */
static void newer_while_it_runs(void **state)
{
        SV_STORE *s = open_store();
        SV_JSON *record = sv_json_object();
        SV_BUF sealed = SV_BUF_NULL;
        struct sv_audit_link made;
        char back[40];
        struct sv_err err;

        snprintf(back, sizeof(back), "PRAGMA user_version = %d;", VERSION);
        OK(s->ops->put_resource(s, "a/b/c", 1, sv_bytes_str("x"), 1, 1000, &err));
        OK(s->ops->put_audit(s, 1000, record, 0, &made, &err));
        run_sql("PRAGMA user_version = 99;");
        FAILS(s->ops->put_audit(s, 1001, record, 0, &made, &err), SV_SYSTEM,
              "broker.store.version");
        assert_non_null(strstr(err.msg, "version 99"));
        FAILS(s->ops->put_resource(s, "a/b/d", 1, sv_bytes_str("x"), 1, 1000, &err), SV_SYSTEM,
              "broker.store.version");
        OK(s->ops->hold(s, true, &err));
        FAILS(s->ops->put_audit(s, 1001, record, 0, &made, &err), SV_SYSTEM,
              "broker.store.version");
        OK(s->ops->settle(s, true, &err));
        assert_int_equal(ask_sql("SELECT count(*) FROM audit"), 1);
        assert_int_equal(ask_sql("SELECT count(*) FROM resources"), 1);
        OK(s->ops->get_resource(s, "a/b/c", 1, &sealed, &err));
        /* the transaction is over: others are not kept off */
        run_sql(back);
        OK(s->ops->put_audit(s, 1001, record, 0, &made, &err));
}

static int open_and_verify(void)
{
        struct sv_store *s = NULL;

        return sv_store_open(&place, &s, NULL) < 0 ? -1 : s->ops->verify(s, NULL);
}

static void remove_database(void)
{
        static const char *const tails[] = {"", "-wal", "-shm", "-journal"};

        for (size_t i = 0; i < 4; i++) {
                SV_STR name = sv_asprintf("%s%s", path, tails[i]);

                unlink(name);
        }
        unlink(serial_path);
}

/* At each of its system calls: the next one finds the old database or the new one, and goes on. */
static void killed_on_the_way(void **state)
{
        int old = 0, without_serial = 0;
        bool killed = true;

        for (long n = 1; killed; n++) {
                SV_STORE *s = NULL;
                struct sv_serial serial;
                struct sv_err err;

                make_old();
                killed = kill_at_call(open_and_verify, n);
                OK(sv_serial_read(serial_path, &serial, &err));
                old += ask_sql("PRAGMA user_version") == 0;
                without_serial += ask_sql("PRAGMA user_version") == VERSION && !serial.number;
                s = open_store();
                old_is_whole(s);
                OK(s->ops->verify(s, &err));
                assert_int_equal(ask_sql("SELECT serial FROM state"), 1);
                remove_database();
        }
        print_message("%d times the old one, %d times without a serial\n", old, without_serial);
        assert_true(old > 0 && without_serial > 0);
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

                        _exit(sv_store_open(&place, &child, NULL) == 0 ? 0 : 1);
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
        return sv_sql_exec(s, "INSERT INTO two SELECT n + 1 FROM one", err);
}

static int migrate(const struct sv_sql_step *list, int n, struct sv_err *err)
{
        struct sv_sql *s = sv_sqlite_connect(path, true, err);
        int rc = sv_sql_migrate(&s->store, list, n, err);

        sv_sql_close(&s->store);
        return rc;
}

/* From 1 over 2 to 3, whole or not at all. */
static void several_steps(void **state)
{
        static const struct sv_sql_step list[] = {
                {"CREATE TABLE one (n INTEGER); INSERT INTO one VALUES (41);", NULL},
                {"CREATE TABLE two (n INTEGER);", copy_fill},
                {"ALTER TABLE two ADD COLUMN m INTEGER;", NULL},
                {"CREATE TABLE four (n INTEGER);", fail_fill},
                {"this is no SQL", NULL},
        };
        const struct sv_sql_step bad[] = {list[0], list[1], list[2], list[4]};
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

static void damaged_record(void **state)
{
        SV_JSON *list = sv_json_array(), *record = sv_json_object();
        SV_STORE *s = NULL;
        struct sv_audit_link made;
        struct sv_err err;

        OK(sv_store_open(&place, &s, &err));
        OK(s->ops->put_audit(s, 1000, record, 0, &made, &err));
        run_sql("UPDATE audit SET record = '{'");
        FAILS(s->ops->list_audit(s, 0, 100, list, &err), SV_FORMAT, "broker.audit.json");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(new_database, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(without_version, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(from_version_1, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(from_version_4, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(row_fails, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(from_version_5, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(from_version_6, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(from_version_10, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(older_is_not_changed, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(newer_is_refused, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(newer_while_it_runs, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(killed_on_the_way, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(several_at_once, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(several_steps, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(damaged_record, setup_place, teardown_place),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
