/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/limits.h"

#include "base/core/file.h"

#include "policy/evaluate.h"

static struct sv_err err;

#define RULE                                    \
        "{\"check\":\"policy.a\",\"claim\":\"/" \
        "a\",\"equals\":\"x\",\"covers\":\"executables\",\"reason\":\"the first\"}"
#define DOC(rules)                                                                               \
        "{\"version\":1,\"guest\":\"demo\",\"tee\":\"vtpm\",\"resource\":\"default/demo/root\"," \
        "\"trust\":{\"ek_roots\":[\"one\",\"two\"]},\"rules\":[" rules "]}"
#define LEASE(value)                                                       \
        "{\"version\":1,\"guest\":\"g\",\"tee\":\"t\",\"resource\":\"a/b/" \
        "c\",\"trust\":{},\"lease\":" value ",\"rules\":[" RULE "]}"
/* A rule with another operator, claim, and so on: everything after "check". */
#define CHANGED(rest) DOC("{\"check\":\"policy.a\"," rest "}")
#define TAIL          "\"covers\":\"executables\",\"reason\":\"r\""

static void test_accessors(void **state)
{
        SV_POLICY_DOC *p = NULL;

        (void)state;
        OK(sv_policy_parse(sv_bytes_str(DOC(RULE)), &p, &err));
        assert_string_equal(sv_policy_guest(p), "demo");
        assert_string_equal(sv_policy_tee(p), "vtpm");
        assert_string_equal(sv_policy_resource(p), "default/demo/root");
        assert_string_equal(sv_policy_trust(p, "ek_roots", 1), "two");
        assert_null(sv_policy_trust(p, "ek_roots", 2));
        assert_null(sv_policy_trust(p, "vcek", 0));
        assert_int_equal(sv_json_len(sv_policy_rules(p)), 1);
}

static const struct {
        const char *text;
        const char *check;
} malformed[] = {
        {"", "policy.json"},
        {"{", "policy.json"},
        {"[]", "policy.member"},
        {"{\"version\":1,\"version\":1}", "policy.json"},
        {DOC(RULE) "x", "policy.json"},
        {"{\"version\":1,\"hint\":true}", "policy.unknown"},
        {"{\"guest\":\"demo\"}", "policy.member"},
        {"{\"version\":2,\"guest\":\"demo\"}", "policy.version"},
        {"{\"version\":1,\"guest\":\"demo\",\"tee\":\"vtpm\",\"resource\":\"a/b/c\",\"trust\":{}}",
         "policy.member"},
        {"{\"version\":1,\"guest\":\"../x\",\"tee\":\"vtpm\",\"resource\":\"a/b/"
         "c\",\"trust\":{},\"rules\":[" RULE "]}",
         "policy.guest"},
        {"{\"version\":1,\"guest\":\"g\",\"tee\":\"\",\"resource\":\"a/b/"
         "c\",\"trust\":{},\"rules\":[" RULE "]}",
         "policy.tee"},
        {"{\"version\":1,\"guest\":\"g\",\"tee\":\"t\",\"resource\":\"a/"
         "b\",\"trust\":{},\"rules\":[" RULE "]}",
         "policy.resource"},
        {"{\"version\":1,\"guest\":\"g\",\"tee\":\"t\",\"resource\":\"a/b/c/"
         "d\",\"trust\":{},\"rules\":[" RULE "]}",
         "policy.resource"},
        {"{\"version\":1,\"guest\":\"g\",\"tee\":\"t\",\"resource\":\"a/../"
         "c\",\"trust\":{},\"rules\":[" RULE "]}",
         "policy.resource"},
        {"{\"version\":1,\"guest\":\"g\",\"tee\":\"t\",\"resource\":\"a//"
         "c\",\"trust\":{},\"rules\":[" RULE "]}",
         "policy.resource"},
        {"{\"version\":1,\"guest\":\"g\",\"tee\":\"t\",\"resource\":\"a/b/"
         "c\",\"trust\":[],\"rules\":[" RULE "]}",
         "policy.member"},
        {"{\"version\":1,\"guest\":\"g\",\"tee\":\"t\",\"resource\":\"a/b/"
         "c\",\"trust\":{\"ek_roots\":\"x\"},\"rules\":[" RULE "]}",
         "policy.trust"},
        {"{\"version\":1,\"guest\":\"g\",\"tee\":\"t\",\"resource\":\"a/b/"
         "c\",\"trust\":{\"ek_roots\":[1]},\"rules\":[" RULE "]}",
         "policy.trust"},
        {"{\"version\":1,\"guest\":\"g\",\"tee\":\"t\",\"resource\":\"a/b/"
         "c\",\"trust\":{\"ek_roots\":[\"\"]},\"rules\":[" RULE "]}",
         "policy.trust"},
        {"{\"version\":1,\"guest\":\"g\",\"tee\":\"t\",\"resource\":\"a/b/"
         "c\",\"trust\":{},\"allow\":\"debug\",\"rules\":[" RULE "]}",
         "policy.allow"},
        {"{\"version\":1,\"guest\":\"g\",\"tee\":\"t\",\"resource\":\"a/b/"
         "c\",\"trust\":{},\"allow\":{},\"rules\":[" RULE "]}",
         "policy.allow"},
        {"{\"version\":1,\"guest\":\"g\",\"tee\":\"t\",\"resource\":\"a/b/"
         "c\",\"trust\":{},\"allow\":[],\"rules\":[" RULE "]}",
         "policy.allow"},
        {"{\"version\":1,\"guest\":\"g\",\"tee\":\"t\",\"resource\":\"a/b/"
         "c\",\"trust\":{},\"allow\":[1],\"rules\":[" RULE "]}",
         "policy.allow"},
        {"{\"version\":1,\"guest\":\"g\",\"tee\":\"t\",\"resource\":\"a/b/"
         "c\",\"trust\":{},\"allow\":[\"a\",\"a\"],\"rules\":[" RULE "]}",
         "policy.allow"},
        {LEASE("-1"), "policy.member"},
        {LEASE("86401"), "policy.member"},
        {LEASE("\"1\""), "policy.member"},
        {LEASE("1"), "policy.lease"},
        {LEASE("119"), "policy.lease"},
        {DOC(""), "policy.rules"}, /* nothing to prove is a mistake, not a grant */
        {DOC("1"), "policy.rule.member"},
        {DOC("{}"), "policy.rule.member"},
        {DOC(RULE "," RULE), "policy.rule.duplicate"},
        {CHANGED("\"claim\":\"/a\",\"equals\":\"x\",\"because\":1," TAIL), "policy.rule.unknown"},
        {CHANGED("\"claim\":\"/a\",\"matches\":\"x\"," TAIL), "policy.rule.unknown"},
        {CHANGED("\"claim\":\"/a\"," TAIL), "policy.rule.operator"},
        {CHANGED("\"claim\":\"/a\",\"equals\":\"x\",\"present\":true," TAIL),
         "policy.rule.operator"},
        {CHANGED("\"claim\":\"/a\",\"equals\":{}," TAIL), "policy.rule.value"},
        {CHANGED("\"claim\":\"/a\",\"equals\":1.5," TAIL), "policy.rule.value"},
        {CHANGED("\"claim\":\"/a\",\"equals\":null," TAIL), "policy.rule.operator"},
        {CHANGED("\"claim\":\"/a\",\"one_of\":[]," TAIL), "policy.rule.value"},
        {CHANGED("\"claim\":\"/a\",\"one_of\":[\"x\",null]," TAIL), "policy.rule.value"},
        {CHANGED("\"claim\":\"/a\",\"one_of\":\"x\"," TAIL), "policy.rule.value"},
        {CHANGED("\"claim\":\"/a\",\"at_least\":\"7\"," TAIL), "policy.rule.value"},
        {CHANGED("\"claim\":\"/a\",\"present\":false," TAIL), "policy.rule.value"},
        {CHANGED("\"claim\":\"/a\",\"absent\":1," TAIL), "policy.rule.value"},
        {CHANGED("\"claim\":\"a\",\"present\":true," TAIL), "policy.rule.claim"},
        {CHANGED("\"claim\":\"\",\"present\":true," TAIL), "policy.rule.claim"},
        {CHANGED("\"claim\":\"/a~2\",\"present\":true," TAIL), "policy.rule.claim"},
        {CHANGED("\"claim\":\"/a~\",\"present\":true," TAIL), "policy.rule.claim"},
        {CHANGED("\"claim\":\"/a\",\"present\":true,\"covers\":\"everything\",\"reason\":\"r\""),
         "policy.rule.covers"},
        {CHANGED("\"claim\":\"/a\",\"present\":true,\"covers\":\"hardware\",\"reason\":\"\""),
         "policy.rule.reason"},
        {CHANGED("\"claim\":\"/a\",\"present\":true,\"covers\":\"hardware\",\"reason\":\"a\\nb\""),
         "policy.rule.reason"},
        {CHANGED("\"claim\":\"/a\",\"present\":true,\"covers\":\"hardware\""),
         "policy.rule.member"},
        {DOC("{\"check\":\"pcr.4\",\"claim\":\"/a\",\"present\":true," TAIL "}"),
         "policy.rule.check"},
        {DOC("{\"check\":\"policy.\",\"claim\":\"/a\",\"present\":true," TAIL "}"),
         "policy.rule.check"},
        {DOC("{\"check\":\"policy.A\",\"claim\":\"/a\",\"present\":true," TAIL "}"),
         "policy.rule.check"},
        {DOC("{\"check\":\"policy..a\",\"claim\":\"/a\",\"present\":true," TAIL "}"),
         "policy.rule.check"},
        {DOC("{\"check\":\"policy.0123456789012345678901234567890123456789012345678901234567890\","
             "\"claim\":\"/a\",\"present\":true," TAIL "}"),
         "policy.rule.check"},
};

/* It is written only when it is not the one that a policy without it has. */
static void test_lease(void **state)
{
        static const int64_t leases[] = {0, SV_LEASE_MIN_S, SV_LEASE_S, SV_LEASE_MAX_S};

        (void)state;
        for (size_t i = 0; i < sizeof(leases) / sizeof(leases[0]); i++) {
                SV_POLICY_DOC *given = NULL, *p = NULL;
                SV_JSON *trust = sv_json_object();
                SV_BUF text = SV_BUF_NULL;

                OK(sv_policy_parse(sv_bytes_str(DOC(RULE)), &given, &err));
                assert_true(sv_policy_lease(given) == SV_LEASE_S);
                OK(sv_policy_write_parts(
                        &(struct sv_policy_parts){"g", "t", "a/b/c",
                                                  (struct sv_json *)sv_policy_rules(given), trust,
                                                  NULL, leases[i], NULL, NULL},
                        &text, &err));
                OK(sv_policy_parse(sv_buf_bytes(&text), &p, &err));
                assert_true(sv_policy_lease(p) == leases[i]);
                assert_true((strstr(sv_buf_str(&text), "lease") == NULL) ==
                            (leases[i] == SV_LEASE_S));
        }
}

static void test_malformed(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
                SV_POLICY_DOC *p = NULL;

                print_message("%s\n", malformed[i].text);
                FAILS(sv_policy_parse(sv_bytes_str(malformed[i].text), &p, &err), SV_FORMAT,
                      malformed[i].check);
                assert_null(p);
        }
}

static void test_every_truncation(void **state)
{
        static const char text[] = DOC(RULE);

        (void)state;
        for (size_t n = 0; n + 1 < sizeof(text) - 1; n++) {
                SV_POLICY_DOC *p = NULL;

                FAILS(sv_policy_parse(sv_bytes(text, n), &p, &err), SV_FORMAT, "policy.json");
        }
}

/* Each member that a policy, or a rule, must have: left out, the rest in place. */
static void test_each_member_missing(void **state)
{
        static const char *const members[] = {"\"version\":1", "\"guest\":\"g\"",
                                              "\"tee\":\"t\"", "\"resource\":\"a/b/c\"",
                                              "\"trust\":{}",  "\"rules\":[" RULE "]"};
        static const char *const parts[] = {"\"check\":\"policy.a\"", "\"claim\":\"/a\"",
                                            "\"covers\":\"hardware\"", "\"reason\":\"r\""};

        for (size_t out = 0; out <= 6; out++) {
                SV_POLICY_DOC *p = NULL;
                SV_BUF text = SV_BUF_NULL;

                sv_buf_puts(&text, "{");
                for (size_t i = 0; i < 6; i++)
                        if (i != out)
                                sv_buf_printf(&text, "%s%s", text.n > 1 ? "," : "", members[i]);
                sv_buf_puts(&text, "}");
                if (out == 6)
                        OK(sv_policy_parse(sv_buf_bytes(&text), &p, &err));
                else
                        FAILS(sv_policy_parse(sv_buf_bytes(&text), &p, &err), SV_FORMAT,
                              "policy.member");
        }
        for (size_t out = 0; out <= 4; out++) {
                SV_POLICY_DOC *p = NULL;
                SV_BUF rule = SV_BUF_NULL;
                SV_BUF text = SV_BUF_NULL;

                sv_buf_puts(&rule, "{\"present\":true");
                for (size_t i = 0; i < 4; i++)
                        if (i != out)
                                sv_buf_printf(&rule, ",%s", parts[i]);
                sv_buf_puts(&rule, "}");
                sv_buf_printf(&text, DOC("%s"), sv_buf_str(&rule));
                if (out == 4)
                        OK(sv_policy_parse(sv_buf_bytes(&text), &p, &err));
                else
                        FAILS(sv_policy_parse(sv_buf_bytes(&text), &p, &err), SV_FORMAT,
                              "policy.rule.member");
        }
}

static int take_policy(const struct sv_buf *text, struct sv_err *e)
{
        SV_POLICY_DOC *p = NULL;

        return sv_policy_parse(sv_buf_bytes(text), &p, e);
}

static int take_size(size_t n, struct sv_err *e)
{
        SV_BUF text = SV_BUF_NULL;

        sv_buf_puts(&text, DOC(RULE));
        n -= text.n;
        memset(sv_buf_grow(&text, n), ' ', n);
        return take_policy(&text, e);
}

static int take_rules(size_t n, struct sv_err *e)
{
        SV_BUF rules = SV_BUF_NULL;
        SV_BUF text = SV_BUF_NULL;

        for (size_t i = 0; i < n; i++)
                sv_buf_printf(&rules,
                              "%s{\"check\":\"policy.r%zu\",\"claim\":\"/a\",\"present\":true," TAIL
                              "}",
                              i ? "," : "", i);
        sv_buf_printf(&text, DOC("%s"), sv_buf_str(&rules));
        return take_policy(&text, e);
}

/* A policy with a text of n bytes in it. */
static int take_text(const char *before, size_t n, const char *after, struct sv_err *e)
{
        SV_BUF text = SV_BUF_NULL;

        sv_buf_puts(&text, before);
        memset(sv_buf_grow(&text, n), 'x', n);
        sv_buf_puts(&text, after);
        return take_policy(&text, e);
}

static int take_check(size_t n, struct sv_err *e)
{
        return take_text("{\"version\":1,\"guest\":\"g\",\"tee\":\"t\",\"resource\":\"a/b/c\","
                         "\"trust\":{},\"rules\":[{\"check\":\"policy.",
                         n - strlen("policy."), "\",\"claim\":\"/a\",\"present\":true," TAIL "}]}",
                         e);
}

static int take_reason(size_t n, struct sv_err *e)
{
        return take_text("{\"version\":1,\"guest\":\"g\",\"tee\":\"t\",\"resource\":\"a/b/c\","
                         "\"trust\":{},\"rules\":[{\"check\":\"policy.a\",\"claim\":\"/a\","
                         "\"present\":true,\"covers\":\"hardware\",\"reason\":\"",
                         n, "\"}]}", e);
}

static int take_guest(size_t n, struct sv_err *e)
{
        return take_text(
                "{\"version\":1,\"guest\":\"", n,
                "\",\"tee\":\"t\",\"resource\":\"a/b/c\",\"trust\":{},\"rules\":[" RULE "]}", e);
}

static int take_resource(size_t n, struct sv_err *e)
{
        return take_text("{\"version\":1,\"guest\":\"g\",\"tee\":\"t\",\"resource\":\"a/", n,
                         "/c\",\"trust\":{},\"rules\":[" RULE "]}", e);
}

static void test_every_limit(void **state)
{
        static const struct limit_case cases[] = {
                LIMIT(SV_POLICY_SIZE_MAX, 1, take_size, SV_FORMAT, "policy.size"),
                LIMIT(SV_POLICY_RULES_MAX, 1, take_rules, SV_FORMAT, "policy.rules"),
                LIMIT(SV_RULE_CHECK_MAX, 1, take_check, SV_FORMAT, "policy.rule.check"),
                LIMIT(SV_RULE_REASON_MAX, 1, take_reason, SV_FORMAT, "policy.rule.reason"),
                LIMIT(SV_NAME_MAX, 1, take_guest, SV_FORMAT, "policy.guest"),
                LIMIT(SV_NAME_MAX, 1, take_resource, SV_FORMAT, "policy.resource"),
        };

        try_limits(cases, sizeof(cases) / sizeof(*cases));
}

static void test_write_reads_back(void **state)
{
        SV_BUF out = SV_BUF_NULL;
        SV_JSON *rules = NULL;
        SV_JSON *trust = sv_json_object();
        SV_POLICY_DOC *p = NULL;

        (void)state;
        OK(sv_json_parse(sv_bytes_str("[" RULE "]"), "test", &rules, &err));
        OK(sv_policy_write("g", "vtpm", "a/b/c", rules, trust, &out, &err));
        OK(sv_policy_parse(sv_buf_bytes(&out), &p, &err));
        assert_true(sv_json_equal(sv_policy_rules(p), rules));
        sv_buf_clear(&out);
        FAILS(sv_policy_write("g", "vtpm", "a/b", rules, trust, &out, &err), SV_FORMAT,
              "policy.resource");
}

/* One rule and claims; whether it holds. */
static const struct {
        const char *op;
        const char *claims;
        bool holds;
} operators[] = {
        {"\"equals\":\"x\"", "{\"a\":\"x\"}", true},
        {"\"equals\":\"x\"", "{\"a\":\"y\"}", false},
        {"\"equals\":\"x\"", "{\"a\":\"xx\"}", false},
        {"\"equals\":\"x\"", "{\"a\":[\"x\"]}", false},
        {"\"equals\":\"x\"", "{\"a\":null}", false},
        {"\"equals\":\"x\"", "{}", false},
        {"\"equals\":\"1\"", "{\"a\":1}", false},
        {"\"equals\":1", "{\"a\":1}", true},
        {"\"equals\":1", "{\"a\":true}", false},
        {"\"equals\":true", "{\"a\":true}", true},
        {"\"equals\":false", "{}", false}, /* an absent claim is not false */
        {"\"equals\":false", "{\"a\":false}", true},
        {"\"one_of\":[\"x\",\"y\"]", "{\"a\":\"y\"}", true},
        {"\"one_of\":[\"x\",\"y\"]", "{\"a\":\"z\"}", false},
        {"\"one_of\":[\"x\",\"y\"]", "{}", false},
        {"\"at_least\":7", "{\"a\":7}", true},
        {"\"at_least\":7", "{\"a\":9}", true},
        {"\"at_least\":7", "{\"a\":6}", false},
        {"\"at_least\":7", "{\"a\":\"9\"}", false},
        {"\"at_least\":-1", "{}", false},
        {"\"at_least\":0", "{\"a\":null}", false},
        {"\"at_most\":7", "{\"a\":7}", true},
        {"\"at_most\":7", "{\"a\":8}", false},
        {"\"at_most\":7", "{\"a\":\"6\"}", false},
        {"\"at_most\":7", "{}", false},
        {"\"present\":true", "{\"a\":0}", true},
        {"\"present\":true", "{\"a\":null}", false},
        {"\"present\":true", "{\"b\":1}", false},
        {"\"absent\":true", "{\"b\":1}", true},
        {"\"absent\":true", "{\"a\":false}", false},
};

static void test_operators(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
                SV_POLICY_DOC *p = NULL;
                SV_JSON *claims = NULL;
                SV_VERDICT v = {0};
                SV_BUF doc = SV_BUF_NULL;

                sv_buf_printf(&doc,
                              DOC("{\"check\":\"policy.a\",\"claim\":\"/"
                                  "a\",%s,\"covers\":\"executables\",\"reason\":\"r\"}"),
                              operators[i].op);
                print_message("%s over %s\n", operators[i].op, operators[i].claims);
                OK(sv_policy_parse(sv_buf_bytes(&doc), &p, &err));
                OK(sv_json_parse(sv_bytes_str(operators[i].claims), "test", &claims, &err));
                if (operators[i].holds) {
                        OK(sv_policy_evaluate(p, claims, &v, &err));
                        assert_int_equal(v.vector[SV_SLOT_EXECUTABLES], 3);
                        assert_int_equal(sv_verdict_status(&v), SV_TIER_AFFIRMING);
                } else {
                        FAILS(sv_policy_evaluate(p, claims, &v, &err), SV_POLICY, "policy.a");
                        assert_int_equal(sv_verdict_status(&v), SV_TIER_CONTRAINDICATED);
                }
                assert_int_equal(sv_json_len(v.reasons), 1);
        }
}

#define TWO                                                                               \
        DOC(RULE ",{\"check\":\"policy.b\",\"claim\":\"/b/"                               \
                 "0\",\"equals\":1,\"covers\":\"executables\",\"reason\":\"the second\"}" \
                 ",{\"check\":\"policy.c\",\"claim\":\"/"                                 \
                 "c\",\"present\":true,\"covers\":\"hardware\",\"reason\":\"the third\"}")

/* The first failed rule is named, all are told, and a slot never recovers from a failed rule. */
static void test_first_failure(void **state)
{
        SV_POLICY_DOC *p = NULL;
        SV_JSON *claims = NULL;
        SV_VERDICT v = {0};
        struct sv_json *b;

        (void)state;
        OK(sv_policy_parse(sv_bytes_str(TWO), &p, &err));
        OK(sv_json_parse(sv_bytes_str("{\"a\":\"x\",\"b\":[2]}"), "test", &claims, &err));
        FAILS(sv_policy_evaluate(p, claims, &v, &err), SV_POLICY, "policy.b");
        assert_non_null(strstr(err.msg, "the second"));
        assert_non_null(strstr(err.msg, "expected 1, found 2"));
        assert_int_equal(sv_json_len(v.reasons), 3);
        b = sv_json_at(v.reasons, 1);
        assert_false(sv_json_bool(sv_json_get(b, "held"), true));
        assert_string_equal(sv_json_str(sv_json_get(b, "found")), "2");
        assert_int_equal(v.vector[SV_SLOT_EXECUTABLES], 96);
        assert_int_equal(v.vector[SV_SLOT_HARDWARE], 97);
}

/* What each slot says of a rule that holds, and of one that does not (AR4SI section 2.3.4). */
static void test_slots(void **state)
{
        static const struct {
                const char *name;
                int8_t good, bad;
        } t[SV_SLOTS] = {
                {"instance-identity", 2, 97}, {"configuration", 2, 96}, {"executables", 3, 96},
                {"file-system", 2, 96},       {"hardware", 2, 97},      {"runtime-opaque", 2, 96},
                {"storage-opaque", 2, 96},    {"sourced-data", 2, 96},
        };

        (void)state;
        for (size_t i = 0; i < SV_SLOTS; i++) {
                SV_STR rules = sv_asprintf("[{\"check\":\"policy.a\",\"claim\":\"/a\",\"equals\":1,"
                                           "\"covers\":\"%s\",\"reason\":\"it is so\"}]",
                                           t[i].name);
                SV_JSON *list = NULL, *trust = sv_json_object();
                SV_BUF doc = SV_BUF_NULL;
                SV_POLICY_DOC *p = NULL;

                OK(sv_json_parse(sv_bytes_str(rules), "test", &list, &err));
                OK(sv_policy_write("g", "vtpm", "a/b/c", list, trust, &doc, &err));
                OK(sv_policy_parse(sv_buf_bytes(&doc), &p, &err));
                for (int a = 0; a < 2; a++) {
                        SV_JSON *claims = sv_json_object();
                        SV_VERDICT v = {0};

                        sv_json_set_int(claims, "a", a);
                        assert_int_equal(sv_policy_evaluate(p, claims, &v, &err), a - 1);
                        for (size_t k = 0; k < SV_SLOTS; k++)
                                assert_int_equal(v.vector[k], k != i ? 0
                                                              : a    ? t[i].good
                                                                     : t[i].bad);
                }
        }
}

/* What the proof cannot show stays "no claim" whatever the policy's author wishes; a failed rule
 * still shows. */
static void test_limits(void **state)
{
        SV_POLICY_DOC *p = NULL;
        SV_JSON *claims = NULL;
        SV_JSON *bad = NULL;
        SV_VERDICT v = {0};
        SV_VERDICT w = {0};
        SV_VERDICT none = {0};

        (void)state;
        OK(sv_policy_parse(sv_bytes_str(TWO), &p, &err));
        OK(sv_json_parse(sv_bytes_str("{\"a\":\"x\",\"b\":[1],\"c\":1,\"limits\":{\"hardware\":"
                                      "\"the host runs it\"}}"),
                         "test", &claims, &err));
        OK(sv_policy_evaluate(p, claims, &v, &err));
        assert_int_equal(v.vector[SV_SLOT_HARDWARE], 0);
        assert_int_equal(v.vector[SV_SLOT_EXECUTABLES], 3);
        assert_int_equal(sv_json_len(v.reasons), 4);
        assert_string_equal(sv_json_str(sv_json_get(sv_json_at(v.reasons, 3), "reason")),
                            "the host runs it");

        OK(sv_policy_limits(claims, &none, &err));
        assert_int_equal(sv_verdict_status(&none), SV_TIER_NONE);
        assert_int_equal(sv_json_len(none.reasons), 1);

        sv_json_free(claims);
        claims = NULL;
        OK(sv_json_parse(
                sv_bytes_str(
                        "{\"a\":\"x\",\"b\":[1],\"limits\":{\"hardware\":\"the host runs it\"}}"),
                "test", &claims, &err));
        FAILS(sv_policy_evaluate(p, claims, &w, &err), SV_POLICY, "policy.c");
        assert_int_equal(w.vector[SV_SLOT_HARDWARE], 97);

        OK(sv_json_parse(sv_bytes_str("{\"limits\":{\"everything\":\"r\"}}"), "test", &bad, &err));
        sv_verdict_free(&w);
        memset(&w, 0, sizeof(w));
        FAILS(sv_policy_limits(bad, &w, &err), SV_FORMAT, "policy.limits");
}

/* A limit that a rule about the right claim lifts, and no other rule. */
static void test_lifted_limits(void **state)
{
        static const struct {
                const char *rule;
                int hardware;
        } t[] = {
                {"\"claim\":\"/r\",\"equals\":1", 2},     {"\"claim\":\"/r\",\"one_of\":[1,2]", 2},
                {"\"claim\":\"/r\",\"present\":true", 0}, {"\"claim\":\"/r\",\"at_least\":0", 0},
                {"\"claim\":\"/q\",\"equals\":1", 0},     {"\"claim\":\"/r\",\"equals\":2", 97},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_STR text = sv_asprintf(
                        DOC("{\"check\":\"policy.r\",%s,\"covers\":\"hardware\",\"reason\":"
                            "\"the rule\"}"),
                        t[i].rule);
                SV_POLICY_DOC *p = NULL;
                SV_JSON *claims = NULL;
                SV_VERDICT v = {0};
                SV_VERDICT none = {0};

                OK(sv_policy_parse(sv_bytes_str(text), &p, &err));
                OK(sv_json_parse(sv_bytes_str("{\"r\":1,\"q\":1,\"limits\":{\"hardware\":{"
                                              "\"reason\":\"why\",\"unless\":\"/r\"}}}"),
                                 "test", &claims, &err));
                assert_int_equal(sv_policy_evaluate(p, claims, &v, &err),
                                 t[i].hardware == 97 ? -1 : 0);
                assert_int_equal(v.vector[SV_SLOT_HARDWARE], t[i].hardware);
                OK(sv_policy_limits(claims, &none, &err));
                assert_int_equal(sv_json_len(none.reasons), 1);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_accessors),           cmocka_unit_test(test_lease),
                cmocka_unit_test(test_malformed),           cmocka_unit_test(test_every_truncation),
                cmocka_unit_test(test_each_member_missing), cmocka_unit_test(test_every_limit),
                cmocka_unit_test(test_write_reads_back),    cmocka_unit_test(test_operators),
                cmocka_unit_test(test_first_failure),       cmocka_unit_test(test_slots),
                cmocka_unit_test(test_lifted_limits),       cmocka_unit_test(test_limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
