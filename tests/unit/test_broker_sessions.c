/* SPDX-License-Identifier: Apache-2.0 */
/* How many sessions there are is counted as they come and go. */
#include <unistd.h>

#include "tests/unit/unit.h"

#include "tests/unit/broker_place.h"

#define MANY 9

static int put_one(struct sv_store *s, const char *id, uint64_t source, int64_t now,
                   int64_t expires, int64_t most, struct sv_err *err)
{
        const struct sv_session n = {
                .source = source, .tee = (char *)"tpm", .token = (char *)"t", .expires = expires};
        const struct sv_session_limits max = {MANY, most};

        return s->ops->put_session(s, id, &n, now, &max, err);
}

static int64_t ask_number(struct sv_store *s, const char *sql)
{
        struct sv_err err;
        SV_STMT *q = sv_sql_prepare(s, sql, &err, "");

        assert_non_null(q);
        return sv_sql_step(s, q, &err) == 1 ? sv_sql_number(q, 0) : 0;
}

/* What is counted of each source and of all is what there is. */
static void must_agree(struct sv_store *s, int64_t all)
{
        assert_int_equal(ask_number(s, "SELECT count(*) FROM sessions"), all);
        assert_int_equal(ask_number(s, "SELECT alive FROM session_counts WHERE whose = 'all'"),
                         all);
        assert_int_equal(
                ask_number(s, "SELECT count(*) FROM session_counts WHERE whose <> 'all' AND alive "
                              "<> (SELECT count(*) FROM sessions WHERE CAST(source AS TEXT) = "
                              "whose)"),
                0);
        assert_int_equal(ask_number(s, "SELECT count(*) FROM session_counts WHERE whose <> 'all'"),
                         ask_number(s, "SELECT count(DISTINCT source) FROM sessions"));
}

static void come_and_go(void **state)
{
        SV_STORE *s = open_store();
        struct sv_err err;

        must_agree(s, 0);
        OK(put_one(s, "a", 1, 100, 200, 3, &err));
        OK(put_one(s, "b", 1, 100, 210, 3, &err));
        OK(put_one(s, "c", 2, 100, 220, 3, &err));
        OK(put_one(s, "d", UINT64_MAX, 100, 230, 3, &err));
        must_agree(s, 4);
        FAILS(put_one(s, "a", 1, 110, 200, 3, &err), SV_PROOF, "broker.session.used");
        must_agree(s, 4);
        OK(put_one(s, "e", 1, 210, 310, 3, &err)); /* the source's others have expired */
        must_agree(s, 3);
        OK(put_one(s, "f", 3, 500, 600, 3, &err)); /* and all of them */
        must_agree(s, 1);
        OK(s->ops->forget_once(s, 1000, 1000, &err));
        must_agree(s, 0);
        OK(put_one(s, "g", 3, 1000, 1100, 3, &err));
        must_agree(s, 1);
}

/* What was refused counts for nothing, and what a request takes back does not either. */
static void refused(void **state)
{
        SV_STORE *s = open_store();
        struct sv_err err;

        OK(put_one(s, "a", 1, 100, 200, 1, &err));
        FAILS(put_one(s, "b", 1, 100, 200, 1, &err), SV_SYSTEM, "broker.session.source");
        must_agree(s, 1);
        OK(s->ops->hold(s, true, &err));
        OK(put_one(s, "b", 2, 100, 200, 1, &err));
        OK(s->ops->settle(s, false, &err));
        must_agree(s, 1);
}

/* An attestation does not count the sessions that there are: with a number that is too low one
 * more comes in. With one that is too high none is refused that has room, and the number is right
 * from then on. */
static void counts_are_used(void **state)
{
        SV_STORE *s = open_store();
        struct sv_err err;

        OK(put_one(s, "a", 1, 100, 200, 2, &err));
        OK(put_one(s, "b", 1, 100, 200, 2, &err));
        OK(sv_sql_exec(s, "UPDATE session_counts SET alive = 1", &err));
        OK(put_one(s, "c", 1, 100, 200, 2, &err));
        OK(sv_sql_exec(s, "UPDATE session_counts SET alive = 100", &err));
        FAILS(put_one(s, "d", 1, 100, 200, 3, &err), SV_SYSTEM, "broker.session.source");
        OK(put_one(s, "d", 1, 100, 200, 4, &err));
        must_agree(s, 4);
        OK(sv_sql_exec(s, "DELETE FROM session_counts", &err));
        OK(put_one(s, "e", 1, 200, 300, 2, &err));
        OK(put_one(s, "f", 1, 200, 300, 2, &err));
        OK(put_one(s, "g", 2, 300, 400, 2, &err));
        assert_int_equal(ask_number(s, "SELECT count(*) FROM sessions"), 1);
}

/* A copy has the numbers, too. */
static void copied(void **state)
{
        SV_STR to = sv_asprintf("%s/copy", dir);
        SV_STORE *s = open_store();
        SV_STORE *other = NULL;
        const struct sv_store_place there = {.path = to, .key = key};
        struct sv_err err;

        OK(put_one(s, "a", 1, 100, 200, 3, &err));
        OK(put_one(s, "b", 2, 100, 200, 3, &err));
        OK(s->ops->copy(s, to, &err));
        OK(sv_store_open(&there, &other, &err));
        must_agree(other, 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(come_and_go, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(refused, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(counts_are_used, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(copied, setup_place, teardown_place),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
