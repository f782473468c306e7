/* SPDX-License-Identifier: Apache-2.0 */
/* Changes that say what they saw (If-Match, If-None-Match), and lists in pages. */
#include "tests/unit/broker_inside.h"

#define POLICY   "/secure-vm/v0/policy/" PATH
#define RESOURCE "/kbs/v0/resource/" PATH
#define SHOW     "/secure-vm/v0/resource/" PATH

static char tag[80]; /* of the last answer, "" when it had none */

/* A field beside the token. */
static int change(const char *method, const char *target, struct sv_bytes body, const char *field,
                  const char *value)
{
        SV_STR bearer = admin_value(method, target, body);
        SV_HTTP answer = {0};
        int status =
                ask(&(struct ask){method, target, "Authorization", bearer, body, 0, field, value},
                    &answer);
        const char *etag = sv_http_field(&answer, "ETag");

        snprintf(tag, sizeof(tag), "%s", etag ? etag : "");
        return status;
}

static void is_refused(int status, int expected, const char *check)
{
        assert_string_equal(seen_check, check);
        assert_int_equal(status, expected);
}

static void policies(void **state)
{
        SV_BUF text = SV_BUF_NULL;
        struct sv_bytes policy;
        char first[80];

        write_policy("sev-snp", PATH, &text);
        policy = sv_buf_bytes(&text);
        is_refused(change("PUT", POLICY, policy, "If-Match", "*"), 412, "broker.match");
        assert_int_equal(change("PUT", POLICY, policy, "If-None-Match", "*"), 204);
        is_refused(change("PUT", POLICY, policy, "If-None-Match", "*"), 412, "broker.match");
        assert_int_equal(change("GET", POLICY, SV_BYTES_NULL, NULL, NULL), 200);
        assert_int_equal(strlen(tag), 66);
        snprintf(first, sizeof(first), "%s", tag);
        sv_buf_puts(&text, "\n"); /* another text of it */
        policy = sv_buf_bytes(&text);
        assert_int_equal(change("PUT", POLICY, policy, "If-Match", first), 204);
        is_refused(change("PUT", POLICY, policy, "If-Match", first), 412, "broker.match");
        is_refused(change("DELETE", POLICY, SV_BYTES_NULL, "If-Match", first), 412, "broker.match");
        assert_int_equal(change("GET", POLICY, SV_BYTES_NULL, NULL, NULL), 200);
        assert_string_not_equal(tag, first);
        assert_int_equal(change("DELETE", POLICY, SV_BYTES_NULL, "If-Match", tag), 204);
        is_refused(change("DELETE", POLICY, SV_BYTES_NULL, "If-Match", "*"), 412, "broker.match");
}

static void resources(void **state)
{
        const struct sv_bytes x = sv_bytes_str("x");

        is_refused(change("POST", RESOURCE, x, "If-Match", "\"1\""), 412, "broker.match");
        assert_int_equal(change("GET", SHOW, SV_BYTES_NULL, NULL, NULL), 200);
        assert_string_equal(tag, "");
        assert_int_equal(change("POST", RESOURCE, x, "If-None-Match", "*"), 204);
        assert_int_equal(change("GET", SHOW, SV_BYTES_NULL, NULL, NULL), 200);
        assert_string_equal(tag, "\"1\"");
        assert_int_equal(change("POST", RESOURCE, x, "If-Match", "\"7\", \"1\""), 204);
        is_refused(change("POST", RESOURCE, x, "If-Match", "\"1\""), 412, "broker.match");
        is_refused(change("POST", RESOURCE, x, "If-None-Match", "\"2\""), 412, "broker.match");
        is_refused(change("DELETE", RESOURCE, SV_BYTES_NULL, "If-Match", "\"1\""), 412,
                   "broker.match");
        assert_int_equal(change("GET", SHOW, SV_BYTES_NULL, NULL, NULL), 200);
        assert_string_equal(tag, "\"2\"");
        assert_int_equal(change("DELETE", RESOURCE, SV_BYTES_NULL, "If-Match", "\"2\""), 204);
}

static void forms(void **state)
{
        static const char *const wrong[] = {"", "1", "\"1", "\"1\" \"2\"", "\"1\",", "W/1", "*, *"};

        put_secret(PATH);
        for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
                is_refused(change("POST", RESOURCE, sv_bytes_str("x"), "If-Match", wrong[i]), 400,
                           "broker.match.form");
                is_refused(change("POST", RESOURCE, sv_bytes_str("x"), "If-None-Match", wrong[i]),
                           400, "broker.match.form");
        }
        /* a weak tag does not hold for a change */
        is_refused(change("POST", RESOURCE, sv_bytes_str("x"), "If-Match", "W/\"1\""), 412,
                   "broker.match");
        assert_int_equal(change("POST", RESOURCE, sv_bytes_str("x"), "If-Match", " \"1\" , \"2\" "),
                         204);
        assert_int_equal(change("DELETE", RESOURCE, SV_BYTES_NULL, NULL, NULL), 204);
}

/* The paths in one page, joined by blanks, and where the next begins. */
static void list_is(const char *query, const char *expected, const char *next)
{
        SV_STR target = sv_asprintf("/secure-vm/v0/resources%s", query);
        SV_HTTP answer = {0};
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *j = NULL;
        struct sv_err err;

        assert_int_equal(administer_for("GET", target, SV_BYTES_NULL, &answer), 200);
        OK(sv_json_parse(sv_buf_bytes(&answer.body), "test", &j, &err));
        for (size_t i = 0; i < sv_json_len(sv_json_get(j, "resources")); i++)
                sv_buf_printf(&text, "%s%s", i ? " " : "",
                              sv_json_text(sv_json_at(sv_json_get(j, "resources"), i), "path", ""));
        assert_string_equal(text.n ? sv_buf_str(&text) : "", expected);
        assert_string_equal(sv_json_text(j, "next", ""), next);
}

static void pages(void **state)
{
        static char mine[] = "m/x";
        static char *const limited[] = {mine, NULL};
        static const char *const paths[] = {"M/x/a",  "m/x/a", "m/x/b",
                                            "m/xx/a", "m/y/a", "m_x/x/a"};

        for (size_t i = 0; i < 6; i++)
                put_secret(paths[i]);
        list_is("", "M/x/a m/x/a m/x/b m/xx/a m/y/a m_x/x/a", "");
        list_is("?prefix=m/x", "m/x/a m/x/b", "");
        list_is("?prefix=m/x/a", "m/x/a", "");
        list_is("?prefix=m", "m/x/a m/x/b m/xx/a m/y/a", "");
        list_is("?prefix=none", "", "");
        list_is("?limit=2", "M/x/a m/x/a", "m/x/a");
        list_is("?limit=2&after=m/x/a", "m/x/b m/xx/a", "m/xx/a");
        list_is("?limit=2&after=m/y/a", "m_x/x/a", "");
        list_is("?limit=2&prefix=m/x&after=m/x/a", "m/x/b", "");
        /* a page is filled with what may be seen, and says nothing of the rest */
        b.admins.list[0].paths = limited;
        list_is("?limit=1", "m/x/a", "m/x/a");
        list_is("?limit=1&after=m/x/a", "m/x/b", "m/x/b");
        list_is("?limit=1&after=m/x/b", "", "");
        b.admins.list[0].paths = NULL;
}

static void page_limits(void **state)
{
        static const char *const wrong[] = {"?limit=0", "?limit=1001", "?limit=", "?limit=-1",
                                            "?first=1"};

        list_is("?limit=1000&prefix=none", "", "");
        assert_int_equal(SV_LIST_MAX, 1000);
        for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
                SV_STR target = sv_asprintf("/secure-vm/v0/resources%s", wrong[i]);

                assert_int_equal(administer("GET", target, SV_BYTES_NULL), 400);
                assert_string_equal(seen_check, "broker.query");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(policies), cmocka_unit_test(resources),   cmocka_unit_test(forms),
                cmocka_unit_test(pages),    cmocka_unit_test(page_limits),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
