/* SPDX-License-Identifier: Apache-2.0 */
/* Who writes the database without the kek changes nothing that is believed, and who puts an older
 * one back is found out; and no process that is killed locks anybody out. */
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/unit/unit.h"
#include "tests/unit/broker_rows.h"
#include "tests/unit/kill_each.h"

/* --- what the attacker does --- */

/* The whole database into a file, or back out of it; in one transaction, while others use it. */
static void copy_database(const char *from, const char *to)
{
        const struct sv_store_place raw = {.path = from};
        SV_STORE *s = NULL;
        struct sv_err err;

        OK(sv_store_open(&raw, &s, &err));
        OK(s->ops->copy(s, to, &err));
}

/* --- what the broker does --- */

static int get_policy(const char *resource, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        return store->ops->get_policy(store, resource, &text, err);
}

static int list_versions(struct sv_err *err)
{
        SV_JSON *list = sv_json_array();

        return store->ops->list_versions(store, PATH, list, err);
}

static int get_version(int64_t n, struct sv_err *err)
{
        SV_BUF sealed = SV_BUF_NULL;

        return store->ops->get_resource(store, PATH, n, &sealed, err);
}

static int get_floor(struct sv_err *err)
{
        struct sv_disk_floor floor;

        return store->ops->get_disk(store, PATH, VOLUME, &floor, err);
}

/* Each row alone: it is refused, the check of the whole finds it, and what is beside it is read. */
static void rows_changed(void **state)
{
        static const struct {
                const char *sql;
                int (*read)(struct sv_err *err);
        } cases[] = {
                {"UPDATE resources SET size = 4 WHERE version = 2", NULL},
                {"UPDATE resources SET created = 1 WHERE version = 2", NULL},
                {"UPDATE resources SET sealed = CAST('two' AS TEXT) WHERE version = 2", NULL},
                {"UPDATE resources SET sealed = x'00' WHERE version = 2", NULL},
                {"DELETE FROM resources WHERE version = 2", list_versions},
                {"INSERT INTO resources VALUES ('" PATH "', 3, x'00', 1, 1)", list_versions},
                {"UPDATE disks SET generation = 6", get_floor},
                {"UPDATE disks SET restored = 1", get_floor},
                {"DELETE FROM disks", get_floor},
        };
        SV_STR saved = sv_asprintf("%s/saved", dir);
        struct sv_err err;

        copy_database(path, saved);
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                run_sql(cases[i].sql);
                FAILS(cases[i].read ? cases[i].read(&err) : get_version(2, &err), SV_SYSTEM,
                      "broker.store.mac");
                FAILS(store->ops->check(store, &err), SV_SYSTEM, "broker.store.mac");
                OK(get_version(1, &err));
                policy_is(PATH, "old");
                copy_database(saved, path);
                OK(store->ops->check(store, &err));
        }
}

static void policy_changed(void **state)
{
        static const char *const changes[] = {
                "UPDATE policies SET text = CAST('evil' AS BLOB) WHERE path = '" PATH "'",
                "UPDATE policies SET created = 1 WHERE path = '" PATH "'",
                "UPDATE policies SET text = CAST(text AS TEXT) WHERE path = '" PATH "'",
                "DELETE FROM policies WHERE path = '" PATH "'",
                /* the policy of another resource */
                "UPDATE policies SET text = (SELECT text FROM policies WHERE path = '" OTHER "') "
                "WHERE path = '" PATH "'",
                "UPDATE policies SET path = 'x' WHERE path = '" PATH "';"
                "UPDATE policies SET path = '" PATH "' WHERE path = '" OTHER "';"
                "UPDATE policies SET path = '" OTHER "' WHERE path = 'x'",
        };
        struct sv_err err;

        for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
                run_sql(changes[i]);
                FAILS(get_policy(PATH, &err), SV_SYSTEM, "broker.store.mac");
                assert_non_null(strstr(err.msg, PATH));
                FAILS(store->ops->check(store, &err), SV_SYSTEM, "broker.store.mac");
                OK(get_version(2, &err));
                /* the administrator's cure */
                put_policy(PATH, "old");
                put_policy(OTHER, "other");
                policy_is(PATH, "old");
                OK(store->ops->check(store, &err));
        }
        /* one for a path that has none, with the text of another */
        run_sql("INSERT INTO policies SELECT 'a/b/e', text, created FROM policies WHERE path = "
                "'" PATH "'");
        FAILS(get_policy("a/b/e", &err), SV_SYSTEM, "broker.store.mac");
        OK(store->ops->delete_policy(store, "a/b/e", "", 1, &err));
        FAILS(get_policy("a/b/e", &err), SV_USAGE, "broker.policy.absent");
}

/* The MAC is of this row and no other, whatever stands in it. */
static void each_mac_its_own(void **state)
{
        sqlite3 *db = NULL;
        sqlite3_stmt *q = NULL;
        uint8_t macs[2][SV_MAC_SIZE];
        int n = 0;

        put_policy(PATH, "same");
        put_policy(OTHER, "same");
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(db, "SELECT list FROM macs", -1, &q, NULL), SQLITE_OK);
        while (sqlite3_step(q) == SQLITE_ROW) {
                const uint8_t *list = sqlite3_column_blob(q, 0);

                for (int i = 0; i < sqlite3_column_bytes(q, 0); i += 64)
                        if (list[i + 16] == 1 && n < 2)
                                memcpy(macs[n++], list + i + 32, SV_MAC_SIZE);
        }
        sqlite3_finalize(q);
        sqlite3_close(db);
        assert_int_equal(n, 2);
        assert_memory_not_equal(macs[0], macs[1], SV_MAC_SIZE);
}

/* A row that was right once, while the broker runs; then also what stood beside it. */
static void old_row_put_back(void **state)
{
        struct sv_err err;

        run_sql("CREATE TABLE kept_policies AS SELECT * FROM policies;"
                "CREATE TABLE kept_macs AS SELECT * FROM macs;"
                "CREATE TABLE kept_state AS SELECT * FROM state");
        put_policy(PATH, "new");
        run_sql("REPLACE INTO policies SELECT * FROM kept_policies");
        FAILS(get_policy(PATH, &err), SV_SYSTEM, "broker.store.mac");
        run_sql("REPLACE INTO macs SELECT * FROM kept_macs");
        FAILS(get_policy(PATH, &err), SV_SYSTEM, "broker.store.state");
        FAILS(put_policy_text(store, PATH, sv_bytes_str("x"), 1, &err), SV_SYSTEM,
              "broker.store.state");
        run_sql("REPLACE INTO state SELECT * FROM kept_state");
        FAILS(get_policy(PATH, &err), SV_SYSTEM, "broker.store.rollback");
        assert_non_null(strstr(err.msg, "change 6"));
        assert_non_null(strstr(err.msg, "change 7"));
        assert_non_null(strstr(err.msg, "restore"));
        FAILS(put_policy_text(store, PATH, sv_bytes_str("x"), 1, &err), SV_SYSTEM,
              "broker.store.rollback");
}

static void old_database_put_back(void **state)
{
        SV_STR old = sv_asprintf("%s/old", dir);
        SV_STORE *again = NULL;
        struct sv_err err;

        copy_database(path, old);
        OK(store->ops->raise_disk(store, PATH, VOLUME, 8, 1000, &err));
        copy_database(old, path);
        FAILS(get_floor(&err), SV_SYSTEM, "broker.store.rollback");
        FAILS(store->ops->raise_disk(store, PATH, VOLUME, 7, 1000, &err), SV_SYSTEM,
              "broker.store.rollback");
        FAILS(get_version(2, &err), SV_SYSTEM, "broker.store.rollback");
        FAILS(list_versions(&err), SV_SYSTEM, "broker.store.rollback");
        FAILS(store->ops->check(store, &err), SV_SYSTEM, "broker.store.rollback");
        again = open_store();
        FAILS(again->ops->verify(again, &err), SV_SYSTEM, "broker.store.rollback");
}

/* A report that says nothing new changes nothing; one of an older state is refused. */
static void floor_not_laundered(void **state)
{
        struct sv_err err;

        OK(store->ops->raise_disk(store, PATH, VOLUME, 7, 2000, &err));
        assert_int_equal(read_serial(), 6);
        FAILS(store->ops->raise_disk(store, PATH, VOLUME, 6, 2000, &err), SV_PROOF,
              "disk.rollback");
        run_sql("UPDATE disks SET generation = 1");
        FAILS(store->ops->raise_disk(store, PATH, VOLUME, 2, 2000, &err), SV_SYSTEM,
              "broker.store.mac");
        FAILS(store->ops->restore_disk(store, PATH, VOLUME, 0, 2000, &err), SV_SYSTEM,
              "broker.store.mac");
        run_sql("DELETE FROM disks");
        FAILS(store->ops->raise_disk(store, PATH, VOLUME, 2, 2000, &err), SV_SYSTEM,
              "broker.store.mac");
}

/* With the last version the floors go, and one that somebody else removed is no last one. */
static void removed_with_the_resource(void **state)
{
        struct sv_err err;

        OK(store->ops->delete_resource(store, PATH, 1, &err));
        floor_is(7);
        OK(store->ops->delete_resource(store, PATH, 2, &err));
        floor_is(0);
        OK(store->ops->check(store, &err));
        OK(store->ops->put_resource(store, PATH, 1, sv_bytes_str("one"), 3, 1000, &err));
        OK(store->ops->put_resource(store, PATH, 2, sv_bytes_str("two"), 3, 1000, &err));
        OK(store->ops->raise_disk(store, PATH, VOLUME, 7, 1000, &err));
        run_sql("DELETE FROM resources WHERE version = 2");
        OK(store->ops->delete_resource(store, PATH, 1, &err));
        floor_is(7);
        FAILS(list_versions(&err), SV_SYSTEM, "broker.store.mac");
}

static void without_state(void **state)
{
        static const char *const changes[] = {
                "DELETE FROM macs",
                "UPDATE macs SET list = substr(list, 1, 63)",
                "UPDATE state SET digests = zeroblob(8192)",
                "UPDATE state SET serial = 1000",
                "UPDATE state SET serial = 0",
                "UPDATE state SET mac = zeroblob(32)",
                "UPDATE state SET digests = x'00'",
                "DELETE FROM state",
        };
        struct sv_err err;

        for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
                run_sql(changes[i]);
                FAILS(get_policy(PATH, &err), SV_SYSTEM, "broker.store.state");
                FAILS(store->ops->check(store, &err), SV_SYSTEM, "broker.store.state");
        }
}

/* The lists of MACs stay in their places. */
static void lists_exchanged(void **state)
{
        struct sv_err err;

        run_sql("UPDATE macs SET id = id + 1000; UPDATE macs SET id = (id - 999) % 256");
        FAILS(get_policy(PATH, &err), SV_SYSTEM, "broker.store.state");
}

static void key_of_another(void **state)
{
        SV_STORE *s = NULL;
        struct sv_err err;

        place.key = other_key;
        s = open_store();
        FAILS(s->ops->verify(s, &err), SV_SYSTEM, "broker.store.state");
        FAILS(put_policy_text(s, PATH, sv_bytes_str("x"), 1, &err), SV_SYSTEM,
              "broker.store.state");
}

/* What is in the schema is not run. */
static void foreign_code(void **state)
{
        struct sv_err err;

        run_sql("CREATE TRIGGER t AFTER INSERT ON policies BEGIN UPDATE policies SET text = "
                "CAST('evil' AS BLOB) WHERE path = NEW.path; END");
        put_policy(PATH, "new");
        policy_is(PATH, "new");
        run_sql("DROP TRIGGER t; ALTER TABLE policies RENAME TO hidden; CREATE VIEW policies AS "
                "SELECT path, CAST('evil' AS BLOB) AS text, created FROM hidden");
        FAILS(get_policy(PATH, &err), SV_SYSTEM, "broker.store");
}

/* Told that it is from before there were MACs. */
static void version_lowered(void **state)
{
        struct sv_store *s = NULL;
        struct sv_err err;

        run_sql("DROP TABLE macs; DROP TABLE state; UPDATE policies SET text = x'00';"
                "PRAGMA user_version = 4");
        FAILS(sv_store_open(&place, &s, &err), SV_SYSTEM, "broker.store.rollback");
        assert_non_null(strstr(err.msg, "any policy"));
        assert_null(strstr(err.msg, "restore --from"));
        run_sql("PRAGMA user_version = 0");
        FAILS(sv_store_open(&place, &s, &err), SV_SYSTEM, "broker.store.rollback");
}

static void serial_lost(void **state)
{
        static const char *const bad[] = {"", "6", "6 00", "x 00", "-1 00", "6 zz"};
        const struct sv_store_place raw = {.path = path};
        struct sv_store *s = NULL;
        struct sv_err err;

        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                OK(sv_file_write(serial_path, 0600, sv_bytes_str(bad[i]), &err));
                FAILS(get_policy(PATH, &err), SV_SYSTEM, "broker.store.serial");
        }
        unlink(serial_path);
        FAILS(get_policy(PATH, &err), SV_SYSTEM, "broker.store.serial");
        FAILS(put_policy_text(store, PATH, sv_bytes_str("x"), 1, &err), SV_SYSTEM,
              "broker.store.serial");
        unlink(path);
        FAILS(sv_store_open(&raw, &s, &err), SV_SYSTEM, "broker.store");
        assert_int_equal(access(path, F_OK), -1);
}

static void serial_not_written(void **state)
{
        struct sv_err err;

        unlink(lock_path);
        FAILS(put_policy_text(store, PATH, sv_bytes_str("new"), 1, &err), SV_SYSTEM,
              "broker.store.lock");
        policy_is(PATH, "old");
        OK(sv_file_write(lock_path, 0600, sv_bytes_str("kek"), &err));
        FAILS(sv_serial_write("/nonexistent/serial", &(struct sv_serial){.number = 1}, &err),
              SV_SYSTEM, "broker.store.serial");
}

/* Has this process the file open, as it is named in /proc? */
static bool has_open(pid_t pid, const char *file)
{
        char name[64], target[256];
        ssize_t n;

        for (int fd = 3; fd < 64; fd++) {
                snprintf(name, sizeof(name), "/proc/%d/fd/%d", (int)pid, fd);
                n = readlink(name, target, sizeof(target) - 1);
                if (n > 0 && !strncmp(target, file, (size_t)n) && !file[n])
                        return true;
        }
        return false;
}

/* Who waits for the lock while the file is replaced has the new file's. */
static void lock_follows_the_name(void **state)
{
        struct sv_err err;
        int held = sv_serial_lock(lock_path, &err), status, ready[2];
        pid_t pid;
        char byte;

        assert_true(held >= 0);
        OK(pipe(ready));
        pid = fork();
        if (pid == 0) {
                struct stat locked, named;
                int fd;

                close(held);
                if (write(ready[1], "", 1) != 1)
                        _exit(2);
                fd = sv_serial_lock(lock_path, &err);
                _exit(fd < 0 || fstat(fd, &locked) < 0 || stat(lock_path, &named) < 0 ||
                      locked.st_ino != named.st_ino);
        }
        assert_int_equal(read(ready[0], &byte, 1), 1);
        WAIT_UNTIL(has_open(pid, lock_path), PATIENCE, "%s", "nobody waits for the lock");
        OK(sv_file_write(lock_path, 0600, sv_bytes_str("kek"), &err));
        close(held);
        close(ready[0]);
        close(ready[1]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void gone_and_open(void **state)
{
        struct sv_store *s = NULL;
        struct sv_err err;

        chmod(path, 0640);
        FAILS(sv_store_open(&place, &s, &err), SV_SYSTEM, "broker.store.mode");
        assert_non_null(strstr(err.msg, "0640"));
        chmod(path, 0600);
        unlink(path);
        FAILS(sv_store_open(&place, &s, &err), SV_SYSTEM, "broker.store");
        assert_non_null(strstr(err.msg, "restore"));
        assert_int_equal(access(path, F_OK), -1);
}

/* As a restore does it: what was there before, older or newer, is older then. */
static void renewed(void **state)
{
        SV_STR old = sv_asprintf("%s/old", dir);
        SV_STR newer = sv_asprintf("%s/newer", dir);
        const struct sv_store_place backup = {.path = old, .key = key};
        struct sv_serial now;
        SV_STORE *s = NULL;
        struct sv_err err;

        copy_database(path, old);
        put_policy(PATH, "new");
        copy_database(path, newer);
        OK(sv_store_open(&backup, &s, &err));
        OK(s->ops->renew(s, 7, &now, &err));
        assert_int_equal(now.number, 8);
        OK(s->ops->copy(s, path, &err));
        /* also when the process is killed now */
        policy_is(PATH, "old");
        OK(sv_serial_write(serial_path, &now, &err));
        policy_is(PATH, "old");
        OK(store->ops->check(store, &err));
        copy_database(newer, path);
        FAILS(get_policy(PATH, &err), SV_SYSTEM, "broker.store.rollback");
}

/* A process is killed between its commit and the serial; the database of before is put back, and
 * the next change has the same number. */
static void two_of_one_number(void **state)
{
        SV_STR before = sv_asprintf("%s/before", dir);
        SV_STR lost = sv_asprintf("%s/lost", dir);
        SV_BUF serial = SV_BUF_NULL;
        struct sv_err err;

        copy_database(path, before);
        OK(sv_file_read(serial_path, 100, &serial, "test", &err));
        put_policy(PATH, "lost");
        copy_database(path, lost);
        OK(sv_file_write(serial_path, 0600, sv_buf_bytes(&serial), &err));
        policy_is(PATH, "lost");
        copy_database(before, path);
        put_policy(PATH, "new");
        assert_int_equal(read_serial(), 7);
        copy_database(lost, path);
        FAILS(get_policy(PATH, &err), SV_SYSTEM, "broker.store.rollback");
}

/* --- killed --- */

static const char *next_text;

static int change_policy(void)
{
        struct sv_store *s = NULL;

        return sv_store_open(&place, &s, NULL) < 0
                       ? -1
                       : put_policy_text(s, PATH, sv_bytes_str(next_text), 1, NULL);
}

/* At each of its system calls: the database is the old or the new one, and is believed; and the
 * next process brings the serial to where the database is. */
static void killed_at_each_call(void **state)
{
        const char *last = "old";
        int ahead = 0, changed = 0;
        struct sv_err err;
        bool killed = true;

        for (long n = 1; killed; n++) {
                int64_t before = read_serial(), after;
                SV_BUF text = SV_BUF_NULL;

                next_text = n % 2 ? "odd" : "even";
                killed = kill_at_call(change_policy, n);
                after = read_serial();
                assert_in_range(after, before, before + 1);
                OK(store->ops->get_policy(store, PATH, &text, &err));
                if (!strcmp(sv_buf_str(&text), next_text) && strcmp(next_text, last)) {
                        ahead += after == before;
                        changed++;
                        last = next_text;
                } else {
                        assert_string_equal(sv_buf_str(&text), last);
                        assert_int_equal(after, before);
                }
                OK(store->ops->check(store, &err));
                OK(store->ops->verify(store, &err));
                assert_in_range(read_serial(), before, before + 1);
        }
        print_message("%d changes, %d of them ahead of the serial\n", changed, ahead);
        assert_true(ahead > 0 && changed > ahead);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(rows_changed, setup, teardown),
                cmocka_unit_test_setup_teardown(policy_changed, setup, teardown),
                cmocka_unit_test_setup_teardown(each_mac_its_own, setup, teardown),
                cmocka_unit_test_setup_teardown(old_row_put_back, setup, teardown),
                cmocka_unit_test_setup_teardown(old_database_put_back, setup, teardown),
                cmocka_unit_test_setup_teardown(floor_not_laundered, setup, teardown),
                cmocka_unit_test_setup_teardown(removed_with_the_resource, setup, teardown),
                cmocka_unit_test_setup_teardown(without_state, setup, teardown),
                cmocka_unit_test_setup_teardown(lists_exchanged, setup, teardown),
                cmocka_unit_test_setup_teardown(key_of_another, setup, teardown),
                cmocka_unit_test_setup_teardown(foreign_code, setup, teardown),
                cmocka_unit_test_setup_teardown(version_lowered, setup, teardown),
                cmocka_unit_test_setup_teardown(serial_lost, setup, teardown),
                cmocka_unit_test_setup_teardown(serial_not_written, setup, teardown),
                cmocka_unit_test_setup_teardown(lock_follows_the_name, setup, teardown),
                cmocka_unit_test_setup_teardown(gone_and_open, setup, teardown),
                cmocka_unit_test_setup_teardown(renewed, setup, teardown),
                cmocka_unit_test_setup_teardown(two_of_one_number, setup, teardown),
                cmocka_unit_test_setup_teardown(killed_at_each_call, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
