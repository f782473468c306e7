/* SPDX-License-Identifier: Apache-2.0 */
/* A policy tried on the guests that there are: what each proved when it was last given the resource
 * is appraised once more, and only what the broker has signed is believed of it. */
#include "tests/unit/broker_inside.h"

#include <sqlite3.h>

#include "broker/store/sql.h"

#define TEST "/secure-vm/v0/policy-test/" PATH

/* The answer of a rehearsal that must succeed. */
static struct sv_json *rehearse(const char *target, struct sv_bytes policy)
{
        SV_HTTP answer = {0};
        struct sv_json *j = NULL;
        struct sv_err err;

        assert_int_equal(administer_for("POST", target, policy, &answer), 200);
        OK(sv_json_parse(sv_buf_bytes(&answer.body), "test", &j, &err));
        return j;
}

static void counts_are(const struct sv_json *answer, int holds, int refused)
{
        assert_int_equal(sv_json_int(sv_json_get(answer, "holds"), -1), holds);
        assert_int_equal(sv_json_int(sv_json_get(answer, "refused"), -1), refused);
        assert_int_equal(sv_json_len(sv_json_get(answer, "guests")), holds + refused);
}

static const char *text_of(const struct sv_json *answer, size_t guest, const char *member)
{
        return sv_json_text(sv_json_at(sv_json_get(answer, "guests"), guest), member, "");
}

/* A guest that launched this. */
static void release(const char *measurement)
{
        GUEST g = begin();
        SV_HTTP answer = {0};

        sv_json_set_str(platform_state, "digest", measurement);
        assert_int_equal(attest(&g), 200);
        assert_int_equal(ask(&(struct ask){"GET", "/kbs/v0/resource/" PATH, "Cookie", g.cookie,
                                           SV_BYTES_NULL, 0},
                             &answer),
                         200);
}

/* As write_policy, for a guest that launched this, until then. */
static void write_strict(const char *measurement, const char *until, struct sv_buf *out)
{
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *doc = NULL;
        struct sv_json *rules = sv_json_array(), *set;
        struct sv_err err;

        write_policy("sev-snp", PATH, &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &doc, &err));
        sv_json_set_str(sv_rule_add(rules, "policy.launch_digest", "/measurement", "executables",
                                    "what runs"),
                        "equals", measurement);
        set = sv_json_add(sv_json_set(doc, "sets", sv_json_array()), sv_json_object());
        sv_json_set_str(set, "name", "one");
        sv_json_set_int(set, "generation", 1);
        if (until)
                sv_json_set_str(set, "not_after", until);
        sv_json_set(set, "rules", rules);
        sv_json_print(doc, out);
}

#define ONES                                                                                       \
        "1111111111111111111111111111111111111111111111111111111111111111111111111111111111111111" \
        "11111111"
#define TWOS                                                                                       \
        "2222222222222222222222222222222222222222222222222222222222222222222222222222222222222222" \
        "22222222"

static void each_guest(void **state)
{
        SV_BUF strict = SV_BUF_NULL;
        SV_JSON *none = NULL;
        SV_JSON *now = NULL;
        SV_JSON *then = NULL;

        put_policy(PATH);
        put_secret(PATH);
        none = rehearse(TEST, SV_BYTES_NULL);
        counts_are(none, 0, 0);
        release(ONES);
        release(TWOS);
        release(ONES);
        now = rehearse(TEST, SV_BYTES_NULL);
        counts_are(now, 2, 0);
        assert_string_equal(text_of(now, 0, "tee"), "snp");
        write_strict(ONES, NULL, &strict);
        then = rehearse(TEST, sv_buf_bytes(&strict));
        counts_are(then, 1, 1);
        for (size_t i = 0; i < 2; i++)
                assert_string_equal(text_of(then, i, "check"),
                                    strcmp(text_of(then, i, "guest"), ONES) ? "policy.launch_digest"
                                                                            : "");
        /* nothing was changed: the guest that it would refuse gets the key */
        release(TWOS);
}

/* What is said beforehand is what happens then. */
static void as_it_comes(void **state)
{
        SV_BUF strict = SV_BUF_NULL;
        GUEST g = begin();

        write_strict(ONES, NULL, &strict);
        assert_int_equal(administer("PUT", "/secure-vm/v0/policy/" PATH, sv_buf_bytes(&strict)),
                         204);
        assert_int_equal(attest(&g), 200); /* as the last one: TWOS */
        get_refused(&g, PATH, 401, "policy.launch_digest");
        release(ONES);
        put_policy(PATH);
}

static struct sv_json *read_last_record(void)
{
        SV_JSON *list = sv_json_array();
        struct sv_err err;

        OK(b.store->ops->list_audit(b.store, 0, 100000, list, &err));
        return sv_json_ref(sv_json_at(list, sv_json_len(list) - 1));
}

#define HOST_DATA "0000000000000000000000000000000000000000000000000000000000000002"

/* And a rule that tells the guest all the same, as one must. */
static void add_warning(struct sv_buf *policy, const char *check)
{
        SV_JSON *doc = NULL;
        struct sv_err err;

        OK(sv_json_parse(sv_buf_bytes(policy), "test", &doc, &err));
        sv_json_add(sv_json_set(doc, "warn", sv_json_array()), sv_json_new_str(check));
        sv_json_set_str(sv_rule_add(sv_json_get(doc, "rules"), "policy.host_data", "/host_data",
                                    "configuration", "whose it is"),
                        "equals", HOST_DATA);
        sv_buf_clear(policy);
        sv_json_print(doc, policy);
}

/* A rule that only warns: said beforehand, released, and recorded with what was expected and
 * found. What must hold cannot warn. */
static void a_warning(void **state)
{
        SV_BUF warns = SV_BUF_NULL, must = SV_BUF_NULL;
        SV_JSON *answer = NULL, *record = NULL, *clean = NULL;
        const struct sv_json *warned;
        struct sv_request counted = {.outcome = "released"};

        write_strict(ONES, NULL, &must);
        add_warning(&must, "policy.debug");
        assert_int_equal(administer("PUT", "/secure-vm/v0/policy/" PATH, sv_buf_bytes(&must)), 400);
        assert_string_equal(seen_check, "policy.warn.must");
        write_strict(ONES, NULL, &warns);
        add_warning(&warns, "policy.launch_digest");
        answer = rehearse(TEST, sv_buf_bytes(&warns));
        counts_are(answer, 2, 0);
        assert_int_equal(sv_json_int(sv_json_get(answer, "warns"), -1), 1);
        for (size_t i = 0; i < 2; i++) {
                const struct sv_json *row = sv_json_at(sv_json_get(answer, "guests"), i);

                assert_int_equal(sv_json_len(sv_json_get(row, "warned")),
                                 strcmp(text_of(answer, i, "guest"), ONES) ? 1 : 0);
        }
        assert_int_equal(administer("PUT", "/secure-vm/v0/policy/" PATH, sv_buf_bytes(&warns)),
                         204);
        release(TWOS);
        record = read_last_record();
        warned = sv_json_get(record, "warned");
        assert_int_equal(sv_json_len(warned), 1);
        assert_string_equal(sv_json_text(sv_json_at(warned, 0), "check", ""),
                            "policy.launch_digest");
        assert_string_equal(sv_json_text(sv_json_at(warned, 0), "expected", ""), "\"" ONES "\"");
        assert_string_equal(sv_json_text(sv_json_at(warned, 0), "found", ""), "\"" TWOS "\"");
        assert_non_null(strstr(sv_json_text(record, "grounds", ""),
                               "policy.launch_digest fails and warns"));
        assert_non_null(strstr(sv_json_text(record, "grounds", ""), "appraised as warning"));
        counted.audit = record;
        assert_string_equal(sv_request_counted_check(&counted), "policy.launch_digest");
        counted.outcome = "refused";
        assert_string_equal(sv_request_counted_check(&counted), "");
        release(ONES);
        clean = read_last_record();
        assert_null(sv_json_get(clean, "warned"));
        put_policy(PATH);
}

/* What holds today and not at a later time. */
static void other_time(void **state)
{
        static const char *const wrong[] = {"?at=soon", "?at=", "?at", "?when=now"};
        SV_BUF strict = SV_BUF_NULL;
        SV_JSON *before = NULL;
        SV_JSON *after = NULL;

        write_strict(ONES, "2031-01-01T00:00:00Z", &strict);
        before = rehearse(TEST "?at=2030-12-31T23:59:59Z", sv_buf_bytes(&strict));
        counts_are(before, 1, 1);
        after = rehearse(TEST "?at=2031-01-01T00:00:01Z", sv_buf_bytes(&strict));
        counts_are(after, 0, 2);
        for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
                SV_STR target = sv_asprintf(TEST "%s", wrong[i]);

                administer("POST", target, sv_buf_bytes(&strict));
                assert_string_equal(seen_check, "broker.query");
        }
}

static void refusals(void **state)
{
        SV_BUF other = SV_BUF_NULL;

        refuses(&(struct ask){"POST", TEST, NULL, NULL, SV_BYTES_NULL, 0}, 401,
                "broker.admin.token");
        write_policy("sev-snp", "default/other/root", &other);
        assert_int_equal(administer("POST", TEST, sv_buf_bytes(&other)), 400);
        assert_string_equal(seen_check, "broker.policy.resource");
        assert_int_equal(administer("POST", TEST, sv_bytes_str("{}")), 400);
        assert_int_equal(
                administer("POST", "/secure-vm/v0/policy-test/default/no/policy", SV_BYTES_NULL),
                404);
        assert_string_equal(seen_check, "broker.policy.absent");
}

/* Rows have no MAC: what somebody put there has no signature of the broker's. */
static void forged(void **state)
{
        sqlite3 *db = ((struct sv_sql *)b.store)->db;
        SV_JSON *answer = NULL;

        assert_int_equal(sqlite3_exec(db,
                                      "UPDATE accepted SET token = substr(token, 1, "
                                      "length(token) - 8) || 'AAAAAAAA' WHERE guest = '" ONES "'",
                                      NULL, NULL, NULL),
                         SQLITE_OK);
        answer = rehearse(TEST, SV_BYTES_NULL);
        counts_are(answer, 1, 1);
        for (size_t i = 0; i < 2; i++)
                assert_string_equal(text_of(answer, i, "check"),
                                    strcmp(text_of(answer, i, "guest"), ONES) ? ""
                                                                              : "token.signature");
}

static int count_one(const struct sv_accepted *what, void *arg, struct sv_err *err)
{
        if (++*(int *)arg == 1)
                assert_string_equal(what->guest, "256");
        assert_string_not_equal(what->guest, "0");
        return 0;
}

/* The oldest goes, and all go with the resource. */
static void newest_are_kept(void **state)
{
        const struct sv_store_ops *ops = b.store->ops;
        struct sv_err err;
        int n = 0;

        OK(ops->put_resource(b.store, "a/b/c", 1, sv_bytes_str("x"), 1, 1, &err));
        for (int i = 0; i <= SV_ACCEPTED_MAX; i++) {
                SV_STR guest = sv_asprintf("%d", i);

                OK(ops->put_accepted(b.store, "a/b/c", &(struct sv_accepted){guest, "t", i}, &err));
        }
        OK(ops->each_accepted(b.store, "a/b/c", count_one, &n, &err));
        assert_int_equal(n, SV_ACCEPTED_MAX);
        OK(ops->delete_resource(b.store, "a/b/c", 1, &err));
        n = 0;
        OK(ops->each_accepted(b.store, "a/b/c", count_one, &n, &err));
        assert_int_equal(n, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_guest),      cmocka_unit_test(as_it_comes),
                cmocka_unit_test(a_warning),       cmocka_unit_test(other_time),
                cmocka_unit_test(refusals),        cmocka_unit_test(forged),
                cmocka_unit_test(newest_are_kept),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
