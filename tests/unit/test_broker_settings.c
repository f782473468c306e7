/* SPDX-License-Identifier: Apache-2.0 */
/* Labels of resources, and releases that are counted: none more than was said, and none that is not
 * this broker's own count. */
#include "tests/unit/broker_inside.h"

#include <sqlite3.h>

#include "broker/store/sql.h"

#define PUT    "/kbs/v0/resource/" PATH
#define SHOW   "/secure-vm/v0/resource/" PATH
#define LIST   "/secure-vm/v0/resources"
#define LONGER "0123456789012345678901234567890123456789012345678901234567890123" /* by one */

static struct sv_err err;

static struct sv_json *show(const char *target)
{
        SV_HTTP answer = {0};
        struct sv_json *j = NULL;

        assert_int_equal(administer_for("GET", target, SV_BYTES_NULL, &answer), 200);
        OK(sv_json_parse(sv_buf_bytes(&answer.body), "test", &j, &err));
        return j;
}

static void counts_are(int64_t releases, int64_t released)
{
        SV_JSON *j = show(SHOW);

        assert_int_equal(sv_json_int(sv_json_get(j, "releases"), 0), releases);
        assert_int_equal(sv_json_int(sv_json_get(j, "released"), 0), released);
}

static void says(int status, const char *check, const char *method, const char *target,
                 const char *query)
{
        SV_STR whole = sv_asprintf("%s%s", target, query);
        int found = administer(method, whole, sv_bytes_str(strcmp(target, PUT) ? "" : SECRET));

        assert_string_equal(seen_check, check);
        assert_int_equal(found, status);
}

static void fetches(const struct guest *g, int status)
{
        SV_HTTP answer = {0};

        assert_int_equal(
                ask(&(struct ask){"GET", PUT, "Cookie", g->cookie, SV_BYTES_NULL, 0}, &answer),
                status);
}

static struct guest begin_attested(void)
{
        struct guest g = begin();

        assert_int_equal(attest(&g), 200);
        return g;
}

static int empty(void **state)
{
        SV_JSON *list = sv_json_array();

        put_policy(PATH);
        OK(b.store->ops->list_resources(b.store, NULL, list, &err));
        for (size_t i = 0; i < sv_json_len(list); i++) {
                SV_STR target = sv_asprintf("/kbs/v0/resource/%s",
                                            sv_json_text(sv_json_at(list, i), "path", ""));

                assert_int_equal(administer("DELETE", target, SV_BYTES_NULL), 204);
        }
        return 0;
}

/* A member of the newest record. */
static int64_t recorded(const char *member)
{
        SV_JSON *list = sv_json_array();

        OK(b.store->ops->list_audit(b.store, 0, 100000, list, &err));
        return sv_json_int(sv_json_get(sv_json_at(list, sv_json_len(list) - 1), member), -1);
}

static void single_use(void **state)
{
        GUEST first = begin_attested(), second = begin_attested();

        says(204, "", "POST", PUT, "?new&releases=1");
        assert_int_equal(recorded("releases"), 1);
        counts_are(1, 0);
        fetches(&first, 200);
        assert_int_equal(recorded("releases"), 1);
        assert_int_equal(recorded("released"), 1);
        /* the answer was lost: the same token, the same key of the guest's */
        fetches(&first, 200);
        counts_are(1, 1);
        get_refused(&second, PATH, 401, "broker.release.spent");
        assert_non_null(strstr(seen_type, "PolicyDeny"));
        fetches(&first, 200);
        counts_are(1, 1);
        /* another value is not another count */
        says(204, "", "POST", PUT, "");
        get_refused(&second, PATH, 401, "broker.release.spent");
        says(204, "", "POST", SHOW, "?releases=2");
        counts_are(2, 0);
        fetches(&second, 200);
        fetches(&first, 200);
        counts_are(2, 2);
        /* a guest that attests anew is another release */
        GUEST again = begin_attested();

        get_refused(&again, PATH, 401, "broker.release.spent");
        says(204, "", "POST", SHOW, "?releases=none");
        fetches(&again, 200);
        counts_are(0, 0);
}

/* Who is refused is not counted. */
static void refused(void **state)
{
        GUEST g = begin_attested();

        says(204, "", "POST", PUT, "?releases=3");
        says(204, "", "DELETE", "/secure-vm/v0/policy/" PATH, "");
        get_refused(&g, PATH, 401, "broker.policy.none");
        counts_are(3, 0);
        put_policy(PATH);
        fetches(&g, 200);
        counts_are(3, 1);
}

static void labels_are(const char *expected)
{
        SV_JSON *j = show(SHOW);
        SV_BUF text = SV_BUF_NULL;

        sv_json_print(sv_json_get(j, "labels"), &text);
        assert_string_equal(sv_buf_str(&text), expected);
}

static void labels(void **state)
{
        says(204, "", "POST", PUT, "?label=tier=web&label=env=prod&label=env.old=x");
        labels_are("{\"env.old\":\"x\",\"env\":\"prod\",\"tier\":\"web\"}");
        /* kept over versions, changed by name */
        says(204, "", "POST", PUT, "");
        says(204, "", "POST", SHOW, "?label=env=test&label=a=1&unlabel=env.old&unlabel=none");
        labels_are("{\"a\":\"1\",\"env\":\"test\",\"tier\":\"web\"}");
        says(204, "", "POST", SHOW, "?unlabel=a&unlabel=env&unlabel=tier");
        labels_are("null");
        says(204, "", "POST", SHOW, "?label=a=1");
        labels_are("{\"a\":\"1\"}");
        /* and gone with the last */
        says(204, "", "DELETE", PUT, "?version=1");
        labels_are("{\"a\":\"1\"}");
        says(204, "", "DELETE", PUT, "");
        says(404, "broker.resource.none", "POST", SHOW, "?label=a=1");
        says(204, "", "POST", PUT, "");
        labels_are("null");
}

static void finds(const char *query, const char *expected)
{
        SV_STR target = sv_asprintf(LIST "%s", query);
        SV_JSON *j = show(target);
        SV_BUF text = SV_BUF_NULL;

        for (size_t i = 0; i < sv_json_len(sv_json_get(j, "resources")); i++)
                sv_buf_printf(&text, "%s ",
                              sv_json_text(sv_json_at(sv_json_get(j, "resources"), i), "path", ""));
        assert_string_equal(text.n ? sv_buf_str(&text) : "", expected);
}

static void by_label(void **state)
{
        static const char *const put[] = {"a/b/one?label=env=prod&label=tier=web",
                                          "a/b/two?label=env=prod&releases=7",
                                          "c/b/three?label=env=production", "c/b/four"};
        SV_JSON *j = NULL;

        for (size_t i = 0; i < 4; i++)
                put_secret(put[i]);
        finds("?label=env=prod", "a/b/one a/b/two ");
        finds("?label=env=prod&label=tier=web", "a/b/one ");
        finds("?label=tier=web&label=env=prod", "a/b/one ");
        finds("?label=env=production", "c/b/three ");
        finds("?label=nv=prod", "");
        finds("?label=env=pro", "");
        finds("?label=env=prod&prefix=c", "");
        finds("?label=env=prod&limit=1", "a/b/one ");
        finds("?label=env=prod&limit=1&after=a/b/one", "a/b/two ");
        finds("?label=tier=web&label=env=prod&limit=1", "a/b/one ");
        finds("", "a/b/one a/b/two c/b/four c/b/three ");
        j = show(LIST "?prefix=a/b/two");
        assert_string_equal(sv_json_text(sv_json_pointer(j, "/resources/0/labels"), "env", "none"),
                            "prod");
        assert_int_equal(sv_json_int(sv_json_pointer(j, "/resources/0/releases"), 0), 7);
}

static void forms(void **state)
{
        static const char *const wrong[] = {
                "",        "=",    "a",    "a=",     "=b",        "a=b=c",
                "a=b,c=d", ".a=b", "a=.b", "a%20=b", LONGER "=b", "a=" LONGER};
        static const char *const numbers[] = {"", "0", "-1", "x", "1x", "1000000001", "None"};

        put_secret(PATH);
        for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
                SV_STR query = sv_asprintf("?label=%s", wrong[i]);
                SV_STR beside = sv_asprintf("?releases=1&label=a=b&label=%s", wrong[i]);

                says(400, "broker.label", "POST", SHOW, query);
                says(400, "broker.label", "POST", PUT, beside);
                says(400, "broker.label", "GET", LIST, query);
        }
        says(400, "broker.label", "POST", SHOW, "?unlabel=a=b");
        says(400, "broker.label", "POST", SHOW, "?unlabel=");
        for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
                SV_STR query = sv_asprintf("?releases=%s", numbers[i]);

                says(400, "broker.query", "POST", SHOW, query);
        }
        assert_int_equal(SV_RELEASES_MAX, 1000000000);
        says(400, "broker.query", "POST", SHOW, "");
        says(400, "broker.query", "POST", SHOW, "?new");
        says(400, "broker.query", "POST", PUT, "?unlabel=a");
        /* nothing of them was done */
        counts_are(0, 0);
        labels_are("null");
        finds("?label=a=b", "");
        SV_JSON *j = show(SHOW);

        assert_int_equal(sv_json_len(sv_json_get(j, "versions")), 1);
        says(204, "", "POST", SHOW, "?releases=1000000000");
        counts_are(SV_RELEASES_MAX, 0);
}

static void as_many_labels_as_may_be(void **state)
{
        SV_BUF query = SV_BUF_NULL;

        put_secret(PATH);
        for (int i = 0; i < SV_LABELS_MAX; i++)
                sv_buf_printf(&query, "%clabel=%.61s%02d=%.63s", i ? '&' : '?', LONGER, i, LONGER);
        says(204, "", "POST", SHOW, sv_buf_str(&query));
        says(409, "broker.label.limit", "POST", SHOW, "?label=a=b");
        says(409, "broker.label.limit", "POST", PUT, "?label=a=b");
        /* in place of one that goes */
        sv_buf_clear(&query);
        sv_buf_printf(&query, "?unlabel=%.61s00&label=a=b", LONGER);
        says(204, "", "POST", SHOW, sv_buf_str(&query));
        says(204, "", "POST", SHOW, "?label=a=c");
        finds("?label=a=c", PATH " ");
        sv_buf_clear(&query);
        sv_buf_printf(&query, "?label=%.61s15=%.63s", LONGER, LONGER);
        finds(sv_buf_str(&query), PATH " ");
        says(409, "broker.label.limit", "POST", SHOW, "?label=b=c");
}

static void with_conditions(void **state)
{
        SV_STR bearer = admin_value("POST", SHOW "?label=a=b", SV_BYTES_NULL);
        SV_HTTP answer = {0};

        put_secret(PATH);
        assert_int_equal(ask(&(struct ask){"POST", SHOW "?label=a=b", "Authorization", bearer,
                                           SV_BYTES_NULL, 0, "If-Match", "\"2\""},
                             &answer),
                         412);
        labels_are("null");
}

static void run_in_database(const char *sql)
{
        sqlite3 *db = ((struct sv_sql *)b.store)->db;

        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* Whoever writes the database neither adds a release nor takes the count away. */
static void forged(void **state)
{
        GUEST g = begin_attested(), other = begin_attested();

        says(204, "", "POST", PUT, "?releases=1&label=env=prod");
        fetches(&g, 200);
        run_in_database("UPDATE settings SET released = 0");
        get_refused(&other, PATH, 503, "broker.store.mac");
        says(503, "broker.store.mac", "GET", LIST, "?label=env=prod");
        run_in_database("UPDATE settings SET released = 1, most = 9");
        get_refused(&other, PATH, 503, "broker.store.mac");
        run_in_database("UPDATE settings SET most = 1, labels = ',env=test,'");
        says(503, "broker.store.mac", "GET", LIST, "?label=env=test");
        run_in_database("UPDATE settings SET labels = ',env=prod,'");
        get_refused(&other, PATH, 401, "broker.release.spent");
        run_in_database("CREATE TABLE aside AS SELECT * FROM settings; DELETE FROM settings");
        get_refused(&other, PATH, 503, "broker.store.mac");
        FAILS(b.store->ops->check(b.store, &err), SV_SYSTEM, "broker.store.mac");
        run_in_database("INSERT INTO settings SELECT * FROM aside; DROP TABLE aside");
        OK(b.store->ops->check(b.store, &err));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(single_use, empty),
                cmocka_unit_test_setup(refused, empty),
                cmocka_unit_test_setup(labels, empty),
                cmocka_unit_test_setup(by_label, empty),
                cmocka_unit_test_setup(forms, empty),
                cmocka_unit_test_setup(as_many_labels_as_may_be, empty),
                cmocka_unit_test_setup(with_conditions, empty),
                cmocka_unit_test_setup(forged, empty),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
