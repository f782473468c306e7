/* SPDX-License-Identifier: Apache-2.0 */
/* What administration refuses, and what a broker does whose store, log or key fails it. */
#include "tests/unit/broker_inside.h"

static void admin_refused(const char *method, const char *target, struct sv_bytes body, int status,
                          const char *check)
{
        int found = administer(method, target, body);

        assert_string_equal(seen_check, check);
        assert_int_equal(found, status);
}

static void sizes_of_resources(void **state)
{
        SV_BUF large = SV_BUF_NULL;

        assert_non_null(sv_buf_grow(&large, SV_SECRET_MAX + 1));
        admin_refused("POST", "/kbs/v0/resource/" PATH, SV_BYTES_NULL, 400, "broker.resource.size");
        admin_refused("POST", "/kbs/v0/resource/" PATH, sv_buf_bytes(&large), 400,
                      "broker.resource.size");
        large.n = SV_SECRET_MAX;
        assert_int_equal(administer("POST", "/kbs/v0/resource/" PATH, sv_buf_bytes(&large)), 204);
}

/* The body that is a secret, and no other, is read into locked memory; of each as much as its route
 * needs. */
static void bodies(void **state)
{
        static const struct {
                const char *method, *target;
                bool locked;
                size_t max;
        } rows[] = {{"POST", "/kbs/v0/resource/" PATH, true, SV_SECRET_MAX + 1},
                    {"GET", "/kbs/v0/resource/" PATH, false, SV_LINE_MAX},
                    {"POST", "/kbs/v0/auth", false, SV_AUTH_SIZE_MAX},
                    {"POST", "/kbs/v0/attest", false, SV_EVIDENCE_SIZE_MAX},
                    {"PUT", "/secure-vm/v0/policy/" PATH, false, SV_POLICY_SIZE_MAX + 1},
                    {"POST", "/secure-vm/v0/disk/" PATH, false, SV_LINE_MAX},
                    {"POST", "/secure-vm/v0/outcome/" PATH, false, SV_LINE_MAX},
                    {"POST", "/secure-vm/v0/rekey/" PATH, false, SV_REKEY_SIZE_MAX},
                    {"BREW", "/kbs/v0/attest", false, SV_LINE_MAX},
                    {"POST", "/", false, SV_LINE_MAX}};

        for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
                SV_HTTP m = {.method = sv_asprintf("%s", rows[i].method),
                             .target = sv_asprintf("%s", rows[i].target)};

                sv_broker_prepare_body(&m);
                assert_int_equal(m.body.locked, rows[i].locked);
                assert_int_equal(m.body.max, rows[i].max);
        }
}

static void policies_that_are_refused(void **state)
{
        SV_BUF text = SV_BUF_NULL;

        write_policy("bogus", PATH, &text);
        admin_refused("PUT", "/secure-vm/v0/policy/" PATH, sv_buf_bytes(&text), 400,
                      "broker.policy.tee");
        sv_buf_clear(&text);
        write_policy("sev-snp", PATH, &text);
        admin_refused("PUT", "/secure-vm/v0/policy/default/demo/x", sv_buf_bytes(&text), 400,
                      "broker.policy.resource");
        admin_refused("PUT", "/secure-vm/v0/policy/" PATH, sv_bytes_str("{"), 400, "policy.json");
        admin_refused("DELETE", "/secure-vm/v0/policy/no/such/policy", SV_BYTES_NULL, 404,
                      "broker.policy.absent");
}

static void audit_queries(void **state)
{
        admin_refused("GET", "/secure-vm/v0/audit?before=1", SV_BYTES_NULL, 400,
                      "broker.audit.query");
        admin_refused("GET", "/secure-vm/v0/audit?after=x", SV_BYTES_NULL, 400,
                      "broker.audit.query");
        assert_int_equal(administer("GET", "/secure-vm/v0/audit?after=1", SV_BYTES_NULL), 200);
}

/* Who sees a token can do nothing with it: not the same again, and nothing else. */
static void tokens_count_once(void **state)
{
        static const char list[] = "/secure-vm/v0/resources";
        SV_STR value = admin_value("GET", list, SV_BYTES_NULL);
        SV_STR lower = admin_value("GET", list, SV_BYTES_NULL);
        SV_STR put = admin_value("POST", "/kbs/v0/resource/" PATH, sv_bytes_str("one"));
        SV_HTTP first = {0}, again = {0};

        assert_int_equal(
                ask(&(struct ask){"GET", list, "Authorization", value, SV_BYTES_NULL, 0}, &first),
                200);
        refuses(&(struct ask){"GET", list, "Authorization", value, SV_BYTES_NULL, 0}, 401,
                "admin.token.used");
        refuses(&(struct ask){"DELETE", "/kbs/v0/resource/" PATH, "Authorization", put,
                              SV_BYTES_NULL, 0},
                401, "admin.token.request");
        refuses(&(struct ask){"POST", "/kbs/v0/resource/" PATH "?new", "Authorization", put,
                              sv_bytes_str("one"), 0},
                401, "admin.token.request");
        refuses(&(struct ask){"POST", "/kbs/v0/resource/" PATH, "Authorization", put,
                              sv_bytes_str("two"), 0},
                401, "admin.token.request");
        memcpy(lower, "bearer", 6);
        assert_int_equal(
                ask(&(struct ask){"GET", list, "Authorization", lower, SV_BYTES_NULL, 0}, &again),
                200);
}

/* --- a store that fails --- */

static void is_not_there(const char *path)
{
        SV_BUF sealed = SV_BUF_NULL;
        struct sv_err err;

        FAILS(b.store->ops->get_resource(b.store, path, 1, &sealed, &err), SV_USAGE,
              "broker.resource.none");
}

static struct sv_store_ops failing;

static int fail_audit(struct sv_store *s, int64_t now, const struct sv_json *record,
                      int64_t strangers, struct sv_audit_link *out, struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "broker.store", "disk full");
}

static int fail_silently(struct sv_store *s, const struct sv_list_query *query,
                         struct sv_json *list, struct sv_err *err)
{
        return -1;
}

static int fail_text(struct sv_store *s, const char *path, struct sv_buf *text, struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "broker.store", "damaged");
}

static int fail_session(struct sv_store *s, const char *id, const struct sv_session *session,
                        int64_t now, const struct sv_session_limits *max, struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "broker.store", "damaged");
}

static int fail_list(struct sv_store *s, int64_t after, int64_t max, struct sv_json *list,
                     struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "broker.store", "damaged");
}

static void failing_store(void **state)
{
        const struct sv_store_ops *real = b.store->ops;
        GUEST g = begin();
        GUEST h = begin();
        SV_HTTP answer = {0};

        put_policy(PATH);
        put_secret(PATH);
        assert_int_equal(attest(&g), 200);
        failing = *real;
        b.store->ops = &failing;
        failing.put_audit = fail_audit;
        get_refused(&g, PATH, 503, "broker.audit");
        admin_refused("POST", "/kbs/v0/resource/default/ghost/key", sv_bytes_str("x"), 503,
                      "broker.audit");
        failing.put_audit = real->put_audit;
        is_not_there("default/ghost/key");
        failing.list_resources = fail_silently;
        admin_refused("GET", "/secure-vm/v0/resources", SV_BYTES_NULL, 503, "broker.internal");
        failing.get_policy = fail_text;
        get_refused(&g, PATH, 503, "broker.store");
        failing.put_session = fail_session;
        assert_int_equal(attest(&h), 503);
        assert_string_equal(seen_check, "broker.store");
        failing.list_audit = fail_list;
        refuses(&(struct ask){.method = "GET", .target = "/secure-vm/v0/health"}, 503,
                "broker.store");
        b.store->ops = real;
        assert_int_equal(
                ask(&(struct ask){.method = "GET", .target = "/secure-vm/v0/health"}, &answer),
                200);
}

/* The file of the record cannot be written: nothing is released either. */
/* Which key administered, which evidence was shown, which policy decided. */
static void records_say_who(void **state)
{
        static const struct {
                const char *action, *member;
        } cases[] = {{"admin-put-policy", "admin"},
                     {"attest", "evidence_sha256"},
                     {"resource", "policy_sha256"}};
        SV_JSON *list = sv_json_array();
        SV_BUF policy = SV_BUF_NULL;
        uint8_t digest[SV_DIGEST_MAX];
        char hex[2 * SV_DIGEST_MAX + 1];
        SV_HTTP answer = {0};
        GUEST g = begin();
        struct sv_err err;

        put_policy(PATH);
        put_secret(PATH);
        assert_int_equal(attest(&g), 200);
        assert_int_equal(ask(&(struct ask){"GET", "/kbs/v0/resource/" PATH, "Cookie", g.cookie,
                                           SV_BYTES_NULL, 0},
                             &answer),
                         200);
        OK(b.store->ops->get_policy(b.store, PATH, &policy, &err));
        OK(sv_digest(SV_SHA256, sv_buf_bytes(&policy), digest, &err));
        OK(b.store->ops->list_audit(b.store, 0, 100000, list, &err));
        for (size_t i = 0; i < 3; i++) {
                const struct sv_json *record = NULL;

                for (size_t k = 0; k < sv_json_len(list); k++)
                        if (!strcmp(sv_json_text(sv_json_at(list, k), "action", ""),
                                    cases[i].action))
                                record = sv_json_at(list, k);
                assert_non_null(record);
                assert_int_equal(strlen(sv_json_text(record, cases[i].member, "")), 64);
                if (i == 2)
                        assert_string_equal(sv_json_text(record, "policy_sha256", ""),
                                            sv_hex(sv_bytes(digest, 32), hex));
        }
}

/* What has no record has not happened, and what has not happened has none. */
static void full_audit_log(void **state)
{
        SV_JSON *list = sv_json_array();
        SV_BUF records = SV_BUF_NULL;
        GUEST g = begin();
        int fd = b.audit_fd;
        struct sv_err err;

        put_policy(PATH);
        put_secret(PATH);
        assert_int_equal(attest(&g), 200);
        b.audit_fd = open("/dev/full", O_WRONLY);
        assert_true(b.audit_fd >= 0);
        get_refused(&g, PATH, 503, "broker.audit");
        admin_refused("POST", "/kbs/v0/resource/default/ghost/file", sv_bytes_str("x"), 503,
                      "broker.audit");
        close(b.audit_fd);
        b.audit_fd = fd;
        is_not_there("default/ghost/file");
        OK(b.store->ops->list_audit(b.store, 0, 100000, list, &err));
        sv_json_print(list, &records);
        assert_null(strstr(sv_buf_str(&records), "default/ghost/file"));
}

/* --- a broker that does not begin --- */

static void write_kek(size_t n)
{
        uint8_t bytes[64] = {0};

        platform_write("b/kek.bad", sv_bytes(bytes, n));
}

static void sizes_of_the_kek(void **state)
{
        struct sv_broker other = {.audit_fd = -1};
        SV_STR path = sv_asprintf("%s/b/kek.bad", dir);
        struct sv_err err;

        other.config.kek = path;
        other.config.token_key = b.config.token_key;
        other.config.admin_pub = b.config.admin_pub;
        other.config.database = b.config.database;
        other.config.serial = b.config.serial;
        write_kek(31);
        FAILS(sv_broker_enter(&other, &err), SV_USAGE, "broker.kek");
        write_kek(33);
        FAILS(sv_broker_enter(&other, &err), SV_USAGE, "broker.kek");
        write_kek(32);
        FAILS(sv_broker_enter(&other, &err), SV_SYSTEM, "broker.store.state");
        sv_store_free(other.store);
        sv_secret_free(other.kek);
        sv_secret_free(other.store_key);
        sv_key_free(other.token_key);
        sv_key_free(other.admins.list[0].key);
}

/* Each private file in turn is another user's. */
static void files_of_another(void **state)
{
        static const char *const names[] = {"tls.key", "token.key", "kek", "serial", "broker.db"};
        SV_STR config = sv_asprintf("%s/b/config.json", dir);

        if (geteuid())
                skip();
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
                SV_STR path = sv_asprintf("%s/b/%s", dir, names[i]);
                SV_BROKER other = {.audit_fd = -1};
                SV_BROKER same = {.audit_fd = -1};
                struct sv_err err;

                OK(chown(path, 12345, (gid_t)-1));
                OK(sv_broker_open(config, &other, &err));
                FAILS(i ? sv_broker_enter(&other, &err) : sv_broker_read_tls(&other, &err),
                      SV_SYSTEM, "broker.key.owner");
                assert_non_null(strstr(err.msg, names[i]));
                /* the service's files, and an administrator who looks at them */
                OK(chown(config, 12345, (gid_t)-1));
                OK(sv_broker_open(config, &same, &err));
                OK(i ? sv_broker_enter(&same, &err) : sv_broker_read_tls(&same, &err));
                OK(chown(config, 0, (gid_t)-1));
                OK(chown(path, 0, (gid_t)-1));
        }
}

static void too_many_names(void **state)
{
        const char *names[34];
        SV_STR other = sv_asprintf("%s/other", dir);
        uint8_t pin[32];
        struct sv_err err;

        for (int i = 0; i < 33; i++)
                names[i] = "broker.example";
        names[33] = NULL;
        FAILS(sv_broker_init(other, "127.0.0.1:0", NULL, names, pin, &err), SV_USAGE,
              "broker.init.names");
        assert_int_not_equal(access(other, F_OK), 0);
        OK(sv_broker_init(other, "127.0.0.1:0", NULL, names + 1, pin, &err));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sizes_of_resources),
                cmocka_unit_test(bodies),
                cmocka_unit_test(policies_that_are_refused),
                cmocka_unit_test(audit_queries),
                cmocka_unit_test(tokens_count_once),
                cmocka_unit_test(failing_store),
                cmocka_unit_test(records_say_who),
                cmocka_unit_test(full_audit_log),
                cmocka_unit_test(sizes_of_the_kek),
                cmocka_unit_test(files_of_another),
                cmocka_unit_test(too_many_names),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
