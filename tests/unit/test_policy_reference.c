/* SPDX-License-Identifier: Apache-2.0 */
/* Reference sets: their form, and a policy that names one accepts a guest by one whole tuple of it,
 * and by nothing before the set is there. */
#include "base/core/file.h"
#include "base/core/limits.h"
#include "policy/foresee.h"
#include "policy/reference.h"
#include "policy/sets.h"
#include "policy/update.h"
#include "tests/unit/unit.h"

#define POLICY                                                                                 \
        "{\"version\":1,\"guest\":\"g\",\"tee\":\"vtpm\",\"resource\":\"a/b/c\",\"trust\":{}," \
        "\"rules\":[],\"reference_set\":\"v/r/web\"}"
#define HEAD(name, tee) \
        "{\"version\":1,\"name\":\"" name "\",\"tee\":\"" tee "\",\"generation\":3,\"any_of\":["
#define TUPLE(image, generation, more, k, i)                                                  \
        "{\"image\":\"" image "\",\"generation\":" generation more ",\"values\":{\"/k\":\"" k \
        "\",\"/i\":\"" i "\"}}"
#define OLD   TUPLE("old", "1", "", "k1", "i1")
#define NEW   TUPLE("new", "3", "", "k3", "i3")
#define SET   HEAD("v/r/web", "vtpm") OLD "," NEW "]}"
#define NAMED HEAD("v/r/web", "vtpm")

static struct sv_err err;

static struct sv_json *parse_set(const char *text)
{
        struct sv_json *j = NULL;

        OK(sv_reference_parse(sv_bytes_str(text), &j, &err));
        return j;
}

static void form(void **state)
{
        static const struct {
                const char *text, *check;
        } t[] = {
                {"", "reference.json"},
                {"[]", "reference.member"},
                {"{\"version\":1}", "reference.member"},
                {"{\"version\":2,\"name\":\"v/r/web\",\"tee\":\"vtpm\",\"generation\":3,"
                 "\"any_of\":[" OLD "]}",
                 "reference.version"},
                {"{\"version\":1,\"name\":\"v/r/web\",\"tee\":\"vtpm\",\"generation\":3,\"x\":1,"
                 "\"any_of\":[" OLD "]}",
                 "reference.unknown"},
                {"{\"version\":1,\"name\":\"v/r/web\",\"tee\":\"vtpm\",\"generation\":0,"
                 "\"any_of\":[" OLD "]}",
                 "reference.member"},
                {HEAD("v/r", "vtpm") OLD "]}", "reference.name"},
                {HEAD("v/r/web", "v/tpm") OLD "]}", "reference.tee"},
                {NAMED "]}", "policy.sets"},
                {NAMED "7]}", "reference.member"},
                {NAMED "{}]}", "reference.member"},
                {NAMED TUPLE("a", "4", "", "k", "i") "]}", "reference.member"},
                {NAMED TUPLE("a", "1", ",\"x\":1", "k", "i") "]}", "reference.unknown"},
                {NAMED TUPLE("", "1", "", "k", "i") "]}", "policy.sets.name"},
                {NAMED OLD "," TUPLE("a", "1", "", "k", "i") "]}", "policy.sets.generation"},
                {NAMED TUPLE("a", "1", ",\"not_after\":\"soon\"", "k", "i") "]}",
                 "policy.sets.time"},
                {NAMED TUPLE("a", "1", ",\"retired\":1", "k", "i") "]}", "policy.sets.retired"},
                {NAMED "{\"image\":\"a\",\"generation\":1,\"values\":{}}]}", "policy.sets.rules"},
                {NAMED "{\"image\":\"a\",\"generation\":1,\"values\":{\"k\":\"v\"}}]}",
                 "policy.rule.claim"},
                {NAMED "{\"image\":\"a\",\"generation\":1,\"values\":{\"/k\":null}}]}",
                 "reference.values"},
                {NAMED "{\"image\":\"a\",\"generation\":1,\"values\":{\"/k\":[1]}}]}",
                 "policy.rule.value"},
                {NAMED "{\"image\":\"a\",\"generation\":1,\"values\":{\"/k\":1,\"/K\":1}}]}",
                 "policy.rule.duplicate"},
                /* a tuple that says less would be everybody's */
                {NAMED OLD ",{\"image\":\"a\",\"generation\":2,\"values\":{\"/k\":\"k\"}}]}",
                 "reference.values"},
                {NAMED OLD
                 ",{\"image\":\"a\",\"generation\":2,\"values\":{\"/k\":\"k\",\"/x\":1}}]}",
                 "reference.values"},
        };
        SV_JSON *good = parse_set(SET);

        assert_string_equal(sv_reference_name(good), "v/r/web");
        assert_string_equal(sv_reference_tee(good), "vtpm");
        assert_int_equal(sv_reference_generation(good), 3);
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                struct sv_json *j = NULL;

                FAILS(sv_reference_parse(sv_bytes_str(t[i].text), &j, &err), SV_FORMAT, t[i].check);
                assert_null(j);
        }
}

static void limits(void **state)
{
        for (int n = SV_POLICY_SETS_MAX; n <= SV_POLICY_SETS_MAX + 1; n++) {
                SV_BUF text = SV_BUF_NULL;
                struct sv_json *j = NULL;

                sv_buf_puts(&text, "{\"version\":1,\"name\":\"v/r/web\",\"tee\":\"vtpm\","
                                   "\"generation\":99,\"any_of\":[");
                for (int i = 1; i <= n; i++)
                        sv_buf_printf(&text,
                                      "%s{\"image\":\"a\",\"generation\":%d,\"values\":{\"/k\":1}}",
                                      i > 1 ? "," : "", i);
                sv_buf_puts(&text, "]}");
                if (n > SV_POLICY_SETS_MAX) {
                        FAILS(sv_reference_parse(sv_buf_bytes(&text), &j, &err), SV_FORMAT,
                              "policy.sets");
                        continue;
                }
                OK(sv_reference_parse(sv_buf_bytes(&text), &j, &err));
                sv_json_free(j);
        }
        for (int more = 0; more < 2; more++) {
                SV_BUF text = SV_BUF_NULL;
                struct sv_json *j = NULL;

                sv_buf_puts(&text, SET);
                while (text.n < SV_POLICY_SIZE_MAX / 2 + (size_t)more)
                        sv_buf_puts(&text, " ");
                if (more) {
                        FAILS(sv_reference_parse(sv_buf_bytes(&text), &j, &err), SV_FORMAT,
                              "reference.size");
                        continue;
                }
                OK(sv_reference_parse(sv_buf_bytes(&text), &j, &err));
                sv_json_free(j);
        }
}

/* What the policy with this set says to such a guest: "" for yes, else the check. */
static const char *ask(const char *set, const char *claims, int64_t time)
{
        SV_JSON *reference = parse_set(set);
        SV_JSON *j = NULL;
        SV_POLICY_DOC *p = NULL;
        SV_VERDICT v = {{0}};

        OK(sv_reference_join(sv_bytes_str(POLICY), reference, &p, &err));
        assert_null(sv_policy_reference(p));
        OK(sv_json_parse(sv_bytes_str(claims), "test", &j, &err));
        if (sv_policy_evaluate_sets(p, NULL, j, time, &v, &err) == 0)
                return "";
        assert_int_equal(err.class, SV_POLICY);
        return err.check;
}

static void one_whole_tuple(void **state)
{
        static const struct {
                const char *more; /* of the newer one */
                const char *k, *i, *check;
        } t[] = {
                {"", "k1", "i1", ""},
                {"", "k3", "i3", ""},
                {"", "k1", "i3", "policy.reference.k"}, /* one value of each */
                {"", "k3", "i1", "policy.reference.i"},
                {"", "k9", "i9", "policy.reference.k"},
                {",\"retired\":true", "k3", "i3", "policy.set.retired"},
                {",\"not_before\":\"2030-01-01T00:00:00Z\"", "k3", "i3", "policy.set.early"},
                {",\"not_after\":\"2001-01-01T00:00:00Z\"", "k3", "i3", "policy.set.late"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_STR set = sv_asprintf(
                        NAMED OLD ",{\"image\":\"new\",\"generation\":3%s,\"values\":{\"/k\":"
                                  "\"k3\",\"/i\":\"i3\"}}]}",
                        t[i].more);
                SV_STR claims = sv_asprintf("{\"k\":\"%s\",\"i\":\"%s\"}", t[i].k, t[i].i);

                assert_string_equal(ask(set, claims, 1700000000), t[i].check);
        }
        /* a claim that is not there is none of the values */
        assert_string_equal(ask(SET, "{\"k\":\"k3\"}", 1700000000), "policy.reference.i");
}

/* Its own rules count beside it. */
static void beside_rules(void **state)
{
        static const char policy[] =
                "{\"version\":1,\"guest\":\"g\",\"tee\":\"vtpm\",\"resource\":\"a/b/c\","
                "\"trust\":{},\"rules\":[{\"check\":\"policy.id\",\"claim\":\"/id\",\"equals\":"
                "\"me\",\"covers\":\"executables\",\"reason\":\"r\"}],\"lease\":300,"
                "\"reference_set\":\"v/r/web\"}";
        SV_JSON *reference = parse_set(SET);
        SV_JSON *claims = NULL;
        SV_POLICY_DOC *p = NULL;
        SV_VERDICT v = {{0}}, w = {{0}};

        OK(sv_reference_join(sv_bytes_str(policy), reference, &p, &err));
        assert_int_equal(sv_policy_lease(p), 300);
        OK(sv_json_parse(sv_bytes_str("{\"id\":\"you\",\"k\":\"k1\",\"i\":\"i1\"}"), "test",
                         &claims, &err));
        FAILS(sv_policy_evaluate_sets(p, NULL, claims, 1, &v, &err), SV_POLICY, "policy.id");
        sv_json_set_str(claims, "id", "me");
        OK(sv_policy_evaluate_sets(p, NULL, claims, 1, &w, &err));
}

static void other_sets(void **state)
{
        SV_JSON *tee = parse_set(HEAD("v/r/web", "sev-snp") OLD "]}");
        SV_JSON *name = parse_set(HEAD("v/r/db", "vtpm") OLD "]}");
        SV_JSON *good = parse_set(SET);
        struct sv_policy *p = NULL;

        FAILS(sv_reference_join(sv_bytes_str(POLICY), tee, &p, &err), SV_FORMAT, "reference.tee");
        FAILS(sv_reference_join(sv_bytes_str(POLICY), name, &p, &err), SV_FORMAT, "reference.name");
        FAILS(sv_reference_join(sv_bytes_str("{\"version\":1,\"guest\":\"g\",\"tee\":\"vtpm\","
                                             "\"resource\":\"a/b/c\",\"trust\":{},\"rules\":[]}"),
                                good, &p, &err),
              SV_FORMAT, "policy.rules");
        assert_null(p);
}

static void without_the_set(void **state)
{
        static const char *const wrong[] = {
                "\"reference_set\":\"v/r\"", "\"reference_set\":7",
                "\"reference_set\":\"v/r/web\",\"sets\":[{\"name\":\"a\",\"generation\":1,"
                "\"rules\":[{\"check\":\"policy.k\",\"claim\":\"/k\",\"equals\":1,\"covers\":"
                "\"executables\",\"reason\":\"r\"}]}]"};
        const struct sv_update_names names = {"before", "after"};
        SV_POLICY_DOC *p = NULL;
        SV_JSON *claims = sv_json_object();
        SV_JSON *rows = sv_json_array();
        SV_VERDICT v = {{0}};
        SV_BUF out = SV_BUF_NULL;
        int64_t generation;
        size_t retired;

        OK(sv_policy_parse(sv_bytes_str(POLICY), &p, &err));
        assert_string_equal(sv_policy_reference(p), "v/r/web");
        FAILS(sv_policy_evaluate(p, claims, &v, &err), SV_POLICY, "policy.reference");
        FAILS(sv_policy_evaluate_sets(p, NULL, claims, 1, &v, &err), SV_POLICY, "policy.reference");
        FAILS(sv_policy_foresee(p, p, 1, rows, &err), SV_POLICY, "policy.reference");
        FAILS(sv_policy_add_set(p, p, &names, false, &out, &generation, &err), SV_USAGE,
              "policy.update.reference");
        FAILS(sv_policy_retire_sets(p, 1, &out, &retired, &err), SV_USAGE,
              "policy.update.reference");
        for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
                SV_STR text = sv_asprintf("{\"version\":1,\"guest\":\"g\",\"tee\":\"vtpm\","
                                          "\"resource\":\"a/b/c\",\"trust\":{},\"rules\":[],%s}",
                                          wrong[i]);
                struct sv_policy *none = NULL;

                FAILS(sv_policy_parse(sv_bytes_str(text), &none, &err), SV_FORMAT,
                      "policy.reference");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(form),
                cmocka_unit_test(limits),
                cmocka_unit_test(one_whole_tuple),
                cmocka_unit_test(beside_rules),
                cmocka_unit_test(other_sets),
                cmocka_unit_test(without_the_set),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
