/* SPDX-License-Identifier: Apache-2.0 */
/* Who may ask what: each route with each set of roles, and paths. No role reads a secret. */
#include "tests/unit/broker_inside.h"

#define OPERATOR SV_ROLE_OPERATOR
#define AUTHOR   SV_ROLE_AUTHOR
#define AUDITOR  SV_ROLE_AUDITOR
#define ANY      (OPERATOR | AUTHOR | AUDITOR)
#define ALL      SV_ROLES_ALL

/* Every route, once more: a new one, or another role, has to be said here, too. */
static const struct {
        const char *method, *path;
        unsigned roles;
} expected[] = {
        {"POST", "/kbs/v0/auth", 0},
        {"POST", "/kbs/v0/attest", 0},
        {"GET", "/kbs/v0/resource/", 0},
        {"POST", "/secure-vm/v0/outcome/", 0},
        {"POST", "/secure-vm/v0/disk/", 0},
        {"POST", "/kbs/v0/resource/", OPERATOR},
        {"DELETE", "/kbs/v0/resource/", OPERATOR},
        {"GET", "/secure-vm/v0/resource/", ANY},
        {"POST", "/secure-vm/v0/resource/", OPERATOR},
        {"POST", "/secure-vm/v0/provision/", OPERATOR},
        {"POST", "/secure-vm/v0/rekey/", OPERATOR},
        {"POST", "/secure-vm/v0/restore/", OPERATOR},
        {"POST", "/secure-vm/v0/end-lease/", OPERATOR},
        {"GET", "/secure-vm/v0/resources", ANY},
        {"PUT", "/secure-vm/v0/policy/", AUTHOR},
        {"GET", "/secure-vm/v0/policy/", ANY},
        {"DELETE", "/secure-vm/v0/policy/", AUTHOR},
        {"POST", "/secure-vm/v0/policy-test/", AUTHOR | AUDITOR},
        {"GET", "/secure-vm/v0/policy-history/", ANY},
        {"PUT", "/secure-vm/v0/reference/", AUTHOR},
        {"GET", "/secure-vm/v0/reference/", ANY},
        {"DELETE", "/secure-vm/v0/reference/", AUTHOR},
        {"GET", "/secure-vm/v0/references", ANY},
        {"GET", "/secure-vm/v0/pending", ANY},
        {"POST", "/secure-vm/v0/approve", OPERATOR | AUTHOR},
        {"POST", "/secure-vm/v0/reject", OPERATOR | AUTHOR},
        {"GET", "/secure-vm/v0/audit", AUDITOR},
        {"GET", "/secure-vm/v0/health", 0},
        {"HEAD", "/secure-vm/v0/health", 0},
        {"GET", "/healthz", 0},
        {"HEAD", "/healthz", 0},
        {"GET", "/readyz", 0},
        {"HEAD", "/readyz", 0},
        {"GET", "/metrics", OPERATOR | AUDITOR},
};
#define N (sizeof(expected) / sizeof(*expected))

static void table(void **state)
{
        const char *method, *path;
        unsigned roles;
        size_t i;

        for (i = 0; sv_broker_route_at(i, &method, &path, &roles); i++) {
                assert_true(i < N);
                assert_string_equal(method, expected[i].method);
                assert_string_equal(path, expected[i].path);
                assert_int_equal(roles, expected[i].roles);
        }
        assert_int_equal(i, N);
}

static int ask_route(size_t i, const char *resource, struct sv_http_msg *answer)
{
        bool tail = expected[i].path[strlen(expected[i].path) - 1] == '/';
        SV_STR target = sv_asprintf("%s%s", expected[i].path, tail ? resource : "");

        return administer_for(expected[i].method, target, SV_BYTES_NULL, answer);
}

/* The administrator of this test, with these rights. */
static void limit(unsigned roles, char *const *paths)
{
        b.admins.list[0].roles = roles;
        b.admins.list[0].paths = paths;
}

static void each_route_with_each_role(void **state)
{
        put_policy("a/b/c");
        put_secret("a/b/c");
        for (size_t i = 0; i < N; i++)
                for (unsigned roles = 0; roles <= ALL; roles++) {
                        bool may = !expected[i].roles || (expected[i].roles & roles);
                        SV_HTTP answer = {0};

                        limit(roles, NULL);
                        /* one that is not there: what may be deleted stays */
                        ask_route(i, "a/b/none", &answer);
                        limit(ALL, NULL);
                        if (!strcmp(seen_check, "broker.admin.role") != !may)
                                fail_msg("%s %s, roles %u: [%s] %d", expected[i].method,
                                         expected[i].path, roles, seen_check, answer.status);
                        if (!may)
                                assert_int_equal(answer.status, 403);
                }
}

/* Who has every role asks everything, and a guest's routes as well: only who is attested gets it.
 */
static void nobody_reads_a_secret(void **state)
{
        put_policy("a/b/c");
        put_secret("a/b/c");
        for (size_t i = 0; i < N; i++) {
                SV_HTTP answer = {0};

                if (!strcmp(expected[i].method, "DELETE"))
                        continue;
                ask_route(i, "a/b/c", &answer);
                assert_null(memmem(answer.body.p, answer.body.n, SECRET, strlen(SECRET)));
                if (i == 2) {
                        assert_int_equal(answer.status, 401);
                        assert_string_equal(seen_check, "token.signature");
                }
        }
}

static bool shows(const char *target, const char *text)
{
        SV_HTTP answer = {0};

        assert_int_equal(administer_for("GET", target, SV_BYTES_NULL, &answer), 200);
        return memmem(answer.body.p, answer.body.n, text, strlen(text)) != NULL;
}

/* Whole names count: what begins alike is somebody else's. */
static void below_paths(void **state)
{
        static char first[] = "a/b", second[] = "x";
        static char *const one[] = {first, second, NULL};
        static const struct {
                const char *resource;
                bool may;
        } t[] = {{"a/b/c", true},  {"a/b/none", true}, {"a/bb/c", false}, {"aa/b/c", false},
                 {"a/c/c", false}, {"x/y/z", true},    {"xx/y/z", false}};

        put_secret("a/b/c");
        put_secret("a/bb/c");
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
                for (size_t k = 0; k < N; k++) {
                        SV_HTTP answer = {0};
                        const char *path = expected[k].path;
                        bool of_resource = expected[k].roles && path[strlen(path) - 1] == '/';

                        if (!of_resource || !strcmp(expected[k].method, "DELETE"))
                                continue;
                        limit(ALL, one);
                        ask_route(k, t[i].resource, &answer);
                        limit(ALL, NULL);
                        if (!strcmp(seen_check, "broker.admin.paths") == t[i].may)
                                fail_msg("%s %s%s: [%s]", expected[k].method, path, t[i].resource,
                                         seen_check);
                }
        limit(ALL, one);
        assert_true(shows("/secure-vm/v0/resources", "\"a/b/c\""));
        assert_false(shows("/secure-vm/v0/resources", "\"a/bb/c\""));
        assert_true(shows("/secure-vm/v0/audit?after=0", "\"a/b/c\""));
        assert_false(shows("/secure-vm/v0/audit?after=0", "\"a/bb/c\""));
        assert_int_equal(administer("GET", "/metrics", SV_BYTES_NULL), 403);
        assert_string_equal(seen_check, "broker.admin.paths");
        limit(ALL, NULL);
        assert_true(shows("/secure-vm/v0/resources", "\"a/bb/c\""));
}

/* What was not allowed is recorded, with whose key it was. */
static void refusals_are_recorded(void **state)
{
        limit(AUDITOR, NULL);
        assert_int_equal(administer("POST", "/kbs/v0/resource/a/b/d", sv_bytes_str("x")), 403);
        assert_true(shows("/secure-vm/v0/audit?after=0", "\"check\":\"broker.admin.role\""));
        assert_false(shows("/secure-vm/v0/resources", "a/b/d"));
        limit(ALL, NULL);
}

/* --- the configuration --- */

#define KEY "\"key\":\"a.pub\""

static void configurations(void **state)
{
        static const struct {
                const char *admins, *check;
        } t[] = {
                {"[{" KEY
                 ",\"roles\":[\"operator\",\"auditor\"],\"paths\":[\"a\",\"a/b\",\"a/b/c\"]}]",
                 NULL},
                {"[]", NULL},
                {"{}", "broker.config.admins"},
                {"[1]", "broker.config.admins"},
                {"[{\"roles\":[\"operator\"]}]", "broker.config.admins"},
                {"[{" KEY "}]", "broker.config.admins"},
                {"[{" KEY ",\"roles\":[]}]", "broker.config.admins"},
                {"[{" KEY ",\"roles\":[\"admin\"]}]", "broker.config.admins"},
                {"[{" KEY ",\"roles\":[\"Operator\"]}]", "broker.config.admins"},
                {"[{" KEY ",\"roles\":[\"operator\",null]}]", "broker.config.admins"},
                {"[{" KEY ",\"roles\":\"operator\"}]", "broker.config.admins"},
                {"[{" KEY ",\"roles\":[\"author\"],\"paths\":null}]", "broker.config.admins"},
                {"[{" KEY ",\"roles\":[\"author\"],\"paths\":[\"\"]}]", "broker.config.admins"},
                {"[{" KEY ",\"roles\":[\"author\"],\"paths\":[]}]", "broker.config.admins"},
                {"[{" KEY ",\"roles\":[\"author\"],\"paths\":[\"a/\"]}]", "broker.config.admins"},
                {"[{" KEY ",\"roles\":[\"author\"],\"paths\":[\"a/b/c/d\"]}]",
                 "broker.config.admins"},
                {"[{" KEY ",\"roles\":[\"author\"],\"paths\":[\"..\"]}]", "broker.config.admins"},
                {"[{" KEY ",\"roles\":[\"author\"],\"path\":[\"a\"]}]",
                 "broker.config.admins.unknown"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_STR text = sv_asprintf("{\"admins\":%s}", t[i].admins);
                SV_BROKER_CONFIG c = {0};
                struct sv_err err = SV_ERR_NULL;
                int rc = sv_broker_config_parse(sv_bytes_str(text), "/d", &c, &err);

                if (!t[i].check)
                        assert_int_equal(rc, 0);
                else if (rc == 0 || strcmp(err.check, t[i].check))
                        fail_msg("%s: [%s]", t[i].admins, err.check);
                if (i == 0) {
                        assert_int_equal(c.admins.n, 1);
                        assert_string_equal(c.admins.list[0].key, "/d/a.pub");
                        assert_int_equal(c.admins.list[0].roles, OPERATOR | AUDITOR);
                        assert_string_equal(c.admins.list[0].paths[2], "a/b/c");
                }
        }
}

static int parse_many(size_t admins, size_t paths, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;
        SV_BROKER_CONFIG c = {0};

        sv_buf_puts(&text, "{\"admins\":[");
        for (size_t i = 0; i < admins; i++) {
                sv_buf_printf(&text, "%s{" KEY ",\"roles\":[\"author\"],\"paths\":[", i ? "," : "");
                for (size_t k = 0; k < paths; k++)
                        sv_buf_printf(&text, "%s\"a%zu\"", k ? "," : "", k);
                sv_buf_puts(&text, "]}");
        }
        sv_buf_puts(&text, "]}");
        return sv_broker_config_parse(sv_buf_bytes(&text), "/d", &c, err);
}

static void two_persons(void **state)
{
        static const struct {
                const char *text, *check;
        } bad[] = {
                {"{\"two_persons\":[]}", "broker.config.two-persons"},
                {"{\"two_persons\":\"a\"}", "broker.config.two-persons"},
                {"{\"two_persons\":[\"a/\"]}", "broker.config.two-persons"},
                {"{\"two_persons\":[7]}", "broker.config.two-persons"},
                {"{\"pending_seconds\":59}", "broker.config.value"},
                {"{\"pending_seconds\":2592001}", "broker.config.value"},
                {"{\"admins\":[{\"key\":\"a\",\"roles\":[\"author\"],\"name\":7}]}",
                 "broker.config.admins"},
                {"{\"admins\":[{\"key\":\"a\",\"roles\":[\"author\"],\"name\":\"a b\"}]}",
                 "broker.config.admins"},
                {"{\"admins\":[{\"key\":\"a\",\"roles\":[\"author\"],\"name\":null}]}",
                 "broker.config.admins"},
        };
        struct sv_err err = SV_ERR_NULL;
        SV_BROKER_CONFIG c = {0};

        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                FAILS(sv_broker_config_parse(sv_bytes_str(bad[i].text), "/d", &c, &err), SV_USAGE,
                      bad[i].check);
        OK(sv_broker_config_parse(
                sv_bytes_str("{\"two_persons\":[\"tenant\",\"a/b\"],\"admins\":[{\"name\":\"al\","
                             "\"key\":\"a\",\"roles\":[\"author\"],\"paths\":[\"tenant\"]}]}"),
                "/d", &c, &err));
        assert_string_equal(c.two_persons[1], "a/b");
        assert_string_equal(c.admins.list[0].name, "al");
        assert_int_equal(c.pending_seconds, 86400);
        assert_true(sv_broker_is_below(c.two_persons, "a/b/c"));
        assert_false(sv_broker_is_below(c.two_persons, "tenants/b/c"));
        assert_false(sv_broker_is_below(NULL, "tenant/b/c"));
}

static void limits(void **state)
{
        struct sv_err err;

        OK(parse_many(SV_ADMIN_KEYS_MAX, 1, &err));
        FAILS(parse_many(SV_ADMIN_KEYS_MAX + 1, 1, &err), SV_USAGE, "broker.config.admins");
        OK(parse_many(1, SV_ADMIN_PATHS_MAX, &err));
        FAILS(parse_many(1, SV_ADMIN_PATHS_MAX + 1, &err), SV_USAGE, "broker.config.admins");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(table),
                cmocka_unit_test(each_route_with_each_role),
                cmocka_unit_test(nobody_reads_a_secret),
                cmocka_unit_test(below_paths),
                cmocka_unit_test(refusals_are_recorded),
                cmocka_unit_test(configurations),
                cmocka_unit_test(two_persons),
                cmocka_unit_test(limits),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
