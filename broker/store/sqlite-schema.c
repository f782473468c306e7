/* SPDX-License-Identifier: Apache-2.0 */
/* The tables, and the way from one version of them to the next. The version stands in SQLite's
 * user_version. A released step is never changed: what comes later is a further row of `steps`. */
#include <stdio.h>

#include "base/core/file.h"
#include "broker/store/sqlite-mac.h"

static int take_rows(struct sv_store *s, struct sv_macs *m, enum sv_row_kind kind,
                     struct sv_err *err)
{
        SV_STMT *q = sv_macs_list_rows(s, kind, err);
        int rc;

        while ((rc = sv_sqlite_step(s, q, err)) == 1) {
                const char *path = (const char *)sqlite3_column_text(q->stmt, 0);
                const char *name = (const char *)sqlite3_column_text(q->stmt, 1);

                if (sv_macs_take_row(s, m, kind, path, name, err) < 0)
                        return -1;
        }
        return rc;
}

/* What a database from before there were MACs has, is taken as it is. */
static int fill_macs(struct sv_store *s, struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};
        int rc = 0;

        for (enum sv_row_kind kind = 1; rc == 0 && kind <= SV_ROW_DISK; kind++)
                rc = take_rows(s, &m, kind, err);
        if (rc == 0)
                rc = sv_macs_write(s, &m, err);
        sv_macs_free(&m);
        return rc;
}

static const struct sv_sqlite_step steps[] = {
        /* 0 to 1. Databases from before there were versions have the first four tables. The others
         * went with version 5. */
        {"CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, nonce TEXT NOT NULL,"
         " tee TEXT NOT NULL, secret BLOB, expires INTEGER NOT NULL,"
         " used INTEGER NOT NULL DEFAULT 0, token TEXT, ek_cn TEXT);"
         "CREATE INDEX IF NOT EXISTS sessions_expires ON sessions (expires);"
         "CREATE TABLE IF NOT EXISTS resources (path TEXT PRIMARY KEY, sealed BLOB NOT NULL,"
         " size INTEGER NOT NULL, created INTEGER NOT NULL);"
         "CREATE TABLE IF NOT EXISTS policies (path TEXT PRIMARY KEY, text BLOB NOT NULL,"
         " created INTEGER NOT NULL);"
         "CREATE TABLE IF NOT EXISTS audit (id INTEGER PRIMARY KEY AUTOINCREMENT,"
         " time INTEGER NOT NULL, record TEXT NOT NULL);"
         "CREATE TABLE anchors (id INTEGER PRIMARY KEY, tee TEXT NOT NULL, kind TEXT NOT NULL,"
         " data BLOB NOT NULL, UNIQUE (tee, kind, data));"
         "CREATE TABLE policy_anchors (path TEXT NOT NULL REFERENCES policies ON DELETE CASCADE,"
         " anchor INTEGER NOT NULL REFERENCES anchors, PRIMARY KEY (path, anchor)) WITHOUT ROWID;"
         "CREATE INDEX policy_anchors_anchor ON policy_anchors (anchor);"
         "CREATE TRIGGER anchors_unused AFTER DELETE ON policy_anchors"
         " WHEN NOT EXISTS (SELECT 1 FROM policy_anchors WHERE anchor = OLD.anchor)"
         " BEGIN DELETE FROM anchors WHERE id = OLD.anchor; END;",
         NULL},
        /* Resources have versions; what was there is the first. */
        {"ALTER TABLE resources RENAME TO resources_before;"
         "CREATE TABLE resources (path TEXT NOT NULL, version INTEGER NOT NULL,"
         " sealed BLOB NOT NULL, size INTEGER NOT NULL, created INTEGER NOT NULL,"
         " PRIMARY KEY (path, version));"
         "INSERT INTO resources SELECT path, 1, sealed, size, created FROM resources_before;"
         "DROP TABLE resources_before;",
         NULL},
        /* A session is kept once evidence was accepted in it, and what counts once is known until
         * its time is over. Sessions from before begin again: their cookies open no more. */
        {"DROP TABLE sessions;"
         "CREATE TABLE sessions (id TEXT PRIMARY KEY, source INTEGER NOT NULL, tee TEXT NOT NULL,"
         " token TEXT, ek_cn TEXT, expires INTEGER NOT NULL);"
         "CREATE INDEX sessions_expires ON sessions (expires);"
         "CREATE INDEX sessions_source ON sessions (source);"
         "CREATE TABLE releases (session TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,"
         " path TEXT NOT NULL, PRIMARY KEY (session, path)) WITHOUT ROWID;"
         "CREATE TABLE admin_tokens (id TEXT PRIMARY KEY, expires INTEGER NOT NULL) WITHOUT ROWID;"
         "CREATE INDEX admin_tokens_expires ON admin_tokens (expires);"
         "CREATE TABLE floors (name TEXT PRIMARY KEY, time INTEGER NOT NULL) WITHOUT ROWID;"
         "INSERT INTO floors VALUES ('sessions', 0), ('admin_tokens', 0);"
         "ALTER TABLE audit ADD COLUMN stranger INTEGER NOT NULL DEFAULT 0;"
         "CREATE INDEX audit_strangers ON audit (id) WHERE stranger;",
         NULL},
        /* Disks, as long as the resource that has their keys. */
        {"CREATE TABLE disks (path TEXT NOT NULL, volume TEXT NOT NULL,"
         " generation INTEGER NOT NULL, restored INTEGER NOT NULL, time INTEGER NOT NULL,"
         " PRIMARY KEY (path, volume)) WITHOUT ROWID;"
         "CREATE TRIGGER disks_unused AFTER DELETE ON resources"
         " WHEN NOT EXISTS (SELECT 1 FROM resources WHERE path = OLD.path)"
         " BEGIN DELETE FROM disks WHERE path = OLD.path; END;",
         NULL},
        /* MACs. Nobody reads the anchors, and what a trigger does is not authenticated. */
        {"DROP TABLE policy_anchors; DROP TABLE anchors; DROP TRIGGER disks_unused;"
         "CREATE TABLE macs (id INTEGER PRIMARY KEY, list BLOB NOT NULL);"
         "CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 0), serial INTEGER NOT NULL,"
         " digests BLOB NOT NULL, mac BLOB NOT NULL);",
         fill_macs},
        /* Which instance has a disk, and until when nobody else gets it. */
        {"CREATE TABLE leases (path TEXT NOT NULL, volume TEXT NOT NULL, instance TEXT NOT NULL,"
         " until INTEGER NOT NULL, time INTEGER NOT NULL, PRIMARY KEY (path, volume))"
         " WITHOUT ROWID;",
         NULL},
        /* Every version of a policy. Of one from before, the first is what is stored then. */
        {"CREATE TABLE policy_versions (path TEXT NOT NULL, version INTEGER NOT NULL,"
         " text BLOB NOT NULL, created INTEGER NOT NULL, author TEXT NOT NULL,"
         " PRIMARY KEY (path, version)) WITHOUT ROWID;",
         NULL},
        /* Audit records are a chain from the next one on. */
        {"ALTER TABLE audit ADD COLUMN link BLOB;"
         "CREATE INDEX audit_links ON audit (id) WHERE link IS NOT NULL;",
         NULL},
        /* The token with which each guest was last given a resource. */
        {"CREATE TABLE accepted (path TEXT NOT NULL, guest TEXT NOT NULL, token TEXT NOT NULL,"
         " time INTEGER NOT NULL, PRIMARY KEY (path, guest)) WITHOUT ROWID;"
         "CREATE INDEX accepted_newest ON accepted (path, time);",
         NULL},
};
#define WITH_MACS 5 /* the version from which on databases are authenticated, and have a serial */
#define VERSION   ((int)(sizeof(steps) / sizeof(*steps)))

static int read_schema_version(struct sv_store *s, int64_t *version, struct sv_err *err)
{
        SV_STMT *q = sv_sqlite_prepare(s, "PRAGMA user_version", err, "");

        if (sv_sqlite_step(s, q, err) != 1)
                return -1;
        *version = sqlite3_column_int64(q->stmt, 0);
        return 0;
}

int sv_sqlite_check_version(struct sv_store *s, struct sv_err *err)
{
        int64_t expected = ((struct sv_sqlite *)s)->version, found;

        if (!expected)
                return 0;
        if (read_schema_version(s, &found, err) < 0)
                return -1;
        if (found == expected)
                return 0;
        return sv_fail(err, SV_SYSTEM, "broker.store.version",
                       "the database has version %lld and had %lld when this broker opened it: "
                       "another secure-vm-broker has brought it there; start this service anew, "
                       "with that program",
                       (long long)found, (long long)expected);
}

/* In a transaction. Another process may have gone the same way meanwhile: the version is read
 * again. */
static int run_steps(struct sv_store *s, const struct sv_sqlite_step *list, int n,
                     struct sv_err *err)
{
        char set[64];
        int64_t version;

        if (read_schema_version(s, &version, err) < 0)
                return -1;
        for (; version < n; version++) {
                if (sv_sqlite_exec(s, list[version].sql, err) < 0)
                        return -1;
                if (list[version].fill && list[version].fill(s, err) < 0)
                        return -1;
        }
        snprintf(set, sizeof(set), "PRAGMA user_version = %lld", (long long)version);
        return sv_sqlite_exec(s, set, err);
}

int sv_sqlite_migrate(struct sv_store *s, const struct sv_sqlite_step *list, int n,
                      struct sv_err *err)
{
        int64_t version;

        if (read_schema_version(s, &version, err) < 0)
                return -1;
        if (version < 0 || version > n)
                return sv_fail(err, SV_SYSTEM, "broker.store.version",
                               "the database has version %lld, expected at most %d: a newer "
                               "secure-vm-broker has written it; install that one again, or "
                               "restore a copy from before",
                               (long long)version, n);
        if (version == n)
                return 0;
        if (sv_sqlite_begin(s, err) < 0)
                return -1;
        return sv_sqlite_end(s, run_steps(s, list, n, err), err);
}

/* A database without MACs is taken as it is where there was none before, or none with MACs. */
static int check_first(const struct sv_store_place *place, struct sv_err *err)
{
        const struct sv_serial none = {.number = 0};
        struct sv_serial outside;

        if (!place->serial)
                return 0;
        if (sv_serial_read(place->serial, &outside, err) < 0)
                return -1;
        if (outside.number < 0)
                return sv_serial_write(place->serial, &none, err);
        if (outside.number == 0)
                return 0;
        return sv_fail(err, SV_SYSTEM, "broker.store.rollback",
                       "the database is from before changes were counted, and was at change %lld "
                       "(%s): it was put there, and nothing in it is authenticated: whoever wrote "
                       "it could have put in any policy; take the right one, or a later backup "
                       "(\"secure-vm-broker restore\")",
                       (long long)outside.number, place->serial);
}

int sv_sqlite_is_authenticated(struct sv_store *s, bool *out, struct sv_err *err)
{
        int64_t version;

        if (read_schema_version(s, &version, err) < 0)
                return -1;
        *out = version >= WITH_MACS;
        return 0;
}

static int update_locked(struct sv_store *s, struct sv_err *err)
{
        const struct sv_store_place *place = &((struct sv_sqlite *)s)->place;
        SV_FD lock = place->lock ? sv_serial_lock(place->lock, err) : -1;
        int64_t version;

        if ((place->lock && lock < 0) || read_schema_version(s, &version, err) < 0)
                return -1;
        if (version < WITH_MACS && check_first(place, err) < 0)
                return -1;
        return sv_sqlite_migrate(s, steps, VERSION, err);
}

static int update_schema(struct sv_store *s, struct sv_err *err)
{
        int64_t version;

        if (read_schema_version(s, &version, err) < 0)
                return -1;
        if (version < 0 || version >= VERSION)
                return sv_sqlite_migrate(s, steps, VERSION, err);
        if (((struct sv_sqlite *)s)->place.key)
                return update_locked(s, err);
        return sv_fail(err, SV_SYSTEM, "broker.store.version",
                       "the database has version %lld, expected %d: \"secure-vm-broker check\" "
                       "brings it there",
                       (long long)version, VERSION);
}

int sv_sqlite_update(struct sv_store *s, struct sv_err *err)
{
        if (update_schema(s, err) < 0)
                return -1;
        ((struct sv_sqlite *)s)->version = VERSION;
        return 0;
}
