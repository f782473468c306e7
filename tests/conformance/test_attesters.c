/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's table against the host's: whoever proves something in a guest has somebody outside
 * who checks it. */
#include "tests/unit/unit.h"

#include "agent/attesters.h"
#include "attest/tees.h"

static void test_rows_are_whole(void **state)
{
        (void)state;
        assert_non_null(sv_attesters[0]);
        for (size_t i = 0; sv_attesters[i]; i++) {
                assert_non_null(sv_attesters[i]->id);
                assert_non_null(sv_attesters[i]->present);
                assert_non_null(sv_attesters[i]->evidence);
                assert_int_equal(sv_attesters[i]->open != NULL, sv_attesters[i]->close != NULL);
        }
}

static void test_tables_agree(void **state)
{
        size_t n_tees = 0, n_attesters = 0;

        (void)state;
        for (size_t i = 0; sv_attesters[i]; i++, n_attesters++) {
                const struct sv_tee_verify *t = sv_tee_find_verify(sv_attesters[i]->id->name);

                assert_non_null(t);
                assert_ptr_equal(t->id, sv_attesters[i]->id);
        }
        while (sv_tees_verify[n_tees])
                n_tees++;
        assert_int_equal(n_tees, n_attesters);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows_are_whole),
                cmocka_unit_test(test_tables_agree),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
