/* SPDX-License-Identifier: Apache-2.0 */
/* What was fetched a moment ago: who gets it, for how long, and how much of it there is. */
#include "tests/unit/unit.h"

#include "broker/recent.h"

#include <stdlib.h>

#define NEEDS sv_bytes_str("[1]")

static struct sv_recent *recent;

static int recent_setup(void **state)
{
        recent = calloc(1, sizeof(*recent));
        return !recent;
}

static int recent_teardown(void **state)
{
        sv_recent_free(recent);
        return 0;
}

static bool has(const char *needs, int64_t now_ms, const char *blobs)
{
        const struct sv_recent_entry *e = sv_recent_find(recent, sv_bytes_str(needs), now_ms);

        return e && sv_bytes_eq(sv_buf_bytes(&e->blobs), sv_bytes_str(blobs));
}

static void keep(const char *needs, const char *blobs, int64_t ms)
{
        sv_recent_keep(recent, sv_bytes_str(needs), sv_bytes_str(blobs), sv_bytes_str("note"), ms);
}

static void for_a_moment(void **state)
{
        keep("[1]", "a", 1000);
        assert_true(has("[1]", 1000, "a"));
        assert_true(has("[1]", 1000 + SV_RECENT_MS - 1, "a"));
        assert_false(has("[1]", 1000 + SV_RECENT_MS, "a"));
        assert_false(has("[2]", 1000, "a"));
        assert_null(sv_recent_find(NULL, NEEDS, 1000));
        sv_recent_keep(NULL, NEEDS, NEEDS, NEEDS, 1000);
}

/* What is needed once has one place, in which the newer replaces the older. */
static void in_its_place(void **state)
{
        keep("[1]", "a", 1000);
        keep("[2]", "c", 1000);
        keep("[1]", "b", 1500);
        assert_true(has("[1]", 1000 + SV_RECENT_MS, "b"));
        assert_false(has("[2]", 1000 + SV_RECENT_MS, "c"));
        assert_true(has("[2]", 1500, "c"));
}

static void as_many(void **state)
{
        char needs[16];

        for (int i = 0; i <= SV_RECENT_MAX; i++) {
                snprintf(needs, sizeof(needs), "[%d]", i);
                keep(needs, "a", 1000 + (i == 3 ? -1 : i));
                if (i == SV_RECENT_MAX - 1)
                        assert_true(has("[3]", 1000, "a"));
        }
        assert_false(has("[3]", 1000, "a")); /* the oldest */
        assert_true(has("[0]", 1000, "a"));
        assert_true(has(needs, 1000, "a"));
}

static void as_large(void **state)
{
        static uint8_t blob[SV_RECENT_SIZE];

        sv_recent_keep(recent, NEEDS, sv_bytes(blob, sizeof(blob) - 7), sv_bytes_str("note"), 1000);
        assert_non_null(sv_recent_find(recent, NEEDS, 1000));
        sv_recent_keep(recent, sv_bytes_str("[2]"), sv_bytes(blob, sizeof(blob) - 6),
                       sv_bytes_str("note"), 1000);
        assert_null(sv_recent_find(recent, sv_bytes_str("[2]"), 1000));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(for_a_moment, recent_setup, recent_teardown),
                cmocka_unit_test_setup_teardown(in_its_place, recent_setup, recent_teardown),
                cmocka_unit_test_setup_teardown(as_many, recent_setup, recent_teardown),
                cmocka_unit_test_setup_teardown(as_large, recent_setup, recent_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
