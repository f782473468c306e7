/* SPDX-License-Identifier: Apache-2.0 */
/* The audit record is a chain: who writes the database without having made it is found out, once
 * the newest link stands somewhere else. */
#include "tests/unit/unit.h"

#include "tests/unit/broker_place.h"

#define RECORDS 6 /* strangers' are the second and the fifth */

static struct sv_store *store;
static struct sv_audit_link links[RECORDS + 1]; /* by their numbers */

static int setup(void **state)
{
        struct sv_err err;

        setup_place(state);
        store = open_store();
        for (int i = 1; i <= RECORDS; i++) {
                SV_JSON *j = sv_json_object();

                sv_json_set_int(j, "n", i);
                OK(store->ops->put_audit(store, 1000 + i, j, i == 2 || i == 5 ? 100 : 0, &links[i],
                                         &err));
                assert_int_equal(links[i].id, i);
                assert_int_equal(links[i].linked, i != 2 && i != 5);
        }
        return 0;
}

static int teardown(void **state)
{
        sv_store_free(store);
        store = NULL;
        return teardown_place(state);
}

static int check(const struct sv_audit_link *known, struct sv_audit_chain *out, struct sv_err *err)
{
        return store->ops->check_audit(store, known, out, err);
}

static void whole(void **state)
{
        struct sv_audit_chain c;
        struct sv_err err;

        OK(check(NULL, &c, &err));
        assert_int_equal(c.linked, 4);
        assert_int_equal(c.strangers, 2);
        assert_int_equal(c.older, 0);
        assert_int_equal(c.newest.id, RECORDS);
        assert_memory_equal(c.newest.link, links[RECORDS].link, SV_LINK_SIZE);
        for (int i = 1; i <= RECORDS; i++)
                if (links[i].linked)
                        OK(check(&links[i], &c, &err));
        run_sql("DELETE FROM audit WHERE stranger");
        OK(check(NULL, &c, &err));
        assert_int_equal(c.linked, 4);
}

/* More than are read at a time, and as many. */
static void many(void **state)
{
        struct sv_audit_chain c;
        struct sv_audit_link newest;
        struct sv_err err;

        for (int i = RECORDS + 1; i <= 2 * SV_SQL_PAGE + 1; i++) {
                SV_JSON *j = sv_json_object();

                OK(store->ops->put_audit(store, 2000, j, 0, &newest, &err));
                if (i % SV_SQL_PAGE > 1)
                        continue;
                OK(check(&newest, &c, &err));
                assert_int_equal(c.newest.id, i);
                assert_int_equal(c.linked, i - 2);
        }
        run_sql("UPDATE audit SET record = '{}' WHERE id = 3");
        FAILS(check(NULL, &c, &err), SV_SYSTEM, "broker.audit.chain");
}

static void listed(void **state)
{
        SV_JSON *list = sv_json_array();
        struct sv_err err;

        OK(store->ops->list_audit(store, 0, 100, list, &err));
        assert_int_equal(strlen(sv_json_text(sv_json_at(list, 0), "link", "")), 64);
        assert_null(sv_json_get(sv_json_at(list, 1), "link"));
}

static void changed(void **state)
{
        static const char *const cases[] = {
                "UPDATE audit SET record = '{\"n\":7}' WHERE id = 1",
                "UPDATE audit SET time = time + 1 WHERE id = 3",
                "UPDATE audit SET id = 99 WHERE id = 6",
                "UPDATE audit SET stranger = 1 WHERE id = 3",
                "UPDATE audit SET stranger = 1, link = NULL WHERE id = 3",
                "UPDATE audit SET link = NULL WHERE id = 4",
                "UPDATE audit SET link = x'00' WHERE id = 4",
                "UPDATE audit SET link = zeroblob(32) WHERE id = 6",
                "DELETE FROM audit WHERE id = 1",
                "DELETE FROM audit WHERE id = 4",
                "INSERT INTO audit (time, record, link) VALUES (2000, '{}', NULL)",
                "INSERT INTO audit (time, record, link) VALUES (2000, '{}', zeroblob(32))",
                "INSERT INTO audit (id, time, record, link) SELECT 2000, time, record, link FROM "
                "audit WHERE id = 6",
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct sv_audit_chain c;
                struct sv_err err;

                run_sql(cases[i]);
                if (check(NULL, &c, &err) == 0)
                        fail_msg("nobody sees: %s", cases[i]);
                assert_string_equal(err.check, "broker.audit.chain");
                teardown(state);
                setup(state);
        }
}

/* The end can be cut off, and all of it written anew: only who knows a link sees that. */
static void known_elsewhere(void **state)
{
        struct sv_audit_chain c;
        struct sv_err err;

        run_sql("DELETE FROM audit WHERE id = 6");
        OK(check(NULL, &c, &err));
        OK(check(&links[4], &c, &err));
        FAILS(check(&links[6], &c, &err), SV_SYSTEM, "broker.audit.head");
        links[4].link[31] ^= 1;
        FAILS(check(&links[4], &c, &err), SV_SYSTEM, "broker.audit.head");
        FAILS(check(&links[2], &c, &err), SV_SYSTEM, "broker.audit.head"); /* a stranger's */
}

/* Records from before there was a chain come first. */
static void older(void **state)
{
        SV_JSON *record = sv_json_object();
        struct sv_audit_chain c;
        struct sv_audit_link link;
        struct sv_err err;

        run_sql("DELETE FROM audit WHERE id > 2; UPDATE audit SET link = NULL, stranger = 0");
        OK(store->ops->put_audit(store, 3000, record, 0, &link, &err));
        OK(check(&link, &c, &err));
        assert_int_equal(c.older, 2);
        assert_int_equal(c.linked, 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(whole, setup, teardown),
                cmocka_unit_test_setup_teardown(many, setup, teardown),
                cmocka_unit_test_setup_teardown(listed, setup, teardown),
                cmocka_unit_test_setup_teardown(changed, setup, teardown),
                cmocka_unit_test_setup_teardown(known_elsewhere, setup, teardown),
                cmocka_unit_test_setup_teardown(older, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
