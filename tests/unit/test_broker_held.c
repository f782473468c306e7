/* SPDX-License-Identifier: Apache-2.0 */
/* Changes that wait for their record. */
#include "tests/unit/unit.h"

#include "tests/unit/broker_rows.h"

static int64_t floor_seen_by(struct sv_store *s)
{
        struct sv_disk_floor floor;
        struct sv_err err;

        OK(s->ops->get_disk(s, PATH, VOLUME, &floor, &err));
        return floor.generation;
}

static void change_two(void)
{
        SV_JSON *record = sv_json_object();
        struct sv_audit_link made;
        struct sv_err err;

        OK(store->ops->hold(store, true, &err));
        put_policy(PATH, "new");
        OK(store->ops->raise_disk(store, PATH, VOLUME, 8, 2000, &err));
        policy_is(PATH, "new");
        floor_is(8);
        OK(store->ops->put_audit(store, 2000, record, 0, &made, &err));
}

static size_t count_records(struct sv_store *s)
{
        SV_JSON *list = sv_json_array();
        struct sv_err err;

        OK(s->ops->list_audit(s, 0, 100, list, &err));
        return sv_json_len(list);
}

/* Nobody sees it before it is settled, and then all of it or nothing. */
static void held_together(void **state)
{
        SV_STORE *other = open_store();
        struct sv_err err;

        change_two();
        assert_int_equal(floor_seen_by(other), 7);
        assert_int_equal(count_records(other), 0);
        assert_int_equal(read_serial(), 6);
        OK(store->ops->settle(store, false, &err));
        policy_is(PATH, "old");
        floor_is(7);
        assert_int_equal(count_records(store), 0);
        assert_int_equal(read_serial(), 6);
        change_two();
        OK(store->ops->settle(store, true, &err));
        assert_int_equal(floor_seen_by(other), 8);
        assert_int_equal(count_records(other), 1);
        assert_int_equal(read_serial(), 8);
        OK(other->ops->check(other, &err));
        OK(other->ops->raise_disk(other, PATH, VOLUME, 9, 2000, &err)); /* nobody has the lock */
        OK(store->ops->check(store, &err));
}

/* A step that fails takes back itself alone; what was not settled is gone with the next. */
static void held_step_fails(void **state)
{
        struct sv_err err;

        OK(store->ops->hold(store, false, &err));
        OK(store->ops->raise_disk(store, PATH, VOLUME, 9, 2000, &err));
        FAILS(store->ops->raise_disk(store, PATH, VOLUME, 8, 2000, &err), SV_PROOF,
              "disk.rollback");
        floor_is(9);
        OK(store->ops->settle(store, true, &err));
        floor_is(9);
        OK(store->ops->hold(store, true, &err));
        OK(store->ops->raise_disk(store, PATH, VOLUME, 10, 2000, &err));
        OK(store->ops->hold(store, true, &err));
        floor_is(9);
        OK(store->ops->settle(store, true, &err));
        OK(store->ops->settle(store, true, &err)); /* nothing waits */
        OK(store->ops->check(store, &err));
}

/* The database itself ends a transaction when its disk is full, say. */
static void held_is_taken_back(void **state)
{
        SV_JSON *record = sv_json_object();
        sqlite3 *db = ((struct sv_sql *)store)->db;
        struct sv_audit_link made;
        struct sv_err err;

        OK(store->ops->hold(store, true, &err));
        OK(store->ops->raise_disk(store, PATH, VOLUME, 9, 2000, &err));
        assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
        FAILS(store->ops->put_audit(store, 2000, record, 0, &made, &err), SV_SYSTEM,
              "broker.store");
        FAILS(store->ops->settle(store, true, &err), SV_SYSTEM, "broker.store");
        floor_is(7);
        OK(store->ops->check(store, &err));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(held_together, setup, teardown),
                cmocka_unit_test_setup_teardown(held_step_fails, setup, teardown),
                cmocka_unit_test_setup_teardown(held_is_taken_back, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
