/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet's PostgreSQL server, as its administrator has it, and what its brokers have seen of it.
 */
#pragma once

#include <signal.h>
#include <sys/wait.h>

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

static inline void set_standby(const char *name)
{
        SV_STR set = sv_asprintf("ALTER SYSTEM SET synchronous_standby_names = '%s'", name);

        run_on_server(set);
        run_on_server("SELECT pg_reload_conf()");
}

/* Writes and commits something that is in no table. */
static inline pid_t start_commit(void)
{
        pid_t pid = fork();

        if (pid == 0) {
                struct sv_sql *s = sv_postgres_connect(getenv("SV_TEST_DATABASE"), NULL);

                _exit(!s || sv_sql_exec(&s->store, "SELECT pg_logical_emit_message(true, '', '')",
                                        NULL) < 0);
        }
        return pid;
}

static inline bool is_commit_held(void)
{
        struct sv_sql *s = sv_postgres_connect(getenv("SV_TEST_DATABASE"), NULL);
        bool held = s && sv_sql_exec(&s->store,
                                     "SELECT 1 / count(*) FROM pg_stat_activity WHERE wait_event = "
                                     "'SyncRep'",
                                     NULL) == 0;

        if (s)
                sv_sql_close(&s->store);
        return held;
}

static inline bool holds_commits(pid_t *pid)
{
        if (*pid == 0 || waitpid(*pid, NULL, WNOHANG) == *pid)
                *pid = start_commit();
        return is_commit_held();
}

/* From when this returns no commit ends, until set_standby(""). The server's processes read their
 * configuration when they come to it. */
static inline void stop_commits(void)
{
        pid_t pid = 0;

        set_standby("nobody");
        WAIT_UNTIL(holds_commits(&pid), 60, "the server goes on without its standby");
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

static inline int64_t read_fleet_serial(const char *folder)
{
        SV_STR path = sv_asprintf("%s/serial", folder);
        struct sv_serial serial;
        struct sv_err err;

        OK(sv_serial_read(path, &serial, &err));
        return serial.number;
}
