/* SPDX-License-Identifier: Apache-2.0 */
/* A policy accepts a guest by one whole set of rules, never by rules of several; what is retired or
 * outside of its time is refused by that name; a policy learns a new state and retires the old. */
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "policy/foresee.h"
#include "policy/sets.h"
#include "policy/update.h"
#include "tests/unit/unit.h"

#define HEAD "{\"version\":1,\"guest\":\"g\",\"tee\":\"vtpm\",\"resource\":\"a/b/c\",\"trust\":{},"
#define RULE(check, claim, value)                                                            \
        "{\"check\":\"policy." check "\",\"claim\":\"/" claim "\",\"equals\":\"" value "\"," \
        "\"covers\":\"executables\",\"reason\":\"r\"}"
#define SET(name, generation, more, rules) \
        "{\"name\":\"" name "\",\"generation\":" generation more ",\"rules\":[" rules "]}"
#define OLD    SET("old", "1", "", RULE("k", "k", "k1") "," RULE("i", "i", "i1"))
#define NEW    SET("new", "2", "", RULE("k", "k", "k2") "," RULE("i", "i", "i2"))
#define COMMON "\"rules\":[" RULE("id", "id", "me") "],"
#define BOTH   HEAD COMMON "\"sets\":[" OLD "," NEW "]}"

static int64_t at(const char *text)
{
        struct sv_err err = SV_ERR_NULL;
        int64_t t = 0;

        OK(sv_parse_time(text, &t, "test", &err));
        return t;
}

static void parse(const char *text, struct sv_policy **p)
{
        struct sv_err err = SV_ERR_NULL;

        OK(sv_policy_parse(sv_bytes_str(text), p, &err));
}

/* What the policy says to such a guest: "" for yes, else the check. */
static const char *ask_at(const struct sv_policy *p, const char *claims, int64_t time,
                          struct sv_verdict *v)
{
        static struct sv_err err;
        struct sv_err parse_err = SV_ERR_NULL;
        SV_JSON *j = NULL;

        err = (struct sv_err)SV_ERR_NULL;
        OK(sv_json_parse(sv_bytes_str(claims), "test", &j, &parse_err));
        if (sv_policy_evaluate_sets(p, NULL, j, time, v, &err) == 0)
                return "";
        assert_int_equal(err.class, SV_POLICY);
        assert_int_equal(sv_verdict_status(v), SV_TIER_CONTRAINDICATED);
        return err.check;
}

static const char *ask(const char *policy, const char *claims, int64_t time)
{
        SV_POLICY_DOC *p = NULL;
        SV_VERDICT v = {{0}};

        parse(policy, &p);
        return ask_at(p, claims, time, &v);
}

#define CLAIMS(id, k, i) "{\"id\":\"" id "\",\"k\":\"" k "\",\"i\":\"" i "\"}"

static void one_whole_set(void **state)
{
        static const struct {
                const char *claims, *check;
        } t[] = {
                {CLAIMS("me", "k1", "i1"), ""},
                {CLAIMS("me", "k2", "i2"), ""},
                /* of each register a value that the policy names, and together of no set */
                {CLAIMS("me", "k1", "i2"), "policy.k"},
                {CLAIMS("me", "k2", "i1"), "policy.i"},
                {CLAIMS("me", "k3", "i3"), "policy.k"},
                {CLAIMS("me", "k3", "i1"), "policy.k"},
                /* what holds in every set */
                {CLAIMS("you", "k1", "i1"), "policy.id"},
                {CLAIMS("you", "k2", "i2"), "policy.id"},
                {"{\"k\":\"k1\",\"i\":\"i1\"}", "policy.id"},
                {"{}", "policy.id"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
                assert_string_equal(ask(BOTH, t[i].claims, 0), t[i].check);
}

/* Who forgets the sets must not get a release by the common rules. */
static void not_by_the_common_rules(void **state)
{
        SV_POLICY_DOC *p = NULL;
        SV_JSON *claims = NULL;
        SV_VERDICT v = {{0}};
        struct sv_err err = SV_ERR_NULL;

        parse(BOTH, &p);
        OK(sv_json_parse(sv_bytes_str(CLAIMS("me", "k1", "i1")), "test", &claims, &err));
        FAILS(sv_policy_evaluate(p, claims, &v, &err), SV_POLICY, "policy.sets");
        assert_null(sv_policy_with_set(p, 2));
        assert_int_equal(sv_json_len(sv_policy_rules(sv_policy_with_set(p, 1))), 3);
        assert_null(sv_policy_sets(sv_policy_with_set(p, 1)));
}

static void says_which(void **state)
{
        SV_POLICY_DOC *p = NULL;
        SV_VERDICT v = {{0}};
        SV_VERDICT w = {{0}};
        const struct sv_json *last;

        parse(BOTH, &p);
        assert_string_equal(ask_at(p, CLAIMS("me", "k2", "i2"), 0, &v), "");
        last = sv_json_at(v.reasons, sv_json_len(v.reasons) - 1);
        assert_string_equal(sv_json_str(sv_json_get(last, "check")), "policy.set");
        assert_string_equal(sv_json_str(sv_json_get(last, "reason")), "new, generation 2");
        assert_int_equal(sv_verdict_status(&v), SV_TIER_AFFIRMING);
        /* of two sets that are equally far the newer is named */
        assert_string_equal(ask_at(p, CLAIMS("me", "k3", "i3"), 0, &w), "policy.k");
        assert_int_equal(sv_json_len(w.reasons), 3);
        assert_string_equal(sv_json_str(sv_json_get(sv_json_at(w.reasons, 1), "expected")),
                            "\"k2\"");
}

/* Two sets that both hold: the newer counts, and the older where that one is not accepted now. */
static void retired_and_out_of_time(void **state)
{
        static const char both[] =
                HEAD "\"rules\":[],\"sets\":[" SET("a", "1", "", RULE("k", "k", "1")) "," SET(
                        "b", "5", ",\"retired\":true",
                        RULE("k", "k",
                             "2")) "," SET("c", "3",
                                           ",\"not_before\":\"2026-12-01T00:00:00Z\",\"not_after\":"
                                           "\"2026-12-31T"
                                           "00:00:00Z\"",
                                           RULE("k", "k",
                                                "3")) "," SET("d", "2", ",\"retired\":true",
                                                              RULE("k", "k",
                                                                   "1")) "," SET("e", "9",
                                                                                 ",\"retired\":"
                                                                                 "false",
                                                                                 RULE("j", "j",
                                                                                      "1")) "]}";
        SV_POLICY_DOC *p = NULL;
        SV_VERDICT v = {{0}};

        assert_string_equal(ask(both, "{\"k\":\"1\"}", 0), "");
        assert_string_equal(ask(both, "{\"k\":\"2\"}", 0), "policy.set.retired");
        assert_string_equal(ask(both, "{\"k\":\"3\"}", at("2026-11-30T23:59:59Z")),
                            "policy.set.early");
        assert_string_equal(ask(both, "{\"k\":\"3\"}", at("2026-12-01T00:00:00Z")), "");
        assert_string_equal(ask(both, "{\"k\":\"3\"}", at("2026-12-31T00:00:00Z")), "");
        assert_string_equal(ask(both, "{\"k\":\"3\"}", at("2026-12-31T00:00:01Z")),
                            "policy.set.late");
        assert_string_equal(ask(both, "{\"k\":\"2\",\"j\":\"1\"}", 0), "");
        assert_string_equal(ask(both, "{\"k\":\"0\"}", 0), "policy.j");
        parse(both, &p);
        assert_string_equal(ask_at(p, "{\"k\":\"1\",\"j\":\"1\"}", 0, &v), "");
        assert_string_equal(sv_json_str(sv_json_get(
                                    sv_json_at(v.reasons, sv_json_len(v.reasons) - 1), "reason")),
                            "e, generation 9");
}

static void forms(void **state)
{
        static const struct {
                const char *sets, *check;
        } t[] = {
                {"1", "policy.sets"},
                {"[]", "policy.sets"},
                {"[1]", "policy.sets.member"},
                {"[{}]", "policy.sets.member"},
                {"[" SET("a", "1", "", "") "]", "policy.sets.rules"},
                {"[" SET("a", "1", "",
                         "{\"check\":\"k\",\"claim\":\"/k\",\"covers\":\"executables\",\"reason\":"
                         "\"k\",\"equals\":1,\"when\":{\"claim\":\"/p\",\"equals\":1}}") "]",
                 "policy.sets.rules"},
                {"[" SET("", "1", "", RULE("k", "k", "1")) "]", "policy.sets.name"},
                {"[" SET("0123456789012345678901234567890123456789012345678901234567890123456789012"
                         "34567890",
                         "1", "", RULE("k", "k", "1")) "]",
                 "policy.sets.name"},
                {"[" SET("a", "0", "", RULE("k", "k", "1")) "]", "policy.sets.member"},
                {"[" SET("a", "9007199254740992", "", RULE("k", "k", "1")) "]",
                 "policy.sets.member"},
                {"[" SET("a", "1", ",\"more\":1", RULE("k", "k", "1")) "]", "policy.sets.unknown"},
                {"[" SET("a", "1", ",\"retired\":1", RULE("k", "k", "1")) "]",
                 "policy.sets.retired"},
                {"[" SET("a", "1", ",\"not_before\":\"now\"", RULE("k", "k", "1")) "]",
                 "policy.sets.time"},
                {"[" SET("a", "1", ",\"not_after\":5", RULE("k", "k", "1")) "]",
                 "policy.sets.time"},
                {"[" SET("a", "1",
                         ",\"not_before\":\"2026-01-02T00:00:00Z\",\"not_after\":\"2026-"
                         "01-01T00:00:00Z\"",
                         RULE("k", "k", "1")) "]",
                 "policy.sets.time"},
                {"[" SET("a", "1", "", RULE("k", "k", "1")) "," SET("b", "1", "",
                                                                    RULE("k", "k", "2")) "]",
                 "policy.sets.generation"},
                {"[" SET("a", "1", "", RULE("id", "k", "1")) "]", "policy.rule.duplicate"},
                {"[" SET("a", "1", "", "{}") "]", "policy.rule.member"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_STR text = sv_asprintf(HEAD COMMON "\"sets\":%s}", t[i].sets);
                struct sv_err err = SV_ERR_NULL;
                SV_POLICY_DOC *p = NULL;

                assert_int_equal(sv_policy_parse(sv_bytes_str(text), &p, &err), -1);
                if (err.class != SV_FORMAT || strcmp(err.check, t[i].check))
                        fail_msg("%s: expected %s, found %s [%s]", t[i].sets, t[i].check, err.msg,
                                 err.check);
        }
}

/* As many sets as a policy takes, and one more. */
static void how_many(void **state)
{
        for (int n = SV_POLICY_SETS_MAX; n <= SV_POLICY_SETS_MAX + 1; n++) {
                SV_BUF text = SV_BUF_NULL;
                struct sv_err err = SV_ERR_NULL;
                SV_POLICY_DOC *p = NULL;
                int r;

                sv_buf_puts(&text, HEAD "\"rules\":[],\"sets\":[");
                for (int i = 1; i <= n; i++)
                        sv_buf_printf(&text, "%s{\"name\":\"n\",\"generation\":%d,\"rules\":[%s]}",
                                      i > 1 ? "," : "", i, RULE("k", "k", "1"));
                sv_buf_puts(&text, "]}");
                r = sv_policy_parse(sv_buf_bytes(&text), &p, &err);
                assert_int_equal(r, n > SV_POLICY_SETS_MAX ? -1 : 0);
                if (r < 0)
                        assert_string_equal(err.check, "policy.sets");
        }
}

/* --- a policy that learns --- */

#define PLAIN(k, i) \
        HEAD "\"rules\":[" RULE("id", "id", "me") "," RULE("k", "k", k) "," RULE("i", "i", i) "]}"

static const struct sv_update_names names = {"the first", "the next"};

static void learn(const struct sv_policy *kept, const char *predicted, bool again, int64_t expected,
                  struct sv_policy **out)
{
        struct sv_err err = SV_ERR_NULL;
        SV_POLICY_DOC *p = NULL;
        SV_BUF text = SV_BUF_NULL;
        int64_t generation;

        parse(predicted, &p);
        OK(sv_policy_add_set(kept, p, &names, again, &text, &generation, &err));
        assert_int_equal(generation, expected);
        parse(sv_buf_str(&text), out);
}

static void learn_not(const struct sv_policy *kept, const char *predicted, const char *check)
{
        struct sv_err err = SV_ERR_NULL;
        SV_POLICY_DOC *p = NULL;
        SV_BUF text = SV_BUF_NULL;
        int64_t generation;

        parse(predicted, &p);
        FAILS(sv_policy_add_set(kept, p, &names, false, &text, &generation, &err), SV_USAGE, check);
        assert_int_equal(text.n, 0);
}

static void retire(const struct sv_policy *kept, int64_t generation, size_t expected,
                   struct sv_policy **out)
{
        struct sv_err err = SV_ERR_NULL;
        SV_BUF text = SV_BUF_NULL;
        size_t retired;

        OK(sv_policy_retire_sets(kept, generation, &text, &retired, &err));
        assert_int_equal(retired, expected);
        parse(sv_buf_str(&text), out);
}

static void says(const struct sv_policy *p, const char *claims, const char *check)
{
        SV_VERDICT v = {{0}};

        assert_string_equal(ask_at(p, claims, 0, &v), check);
}

static void learns_and_retires(void **state)
{
        SV_POLICY_DOC *first = NULL, *both = NULL, *second = NULL, *third = NULL, *last = NULL;

        parse(PLAIN("k1", "i1"), &first);
        learn(first, PLAIN("k2", "i1"), false, 2, &both);
        assert_int_equal(sv_json_len(sv_policy_rules(both)), 2); /* id and i are common */
        says(both, CLAIMS("me", "k1", "i1"), "");
        says(both, CLAIMS("me", "k2", "i1"), "");
        says(both, CLAIMS("me", "k2", "i2"), "policy.i");
        learn_not(both, PLAIN("k2", "i1"), "policy.update.same");
        learn_not(both, PLAIN("k1", "i1"), "policy.update.same");
        learn_not(first, PLAIN("k1", "i1"), "policy.update.same");
        retire(both, 2, 1, &second);
        says(second, CLAIMS("me", "k1", "i1"), "policy.set.retired");
        says(second, CLAIMS("me", "k2", "i1"), "");
        learn_not(second, PLAIN("k1", "i1"), "policy.update.retired");
        /* what was common differs now: it moves into the sets */
        learn(second, PLAIN("k3", "i3"), false, 3, &third);
        assert_int_equal(sv_json_len(sv_policy_rules(third)), 1);
        says(third, CLAIMS("me", "k1", "i1"), "policy.set.retired");
        says(third, CLAIMS("me", "k2", "i1"), "");
        says(third, CLAIMS("me", "k3", "i3"), "");
        says(third, CLAIMS("me", "k3", "i1"), "policy.i");
        says(third, CLAIMS("me", "k2", "i3"), "policy.k");
        /* back to what was retired, by one's own word */
        learn(third, PLAIN("k1", "i1"), true, 4, &last);
        says(last, CLAIMS("me", "k1", "i1"), "");
}

/* What a platform must be at least is no state of a guest: neither number silently replaces the
 * other. */
static void takes_no_minimum_for_a_state(void **state)
{
        static const char least[] = HEAD
                "\"rules\":[" RULE("k", "k", "%s") ",{\"check\":\"policy.tcb\",\"claim\":\"/tcb\","
                                                   "\"at_least\":%d,\"covers\":\"hardware\","
                                                   "\"reason\":\"r\"}]}";
        char kept[1024], predicted[1024];
        SV_POLICY_DOC *p = NULL, *both = NULL;

        snprintf(kept, sizeof(kept), least, "k1", 9);
        snprintf(predicted, sizeof(predicted), least, "k2", 8);
        parse(kept, &p);
        learn_not(p, predicted, "policy.update.other");
        snprintf(predicted, sizeof(predicted), least, "k2", 9);
        learn(p, predicted, false, 2, &both);
        assert_int_equal(sv_json_len(sv_policy_rules(both)), 1);
}

/* A rule that somebody wrote by hand stays, in every set; anchors of both are trusted. */
static void keeps_what_was_written_by_hand(void **state)
{
        static const char kept[] =
                "{\"version\":1,\"guest\":\"g\",\"tee\":\"vtpm\",\"resource\":\"a/b"
                "/c\",\"trust\":{\"ek_roots\":[\"A\"]},\"rules\":[" RULE("k", "k", "k1") "," RULE(
                        "mine", "m", "m") "]}";
        static const char predicted[] =
                "{\"version\":1,\"guest\":\"g\",\"tee\":\"vtpm\",\"resource\":"
                "\"a/b/c\",\"trust\":{\"ek_roots\":[\"A\",\"B\"]},\"rules\":[" RULE("k", "k",
                                                                                    "k2") "]}";
        SV_POLICY_DOC *p = NULL, *both = NULL, *next = NULL;

        parse(kept, &p);
        learn(p, predicted, false, 2, &both);
        says(both, "{\"k\":\"k2\",\"m\":\"m\"}", "");
        says(both, "{\"k\":\"k2\"}", "policy.mine");
        says(both, "{\"k\":\"k1\",\"m\":\"m\"}", "");
        assert_string_equal(sv_policy_trust(both, "ek_roots", 0), "A");
        assert_string_equal(sv_policy_trust(both, "ek_roots", 1), "B");
        assert_null(sv_policy_trust(both, "ek_roots", 2));
        parse(predicted, &next);
        assert_int_equal(sv_policy_count_other_anchors(p, next), 0);
        assert_int_equal(sv_policy_count_other_anchors(next, p), 1);
}

static void is_for_one_guest(void **state)
{
        static const char *const other[] = {
                "{\"version\":1,\"guest\":\"g\",\"tee\":\"tdx\",\"resource\":\"a/b/"
                "c\",\"trust\":{},"
                "\"rules\":[" RULE("k", "k", "k2") "]}",
                "{\"version\":1,\"guest\":\"g\",\"tee\":\"vtpm\",\"resource\":\"a/b/"
                "d\",\"trust\":{},"
                "\"rules\":[" RULE("k", "k", "k2") "]}",
                "{\"version\":1,\"guest\":\"g\",\"tee\":\"vtpm\",\"resource\":\"a/b/"
                "c\",\"trust\":{},"
                "\"allow\":[\"debug\"],\"rules\":[" RULE("k", "k", "k2") "]}",
        };
        SV_POLICY_DOC *p = NULL;

        parse(PLAIN("k1", "i1"), &p);
        for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
                learn_not(p, other[i], "policy.update.other");
}

/* The oldest that is retired makes room; without one there is none. */
static void makes_room(void **state)
{
        SV_POLICY_DOC *p = NULL;
        char next[512];

        parse(PLAIN("k1", "i1"), &p);
        for (int i = 2; i <= SV_POLICY_SETS_MAX; i++) {
                struct sv_policy *more = NULL;

                snprintf(next, sizeof(next),
                         HEAD
                         "\"rules\":[%s,%s,"
                         "{\"check\":\"policy.k\",\"claim\":\"/k\",\"equals\":\"k%d\",\"covers\":"
                         "\"executables\",\"reason\":\"r\"}]}",
                         RULE("id", "id", "me"), RULE("i", "i", "i1"), i);
                learn(p, next, false, i, &more);
                sv_policy_free(p);
                p = more;
        }
        learn_not(p, PLAIN("k", "i1"), "policy.update.full");
        {
                SV_POLICY_DOC *retired = NULL, *more = NULL;

                retire(p, 3, 2, &retired);
                says(retired, CLAIMS("me", "k2", "i1"), "policy.set.retired");
                learn(retired, PLAIN("k", "i1"), false, SV_POLICY_SETS_MAX + 1, &more);
                assert_int_equal(sv_json_len(sv_policy_sets(more)), SV_POLICY_SETS_MAX);
                says(more, CLAIMS("me", "k1", "i1"), "policy.k"); /* forgotten */
                says(more, CLAIMS("me", "k2", "i1"), "policy.set.retired");
                says(more, CLAIMS("me", "k", "i1"), "");
        }
}

/* Before a guest starts: the same answers from its predicted values. */
static void foreseen(void **state)
{
        static const struct {
                const char *predicted, *check;
        } t[] = {
                {PLAIN("k1", "i1"), "policy.set.retired"},
                {PLAIN("k2", "i2"), ""},
                {PLAIN("k2", "i3"), "policy.i"},
                {PLAIN("k3", "i3"), "policy.k"},
        };
        SV_POLICY_DOC *p = NULL;

        parse(HEAD COMMON "\"sets\":[" SET("old", "1", ",\"retired\":true",
                                           RULE("k", "k", "k1") "," RULE("i", "i", "i1")) "," NEW
                                                                                          "]}",
              &p);
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_POLICY_DOC *predicted = NULL;
                SV_JSON *rows = sv_json_array();
                struct sv_err err = SV_ERR_NULL;

                parse(t[i].predicted, &predicted);
                if (*t[i].check)
                        FAILS(sv_policy_foresee(p, predicted, 0, rows, &err), SV_POLICY,
                              t[i].check);
                else
                        OK(sv_policy_foresee(p, predicted, 0, rows, &err));
                assert_int_equal(sv_json_len(rows), 3);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(one_whole_set),
                cmocka_unit_test(not_by_the_common_rules),
                cmocka_unit_test(says_which),
                cmocka_unit_test(retired_and_out_of_time),
                cmocka_unit_test(forms),
                cmocka_unit_test(how_many),
                cmocka_unit_test(learns_and_retires),
                cmocka_unit_test(keeps_what_was_written_by_hand),
                cmocka_unit_test(takes_no_minimum_for_a_state),
                cmocka_unit_test(is_for_one_guest),
                cmocka_unit_test(makes_room),
                cmocka_unit_test(foreseen),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
