/* SPDX-License-Identifier: Apache-2.0 */
/* A folder with a database in it, its serial, and a key; in memory, where a sync costs nothing.
 * With SV_TEST_DATABASE the database is of that server, emptied each time
 * (tests/conformance/postgres.py).
 */
#pragma once

#include <sqlite3.h>
#include <sys/stat.h>

#include "base/core/file.h"
#include "broker/store/sql.h"

static char dir[64], path[512], serial_path[128], lock_path[128];
static struct sv_secret *key, *other_key;
static struct sv_store_place place;

static inline bool is_on_server(void)
{
        return getenv("SV_TEST_DATABASE") != NULL;
}

static void empty_server(void)
{
        struct sv_err err;
        struct sv_sql *s;

        snprintf(path, sizeof(path), "%s", getenv("SV_TEST_DATABASE"));
        s = sv_postgres_connect(path, &err);
        assert_non_null(s);
        OK(sv_sql_exec(&s->store, "DROP SCHEMA public CASCADE; CREATE SCHEMA public", &err));
        sv_sql_close(&s->store);
}

static int setup_place(void **state)
{
        static const uint8_t none[32] = {0}, other[32] = {1};
        struct sv_err err;

        umask(077);
        snprintf(dir, sizeof(dir), "/dev/shm/sv-store-XXXXXX");
        assert_non_null(mkdtemp(dir));
        snprintf(path, sizeof(path), "%s/db", dir);
        snprintf(serial_path, sizeof(serial_path), "%s/serial", dir);
        snprintf(lock_path, sizeof(lock_path), "%s/kek", dir);
        OK(sv_file_write(lock_path, 0600, sv_bytes_str("kek"), &err));
        key = sv_secret_copy(sv_bytes(none, sizeof(none)), &err);
        other_key = sv_secret_copy(sv_bytes(other, sizeof(other)), &err);
        assert_true(key && other_key);
        if (is_on_server())
                empty_server();
        place = (struct sv_store_place){path, serial_path, lock_path, key};
        return 0;
}

static int teardown_place(void **state)
{
        struct sv_err err;

        sv_secret_free(key);
        sv_secret_free(other_key);
        OK(sv_remove_tree(dir, &err));
        return 0;
}

static struct sv_store *open_store(void)
{
        struct sv_store *s = NULL;
        struct sv_err err;

        OK(sv_store_open(&place, &s, &err));
        return s;
}

static inline void run_sql(const char *sql)
{
        sqlite3 *db = NULL;

        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
                fail_msg("%s: %s", sql, sqlite3_errmsg(db));
        sqlite3_close(db);
}
