/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the SQLite driver share. */
#pragma once

#include <sqlite3.h>

#include "broker/store/sql.h"

/* What the log has that counts is written into it once more, in place, for the sync that follows.
 * -1: it is not whole, or cannot be written. No transaction is open. */
int sv_sqlite_write_log_anew(sqlite3 *db, sqlite3_file *log); /* broker/store/sqlite-log.c */

extern const struct sv_sql_step sv_sqlite_steps[]; /* broker/store/sqlite-schema.c */
