/* SPDX-License-Identifier: Apache-2.0 */
/* Releases that are counted, in the store: killed at each system call, taken by several processes,
 * and after a backup came back. */
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#include "tests/unit/broker_place.h"
#include "tests/unit/kill_each.h"

#define PATH "a/b/c"
#define MOST 400

static struct sv_err err;
static uint8_t next_taker; /* of the next process that is killed */

static void fill_taker(uint8_t n, uint8_t out[SV_TAKER_SIZE])
{
        memset(out, n, SV_TAKER_SIZE);
}

/* As a release does it: what is answered is what was settled. */
static int release_to(struct sv_store *s, const uint8_t taker[SV_TAKER_SIZE], struct sv_err *e)
{
        const struct sv_store_ops *ops = s->ops;
        SV_JSON *record = sv_json_object();
        struct sv_settings is;
        struct sv_audit_link link;

        sv_json_set_str(record, "outcome", "released");
        if (ops->hold(s, true, e) < 0)
                return -1;
        if (ops->reserve(s, e) < 0 || ops->count_release(s, PATH, taker, &is, e) < 0 ||
            ops->put_audit(s, 1000, record, 0, &link, e) < 0) {
                ops->settle(s, false, NULL);
                return -1;
        }
        return ops->settle(s, true, e);
}

static int take(struct sv_store *s, uint8_t n)
{
        uint8_t taker[SV_TAKER_SIZE];

        fill_taker(n, taker);
        return release_to(s, taker, &err);
}

static void make_counted(struct sv_store *s, int64_t most)
{
        struct sv_settings is = {.most = most};

        OK(s->ops->put_resource(s, PATH, 1, sv_bytes_str("x"), 1, 1000, &err));
        OK(s->ops->put_settings(s, PATH, &is, &err));
}

static int64_t read_released(struct sv_store *s)
{
        struct sv_settings is;

        OK(s->ops->get_settings(s, PATH, &is, &err));
        return is.released;
}

/* The last ones that took it may take it again, as many as are kept; one before them is counted. */
static void takers(void **state)
{
        SV_STORE *s = open_store();

        make_counted(s, SV_TAKERS_MAX + 2);
        for (int i = 0; i < SV_TAKERS_MAX; i++)
                OK(take(s, i));
        OK(take(s, 0));
        assert_int_equal(read_released(s), SV_TAKERS_MAX);
        OK(take(s, SV_TAKERS_MAX));
        assert_int_equal(read_released(s), SV_TAKERS_MAX + 1);
        OK(take(s, 1));
        assert_int_equal(read_released(s), SV_TAKERS_MAX + 1);
        OK(take(s, 0));
        assert_int_equal(read_released(s), SV_TAKERS_MAX + 2);
        FAILS(take(s, 1), SV_POLICY, "broker.release.spent");
        OK(take(s, 2));
        assert_int_equal(read_released(s), SV_TAKERS_MAX + 2);
}

static int open_and_take(void)
{
        struct sv_store *s = NULL;

        return sv_store_open(&place, &s, NULL) < 0 ? -1 : take(s, next_taker);
}

/* Each release that is there has its record, and the other way round; who was killed may take it
 * again or be one more, and the count ends where it was said. */
static void killed(void **state)
{
        SV_STORE *s = open_store();
        SV_JSON *records = sv_json_array();
        int64_t before = 0, lost = 0;
        bool stopped = true;

        make_counted(s, MOST);
        sv_store_free(s);
        s = NULL;
        for (long n = 1; stopped; n++) {
                SV_STORE *now = NULL;
                SV_JSON *found = sv_json_array();
                int64_t released;

                next_taker++;
                stopped = kill_at_call(open_and_take, n);
                now = open_store();
                released = read_released(now);
                OK(now->ops->list_audit(now, 0, 10000, found, &err));
                assert_int_equal(sv_json_len(found), released);
                assert_true(released - before <= 1 && (stopped || released == before + 1));
                lost += released > before && stopped;
                before = released;
                OK(now->ops->check(now, &err));
        }
        s = open_store();
        print_message("%lld counted and not answered\n", (long long)lost);
        assert_true(lost > 0 && before < next_taker);
        for (int64_t left = MOST - read_released(s); left > 0; left--) {
                uint8_t taker[SV_TAKER_SIZE] = {1, (uint8_t)left, (uint8_t)(left >> 8)};

                OK(release_to(s, taker, &err));
        }
        FAILS(take(s, 255), SV_POLICY, "broker.release.spent");
        OK(s->ops->list_audit(s, 0, 10000, records, &err));
        assert_int_equal(sv_json_len(records), MOST);
}

/* Eight processes want the last three. */
static void several_at_once(void **state)
{
        SV_STORE *s = open_store();
        int won = 0;

        make_counted(s, 3);
        for (int i = 0; i < 8; i++)
                if (fork() == 0) {
                        struct sv_store *mine = NULL;
                        int rc = sv_store_open(&place, &mine, NULL) < 0 ? 2 : take(mine, i);

                        _exit(rc == 0 ? 0 : !strcmp(err.check, "broker.release.spent") ? 1 : 3);
                }
        for (int i = 0; i < 8; i++) {
                int status;

                assert_true(wait(&status) > 0);
                assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
                won += WEXITSTATUS(status) == 0;
        }
        assert_int_equal(won, 3);
        assert_int_equal(read_released(s), 3);
}

/* How many there were since the backup is not known: none is left. */
static void came_back(void **state)
{
        struct sv_settings any = {.labels = ",a=b,"};
        SV_STORE *s = open_store();

        make_counted(s, 5);
        OK(s->ops->put_resource(s, "a/b/any", 1, sv_bytes_str("x"), 1, 1000, &err));
        OK(s->ops->put_settings(s, "a/b/any", &any, &err));
        OK(take(s, 1));
        OK(s->ops->forget_once(s, 1, 1, &err));
        assert_int_equal(read_released(s), 5);
        FAILS(take(s, 1), SV_POLICY, "broker.release.spent");
        FAILS(take(s, 2), SV_POLICY, "broker.release.spent");
        OK(s->ops->get_settings(s, "a/b/any", &any, &err));
        assert_string_equal(any.labels, ",a=b,");
        assert_int_equal(any.most, 0);
        OK(s->ops->check(s, &err));
}

/* All of it goes into another database. */
static void copied(void **state)
{
        SV_STR to = sv_asprintf("%s/copy", dir);
        SV_STORE *s = open_store();
        SV_STORE *other = NULL;
        const struct sv_store_place there = {.path = to, .key = key};
        struct sv_settings is;

        make_counted(s, 5);
        OK(take(s, 1));
        OK(s->ops->copy(s, to, &err));
        OK(sv_store_open(&there, &other, &err));
        OK(other->ops->get_settings(other, PATH, &is, &err));
        assert_int_equal(is.most, 5);
        assert_int_equal(is.released, 1);
        assert_int_equal(is.n_takers, 1);
        OK(other->ops->check(other, &err));
}

/* A resource does not go without its settings: another of the name would have them. */
static void stay_together(void **state)
{
        SV_STORE *s = open_store();
        sqlite3 *db = ((struct sv_sql *)s)->db;
        SV_BUF sealed = SV_BUF_NULL;

        make_counted(s, 5);
        OK(take(s, 1));
        assert_int_equal(sqlite3_exec(db, "ALTER TABLE settings RENAME TO aside", NULL, NULL, NULL),
                         SQLITE_OK);
        FAILS(s->ops->delete_resource(s, PATH, 1, &err), SV_SYSTEM, "broker.store");
        OK(s->ops->get_resource(s, PATH, 1, &sealed, &err));
        assert_int_equal(sqlite3_exec(db, "ALTER TABLE aside RENAME TO settings", NULL, NULL, NULL),
                         SQLITE_OK);
        assert_int_equal(read_released(s), 1);
        OK(s->ops->delete_resource(s, PATH, 1, &err));
        OK(s->ops->check(s, &err));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(takers, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(several_at_once, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(came_back, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(copied, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(killed, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(stay_together, setup_place, teardown_place),
        };

        /* the last needs the file; of a process that is killed a server takes back what was not
         * committed, as for all else */
        return _cmocka_run_group_tests(
                "count", tests, sizeof(tests) / sizeof(*tests) - 2 * is_on_server(), NULL, NULL);
}
