/* SPDX-License-Identifier: Apache-2.0 */
/* Syncs that processes share: who waits for which, and that nothing counts as kept before it. */
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#include "tests/unit/broker_place.h"

#include "base/core/clock.h"
#include "broker/store/sql.h"
#include "broker/store/syncs.h"

#define OURS   7
#define OTHERS 8

int __real_sv_syncs_wait(struct sv_syncs *s, uint64_t database,
                         int (*sync)(void *context, bool again), void *context);

static struct sv_syncs *syncs;

static struct shared {
        volatile bool go_on, begun;
        volatile int mine, anew, waited;
} * shared;

static int sync_setup(void **state)
{
        struct sv_err err;

        OK(sv_syncs_open(&syncs, &err));
        shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0);
        assert_ptr_not_equal(shared, MAP_FAILED);
        return 0;
}

static int sync_teardown(void **state)
{
        sv_syncs_free(syncs);
        syncs = NULL;
        munmap(shared, sizeof(*shared));
        return 0;
}

static int64_t count_syncs(int64_t *commits)
{
        int64_t n, c;

        sv_syncs_count(syncs, &c, &n);
        if (commits)
                *commits = c;
        return n;
}

static int sync_at_once(void *context, bool again)
{
        __atomic_fetch_add(&shared->mine, 1, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&shared->anew, again, __ATOMIC_SEQ_CST);
        return 0;
}

static int sync_slowly(void *context, bool again)
{
        shared->begun = true;
        while (!shared->go_on)
                usleep(1000);
        return 0;
}

static int sync_never(void *context, bool again)
{
        return -1;
}

static pid_t wait_aside(uint64_t database, int (*sync)(void *context, bool again))
{
        pid_t pid = fork();

        if (pid)
                return pid;
        alarm(test_patience(PATIENCE));
        _exit(__real_sv_syncs_wait(syncs, database, sync, NULL) == 0 ? 0 : 1);
}

static void must_end(pid_t pid)
{
        int status;

        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static bool has_committed(int64_t n)
{
        int64_t commits;

        count_syncs(&commits);
        return commits == n;
}

/* Five that come while one syncs: one more sync for all of them, which begins after they came. */
static void one_for_all(void **state)
{
        pid_t first = wait_aside(OURS, sync_slowly), pids[5];

        WAIT_UNTIL(shared->begun, PATIENCE, "%s", "the first does not sync");
        for (int i = 0; i < 5; i++)
                pids[i] = wait_aside(OURS, sync_at_once);
        WAIT_UNTIL(has_committed(6), PATIENCE, "%s", "not all have committed");
        assert_int_equal(shared->mine, 0); /* what the first syncs may not have theirs */
        for (int i = 0; i < 5; i++)
                assert_int_equal(waitpid(pids[i], NULL, WNOHANG), 0);
        shared->go_on = true;
        must_end(first);
        for (int i = 0; i < 5; i++)
                must_end(pids[i]);
        assert_int_equal(shared->mine, 1);
        assert_int_equal(count_syncs(NULL), 2);
}

static void one_after_the_other(void **state)
{
        for (int i = 0; i < 3; i++)
                assert_int_equal(__real_sv_syncs_wait(syncs, OURS, sync_at_once, NULL), 0);
        assert_int_equal(shared->mine, 3);
        assert_int_equal(shared->anew, 1); /* the first, as nobody knows what was before */
}

/* Who is killed in it has synced nothing for anybody. */
static void killed_in_it(void **state)
{
        pid_t first = wait_aside(OURS, sync_slowly), second;

        WAIT_UNTIL(shared->begun, PATIENCE, "%s", "the first does not sync");
        second = wait_aside(OURS, sync_at_once);
        WAIT_UNTIL(has_committed(2), PATIENCE, "%s", "the second has not committed");
        kill(first, SIGKILL);
        waitpid(first, NULL, 0);
        must_end(second);
        assert_int_equal(shared->mine, 1);
}

/* One that fails counts for nobody either, and what it has left is written anew by the next, also
 * in another process, until one has done it. */
static void failing(void **state)
{
        assert_int_equal(__real_sv_syncs_wait(syncs, OURS, sync_at_once, NULL), 0);
        shared->anew = 0;
        for (int i = 0; i < 2; i++)
                assert_int_equal(__real_sv_syncs_wait(syncs, OURS, sync_never, NULL), -1);
        assert_true(sv_syncs_has_failed(syncs));
        must_end(wait_aside(OURS, sync_at_once));
        assert_int_equal(shared->anew, 1);
        assert_false(sv_syncs_has_failed(syncs));
        must_end(wait_aside(OURS, sync_at_once));
        assert_int_equal(shared->anew, 1);
        sv_syncs_note_failed(syncs);
        must_end(wait_aside(OURS, sync_at_once));
        assert_int_equal(shared->anew, 2);
        assert_false(sv_syncs_has_failed(syncs));
}

static int sync_beside_a_failure(void *context, bool again)
{
        sv_syncs_note_failed(syncs);
        return 0;
}

/* Nobody knows which of the two the kernel would have told of it. */
static void failing_meanwhile(void **state)
{
        assert_int_equal(__real_sv_syncs_wait(syncs, OURS, sync_beside_a_failure, NULL), -1);
        assert_true(sv_syncs_has_failed(syncs));
}

/* Another file has taken the database's place: its syncs are not those of the one before. */
static void of_another_file(void **state)
{
        pid_t first = wait_aside(OTHERS, sync_slowly), second;

        WAIT_UNTIL(shared->begun, PATIENCE, "%s", "the first does not sync");
        second = wait_aside(OURS, sync_at_once);
        WAIT_UNTIL(has_committed(2), PATIENCE, "%s", "the second has not committed");
        shared->go_on = true;
        must_end(first);
        must_end(second);
        assert_int_equal(shared->mine, 1);
}

/* --- the store --- */

static bool disk_fails;

int __wrap_sv_syncs_wait(struct sv_syncs *s, uint64_t database,
                         int (*sync)(void *context, bool again), void *context);
int __wrap_sv_syncs_wait(struct sv_syncs *s, uint64_t database,
                         int (*sync)(void *context, bool again), void *context)
{
        assert_true(sqlite3_get_autocommit(((struct sv_sql *)context)->db)); /* committed */
        shared->waited++;
        return __real_sv_syncs_wait(s, database, disk_fails ? sync_never : sync, context);
}

static int settle_record(struct sv_store *s, bool durable, struct sv_err *out)
{
        SV_JSON *record = sv_json_object();
        struct sv_audit_link link;
        struct sv_err err;

        OK(s->ops->hold(s, durable, &err));
        OK(s->ops->put_audit(s, 100, record, 0, &link, &err));
        assert_int_equal(shared->waited, 0); /* nothing yet */
        return s->ops->settle(s, true, out);
}

/* Once for each change that is to be kept, after it was committed; what a loss of power may take
 * waits for nothing. */
static void commits_wait(void **state)
{
        SV_STORE *s = NULL;
        struct sv_err err;

        place.syncs = syncs;
        s = open_store();
        shared->waited = 0;
        OK(settle_record(s, true, &err));
        assert_int_equal(shared->waited, 1);
        shared->waited = 0;
        OK(settle_record(s, false, &err));
        assert_int_equal(shared->waited, 0);
        OK(s->ops->hold(s, true, &err)); /* nothing was changed */
        OK(s->ops->settle(s, true, &err));
        assert_int_equal(shared->waited, 0);
        disk_fails = true;
        FAILS(settle_record(s, true, &err), SV_SYSTEM, "broker.store.unsure");
        disk_fails = false;
        shared->waited = 0;
        OK(settle_record(s, true, &err));
        assert_int_equal(shared->waited, 1);
}

/* What nobody waits for is owed, since its first, until a sync has had it, whoever's. */
static void commits_owe(void **state)
{
        SV_STORE *s = NULL;
        struct sv_err err;
        int64_t before, since;

        place.syncs = syncs;
        s = open_store();
        shared->waited = 0;
        OK(settle_record(s, true, &err));
        assert_int_equal(s->ops->owes_sync(s), 0);
        before = sv_clock_ms();
        shared->waited = 0;
        OK(settle_record(s, false, &err));
        since = s->ops->owes_sync(s);
        assert_true(since >= before);
        WAIT_UNTIL(sv_clock_ms() > since, PATIENCE, "%s", "the clock stands still");
        OK(settle_record(s, false, &err));
        assert_int_equal(s->ops->owes_sync(s), since);
        must_end(wait_aside(((struct sv_sql *)s)->number + 1, sync_at_once)); /* of another file */
        assert_int_equal(s->ops->owes_sync(s), since);
        must_end(wait_aside(((struct sv_sql *)s)->number, sync_at_once));
        assert_int_equal(s->ops->owes_sync(s), 0);
        OK(settle_record(s, false, &err));
        disk_fails = true;
        FAILS(s->ops->sync(s, &err), SV_SYSTEM, "broker.store");
        disk_fails = false;
        assert_true(s->ops->owes_sync(s) > 0);
        OK(s->ops->sync(s, &err));
        assert_int_equal(s->ops->owes_sync(s), 0);
}

/* --- a disk --- */

#define BLOCK  4096
#define BLOCKS 4096

/* As Linux has it: a sync that fails takes what it has not written for written. */
static struct {
        const sqlite3_io_methods *real;
        bool fails, dirty[BLOCKS];
        int failures, writes;
        uint8_t has[BLOCKS * BLOCK];
} disk;

static int write_to_memory(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
        assert_true(at + n <= (sqlite3_int64)sizeof(disk.has));
        disk.writes++;
        for (sqlite3_int64 i = at / BLOCK; i <= (at + n - 1) / BLOCK; i++)
                disk.dirty[i] = true;
        return disk.real->xWrite(f, p, n, at);
}

static int sync_to_disk(sqlite3_file *f, int flags)
{
        for (int i = 0; i < BLOCKS; i++) {
                if (disk.dirty[i] && !disk.fails)
                        disk.real->xRead(f, disk.has + i * BLOCK, BLOCK, (sqlite3_int64)i * BLOCK);
                disk.dirty[i] = false;
        }
        disk.failures += disk.fails;
        return disk.fails ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static sqlite3_file *get_log(struct sv_store *s)
{
        sqlite3_file *log = NULL;

        sqlite3_file_control(((struct sv_sql *)s)->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
        assert_true(log && log->pMethods);
        return log;
}

static struct sv_store *open_on_disk(void)
{
        static sqlite3_io_methods methods;
        struct sv_store *s;
        struct sv_err err;

        place.syncs = syncs;
        s = open_store();
        shared->waited = 0;
        OK(settle_record(s, true, &err)); /* it has a log */
        memset(&disk, 0, sizeof(disk));
        memset(disk.dirty, true, sizeof(disk.dirty)); /* what was written before */
        disk.real = get_log(s)->pMethods;
        methods = *disk.real;
        methods.xWrite = write_to_memory;
        methods.xSync = sync_to_disk;
        get_log(s)->pMethods = &methods;
        OK(s->ops->sync(s, &err)); /* all of it, which none has failed to write */
        assert_int_equal(disk.writes, 0);
        return s;
}

static bool has_all(struct sv_store *s)
{
        static uint8_t memory[BLOCKS * BLOCK];
        sqlite3_int64 size;
        sqlite3_file *log = get_log(s);

        assert_int_equal(disk.real->xFileSize(log, &size), SQLITE_OK);
        assert_true(size > 0 && size <= (sqlite3_int64)sizeof(memory));
        disk.real->xRead(log, memory, (int)size, 0);
        return !memcmp(memory, disk.has, (size_t)size);
}

/* Who is told that it is kept has it on the disk, and all that came before. */
static void forgotten_pages(void **state)
{
        SV_STORE *s = open_on_disk();
        struct sv_err err;

        assert_true(has_all(s));
        disk.fails = true;
        for (int i = 0; i < 2; i++) {
                shared->waited = 0;
                FAILS(settle_record(s, true, &err), SV_SYSTEM, "broker.store.unsure");
        }
        disk.fails = false;
        assert_false(has_all(s));
        shared->waited = 0;
        OK(settle_record(s, true, &err));
        assert_true(has_all(s));
        disk.fails = true;
        FAILS(s->ops->sync(s, &err), SV_SYSTEM, "broker.store");
        disk.fails = false;
        shared->waited = 0;
        OK(settle_record(s, false, &err));
        sync_to_disk(get_log(s), 0);
        disk.fails = true;
        shared->waited = 0;
        FAILS(settle_record(s, true, &err), SV_SYSTEM, "broker.store.unsure");
        disk.fails = false;
        OK(s->ops->sync(s, &err));
        assert_true(disk.writes);
        assert_true(has_all(s));
}

/* SQLite syncs the log before it copies from it, and says to nobody that it could not. */
static void failing_checkpoint(void **state)
{
        SV_STORE *s = open_on_disk();
        struct sv_err err;

        disk.fails = true;
        for (int i = 0; i < 4000 && !disk.failures; i++) {
                shared->waited = 0;
                OK(settle_record(s, false, &err));
        }
        assert_int_equal(disk.failures, 1);
        shared->waited = 0;
        OK(settle_record(s, false, &err)); /* and copies no more of it */
        assert_int_equal(disk.failures, 1);
        disk.fails = false;
        shared->waited = 0;
        OK(settle_record(s, true, &err));
        assert_true(has_all(s));
}

/* What has gone from memory too nobody can write anew. */
static void gone_from_memory(void **state)
{
        SV_STORE *s = open_on_disk();
        struct sv_err err;
        sqlite3_int64 size;
        uint8_t byte;

        disk.real->xFileSize(get_log(s), &size);
        disk.real->xRead(get_log(s), &byte, 1, size - 1);
        byte ^= 1;
        disk.real->xWrite(get_log(s), &byte, 1, size - 1);
        sv_syncs_note_failed(syncs);
        FAILS(s->ops->sync(s, &err), SV_SYSTEM, "broker.store");
        byte ^= 1;
        disk.real->xWrite(get_log(s), &byte, 1, size - 1);
        OK(s->ops->sync(s, &err));
}

static int store_setup(void **state)
{
        return sync_setup(state) || setup_place(state);
}

static int store_teardown(void **state)
{
        return sync_teardown(state) || teardown_place(state);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(one_for_all, sync_setup, sync_teardown),
                cmocka_unit_test_setup_teardown(one_after_the_other, sync_setup, sync_teardown),
                cmocka_unit_test_setup_teardown(killed_in_it, sync_setup, sync_teardown),
                cmocka_unit_test_setup_teardown(failing, sync_setup, sync_teardown),
                cmocka_unit_test_setup_teardown(failing_meanwhile, sync_setup, sync_teardown),
                cmocka_unit_test_setup_teardown(of_another_file, sync_setup, sync_teardown),
                cmocka_unit_test_setup_teardown(commits_wait, store_setup, store_teardown),
                cmocka_unit_test_setup_teardown(commits_owe, store_setup, store_teardown),
                cmocka_unit_test_setup_teardown(forgotten_pages, store_setup, store_teardown),
                cmocka_unit_test_setup_teardown(failing_checkpoint, store_setup, store_teardown),
                cmocka_unit_test_setup_teardown(gone_from_memory, store_setup, store_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
