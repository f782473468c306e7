/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet's PostgreSQL server, as its administrator has it, and what its brokers have seen of it.
 */
#pragma once

#include "tests/unit/unit.h"

#include "broker/store/sql.h"

/* Puts something else in place of what is written. */
static const char fleet_lie[] =
        "CREATE FUNCTION lie() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "NEW.text = 'x'::bytea; RETURN NEW; END $$;"
        "CREATE TRIGGER lie BEFORE INSERT OR UPDATE ON policies FOR EACH ROW EXECUTE "
        "FUNCTION lie()";

static inline void run_on_server(const char *sql)
{
        struct sv_err err;
        struct sv_sql *s = sv_postgres_connect(getenv("SV_TEST_DATABASE"), &err);

        assert_non_null(s);
        OK(sv_sql_exec(&s->store, sql, &err));
        sv_sql_close(&s->store);
}

static inline bool is_lock_wanted(void)
{
        struct sv_sql *s = sv_postgres_connect(getenv("SV_TEST_DATABASE"), NULL);
        bool wanted = s && sv_sql_exec(&s->store,
                                       "SELECT 1 / count(*) FROM pg_locks WHERE locktype = "
                                       "'advisory' AND NOT granted",
                                       NULL) == 0;

        if (s)
                sv_sql_close(&s->store);
        return wanted;
}

static inline void wait_for_standby(const char *name)
{
        SV_STR set = sv_asprintf("ALTER SYSTEM SET synchronous_standby_names = '%s'", name);

        run_on_server(set);
        run_on_server("SELECT pg_reload_conf()");
}

static inline int64_t read_fleet_serial(const char *folder)
{
        SV_STR path = sv_asprintf("%s/serial", folder);
        struct sv_serial serial;
        struct sv_err err;

        OK(sv_serial_read(path, &serial, &err));
        return serial.number;
}
