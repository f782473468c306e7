/* SPDX-License-Identifier: Apache-2.0 */
/* Sets made from what a guest will measure: which rules become values, in which order tuples stand,
 * what is refused, and that policy and set together ask what the guest's own policy asked. */
#include "base/core/file.h"
#include "base/core/limits.h"
#include "policy/foresee.h"
#include "policy/reference-make.h"
#include "policy/set-form.h"
#include "tests/unit/unit.h"

#define RULE(check, claim, op)                                        \
        "{\"check\":\"policy." check "\",\"claim\":\"" claim "\"," op \
        ",\"covers\":\"executables\",\"reason\":\"r\"}"

static struct sv_err err;

static struct sv_json *parse(const char *text)
{
        struct sv_json *j = NULL;

        OK(sv_json_parse(sv_bytes_str(text), "test", &j, &err));
        return j;
}

static void split(void **state)
{
        static const char *const claims[] = {"/kernel", "/limit", "/svn", NULL};
        static const char *const none[] = {"/other", NULL};
        SV_JSON *rules = parse("[" RULE("kernel", "/kernel", "\"equals\":\"aa\"") "," RULE(
                "id", "/id",
                "\"equals\":\"me\"") "," RULE("svn", "/svn",
                                              "\"at_least\":1") ","
                                                                "{\"check\":\"policy.w\",\"claim\":"
                                                                "\"/"
                                                                "limit\",\"equals\":1,\"covers\":"
                                                                "\"executables\",\"reason\":\"r\","
                                                                "\"when\":{\"claim\":\"/"
                                                                "p\",\"equals\":1}}]");
        SV_JSON *left = sv_json_array(), *values = sv_json_object();
        SV_JSON *left2 = sv_json_array(), *values2 = sv_json_object();

        OK(sv_reference_split(rules, claims, left, values, &err));
        assert_int_equal(sv_json_len(values), 1);
        assert_string_equal(sv_json_text(values, "/kernel", ""), "aa");
        /* another guest's identity, what is no value, and what is not always asked stay */
        assert_int_equal(sv_json_len(left), 3);
        for (size_t i = 0; i < 3; i++)
                assert_true(sv_json_equal(sv_json_at(left, i), sv_json_at(rules, i + 1)));
        FAILS(sv_reference_split(rules, none, left2, values2, &err), SV_USAGE,
              "reference.make.values");
}

static struct sv_json *add(const struct sv_json *before, const char *image, const char *k,
                           bool again)
{
        SV_JSON *values = sv_json_object();
        SV_BUF text = SV_BUF_NULL;
        struct sv_json *set = NULL;
        int64_t generation = 0;

        sv_json_set_str(values, "/k", k);
        memset(&err, 0, sizeof(err));
        if (sv_reference_add(
                    before,
                    &(struct sv_reference_tuple){
                            .name = "v/r/web", .tee = "vtpm", .image = image, .values = values},
                    again, &text, &generation, &err) < 0)
                return NULL;
        assert_int_equal(generation, before ? sv_reference_generation(before) + 1 : 1);
        OK(sv_reference_parse(sv_buf_bytes(&text), &set, &err));
        assert_int_equal(sv_reference_generation(set), generation);
        assert_int_equal(sv_set_generation(sv_reference_find(set, values, false)), generation);
        assert_int_equal(sv_reference_newest(set), generation);
        return set;
}

static struct sv_json *retire(const struct sv_json *before, int64_t generation, size_t expected)
{
        SV_BUF text = SV_BUF_NULL;
        struct sv_json *set = NULL;
        size_t retired;

        OK(sv_reference_retire(before, generation, &text, &retired, &err));
        assert_int_equal(retired, expected);
        OK(sv_reference_parse(sv_buf_bytes(&text), &set, &err));
        assert_int_equal(sv_reference_generation(set), sv_reference_generation(before) + 1);
        return set;
}

static const char *image_at(const struct sv_json *set, size_t i)
{
        return sv_json_text(sv_json_at(sv_json_get(set, "any_of"), i), "image", "");
}

static void must_refuse(struct sv_json *set, const char *check)
{
        assert_null(set);
        assert_string_equal(err.check, check);
        assert_int_equal(err.class, SV_USAGE);
}

static void follow(void **state)
{
        SV_JSON *first = add(NULL, "one", "k1", false), *second = add(first, "two", "k2", false);
        SV_JSON *third = NULL, *back = NULL, *values = sv_json_object();
        SV_BUF text = SV_BUF_NULL;
        int64_t generation;
        size_t retired;

        assert_string_equal(image_at(second, 0), "two");
        assert_string_equal(image_at(second, 1), "one");
        must_refuse(add(second, "two again", "k2", true), "reference.make.same");
        third = retire(second, 2, 1);
        assert_int_equal(sv_reference_newest(third), 2);
        sv_json_set_str(values, "/k", "k1");
        assert_null(sv_reference_find(third, values, false));
        assert_string_equal(sv_json_text(sv_reference_find(third, values, true), "image", ""),
                            "one");
        must_refuse(add(third, "one", "k1", false), "reference.make.retired");
        back = add(third, "one", "k1", true);
        assert_int_equal(sv_json_len(sv_json_get(back, "any_of")), 3);
        /* none that is accepted, and none that would be left */
        FAILS(sv_reference_retire(third, 2, &text, &retired, &err), SV_USAGE,
              "reference.retire.none");
        FAILS(sv_reference_retire(second, 3, &text, &retired, &err), SV_USAGE,
              "reference.retire.none");
        FAILS(sv_reference_add(
                      second,
                      &(struct sv_reference_tuple){
                              .name = "v/r/db", .tee = "vtpm", .image = "i", .values = values},
                      false, &text, &generation, &err),
              SV_USAGE, "reference.make.other");
        FAILS(sv_reference_add(
                      second,
                      &(struct sv_reference_tuple){
                              .name = "v/r/web", .tee = "tdx", .image = "i", .values = values},
                      false, &text, &generation, &err),
              SV_USAGE, "reference.make.other");
        /* what its readers would refuse is not written */
        FAILS(sv_reference_add(NULL,
                               &(struct sv_reference_tuple){.name = "v/r/web",
                                                            .tee = "vtpm",
                                                            .image = "i",
                                                            .not_after = "soon",
                                                            .values = values},
                               false, &text, &generation, &err),
              SV_FORMAT, "policy.sets.time");
        assert_int_equal(text.n, 0);
}

static void full(void **state)
{
        struct sv_json *set = NULL;
        SV_JSON *none_left = NULL, *room = NULL, *values = sv_json_object();

        for (int i = 0; i < SV_POLICY_SETS_MAX; i++) {
                SV_JSON *before = set;
                SV_STR k = sv_asprintf("k%d", i);

                set = add(before, "image", k, false);
                assert_non_null(set);
        }
        none_left = set;
        must_refuse(add(none_left, "more", "more", false), "reference.make.full");
        /* of two that are retired the older one goes */
        {
                SV_JSON *retired = retire(none_left, 3, 2);

                room = add(retired, "more", "more", false);
        }
        assert_int_equal(sv_json_len(sv_json_get(room, "any_of")), SV_POLICY_SETS_MAX);
        sv_json_set_str(values, "/k", "k0");
        assert_null(sv_reference_find(room, values, true));
        sv_json_set_str(values, "/k", "k1");
        assert_non_null(sv_reference_find(room, values, true));
}

#define HEAD "{\"version\":1,\"guest\":\"g\",\"tee\":\"vtpm\",\"resource\":\"a/b/c\",\"trust\":{},"

/* The guest's own policy, held against the policy that names the set: nothing is lost between them.
 */
static void together(void **state)
{
        static const char *const claims[] = {"/kernel", "/firmware", NULL};
        static const char whole[] =
                HEAD "\"rules\":[" RULE("kernel", "/kernel", "\"equals\":\"aa\"") "," RULE(
                        "firmware", "/firmware",
                        "\"equals\":\"bb\"") "," RULE("id", "/id", "\"equals\":\"me\"") "]}";
        static const struct {
                const char *kernel, *firmware, *id, *check;
        } t[] = {
                {"aa", "bb", "me", NULL},
                {"xx", "bb", "me", "policy.reference.kernel"},
                {"aa", "xx", "me", "policy.reference.firmware"},
                {"aa", "bb", "you", "policy.id"},
        };
        SV_POLICY_DOC *own = NULL, *joined = NULL;
        SV_JSON *left = sv_json_array(), *values = sv_json_object(), *trust = sv_json_object();
        SV_JSON *set = NULL;
        SV_BUF text = SV_BUF_NULL, policy = SV_BUF_NULL;
        int64_t generation;

        OK(sv_policy_parse(sv_bytes_str(whole), &own, &err));
        OK(sv_reference_split(sv_policy_rules(own), claims, left, values, &err));
        OK(sv_reference_add(
                NULL,
                &(struct sv_reference_tuple){
                        .name = "v/r/web", .tee = "vtpm", .image = "i", .values = values},
                false, &text, &generation, &err));
        OK(sv_reference_parse(sv_buf_bytes(&text), &set, &err));
        OK(sv_policy_write_parts(&(struct sv_policy_parts){"g", "vtpm", "a/b/c", left, trust, NULL,
                                                           SV_LEASE_S, "v/r/web", NULL},
                                 &policy, &err));
        OK(sv_reference_join(sv_buf_bytes(&policy), set, &joined, &err));
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_STR guest = sv_asprintf(
                        HEAD "\"rules\":[" RULE("kernel", "/kernel", "\"equals\":\"%s\"") "," RULE(
                                "firmware", "/firmware",
                                "\"equals\":\"%s\"") "," RULE("id", "/id",
                                                              "\"equals\":\"%s\"") "]}",
                        t[i].kernel, t[i].firmware, t[i].id);
                SV_POLICY_DOC *shown = NULL;
                SV_JSON *rows = sv_json_array();

                OK(sv_policy_parse(sv_bytes_str(guest), &shown, &err));
                if (t[i].check)
                        FAILS(sv_policy_foresee(joined, shown, 1, rows, &err), SV_POLICY,
                              t[i].check);
                else
                        OK(sv_policy_foresee(joined, shown, 1, rows, &err));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(split),
                cmocka_unit_test(follow),
                cmocka_unit_test(full),
                cmocka_unit_test(together),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
