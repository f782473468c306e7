/* SPDX-License-Identifier: Apache-2.0 */
/* The way back of a database to an older version's tables: nothing is lost on it, wherever it is
 * killed; an older program finds what it left, and a newer one goes the way again. */
#include "tests/unit/unit.h"

#include "tests/unit/broker_place.h"
#include "tests/unit/kill_each.h"

#define NEWEST 14
#define LOWEST 10

static struct sv_err err;

static int64_t show(struct sv_store *s)
{
        struct sv_store_version v;

        OK(s->ops->show_version(s, &v, &err));
        assert_int_equal(v.lowest, LOWEST);
        return v.now;
}

static int go_back(int64_t to)
{
        SV_STORE *s = open_store();

        if (s->ops->hold(s, true, &err) < 0)
                return -1;
        if (s->ops->go_back(s, to, &err) < 0) {
                s->ops->settle(s, false, NULL);
                return -1;
        }
        return s->ops->settle(s, true, &err);
}

/* As a program of that version opens it: it knows no later step. */
static int64_t read_version_of_file(void)
{
        struct sv_store *s = NULL;
        struct sv_store_place as_it_is = place;
        int64_t found = -1;

        as_it_is.key = NULL; /* such a one changes nothing */
        if (sv_store_open(&as_it_is, &s, &err) == 0) {
                found = show(s);
                sv_store_free(s);
                return found;
        }
        assert_string_equal(err.check, "broker.store.version");
        assert_int_equal(sscanf(strstr(err.msg, "has version "), "has version %ld", &found), 1);
        return found;
}

static void fill(void)
{
        SV_STORE *s = open_store();

        OK(s->ops->put_resource(s, "a/b/c", 1, sv_bytes_str("x"), 1, 1000, &err));
}

static void must_be_whole(void)
{
        SV_STORE *s = open_store();
        SV_BUF sealed = SV_BUF_NULL;

        assert_int_equal(show(s), NEWEST);
        OK(s->ops->get_resource(s, "a/b/c", 1, &sealed, &err));
        OK(s->ops->check(s, &err));
}

static void there_and_back(void **state)
{
        fill();
        for (int64_t to = NEWEST - 1; to >= LOWEST; to--) {
                OK(go_back(to));
                assert_int_equal(read_version_of_file(), to);
                must_be_whole();
        }
        FAILS(go_back(LOWEST - 1), SV_USAGE, "broker.migrate.to");
        FAILS(go_back(NEWEST), SV_USAGE, "broker.migrate.to");
        FAILS(go_back(NEWEST + 1), SV_USAGE, "broker.migrate.to");
        must_be_whole();
}

/* What an older version has no place for keeps it from that version, and from no other. */
static void nothing_is_lost(void **state)
{
        struct sv_settings is = {.most = 3};

        fill();
        {
                SV_STORE *s = open_store();

                OK(s->ops->put_settings(s, "a/b/c", &is, &err));
        }
        OK(go_back(11));
        must_be_whole();
        FAILS(go_back(LOWEST), SV_USAGE, "broker.migrate.loses");
        assert_non_null(strstr(err.msg, "\"settings\""));
        assert_int_equal(read_version_of_file(), NEWEST);
        {
                SV_STORE *s = open_store();

                OK(s->ops->put_reference(s, "v/r/w", sv_bytes_str("x"), 1, 1000, &err));
        }
        FAILS(go_back(11), SV_USAGE, "broker.migrate.loses");
        assert_non_null(strstr(err.msg, "\"reference_sets\""));
        OK(go_back(12));
        must_be_whole();
        {
                SV_STORE *s = open_store();

                OK(s->ops->get_settings(s, "a/b/c", &is, &err));
                assert_int_equal(is.most, 3);
        }
}

static int to_lowest(void)
{
        return go_back(LOWEST);
}

static void killed(void **state)
{
        bool more = true;

        fill();
        for (long n = 1; more; n++) {
                int64_t found;

                more = kill_at_call(to_lowest, n);
                found = read_version_of_file();
                assert_true(found == LOWEST || (more && found == NEWEST));
                must_be_whole();
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(there_and_back, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(nothing_is_lost, setup_place, teardown_place),
        };
        const struct CMUnitTest by_file[] = {
                cmocka_unit_test_setup_teardown(killed, setup_place, teardown_place),
        };

        /* a server takes back what a process that was killed had not committed, in its own time */
        return cmocka_run_group_tests(tests, NULL, NULL) +
               (is_on_server() ? 0 : cmocka_run_group_tests(by_file, NULL, NULL));
}
