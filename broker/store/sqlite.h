/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the SQLite driver share. */
#pragma once

#include <sqlite3.h>

#include "broker/store/sql.h"

extern const struct sv_sql_step sv_sqlite_steps[]; /* broker/store/sqlite-schema.c */
