/* SPDX-License-Identifier: Apache-2.0 */
/* A whole database into another file, while others use both (SQLite's online backup): whoever reads
 * the other finds what was in it before or all of this one. */
#include <sys/stat.h>
#include <unistd.h>

#include "broker/store/sqlite-mac.h"

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

static int copy_into(struct sv_store *from, struct sv_sqlite *to, struct sv_err *err)
{
        sqlite3_backup *b =
                sqlite3_backup_init(to->db, "main", ((struct sv_sqlite *)from)->db, "main");
        int rc;

        if (!b)
                return sv_sqlite_fail(&to->store, "cannot begin to copy the database", err);
        rc = copy_pages(&to->store, b, err);
        if (sqlite3_backup_finish(b) != SQLITE_OK && rc == 0)
                rc = sv_sqlite_fail(&to->store, "cannot complete the copy of the database", err);
        return rc;
}

int sv_sqlite_copy(struct sv_store *from, const char *path, struct sv_err *err)
{
        mode_t old = umask(077); /* the file is made on its first use */
        struct sv_sqlite *to = sv_sqlite_connect(path, err);
        int rc = to ? copy_into(from, to, err) : -1;

        umask(old);
        if (to)
                sv_sqlite_close(&to->store);
        return rc;
}

/* Begin and end of a change that changes nothing. */
int sv_sqlite_verify(struct sv_store *s, struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        return sv_macs_begin_change(s, &m, err) < 0 ? -1 : sv_macs_end_change(s, &m, 0, err);
}

int sv_sqlite_renew(struct sv_store *s, int64_t above, struct sv_serial *out, struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        if (sv_macs_begin_change(s, &m, err) < 0)
                return -1;
        if (m.serial < above)
                m.serial = above;
        m.changed = true;
        if (sv_macs_end_change(s, &m, 0, err) < 0)
                return -1;
        out->number = m.serial;
        memcpy(out->mac, m.mac, SV_MAC_SIZE);
        return 0;
}

static int check_pages(struct sv_store *s, struct sv_err *err)
{
        SV_STMT *q = sv_sqlite_prepare(s, "PRAGMA integrity_check(1)", err, "");
        const char *text;

        if (sv_sqlite_step(s, q, err) != 1)
                return -1;
        text = (const char *)sqlite3_column_text(q->stmt, 0);
        if (text && !strcmp(text, "ok"))
                return 0;
        return sv_fail(err, SV_SYSTEM, "broker.store.damaged", "the database is damaged: %.200s",
                       text ? text : "no answer");
}

int sv_sqlite_check(struct sv_store *s, struct sv_err *err)
{
        struct sv_macs m = {.lock = 0};

        if (check_pages(s, err) < 0 || sv_macs_begin_read(s, &m, err) < 0)
                return -1;
        return sv_macs_end_read(s, &m, sv_macs_check_all(s, &m, err));
}
