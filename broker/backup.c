/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "attest/jose/token.h"
#include "base/core/file.h"
#include "base/core/text.h"
#include "broker/versions.h"

/* Does every version open? */
static int verify_resource(struct sv_broker *b, const char *path, struct sv_backup_count *count,
                           struct sv_err *err)
{
        SV_VERSIONS v = {0};

        if (sv_versions_read(b, path, &v, err) < 0)
                return -1;
        for (size_t i = 0; i < v.n; i++)
                if (v.list[i].broken)
                        return sv_fail(err, SV_PROOF, "broker.backup.sealed",
                                       "version %lld of %s does not open under %s: it was damaged, "
                                       "or sealed under another kek",
                                       (long long)v.list[i].number, path, b->config.kek);
        count->resources++;
        count->versions += (int64_t)v.n;
        return 0;
}

int sv_backup_verify(struct sv_broker *b, struct sv_backup_count *out, struct sv_err *err)
{
        SV_JSON *list = sv_json_array();
        SV_JSON *policies = sv_json_array();
        struct sv_backup_count count = {.resources = 0};

        if (b->store->ops->check(b->store, err) < 0 ||
            b->store->ops->list_resources(b->store, NULL, list, err) < 0 ||
            b->store->ops->list_policies(b->store, policies, err) < 0)
                return -1;
        count.policies = (int64_t)sv_json_len(policies);
        for (size_t i = 0; i < sv_json_len(list); i++) {
                const char *path = sv_json_str(sv_json_get(sv_json_at(list, i), "path"));

                if (path && verify_resource(b, path, &count, err) < 0)
                        return -1;
        }
        *out = count;
        return 0;
}

/* The same broker with another database, however old that is. */
static int verify_file(const struct sv_broker *b, const char *path, struct sv_store **store,
                       struct sv_backup_count *count, struct sv_err *err)
{
        const struct sv_store_place place = {.path = path, .key = b->store_key};
        struct sv_broker other = *b;

        if (sv_store_open(&place, store, err) < 0)
                return -1;
        other.store = *store;
        return sv_backup_verify(&other, count, err);
}

static char *make_temp(const char *beside, struct sv_err *err)
{
        char *temp = sv_asprintf("%s.XXXXXX", beside);
        int fd = mkstemp(temp);

        if (fd >= 0) {
                close(fd);
                return temp;
        }
        sv_fail_errno(err, "broker.backup.file", "cannot make a file beside %s", beside);
        free(temp);
        return NULL;
}

/* With what SQLite keeps beside it. */
static void remove_database(const char *path)
{
        static const char *const tails[] = {"", "-wal", "-shm", "-journal"};

        for (size_t i = 0; i < sizeof(tails) / sizeof(*tails); i++) {
                SV_STR name = sv_asprintf("%s%s", path, tails[i]);

                unlink(name);
        }
}

static int sync_path(const char *path, struct sv_err *err)
{
        SV_FD fd = open(path, O_RDONLY | O_CLOEXEC);

        return fd < 0 || fsync(fd) < 0
                       ? sv_fail_errno(err, "broker.backup.file", "cannot sync %s", path)
                       : 0;
}

static int copy_and_verify(struct sv_broker *b, const char *temp, struct sv_backup_count *count,
                           struct sv_err *err)
{
        SV_STORE *store = NULL;

        if (b->store->ops->copy(b->store, temp, err) < 0 ||
            verify_file(b, temp, &store, count, err) < 0)
                return -1;
        /* One file, without a journal beside it. */
        return store->ops->detach(store, err);
}

int sv_backup_make(struct sv_broker *b, const char *out, struct sv_backup_count *count,
                   struct sv_err *err)
{
        SV_STR temp = make_temp(out, err);
        int r;

        if (!temp)
                return -1;
        r = copy_and_verify(b, temp, count, err);
        if (r == 0)
                r = sync_path(temp, err);
        /* A link replaces nothing. */
        if (r == 0 && link(temp, out) < 0)
                r = errno == EEXIST
                            ? sv_fail(err, SV_USAGE, "broker.backup.exists",
                                      "%s is there already: give another name", out)
                            : sv_fail_errno(err, "broker.backup.file", "cannot make %s", out);
        remove_database(temp);
        return r;
}

static int forget_issued(struct sv_broker *b, struct sv_store *s, struct sv_err *err)
{
        int64_t now = time(NULL);

        return s->ops->forget_once(s, now + b->config.session_seconds, now + SV_ADMIN_TOKEN_MAX,
                                   err);
}

/* Until what is issued now counts: the floor is a whole second. */
static void wait_for_second(void)
{
        int64_t now = time(NULL);

        while (time(NULL) <= now)
                usleep(10000);
}

/* In the database that comes back, and where else records go. */
static int record_restore(struct sv_broker *b, struct sv_store *backup, int64_t before,
                          const struct sv_serial *now, bool unauthenticated, struct sv_err *err)
{
        SV_JSON *j = sv_json_object();
        SV_BUF line = SV_BUF_NULL;

        sv_json_set_str(j, "action", "restore");
        sv_json_set_str(j, "outcome", "done");
        sv_json_set_int(j, "serial", now->number);
        if (before >= 0)
                sv_json_set_int(j, "before", before);
        if (unauthenticated)
                sv_json_set_bool(j, "unauthenticated", true);
        return sv_broker_record(b, backup, j, &line, err);
}

/* Of the database whose place is taken, however old this broker's own serial is: others may have
 * gone on with it. One that is not believed has none. */
static int64_t read_newest_number(const struct sv_broker *b)
{
        const struct sv_store_place place = {.path = b->config.database, .key = b->store_key};
        SV_STORE *store = NULL;
        int64_t number = 0;

        if (sv_store_exists(place.path, NULL) != 1 || sv_store_open(&place, &store, NULL) < 0 ||
            store->ops->get_number(store, &number, NULL) < 0)
                return 0;
        return number;
}

/* While nobody changes the database: what comes back is newer than all that was there; where that
 * is not known any more, seconds since 1970 are above any number of changes. What was used since
 * the backup is not in it: so nothing counts any more that was issued before. What
 * was put since the losses were looked at, also through another broker, would be lost unseen. */
static int take_place(struct sv_broker *b, struct sv_store *backup, const struct sv_restore *r,
                      struct sv_err *err)
{
        SV_FD lock = sv_serial_lock(b->config.kek, err);
        struct sv_serial before, now;
        int64_t above = read_newest_number(b);

        if (lock < 0 || sv_serial_read(b->config.serial, &before, err) < 0)
                return -1;
        if (above < (before.number < 0 ? time(NULL) : before.number))
                above = before.number < 0 ? time(NULL) : before.number;
        if (backup->ops->renew(backup, above, &now, err) < 0 || forget_issued(b, backup, err) < 0 ||
            record_restore(b, backup, before.number, &now, r->unauthenticated, err) < 0 ||
            backup->ops->replace(backup, b->config.database, r->replace ? NULL : sv_losses_compare,
                                 backup, err) < 0)
                return -1;
        return sv_serial_write(b->config.serial, &now, err);
}

/* To open it authenticates all that is in it: whoever wrote it chose the policies. */
static int check_authenticated(const char *temp, struct sv_restore *r, struct sv_err *err)
{
        bool authenticated;

        if (sv_store_is_authenticated(temp, &authenticated, err) < 0)
                return -1;
        r->unauthenticated = !authenticated;
        if (authenticated || r->take_unauthenticated)
                return 0;
        return sv_fail(err, SV_PROOF, "broker.restore.unauthenticated",
                       "%s is from before databases were authenticated: whoever wrote it could "
                       "have put in any policy, also one that releases the keys to a guest of "
                       "theirs; take a later backup, or, when it was out of nobody else's reach, "
                       "say --unauthenticated, and look at each policy before a guest asks",
                       r->from);
}

static int restore_copy(struct sv_broker *b, const char *temp, struct sv_restore *r,
                        struct sv_err *err)
{
        const struct sv_store_place place = sv_broker_place(b);
        SV_STORE *backup = NULL;

        if (check_authenticated(temp, r, err) < 0 ||
            verify_file(b, temp, &backup, &r->count, err) < 0 ||
            sv_losses_check(b->config.database, backup, r->replace, &r->policies, err) < 0)
                return -1;
        sv_store_free(b->store);
        b->store = NULL;
        /* Again afterwards, for what was issued while it was copied. */
        if (take_place(b, backup, r, err) < 0 || sv_store_open(&place, &b->store, err) < 0 ||
            forget_issued(b, b->store, err) < 0)
                return -1;
        wait_for_second();
        return sv_backup_verify(b, &r->count, err);
}

/* What is committed may stand in the journal beside a database that nobody has closed. */
static int copy_with_journal(const char *from, const char *temp, struct sv_err *err)
{
        SV_STR journal = sv_asprintf("%s-wal", from);
        SV_STR to = sv_asprintf("%s-wal", temp);

        if (access(journal, F_OK) == 0 && sv_file_copy(journal, to, 0600, err) < 0)
                return -1;
        return sv_file_copy(from, temp, 0600, err);
}

/* The broker's own may be in use: sessions and records are still written where no change is. */
static int copy_backup(const struct sv_broker *b, const char *from, const char *temp,
                       struct sv_err *err)
{
        struct stat own, other;

        if (!sv_store_is_file(from))
                return sv_store_copy(from, temp, err);
        if (stat(from, &other) == 0 && stat(b->config.database, &own) == 0 &&
            own.st_dev == other.st_dev && own.st_ino == other.st_ino)
                return sv_store_copy(from, temp, err);
        return copy_with_journal(from, temp, err);
}

/* It names a record that may not be there any more, which no new head would follow
 * (broker/head.h). */
static void put_head_aside(const struct sv_broker *b)
{
        SV_STR aside = sv_asprintf("%s.before-restore", b->config.audit_head);

        (void)!rename(b->config.audit_head, aside);
}

int sv_backup_restore(struct sv_broker *b, struct sv_restore *r, struct sv_err *err)
{
        const char *database = b->config.database;
        SV_STR temp = make_temp(sv_store_is_file(database) ? database : b->config.serial, err);
        int rc;

        if (!temp)
                return -1;
        /* A copy: an older backup is brought to this program's version, and the file stays. */
        unlink(temp);
        rc = copy_backup(b, r->from, temp, err);
        if (rc == 0)
                rc = restore_copy(b, temp, r, err);
        if (rc == 0)
                put_head_aside(b);
        remove_database(temp);
        return rc;
}
