/* SPDX-License-Identifier: Apache-2.0 */
/* What a restore would lose beside versions of resources: how often one may be released, and that
 * an older generation of a reference set counts no more. */
#include "tests/unit/unit.h"

#include "tests/unit/broker_place.h"

#include "broker/losses.h"

#define PATH "default/demo/r"
#define NAME "vendor/reference/web"

static struct sv_store *store, *backup;
static struct sv_err err;

static int setup(void **state)
{
        static char other[128];
        struct sv_store_place there;

        setup_place(state);
        store = open_store();
        snprintf(other, sizeof(other), "%s/backup", dir);
        there = (struct sv_store_place){.path = other, .key = key};
        OK(store->ops->put_resource(store, PATH, 1, sv_bytes_str("x"), 1, 1, &err));
        OK(store->ops->put_reference(store, NAME, sv_bytes_str("eleven"), 11, 1, &err));
        OK(store->ops->copy(store, other, &err));
        OK(sv_store_open(&there, &backup, &err));
        OK(sv_losses_compare(store, backup, &err));
        return 0;
}

static int teardown(void **state)
{
        sv_store_free(store);
        sv_store_free(backup);
        return teardown_place(state);
}

static void allow(struct sv_store *s, int64_t most)
{
        struct sv_settings is;

        OK(s->ops->get_settings(s, PATH, &is, &err));
        sv_settings_count(&is, most);
        OK(s->ops->put_settings(s, PATH, &is, &err));
}

static void loses(const char *what)
{
        struct sv_policy_changes policies;

        FAILS(sv_losses_compare(store, backup, &err), SV_USAGE, "broker.restore.loses");
        assert_non_null(strstr(err.msg, what));
        FAILS(sv_losses_check(path, backup, false, &policies, &err), SV_USAGE,
              "broker.restore.loses");
        OK(sv_losses_check(path, backup, true, &policies, &err));
}

static void newer_counts(void **state)
{
        const uint8_t taker[SV_TAKER_SIZE] = {1};
        struct sv_settings is;

        allow(store, 1);
        loses(PATH);
        OK(store->ops->count_release(store, PATH, taker, &is, &err));
        loses("released 1 times and the backup 0");
        allow(backup, 2);
        loses("released 1 times and the backup 2");
        allow(backup, 1); /* of which a restore leaves none */
        OK(sv_losses_compare(store, backup, &err));
        allow(store, 0);
        loses("released 0 times and the backup 1");
}

static void newer_generations(void **state)
{
        OK(store->ops->put_reference(store, NAME, sv_bytes_str("twelve"), 12, 1, &err));
        loses("generation 12 of reference set " NAME " and the backup 11");
        OK(store->ops->delete_reference(store, NAME, 1, &err));
        loses("generation 12");
        OK(backup->ops->put_reference(backup, NAME, sv_bytes_str("twelve"), 12, 1, &err));
        OK(sv_losses_compare(store, backup, &err));
        OK(backup->ops->put_reference(backup, NAME, sv_bytes_str("13"), 13, 1, &err));
        OK(sv_losses_compare(store, backup, &err));
        OK(store->ops->put_reference(store, "vendor/reference/new", sv_bytes_str("1"), 1, 1, &err));
        loses("generation 1 of reference set vendor/reference/new and the backup 0");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(newer_counts, setup, teardown),
                cmocka_unit_test_setup_teardown(newer_generations, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
