/* SPDX-License-Identifier: Apache-2.0 */
/* The store alone, and the configuration. */
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"
#include "tests/unit/put_policy.h"

#include "tests/unit/broker_place.h"

#include "broker/config.h"

#define UNLESS_CONFIGURED 10000 /* connections */

static const struct sv_session_limits three = {3, 2};

static int put(struct sv_store *s, const char *id, uint64_t source, int64_t now, int64_t expires,
               struct sv_err *err)
{
        const struct sv_session n = {.source = source,
                                     .tee = (char *)"tpm",
                                     .token = (char *)"token",
                                     .ek_cn = (char *)"cn",
                                     .expires = expires};

        return s->ops->put_session(s, id, &n, now, &three, err);
}

static void sessions(void **state)
{
        SV_STORE *s = open_store();
        SV_SESSION a = {0}, b = {0};
        struct sv_err err;
        int64_t end;

        OK(s->ops->check_nonce(s, "a", 200, &err));
        FAILS(s->ops->get_session(s, "a", 100, &b, &err), SV_PROOF, "broker.session.token");
        OK(put(s, "a", 1, 100, 200, &err));
        OK(s->ops->get_session(s, "a", 199, &a, &err));
        assert_string_equal(a.token, "token");
        assert_true(!strcmp(a.ek_cn, "cn") && a.source == 1);
        FAILS(s->ops->get_session(s, "a", 200, &b, &err), SV_PROOF, "broker.session.token");
        FAILS(s->ops->check_nonce(s, "a", 200, &err), SV_PROOF, "broker.session.used");
        FAILS(put(s, "a", 1, 150, 200, &err), SV_PROOF, "broker.session.used");
        OK(put(s, "b", 1, 150, 250, &err));
        FAILS(put(s, "c", 1, 150, 250, &err), SV_SYSTEM, "broker.session.source");
        OK(put(s, "c", 2, 150, 250, &err));
        FAILS(put(s, "d", 3, 150, 250, &err), SV_SYSTEM, "broker.session.limit");
        OK(put(s, "d", 1, 200, 300, &err)); /* "a" has expired */
        FAILS(put(s, "e", 1, 200, 300, &err), SV_SYSTEM, "broker.session.limit");
        OK(s->ops->put_release(s, "b", "r/t/g", &err));
        OK(s->ops->end_session(s, "b", "r/t/g", &err)); /* and leaves its place */
        OK(s->ops->find_session_end(s, 1, &end, &err));
        assert_int_equal(end, 300);
        OK(put(s, "e", 1, 200, 300, &err));
        FAILS(put(s, "b", 2, 200, 250, &err), SV_PROOF, "broker.session.used"); /* also ended */
}

/* A nonce whose row has gone has expired, whatever the clock says afterwards. */
static void clock_that_goes_back(void **state)
{
        SV_STORE *s = open_store();
        struct sv_err err;

        OK(put(s, "a", 1, 100, 200, &err));
        OK(put(s, "b", 1, 1000, 1300, &err));
        FAILS(s->ops->check_nonce(s, "a", 200, &err), SV_PROOF, "broker.session.unknown");
        FAILS(put(s, "a", 1, 100, 200, &err), SV_PROOF, "broker.session.unknown");
        FAILS(put(s, "never", 1, 100, 1000, &err), SV_PROOF, "broker.session.unknown");
        OK(s->ops->check_nonce(s, "never", 1001, &err));
        OK(s->ops->take_token(s, "t", 200, 100, &err));
        OK(s->ops->take_token(s, "u", 2000, 1000, &err));
        FAILS(s->ops->take_token(s, "t", 200, 100, &err), SV_PROOF, "admin.token.used");
}

static void ended(void **state)
{
        SV_STORE *s = open_store();
        SV_SESSION a = {0};
        struct sv_err err;

        OK(put(s, "a", 1, 100, 200, &err));
        FAILS(s->ops->end_session(s, "a", "x/y/z", &err), SV_PROOF, "broker.outcome.resource");
        OK(s->ops->put_release(s, "a", "x/y/z", &err));
        OK(s->ops->put_release(s, "a", "x/y/z", &err));
        FAILS(s->ops->end_session(s, "a", "x/y/w", &err), SV_PROOF, "broker.outcome.resource");
        OK(s->ops->end_session(s, "a", "x/y/z", &err));
        FAILS(s->ops->end_session(s, "a", "x/y/z", &err), SV_PROOF, "broker.session.unknown");
        FAILS(s->ops->get_session(s, "a", 150, &a, &err), SV_PROOF, "broker.session.unknown");
        FAILS(s->ops->check_nonce(s, "a", 200, &err), SV_PROOF, "broker.session.used");
}

/* A token counts once, however many brokers share the database; so does what was issued before the
 * database was taken back. */
static void counted_once(void **state)
{
        SV_STORE *s = open_store();
        SV_STORE *other = open_store();
        struct sv_err err;

        OK(s->ops->take_token(s, "t", 220, 100, &err));
        FAILS(other->ops->take_token(other, "t", 220, 101, &err), SV_PROOF, "admin.token.used");
        OK(other->ops->take_token(other, "u", 220, 101, &err));
        OK(put(s, "a", 1, 100, 400, &err));
        FAILS(put(other, "a", 1, 100, 400, &err), SV_PROOF, "broker.session.used");
        OK(s->ops->forget_once(s, 410, 230, &err));
        FAILS(put(other, "a", 1, 111, 400, &err), SV_PROOF, "broker.session.unknown");
        FAILS(put(other, "b", 1, 111, 410, &err), SV_PROOF, "broker.session.unknown");
        OK(put(other, "b", 1, 111, 411, &err));
        FAILS(other->ops->take_token(other, "t", 220, 111, &err), SV_PROOF, "admin.token.used");
        OK(other->ops->take_token(other, "v", 231, 111, &err));
}

/* Nor who had a disk then: whoever has it now goes on. */
static void had_a_disk(void **state)
{
        SV_STORE *s = open_store();
        const struct sv_lease then = {"then", 200, 100}, now = {"now", 400, 300};
        struct sv_lease had;
        struct sv_err err;

        OK(s->ops->take_lease(s, "a/b/c", "volume", &then, true, &had, &err));
        FAILS(s->ops->take_lease(s, "a/b/c", "volume", &now, false, &had, &err), SV_PROOF,
              "disk.superseded");
        assert_string_equal(had.instance, "then");
        OK(s->ops->forget_once(s, 410, 230, &err));
        OK(s->ops->take_lease(s, "a/b/c", "volume", &now, false, &had, &err));
        assert_string_equal(had.instance, "");
}

/* Eight processes want the same nonce: one gets it. */
static void one_of_many(void **state)
{
        SV_STORE *s = open_store();
        int won = 0;

        for (int i = 0; i < 8; i++)
                if (fork() == 0) {
                        struct sv_store *mine = NULL;
                        struct sv_err err = SV_ERR_NULL;
                        int rc = sv_store_open(&place, &mine, NULL) < 0        ? 2
                                 : put(mine, "race", 1, 1500, 2000, &err) == 0 ? 0
                                 : !strcmp(err.check, "broker.session.used")   ? 1
                                                                               : 3;

                        _exit(rc);
                }
        for (int i = 0; i < 8; i++) {
                int status;

                assert_true(wait(&status) > 0);
                assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
                won += WEXITSTATUS(status) == 0;
        }
        assert_int_equal(won, 1);
}

static void resources_and_policies(void **state)
{
        SV_STORE *s = open_store();
        SV_BUF out = SV_BUF_NULL;
        SV_JSON *list = sv_json_array();
        SV_JSON *policies = sv_json_array();
        struct sv_err err;

        FAILS(s->ops->get_resource(s, "a/b/c", 1, &out, &err), SV_USAGE, "broker.resource.none");
        OK(s->ops->put_resource(s, "a/b/c", 1, sv_bytes_str("one"), 3, 1000, &err));
        OK(s->ops->put_resource(s, "a/b/c", 2, sv_bytes("t\0o", 3), 3, 1001, &err));
        OK(s->ops->get_resource(s, "a/b/c", 2, &out, &err));
        assert_int_equal(out.n, 3);
        assert_memory_equal(out.p, "t\0o", 3);
        FAILS(s->ops->get_policy(s, "a/b/c", &out, &err), SV_USAGE, "broker.policy.absent");
        OK(put_policy_text(s, "a/b/c", sv_bytes_str("{}"), 1000, &err));
        OK(s->ops->list_resources(s, NULL, list, &err));
        assert_int_equal(sv_json_len(list), 1);
        assert_true(sv_json_bool(sv_json_get(sv_json_at(list, 0), "policy"), false));
        OK(put_policy_text(s, "a/b/none", sv_bytes_str("{}"), 1000, &err));
        OK(s->ops->list_policies(s, policies, &err));
        assert_int_equal(sv_json_len(policies), 2);
        assert_string_equal(sv_json_str(sv_json_at(policies, 0)), "a/b/c");
        assert_string_equal(sv_json_str(sv_json_at(policies, 1)), "a/b/none");
        /* a name that would be SQL is a name */
        FAILS(s->ops->get_resource(s, "a' OR '1'='1", 1, &out, &err), SV_USAGE,
              "broker.resource.none");
        OK(s->ops->delete_policy(s, "a/b/c", "", 1002, &err));
        OK(s->ops->delete_resource(s, "a/b/c", 2, &err));
        FAILS(s->ops->delete_resource(s, "a/b/c", 2, &err), SV_USAGE, "broker.resource.none");
        FAILS(s->ops->get_resource(s, "a/b/c", 3, &out, &err), SV_USAGE, "broker.resource.none");
}

/* A version replaces none, and two writers who saw the same newest one do not both win. */
static void versions(void **state)
{
        SV_STORE *s = open_store();
        SV_STORE *other = open_store();
        SV_BUF out = SV_BUF_NULL;
        SV_JSON *list = sv_json_array();
        SV_JSON *all = sv_json_array();
        struct sv_err err;

        FAILS(s->ops->put_resource(s, "a/b/c", 2, sv_bytes_str("x"), 1, 1, &err), SV_USAGE,
              "broker.resource.changed");
        OK(s->ops->put_resource(s, "a/b/c", 1, sv_bytes_str("one"), 3, 1000, &err));
        OK(s->ops->put_resource(s, "a/b/d", 1, sv_bytes_str("else"), 4, 1000, &err));
        FAILS(other->ops->put_resource(other, "a/b/c", 1, sv_bytes_str("x"), 1, 1, &err), SV_USAGE,
              "broker.resource.changed");
        OK(other->ops->put_resource(other, "a/b/c", 2, sv_bytes_str("two!"), 4, 1001, &err));
        OK(s->ops->get_resource(s, "a/b/c", 1, &out, &err));
        assert_memory_equal(out.p, "one", 3);
        OK(s->ops->list_versions(s, "a/b/c", list, &err));
        assert_int_equal(sv_json_len(list), 2);
        assert_int_equal(sv_json_int(sv_json_get(sv_json_at(list, 0), "version"), 0), 2);
        assert_int_equal(sv_json_int(sv_json_get(sv_json_at(list, 1), "size"), 0), 3);
        OK(s->ops->list_resources(s, NULL, all, &err));
        assert_int_equal(sv_json_len(all), 2);
        assert_int_equal(sv_json_int(sv_json_get(sv_json_at(all, 0), "version"), 0), 2);
        assert_int_equal(sv_json_int(sv_json_get(sv_json_at(all, 0), "versions"), 0), 2);
        assert_int_equal(sv_json_int(sv_json_get(sv_json_at(all, 0), "size"), 0), 4);
        /* The number goes on counting while there is one above. */
        OK(s->ops->delete_resource(s, "a/b/c", 1, &err));
        FAILS(s->ops->put_resource(s, "a/b/c", 1, sv_bytes_str("x"), 1, 1, &err), SV_USAGE,
              "broker.resource.changed");
        OK(s->ops->put_resource(s, "a/b/c", 3, sv_bytes_str("x"), 1, 1, &err));
}

/* What is below a path is it in whole names, in capital and small letters as they are; a page has
 * as many as it is asked for. */
static void lists(void **state)
{
        static const char *const paths[] = {"M/x/a",  "m/x/a", "m/x/b",
                                            "m/xx/a", "m/y/a", "m_x/x/a"};
        static const struct {
                struct sv_list_query query;
                const char *found;
        } t[] = {
                {{"", "", INT64_MAX}, "M/x/a m/x/a m/x/b m/xx/a m/y/a m_x/x/a "},
                {{"", "m/x/a", 2}, "m/x/b m/xx/a "},
                {{"m", "", INT64_MAX}, "m/x/a m/x/b m/xx/a m/y/a "},
                {{"m/x", "", INT64_MAX}, "m/x/a m/x/b "},
                {{"m/x", "", 1}, "m/x/a "},
                {{"m/x", "m/x/a", 1}, "m/x/b "},
                {{"m/x/a", "", 1}, "m/x/a "},
                {{"m/x/", "", INT64_MAX}, ""},
                {{"%", "", INT64_MAX}, ""},
        };
        SV_STORE *s = open_store();
        struct sv_err err;

        for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
                OK(s->ops->put_resource(s, paths[i], 1, sv_bytes_str("x"), 1, 1000, &err));
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_JSON *list = sv_json_array();
                SV_BUF found = SV_BUF_NULL;

                OK(s->ops->list_resources(s, &t[i].query, list, &err));
                for (size_t k = 0; k < sv_json_len(list); k++)
                        sv_buf_printf(&found, "%s ", sv_json_text(sv_json_at(list, k), "path", ""));
                assert_string_equal(sv_buf_str(&found), t[i].found);
        }
}

static void audit(void **state)
{
        SV_STORE *s = open_store();
        SV_JSON *list = sv_json_array(), *page = sv_json_array();
        struct sv_audit_link made;
        struct sv_err err;

        for (int i = 0; i < 5; i++) {
                SV_JSON *j = sv_json_object();

                sv_json_set_int(j, "n", i);
                OK(s->ops->put_audit(s, 1000 + i, j, 0, &made, &err));
        }
        OK(s->ops->list_audit(s, 0, 100, list, &err));
        assert_int_equal(sv_json_len(list), 5);
        OK(s->ops->list_audit(s, sv_json_int(sv_json_get(sv_json_at(list, 1), "id"), 0), 2, page,
                              &err));
        assert_int_equal(sv_json_len(page), 2);
        assert_int_equal(sv_json_int(sv_json_get(sv_json_at(page, 0), "n"), -1), 2);
}

/* Of strangers' records the newest are kept, and none of the others' goes for them. */
static void strangers_records(void **state)
{
        SV_STORE *s = open_store();
        SV_JSON *list = sv_json_array();
        struct sv_audit_link made;
        struct sv_err err;

        for (int i = 0; i < 20; i++) {
                SV_JSON *j = sv_json_object();

                sv_json_set_int(j, "n", i);
                OK(s->ops->put_audit(s, 1000 + i, j, i < 3 ? 0 : 5, &made, &err));
        }
        OK(s->ops->list_audit(s, 0, 100, list, &err));
        assert_int_equal(sv_json_len(list), 3 + 5);
        assert_int_equal(sv_json_int(sv_json_get(sv_json_at(list, 2), "n"), -1), 2);
        assert_int_equal(sv_json_int(sv_json_get(sv_json_at(list, 3), "n"), -1), 15);
}

static void not_a_database(void **state)
{
        SV_STR file = sv_asprintf("%s/text", dir);
        struct sv_store *s = NULL;
        struct sv_err err;

        OK(sv_file_write(file, 0600,
                         sv_bytes_str("this is a text that is no database, and long enough to be "
                                      "looked at by it"),
                         &err));
        place.path = file;
        FAILS(sv_store_open(&place, &s, &err), SV_SYSTEM, "broker.store");
        place.path = "/nonexistent/db";
        FAILS(sv_store_open(&place, &s, &err), SV_SYSTEM, "broker.store");
        /* that went between the look and the opening: no empty one takes its place */
        assert_int_equal(unlink(file), 0);
        assert_null(sv_sqlite_connect(file, false, &err));
        assert_string_equal(err.check, "broker.store");
        assert_int_equal(access(file, F_OK), -1);
}

/* A server's word that its tables are of some version makes nobody take what is in them. */
static void other_version(void **state)
{
        SV_STORE *s = NULL;
        struct sv_store *other = NULL;
        struct sv_sql *c;
        struct sv_err err;

        s = open_store();
        OK(put_policy_text(s, "a/b/c", sv_bytes_str("text"), 1, &err));
        empty_server();
        c = sv_postgres_connect(path, &err);
        assert_non_null(c);
        OK(sv_sql_exec(&c->store,
                       "CREATE TABLE schema_version (version BIGINT NOT NULL);"
                       "INSERT INTO schema_version VALUES (9)",
                       &err));
        sv_sql_close(&c->store);
        FAILS(sv_store_open(&place, &other, &err), SV_SYSTEM, "broker.store.rollback");
}

/* What was there before there were settings stays, and may get some. */
static void earlier_version(void **state)
{
        const struct sv_settings is = {.most = 3, .labels = ",a=b,"};
        struct sv_settings found;
        SV_STORE *s = open_store();
        struct sv_sql *c;
        struct sv_err err;

        OK(s->ops->put_resource(s, "a/b/c", 1, sv_bytes_str("x"), 1, 1000, &err));
        sv_store_free(s);
        c = sv_postgres_connect(path, &err);
        assert_non_null(c);
        OK(sv_sql_exec(&c->store,
                       "DROP TABLE settings; DROP TABLE reference_sets; DROP TABLE pending; "
                       "DROP INDEX sessions_alive; UPDATE schema_version SET version = 10",
                       &err));
        sv_sql_close(&c->store);
        s = open_store();
        OK(s->ops->put_settings(s, "a/b/c", &is, &err));
        OK(s->ops->get_settings(s, "a/b/c", &found, &err));
        assert_int_equal(found.most, 3);
        assert_string_equal(found.labels, ",a=b,");
        OK(s->ops->check(s, &err));
}

/* A column of text where a number is expected is none, whatever its bytes. */
static void text_is_no_number(void **state)
{
        struct sv_err err;
        struct sv_sql *c = sv_postgres_connect(path, &err);
        struct sv_stmt *q;

        assert_non_null(c);
        q = sv_sql_prepare(&c->store, "SELECT 'abcd'::text, 7::bigint", &err, "");
        assert_int_equal(sv_sql_step(&c->store, q, &err), 1);
        assert_int_equal(sv_sql_number(q, 0), 0);
        assert_int_equal(sv_sql_number(q, 1), 7);
        sv_sql_finish(&q);
        sv_sql_close(&c->store);
}

static int take_values(struct sv_sql_value *values, const char *types, ...)
{
        va_list ap;
        int n;

        va_start(ap, types);
        n = sv_sql_take_values(types, ap, values);
        va_end(ap);
        return n;
}

/* As many as a statement has places for, and no more. */
static void values_of_a_statement(void **state)
{
        struct sv_sql_value values[SV_SQL_VALUES_MAX + 1] = {{0}};
        const int64_t i = 7;

        _Static_assert(SV_SQL_VALUES_MAX == 8, "as many as there are below");
        assert_int_equal(take_values(values, "iiiiiiii", i, i, i, i, i, i, i, i), 8);
        assert_int_equal(values[7].number, 7);
        assert_int_equal(take_values(values, "iiiiiiiii", i, i, i, i, i, i, i, i, i), 8);
        assert_int_equal(values[8].number, 0);
}

static void configuration(void **state)
{
        static const struct {
                const char *text, *check;
        } bad[] = {
                {"{\"database\":\"postgresql://a:secret@h/n\"}", "broker.config.database"},
                {"{\"database\":\"postgresql://h/n?nothing=1\"}", "broker.config.database"},
                {"", "broker.config.json"},
                {"{", "broker.config.json"},
                {"{\"listen\":\"127.0.0.1:1\",\"listen\":\"127.0.0.1:2\"}", "broker.config.json"},
                {"{\"port\":1}", "broker.config.unknown"},
                {"{\"listen\":8443}", "broker.config.value"},
                {"{\"listen\":\"127.0.0.1\"}", "broker.config.value"},
                {"{\"listen\":\"127.0.0.1:\"}", "broker.config.value"},
                {"{\"listen\":\":8443\"}", "broker.config.value"},
                {"{\"listen\":\"127.0.0.1:65536\"}", "broker.config.value"},
                {"{\"listen\":\"127.0.0.1:1x\"}", "broker.config.value"},
                {"{\"listen\":\"::1:8443\"}", "broker.config.value"},
                {"{\"listen\":\"[]:1\"}", "broker.config.value"},
                {"{\"kek\":\"\"}", "broker.config.value"},
                {"{\"oldest_protocol\":\"0.3.0\"}", "broker.config.value"},
                {"{\"oldest_protocol\":2}", "broker.config.value"},
                {"{\"connections\":0}", "broker.config.value"},
                {"{\"connections\":\"64\"}", "broker.config.value"},
                {"{\"connections\":1.5}", "broker.config.value"},
                {"{\"handshake_seconds\":0}", "broker.config.value"},
                {"{\"connections_per_source\":-1}", "broker.config.value"},
                {"{\"session_seconds\":3601}", "broker.config.value"},
                {"{\"collateral\":true}", "broker.config.collateral"},
                {"{\"collateral\":{\"fetch\":1}}", "broker.config.collateral"},
                {"{\"collateral\":{\"fetsh\":true}}", "broker.config.collateral.unknown"},
                {"{\"collateral\":{\"fetch\":true,\"offline\":\"d\"}}", "broker.config.collateral"},
                {"{\"collateral\":{\"mirror\":\"https://m.example\"}}", "broker.config.collateral"},
                {"{\"collateral\":{\"offline\":\"\"}}", "broker.config.collateral"},
                {"{\"collateral\":{\"fetch\":true,\"fetches_per_minute\":0}}",
                 "broker.config.collateral"},
                {"{\"records_per_minute\":0}", "broker.config.value"},
                {"{\"collateral\":{\"fetch\":true,\"mirror\":[]}}", "broker.config.collateral"},
                {"{\"collateral\":{\"fetch\":true,\"mirror\":[\"https://m.example\",7]}}",
                 "broker.config.collateral"},
                {"{\"collateral\":{\"fetch\":true,\"mirror\":\"m.example\"}}", "collateral.mirror"},
        };
        SV_BROKER_CONFIG c = {0};
        SV_BROKER_CONFIG fetching = {0};
        SV_BROKER_CONFIG offline = {0};
        struct sv_err err;

        OK(sv_broker_config_parse(
                sv_bytes_str("{\"collateral\":{\"fetch\":true,\"mirror\":[\"a.example=https://"
                             "m.example\",\"http://[::1]:8081/p\"],"
                             "\"mirror_ca\":\"ca.pem\"}}"),
                "/d", &fetching, &err));
        assert_true(fetching.collateral.fetch);
        assert_int_equal(fetching.collateral.fetches_per_minute, 60);
        assert_string_equal(fetching.collateral.cache, "/d/collateral");
        assert_string_equal(fetching.collateral.mirror_ca, "/d/ca.pem");
        assert_string_equal(fetching.collateral.mirrors[1], "http://[::1]:8081/p");
        assert_null(fetching.collateral.mirrors[2]);
        OK(sv_broker_config_parse(sv_bytes_str("{\"collateral\":{\"offline\":\"/o\"}}"), "/d",
                                  &offline, &err));
        assert_string_equal(offline.collateral.offline, "/o");
        assert_null(offline.collateral.cache);
        OK(sv_broker_config_parse(
                sv_bytes_str(
                        "{\"listen\":\"[::1]:8443\",\"kek\":\"/a/kek\",\"audit_log\":\"log\"}"),
                "/d", &c, &err));
        assert_string_equal(c.address, "::1");
        assert_int_equal(c.port, 8443);
        assert_string_equal(c.kek, "/a/kek");
        assert_string_equal(c.audit_log, "/d/log");
        assert_string_equal(c.database, "/d/broker.db");
        assert_string_equal(c.serial, "/d/serial");
        assert_null(c.port_file);
        assert_false(c.collateral.fetch);
        assert_int_equal(c.session_seconds, 300);
        assert_int_equal(c.connections_per_source, UNLESS_CONFIGURED / 2);
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                SV_BROKER_CONFIG none = {0};

                FAILS(sv_broker_config_parse(sv_bytes_str(bad[i].text), "/d", &none, &err),
                      SV_USAGE, bad[i].check);
                assert_null(none.address);
        }
        FAILS(sv_broker_config_parse(sv_bytes_str("{\"listen\":\"\"}"), "/d", &c, &err), SV_USAGE,
              "broker.config.value");
        assert_non_null(strstr(err.msg, "ADDRESS:PORT"));
        FAILS(sv_broker_config_parse(sv_bytes_str("{\"kek\":\"\"}"), "/d", &c, &err), SV_USAGE,
              "broker.config.value");
        assert_non_null(strstr(err.msg, "a path"));
}

/* Every number at its limits, and one past them. */
static void config_numbers(void **state)
{
        static const struct {
                const char *name;
                int64_t least, most;
        } numbers[] = {
                {"connections", 1, 65536},
                {"connections_per_source", 0, 65536},
                {"requests", 1, 4096},
                {"waiting", 1, 65536},
                {"handshakes_per_second", 1, 100000},
                {"handshake_seconds", 1, 30},
                {"sessions", 1, 1000000},
                {"sessions_per_source", 0, 1000000},
                {"records_per_minute", 1, 100000},
                {"session_seconds", 1, 3600},
                {"token_seconds", 1, 3600},
        };
        struct sv_err err;

        for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
                for (int side = 0; side < 2; side++) {
                        int64_t at = side ? numbers[i].most : numbers[i].least;
                        SV_STR inside = sv_asprintf("{\"%s\":%jd}", numbers[i].name, (intmax_t)at);
                        SV_STR past = sv_asprintf("{\"%s\":%jd}", numbers[i].name,
                                                  (intmax_t)(side ? at + 1 : at - 1));
                        SV_BROKER_CONFIG c = {0};
                        SV_BROKER_CONFIG none = {0};

                        OK(sv_broker_config_parse(sv_bytes_str(inside), "/d", &c, &err));
                        FAILS(sv_broker_config_parse(sv_bytes_str(past), "/d", &none, &err),
                              SV_USAGE, "broker.config.value");
                        assert_non_null(strstr(err.msg, numbers[i].name));
                }
}

/* Unless configured, as many connections as there may be files; not fewer than the least. */
static void config_fits(void **state)
{
        static const struct {
                const char *text;
                int64_t fewer; /* files than all of it needs */
                int64_t connections, of_source;
        } rows[] = {
                {"{}", -1, UNLESS_CONFIGURED, UNLESS_CONFIGURED / 2},
                {"{}", 0, UNLESS_CONFIGURED, UNLESS_CONFIGURED / 2},
                {"{}", 1, UNLESS_CONFIGURED - 1, UNLESS_CONFIGURED / 2},
                {"{}", 2, UNLESS_CONFIGURED - 2, UNLESS_CONFIGURED / 2 - 1},
                {"{}", UNLESS_CONFIGURED - SV_CONNECTIONS_LEAST, SV_CONNECTIONS_LEAST,
                 SV_CONNECTIONS_LEAST / 2},
                {"{}", UNLESS_CONFIGURED - SV_CONNECTIONS_LEAST + 1, SV_CONNECTIONS_LEAST,
                 SV_CONNECTIONS_LEAST / 2},
                {"{}", UNLESS_CONFIGURED + 1, SV_CONNECTIONS_LEAST, SV_CONNECTIONS_LEAST / 2},
                {"{\"connections_per_source\":7}", 2, UNLESS_CONFIGURED - 2, 7},
                {"{\"connections\":5000}", 1, 5000, 2500},
        };
        struct sv_err err;

        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                SV_BROKER_CONFIG c = {0};

                OK(sv_broker_config_parse(sv_bytes_str(rows[i].text), "/d", &c, &err));
                sv_broker_config_fit(&c, sv_broker_config_files(&c) - (uint64_t)rows[i].fewer);
                assert_int_equal(c.connections, rows[i].connections);
                assert_int_equal(c.connections_per_source, rows[i].of_source);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(sessions, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(clock_that_goes_back, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(ended, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(counted_once, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(had_a_disk, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(one_of_many, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(resources_and_policies, setup_place,
                                                teardown_place),
                cmocka_unit_test_setup_teardown(versions, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(lists, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(audit, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(strangers_records, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(not_a_database, setup_place, teardown_place),
                cmocka_unit_test(configuration),
                cmocka_unit_test(config_numbers),
                cmocka_unit_test(config_fits),
                cmocka_unit_test(values_of_a_statement),
        };
        const struct CMUnitTest on_server[] = {
                cmocka_unit_test_setup_teardown(other_version, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(text_is_no_number, setup_place, teardown_place),
                cmocka_unit_test_setup_teardown(earlier_version, setup_place, teardown_place),
        };
        int failed = cmocka_run_group_tests(tests, NULL, NULL);

        return failed + (is_on_server() ? cmocka_run_group_tests(on_server, NULL, NULL) : 0);
}
