/* SPDX-License-Identifier: Apache-2.0 */
/* A whole database into another file, while others use both (SQLite's online backup): whoever reads
 * the other finds what was in it before or all of this one. */
#include <unistd.h>

#include "broker/store/sqlite.h"

#define PAGES    256
#define PAUSE_US 20000
#define TRIES    1500 /* of a database that somebody keeps locked: half a minute */

static int copy_pages(struct sv_store *to, sqlite3_backup *b, struct sv_err *err)
{
        int rc, waits = 0;

        while ((rc = sqlite3_backup_step(b, PAGES)) != SQLITE_DONE) {
                if (rc == SQLITE_OK)
                        continue;
                if ((rc != SQLITE_BUSY && rc != SQLITE_LOCKED) || ++waits == TRIES)
                        return sv_sqlite_fail(to, "cannot copy the database", err);
                usleep(PAUSE_US);
        }
        return 0;
}

int sv_sqlite_copy(struct sv_store *from, const char *path, struct sv_err *err)
{
        struct sv_sqlite *to = sv_sqlite_connect(path, err);
        sqlite3_backup *b;
        int rc = -1;

        if (!to)
                return -1;
        b = sqlite3_backup_init(to->db, "main", ((struct sv_sqlite *)from)->db, "main");
        if (b)
                rc = copy_pages(&to->store, b, err);
        else
                sv_sqlite_fail(&to->store, "cannot begin to copy the database", err);
        if (b && sqlite3_backup_finish(b) != SQLITE_OK && rc == 0)
                rc = sv_sqlite_fail(&to->store, "cannot complete the copy of the database", err);
        sv_sqlite_close(&to->store);
        return rc;
}

int sv_sqlite_check(struct sv_store *s, struct sv_err *err)
{
        SV_STMT *q = sv_sqlite_prepare(s, "PRAGMA integrity_check(1)", err, "");
        const char *text;

        if (sv_sqlite_step(s, q, err) != 1)
                return -1;
        text = (const char *)sqlite3_column_text(q, 0);
        if (text && !strcmp(text, "ok"))
                return 0;
        return sv_fail(err, SV_SYSTEM, "broker.store.damaged", "the database is damaged: %.200s",
                       text ? text : "no answer");
}
