/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the PostgreSQL driver share. */
#pragma once

#include "broker/store/sql.h"

extern const struct sv_sql_step sv_postgres_steps[]; /* broker/store/postgres-schema.c */
