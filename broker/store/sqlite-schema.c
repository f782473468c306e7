/* SPDX-License-Identifier: Apache-2.0 */
/* The tables in SQLite, and the way from one version of them to the next. A released step is never
 * changed: what comes later is a further row. */
#include "broker/store/sqlite.h"

const struct sv_sql_step sv_sqlite_steps[] = {
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
         sv_sql_fill_macs},
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
        /* As the statements say it that all databases understand. */
        {"DROP INDEX IF EXISTS audit_strangers;"
         "CREATE INDEX audit_strangers ON audit (id) WHERE stranger <> 0;",
         NULL},
        /* What is said of a resource beside its value. */
        {"CREATE TABLE settings (path TEXT PRIMARY KEY, labels TEXT NOT NULL,"
         " most INTEGER NOT NULL, released INTEGER NOT NULL, bytes INTEGER NOT NULL,"
         " takers BLOB NOT NULL) WITHOUT ROWID;",
         NULL, "DROP TABLE settings;", "settings"},
        /* Sets of values that policies name. */
        {"CREATE TABLE reference_sets (name TEXT PRIMARY KEY, text BLOB NOT NULL,"
         " generation INTEGER NOT NULL, created INTEGER NOT NULL) WITHOUT ROWID;",
         NULL, "DROP TABLE reference_sets;", "reference_sets"},
        /* Changes that wait for a second person. */
        {"CREATE TABLE pending (id TEXT PRIMARY KEY, path TEXT NOT NULL, head BLOB NOT NULL,"
         " body BLOB NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID;",
         NULL, "DROP TABLE pending;", "pending"},
        /* Sessions that have not ended: how many there are is asked at each attestation. */
        {"DROP INDEX IF EXISTS sessions_source;"
         "CREATE INDEX sessions_alive ON sessions (source) WHERE token IS NOT NULL;",
         NULL, "DROP INDEX sessions_alive; CREATE INDEX sessions_source ON sessions (source);",
         NULL},
        {NULL, NULL},
};
