/* SPDX-License-Identifier: Apache-2.0 */
/* A whole database into another file, while others use both (SQLite's online backup): whoever reads
 * the other finds what was in it before or all of this one. */
#include <sys/stat.h>
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
                        return sv_sql_fail(to, "cannot copy the database", err);
                usleep(PAUSE_US);
        }
        return 0;
}

static int copy_into(struct sv_store *from, struct sv_sql *to, struct sv_err *err)
{
        sqlite3_backup *b =
                sqlite3_backup_init(to->db, "main", ((struct sv_sql *)from)->db, "main");
        int rc;

        if (!b)
                return sv_sql_fail(&to->store, "cannot begin to copy the database", err);
        rc = copy_pages(&to->store, b, err);
        if (sqlite3_backup_finish(b) != SQLITE_OK && rc == 0)
                rc = sv_sql_fail(&to->store, "cannot complete the copy of the database", err);
        return rc;
}

int sv_sqlite_copy(struct sv_store *from, const char *path, struct sv_err *err)
{
        mode_t old = umask(077); /* the file is made on its first use */
        struct sv_sql *to = sv_sqlite_connect(path, true, err);
        int rc = to ? copy_into(from, to, err) : -1;

        umask(old);
        if (to)
                sv_sql_close(&to->store);
        return rc;
}
