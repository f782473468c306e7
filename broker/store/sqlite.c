/* SPDX-License-Identifier: Apache-2.0 */
/* The row of functions. */
#include "broker/store/sqlite.h"

#include <sys/stat.h>

static int leave_wal(struct sv_store *s, struct sv_err *err)
{
        return sv_sqlite_exec(s, "PRAGMA journal_mode=DELETE", err);
}

static const struct sv_store_ops sqlite_ops = {
        .close = sv_sqlite_close,
        .check_nonce = sv_sqlite_check_nonce,
        .put_session = sv_sqlite_put_session,
        .get_session = sv_sqlite_get_session,
        .put_release = sv_sqlite_put_release,
        .end_session = sv_sqlite_end_session,
        .take_token = sv_sqlite_take_token,
        .forget_once = sv_sqlite_forget_once,
        .put_resource = sv_sqlite_put_resource,
        .get_resource = sv_sqlite_get_resource,
        .delete_resource = sv_sqlite_delete_resource,
        .list_versions = sv_sqlite_list_versions,
        .list_resources = sv_sqlite_list_resources,
        .get_disk = sv_sqlite_get_disk,
        .raise_disk = sv_sqlite_raise_disk,
        .restore_disk = sv_sqlite_restore_disk,
        .get_lease = sv_sqlite_get_lease,
        .take_lease = sv_sqlite_take_lease,
        .end_lease = sv_sqlite_end_lease,
        .put_accepted = sv_sqlite_put_accepted,
        .each_accepted = sv_sqlite_each_accepted,
        .put_policy = sv_sqlite_put_policy,
        .get_policy = sv_sqlite_get_policy,
        .delete_policy = sv_sqlite_delete_policy,
        .list_policy_versions = sv_sqlite_list_policy_versions,
        .get_policy_version = sv_sqlite_get_policy_version,
        .list_policies = sv_sqlite_list_policies,
        .copy = sv_sqlite_copy,
        .detach = leave_wal,
        .verify = sv_sqlite_verify,
        .check = sv_sqlite_check,
        .renew = sv_sqlite_renew,
        .hold = sv_sqlite_hold,
        .reserve = sv_sqlite_reserve,
        .settle = sv_sqlite_settle,
        .put_audit = sv_sqlite_put_audit,
        .get_newest_audit = sv_sqlite_get_newest_audit,
        .list_audit = sv_sqlite_list_audit,
        .check_audit = sv_sqlite_check_audit,
};

/* The versions come first: a newer database is left as it is, not even its journal is changed. */
static int prepare_database(struct sv_store *s, struct sv_err *err)
{
        static const char settings[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                                       "PRAGMA secure_delete=ON; PRAGMA foreign_keys=ON;";

        if (sv_sqlite_update(s, err) < 0)
                return -1;
        return sv_sqlite_exec(s, settings, err);
}

/* A broker that has had a database makes no other in silence. */
static int check_file(const struct sv_store_place *place, struct sv_err *err)
{
        struct sv_serial outside = {.number = 0};
        struct stat st;

        if (stat(place->path, &st) == 0)
                return !(st.st_mode & 077)
                               ? 0
                               : sv_fail(err, SV_SYSTEM, "broker.store.mode",
                                         "%s has the mode %04o: others than its owner can use it; "
                                         "\"chmod 600\" it",
                                         place->path, (unsigned)st.st_mode & 07777);
        if (place->serial && sv_serial_read(place->serial, &outside, err) < 0)
                return -1;
        if (place->key && outside.number <= 0)
                return 0;
        return sv_fail(err, SV_SYSTEM, "broker.store",
                       "the database %s is gone: take a backup back, \"secure-vm-broker "
                       "restore\"",
                       place->path);
}

int sv_sqlite_open(const struct sv_store_place *place, struct sv_store **out, struct sv_err *err)
{
        mode_t old = umask(077); /* the file is made on its first use */
        struct sv_sqlite *s =
                check_file(place, err) < 0 ? NULL : sv_sqlite_connect(place->path, err);
        int rc = -1;

        if (s) {
                s->place = *place;
                rc = prepare_database(&s->store, err);
        }
        umask(old);
        if (rc < 0) {
                if (s)
                        sv_sqlite_close(&s->store);
                return sv_wrap(err, "%s", place->path);
        }
        s->store.ops = &sqlite_ops;
        *out = &s->store;
        return 0;
}
