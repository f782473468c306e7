/* SPDX-License-Identifier: Apache-2.0 */
/* The versions of a policy: who put which, what is read of them, and what somebody else did to
 * them in the database. */

#include "tests/unit/unit.h"

#include "tests/unit/broker_place.h"

#include "base/core/limits.h"

#define PATH "a/b/c"

static struct sv_store *store;
static struct sv_err err;

static int setup(void **state)
{
        setup_place(state);
        store = open_store();
        return 0;
}

static int teardown(void **state)
{
        sv_store_free(store);
        return teardown_place(state);
}

static void put_by(const char *author, const char *text, int64_t now)
{
        const struct sv_policy_put put = {.text = sv_bytes_str(text), .author = author, .now = now};

        OK(store->ops->put_policy(store, PATH, &put, &err));
}

static struct sv_json *list_versions(void)
{
        struct sv_json *list = sv_json_array();

        OK(store->ops->list_policy_versions(store, PATH, list, &err));
        return list;
}

static void is_version(const struct sv_json *list, size_t i, int64_t version, const char *author,
                       const char *state)
{
        const struct sv_json *row = sv_json_at(list, i);
        bool removed = !strcmp(state, "removed");

        assert_int_equal(sv_json_int(sv_json_get(row, "version"), 0), version);
        assert_string_equal(sv_json_str(sv_json_get(row, "author")), author);
        assert_int_equal(sv_json_bool(sv_json_get(row, "current"), false),
                         !strcmp(state, "current"));
        assert_int_equal(sv_json_bool(sv_json_get(row, "removed"), false), removed);
        assert_int_equal(sv_json_get(row, "sha256") == NULL, removed);
}

static void text_is(int64_t version, const char *want)
{
        SV_BUF text = SV_BUF_NULL;

        OK(store->ops->get_policy_version(store, PATH, version, &text, &err));
        assert_string_equal(sv_buf_str(&text), want);
}

static void each_put_and_removal(void **state)
{
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *none = list_versions();
        SV_JSON *list = NULL;

        assert_int_equal(sv_json_len(none), 0);
        FAILS(store->ops->get_policy_version(store, PATH, 1, &text, &err), SV_USAGE,
              "broker.policy.version");
        put_by("ann", "one", 1000);
        put_by("bob", "two", 2000);
        OK(store->ops->delete_policy(store, PATH, "ann", 3000, &err));
        put_by("bob", "three", 4000);
        list = list_versions();
        assert_int_equal(sv_json_len(list), 4);
        is_version(list, 0, 4, "bob", "current");
        is_version(list, 1, 3, "ann", "removed");
        is_version(list, 2, 2, "bob", "older");
        is_version(list, 3, 1, "ann", "older");
        assert_string_equal(sv_json_str(sv_json_get(sv_json_at(list, 2), "created")),
                            "1970-01-01T00:33:20Z");
        text_is(1, "one");
        text_is(2, "two");
        text_is(4, "three");
        FAILS(store->ops->get_policy_version(store, PATH, 3, &text, &err), SV_USAGE,
              "broker.policy.version");
        FAILS(store->ops->get_policy_version(store, PATH, 5, &text, &err), SV_USAGE,
              "broker.policy.version");
        FAILS(store->ops->get_policy_version(store, "a/b/other", 1, &text, &err), SV_USAGE,
              "broker.policy.version");
        OK(store->ops->check(store, &err));
}

/* What is refused leaves no version. */
static void refused_is_none(void **state)
{
        struct sv_policy_put put = {.text = sv_bytes_str("two"), .author = "bob", .now = 1};
        SV_JSON *list = NULL;

        FAILS(store->ops->delete_policy(store, PATH, "ann", 1, &err), SV_USAGE,
              "broker.policy.absent");
        put_by("ann", "one", 1000);
        put.before = "0000000000000000000000000000000000000000000000000000000000000000";
        FAILS(store->ops->put_policy(store, PATH, &put, &err), SV_USAGE, "broker.policy.changed");
        list = list_versions();
        assert_int_equal(sv_json_len(list), 1);
        is_version(list, 0, 1, "ann", "current");
}

static void oldest_go(void **state)
{
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *list = NULL;

        for (int i = 0; i <= SV_POLICY_VERSIONS_MAX; i++)
                put_by("ann", "x", i);
        list = list_versions();
        assert_int_equal(sv_json_len(list), SV_POLICY_VERSIONS_MAX);
        is_version(list, 0, SV_POLICY_VERSIONS_MAX + 1, "ann", "current");
        is_version(list, SV_POLICY_VERSIONS_MAX - 1, 2, "ann", "older");
        FAILS(store->ops->get_policy_version(store, PATH, 1, &text, &err), SV_USAGE,
              "broker.policy.version");
        OK(store->ops->check(store, &err));
}

/* Who can write the database and has not the kek. */
static void somebody_else(void **state)
{
        static const char *const changes[] = {
                "UPDATE policy_versions SET text = x'00' WHERE version = 1",
                "UPDATE policy_versions SET author = 'eve' WHERE version = 1",
                "UPDATE policy_versions SET created = 1 WHERE version = 1",
                "DELETE FROM policy_versions WHERE version = 1",
                "INSERT INTO policy_versions VALUES ('a/b/c', 9, x'00', 1, 'eve')",
                "UPDATE policy_versions SET version = 7 WHERE version = 1",
        };

        for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
                SV_JSON *list = sv_json_array();

                teardown(state);
                setup(state);
                put_by("ann", "one", 1000);
                put_by("bob", "two", 2000);
                run_sql(changes[i]);
                FAILS(store->ops->list_policy_versions(store, PATH, list, &err), SV_SYSTEM,
                      "broker.store.mac");
                FAILS(store->ops->check(store, &err), SV_SYSTEM, "broker.store.mac");
                put_by("ann", "three", 3000); /* the policy itself can be put again */
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(each_put_and_removal, setup, teardown),
                cmocka_unit_test_setup_teardown(refused_is_none, setup, teardown),
                cmocka_unit_test_setup_teardown(oldest_go, setup, teardown),
                cmocka_unit_test_setup_teardown(somebody_else, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
