/* SPDX-License-Identifier: Apache-2.0 */
/* Rules that only warn: a difference releases and the verdict says so; which rules may, and that a
 * policy is left which decides. */
#include "base/core/file.h"
#include "base/core/limits.h"
#include "policy/foresee.h"
#include "policy/reference.h"
#include "policy/sets.h"
#include "policy/update.h"
#include "tests/unit/unit.h"

#define RULE(name, covers)                                  \
        "{\"check\":\"policy." name "\",\"claim\":\"/" name \
        "\",\"equals\":\"a\",\"covers\":\"" covers "\",\"reason\":\"r\"}"
#define SET(gen, k, more)                                                                        \
        "{\"name\":\"s" gen "\",\"generation\":" gen more ",\"rules\":[{\"check\":\"policy.k\"," \
        "\"claim\":\"/k\",\"equals\":\"" k "\",\"covers\":\"executables\",\"reason\":\"r\"}]}"
#define POLICY(rest) \
        "{\"version\":1,\"guest\":\"g\",\"tee\":\"t\",\"resource\":\"a/b/c\",\"trust\":{}," rest "}"
#define TWO "\"rules\":[" RULE("k", "executables") "," RULE("id", "configuration") "]"

static const char *const tells[] = {"/id", "/k", NULL};
static const char *const may[] = {"/k", "/tcb", NULL};
static struct sv_err err;

static struct sv_policy *parse_policy(const char *text)
{
        struct sv_policy *p = NULL;

        OK(sv_policy_parse(sv_bytes_str(text), &p, &err));
        return p;
}

/* 0, or the class; *v and err are filled. */
static int ask(const struct sv_policy *p, const char *claims, struct sv_verdict *v)
{
        SV_JSON *j = NULL;

        OK(sv_json_parse(sv_bytes_str(claims), "test", &j, &err));
        memset(&err, 0, sizeof(err));
        return sv_policy_evaluate_sets(p, NULL, j, 1700000000, v, &err) < 0 ? (int)err.class : 0;
}

static size_t count_warned(const struct sv_verdict *v)
{
        size_t n = 0;

        for (size_t i = 0; i < sv_json_len(v->reasons); i++)
                n += sv_json_bool(sv_json_get(sv_json_at(v->reasons, i), "warned"), false);
        return n;
}

static void a_difference(void **state)
{
        static const struct {
                const char *policy, *claims, *check;
                enum sv_tier status;
                size_t warned;
        } t[] = {
                {POLICY(TWO), "{\"k\":\"x\",\"id\":\"a\"}", "policy.k", SV_TIER_CONTRAINDICATED, 0},
                {POLICY(TWO ",\"warn\":[\"policy.k\"]"), "{\"k\":\"x\",\"id\":\"a\"}", "",
                 SV_TIER_WARNING, 1},
                {POLICY(TWO ",\"warn\":[\"policy.k\"]"), "{\"id\":\"a\"}", "", SV_TIER_WARNING, 1},
                {POLICY(TWO ",\"warn\":[\"policy.k\"]"), "{\"k\":\"a\",\"id\":\"a\"}", "",
                 SV_TIER_AFFIRMING, 0},
                /* another rule refuses as it did, and the refusal names it */
                {POLICY(TWO ",\"warn\":[\"policy.k\"]"), "{\"k\":\"x\",\"id\":\"x\"}", "policy.id",
                 SV_TIER_CONTRAINDICATED, 1},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_POLICY_DOC *p = parse_policy(t[i].policy);
                SV_VERDICT v = {{0}};

                OK(sv_policy_check_warn(p, may, tells, &err));
                assert_int_equal(ask(p, t[i].claims, &v), *t[i].check ? SV_POLICY : 0);
                assert_string_equal(err.check, t[i].check);
                assert_int_equal(sv_verdict_status(&v), t[i].status);
                assert_int_equal(count_warned(&v), t[i].warned);
        }
}

/* What a proof cannot show is lifted by a rule that decides, and by no other. */
static void limits_stay(void **state)
{
        static const char claims[] = "{\"k\":\"a\",\"id\":\"a\",\"limits\":{\"configuration\":"
                                     "{\"reason\":\"why\",\"unless\":\"/k\"}}}";
        SV_POLICY_DOC *decides = parse_policy(POLICY(TWO));
        SV_POLICY_DOC *warns = parse_policy(POLICY(TWO ",\"warn\":[\"policy.k\"]"));
        SV_VERDICT v = {{0}}, w = {{0}};

        assert_int_equal(ask(decides, claims, &v), 0);
        assert_int_equal(v.vector[SV_SLOT_CONFIGURATION], 2);
        assert_int_equal(ask(warns, claims, &w), 0);
        assert_int_equal(w.vector[SV_SLOT_CONFIGURATION], 0);
}

/* The set that holds wholly counts before one that only warns, whichever is newer. */
static void with_sets(void **state)
{
        static const char policy[] =
                POLICY("\"rules\":[" RULE("id", "configuration") "],\"sets\":[" SET(
                        "1", "old", "") "," SET("2", "new", "") "],\"warn\":[\"policy.k\"]");
        static const struct {
                const char *k, *set;
                size_t warned;
        } t[] = {{"old", "s1, generation 1", 0},
                 {"new", "s2, generation 2", 0},
                 {"other", "s2, generation 2", 1}};
        SV_POLICY_DOC *p = parse_policy(policy);

        OK(sv_policy_check_warn(p, may, tells, &err));
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_STR claims = sv_asprintf("{\"id\":\"a\",\"k\":\"%s\"}", t[i].k);
                SV_VERDICT v = {{0}};
                const struct sv_json *last;

                assert_int_equal(ask(p, claims, &v), 0);
                assert_int_equal(count_warned(&v), t[i].warned);
                last = sv_json_at(v.reasons, sv_json_len(v.reasons) - 1);
                assert_string_equal(sv_json_text(last, "check", ""), "policy.set");
                assert_string_equal(sv_json_text(last, "reason", ""), t[i].set);
        }
}

/* A retired one stays retired for its own guest, also where the policy's own rules warn; a guest of
 * none of them is as new as it was. */
static void retired_set(void **state)
{
        static const char policy[] = POLICY("\"rules\":[" RULE("id", "configuration") "," RULE(
                "tcb",
                "hardware") "],\"sets\":[" SET("1", "old",
                                               ",\"retired\":true") "," SET("2", "new",
                                                                            "") "],"
                                                                                "\"warn\":["
                                                                                "\"policy.k\","
                                                                                "\"policy.tcb\"]");
        static const struct {
                const char *k, *tcb, *check;
        } t[] = {{"old", "a", "policy.set.retired"},
                 {"old", "x", "policy.set.retired"},
                 {"new", "x", ""},
                 {"other", "x", ""}};
        SV_POLICY_DOC *p = parse_policy(policy);

        OK(sv_policy_check_warn(p, may, tells, &err));
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_STR claims =
                        sv_asprintf("{\"id\":\"a\",\"tcb\":\"%s\",\"k\":\"%s\"}", t[i].tcb, t[i].k);
                SV_VERDICT v = {{0}};

                assert_int_equal(ask(p, claims, &v), *t[i].check ? SV_POLICY : 0);
                assert_string_equal(err.check, t[i].check);
        }
}

static void what_may(void **state)
{
        static const struct {
                const char *policy, *check;
        } t[] = {
                {POLICY(TWO), NULL},
                {POLICY(TWO ",\"warn\":[\"policy.k\"]"), NULL},
                {POLICY(TWO ",\"warn\":[\"policy.id\"]"), "policy.warn.must"},
                {POLICY(TWO ",\"warn\":[\"policy.k\",\"policy.kk\"]"), "policy.warn.unknown"},
                {POLICY(TWO ",\"warn\":[\"policy.floor.debug\"]"), "policy.warn.unknown"},
                {POLICY("\"rules\":[" RULE("k", "executables") "],\"warn\":[\"policy.k\"]"),
                 "policy.warn.nothing"},
                /* what is left says nothing of the guest */
                {POLICY("\"rules\":[" RULE("k", "executables") "," RULE(
                         "tcb", "configuration") "],\"warn\":[\"policy.k\"]"),
                 "policy.warn.nothing"},
                /* one that begins like it is another claim; one below it is of it */
                {POLICY("\"rules\":[" RULE("kk", "executables") "," RULE(
                         "id", "configuration") "],\"warn\":[\"policy.kk\"]"),
                 "policy.warn.must"},
                {POLICY("\"rules\":[" RULE("tcb/x", "executables") "]"), "policy.rule.check"},
                {POLICY("\"rules\":[" RULE("id", "configuration") "],\"sets\":[" SET(
                         "1", "old", "") "],\"warn\":[\"policy.k\"]"),
                 NULL},
                {POLICY("\"rules\":[],\"sets\":[" SET("1", "old", "") "],\"warn\":[\"policy.k\"]"),
                 "policy.warn.nothing"},
                /* what a set will say is known when it is there */
                {POLICY("\"rules\":[" RULE(
                         "id", "configuration") "],\"reference_set\":\"v/r/"
                                                "w\",\"warn\":[\"policy.reference.k\"]"),
                 NULL},
                {POLICY(TWO ",\"warn\":[]"), "policy.warn"},
                {POLICY(TWO ",\"warn\":true"), "policy.warn"},
                {POLICY(TWO ",\"warn\":[7]"), "policy.warn"},
                {POLICY(TWO ",\"warn\":[\"policy.k\",\"policy.k\"]"), "policy.warn"},
        };

        assert_true(sv_claim_is_below("/tcb/x", may));
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_POLICY_DOC *p = NULL;

                memset(&err, 0, sizeof(err));
                if (sv_policy_parse(sv_bytes_str(t[i].policy), &p, &err) == 0)
                        sv_policy_check_warn(p, may, tells, &err);
                assert_string_equal(err.check, t[i].check ? t[i].check : "");
                assert_int_equal(err.class, t[i].check ? SV_FORMAT : 0);
        }
}

static void most(void **state)
{
        for (int n = SV_POLICY_RULES_MAX; n <= SV_POLICY_RULES_MAX + 1; n++) {
                SV_BUF text = SV_BUF_NULL;
                struct sv_policy *p = NULL;

                sv_buf_puts(&text, "{\"version\":1,\"guest\":\"g\",\"tee\":\"t\",\"resource\":"
                                   "\"a/b/c\",\"trust\":{}," TWO ",\"warn\":[");
                for (int i = 0; i < n; i++)
                        sv_buf_printf(&text, "%s\"policy.%d\"", i ? "," : "", i);
                sv_buf_puts(&text, "]}");
                if (n > SV_POLICY_RULES_MAX) {
                        FAILS(sv_policy_parse(sv_buf_bytes(&text), &p, &err), SV_FORMAT,
                              "policy.warn");
                        continue;
                }
                OK(sv_policy_parse(sv_buf_bytes(&text), &p, &err));
                sv_policy_free(p);
        }
}

/* A set's values warn by their names there; a policy carries its list into its next state. */
static void carried(void **state)
{
        static const char reference[] =
                "{\"version\":1,\"name\":\"v/r/w\",\"tee\":\"t\",\"generation\":1,\"any_of\":["
                "{\"image\":\"i\",\"generation\":1,\"values\":{\"/k\":\"a\"}}]}";
        static const char named[] = POLICY("\"rules\":[" RULE(
                "id",
                "configuration") "],\"reference_set\":\"v/r/w\",\"warn\":[\"policy.reference.k\"]");
        SV_POLICY_DOC *joined = NULL, *kept = parse_policy(POLICY(TWO ",\"warn\":[\"policy.k\"]"));
        SV_POLICY_DOC *predicted = NULL, *next = NULL;
        SV_JSON *set = NULL, *rows = sv_json_array();
        SV_BUF text = SV_BUF_NULL;
        SV_VERDICT v = {{0}};
        int64_t generation;

        OK(sv_reference_parse(sv_bytes_str(reference), &set, &err));
        OK(sv_reference_join(sv_bytes_str(named), set, &joined, &err));
        OK(sv_policy_check_warn(joined, may, tells, &err));
        assert_int_equal(ask(joined, "{\"id\":\"a\",\"k\":\"x\"}", &v), 0);
        assert_int_equal(count_warned(&v), 1);

        predicted = parse_policy(POLICY(
                "\"rules\":[{\"check\":\"policy.k\",\"claim\":\"/k\",\"equals\":\"b\",\"covers\":"
                "\"executables\",\"reason\":\"r\"}," RULE("id", "configuration") "]"));
        OK(sv_policy_foresee(kept, predicted, 1, rows, &err));
        assert_string_equal(sv_json_text(sv_json_at(rows, 0), "outcome", ""), "warns");
        assert_string_equal(sv_json_text(sv_json_at(rows, 1), "outcome", ""), "holds");
        OK(sv_policy_add_set(kept, predicted, &(struct sv_update_names){"x", "y"}, false, &text,
                             &generation, &err));
        OK(sv_policy_parse(sv_buf_bytes(&text), &next, &err));
        assert_true(sv_policy_warns(next, "policy.k"));
        assert_false(sv_policy_warns(next, "policy.id"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_difference), cmocka_unit_test(limits_stay),
                cmocka_unit_test(with_sets),    cmocka_unit_test(retired_set),
                cmocka_unit_test(what_may),     cmocka_unit_test(most),
                cmocka_unit_test(carried),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
