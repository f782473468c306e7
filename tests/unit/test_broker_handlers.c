/* SPDX-License-Identifier: Apache-2.0 */
/* What attestation and release refuse, by the name of its check. */
#include "tests/unit/broker_inside.h"

/* The linker sends the calls of sv_policy_parse here. */
int __real_sv_policy_parse(struct sv_bytes text, struct sv_policy **out, struct sv_err *err);
int __wrap_sv_policy_parse(struct sv_bytes text, struct sv_policy **out, struct sv_err *err);
static int parses;

int __wrap_sv_policy_parse(struct sv_bytes text, struct sv_policy **out, struct sv_err *err)
{
        parses++;
        return __real_sv_policy_parse(text, out, err);
}

/* Past every check of the PUT: as an older broker, or somebody with the database, would leave it.
 */
static void store_policy(const char *path, const char *text)
{
        const struct sv_anchors none = {0};
        struct sv_err err;

        OK(b.store->ops->put_policy(b.store, path, sv_bytes_str(text), &none, 1000, &err));
}

/* The whole way, so that what the others see refused is refused for its reason only. */
static void released(void **state)
{
        GUEST g = begin();
        SV_HTTP answer = {0};
        SV_SECRET *s = NULL;
        struct sv_err err;

        put_policy(PATH);
        put_secret(PATH);
        assert_int_equal(attest(&g), 200);
        assert_int_equal(ask(&(struct ask){"GET", "/kbs/v0/resource/" PATH, "Cookie", g.cookie,
                                           SV_BYTES_NULL, 0},
                             &answer),
                         200);
        s = sv_jwe_open(g.key, sv_buf_bytes(&answer.body), &err);
        assert_non_null(s);
        assert_int_equal(sv_secret_size(s), strlen(SECRET));
        assert_memory_equal(sv_secret_reveal(s), SECRET, strlen(SECRET));
}

/* --- attestation --- */

static void nonce_of_another_session(void **state)
{
        GUEST old = begin();
        GUEST now = begin();

        put_policy(PATH);
        sv_kbs_pubkey_free(&now.pubkey);
        assert_int_equal(sv_kbs_pubkey_from_key(old.key, &now.pubkey, NULL), 0);
        /* yesterday's message as it was */
        assert_int_equal(attest_with(&now, old.challenge.nonce, old.challenge.nonce, ""), 401);
        assert_string_equal(seen_check, "broker.attest.nonce");
        get_refused(&now, PATH, 401, "broker.session.token");
}

/* With this session's nonce written over the old one the message is taken, and the evidence is not.
 */
static void evidence_for_another_nonce(void **state)
{
        GUEST old = begin();
        GUEST now = begin();

        put_policy(PATH);
        assert_int_equal(attest_with(&now, now.challenge.nonce, old.challenge.nonce, ""), 401);
        assert_string_equal(seen_check, "snp.report_data");
        get_refused(&now, PATH, 401, "broker.session.token");
}

/* Bound to the evidence as it should be: that nobody looks at it is the reason. */
static void additional_evidence(void **state)
{
        GUEST g = begin();

        put_policy(PATH);
        assert_int_equal(
                attest_with(&g, g.challenge.nonce, g.challenge.nonce, "{\"gpu\":\"evidence\"}"),
                400);
        assert_string_equal(seen_check, "broker.attest.additional");
        get_refused(&g, PATH, 401, "broker.session.token");
}

/* A session of a TEE that a later broker no longer knows; one whose secret does not open. */
static void session_of_another_broker(void **state)
{
        struct sv_session gone = {.nonce = (char *)"n", .tee = (char *)"bogus"};
        struct sv_session sealed = {.nonce = (char *)"n", .tee = (char *)"tpm"};
        static const char cookie[] = "kbs-session-id=0123456789abcdef0123456789abcdef";
        SV_HTTP msg = {0};
        GUEST g = begin();
        SV_BUF body = SV_BUF_NULL;
        struct ask a = {"POST", "/kbs/v0/attest", "Cookie", cookie, SV_BYTES_NULL, 0};
        struct sv_err err;
        char id[65];

        write_message(&g, "n", "n", "", &body);
        a.body = sv_buf_bytes(&body);
        OK(sv_http_add(&msg, "Cookie", cookie, &err));
        OK(sv_session_id(&msg, id, &err));
        gone.expires = sealed.expires = time(NULL) + 100;
        OK(b.store->ops->put_session(b.store, id, &gone, time(NULL), 1000, &err));
        refuses(&a, 503, "broker.auth.tee");
        OK(b.store->ops->end_session(b.store, id, &err));
        sv_buf_puts(&sealed.secret, "not sealed by this broker's kek at all");
        OK(b.store->ops->put_session(b.store, id, &sealed, time(NULL), 1000, &err));
        refuses(&a, 503, "broker.sealed");
        OK(b.store->ops->end_session(b.store, id, &err));
        sv_buf_clear(&sealed.secret);
        sv_buf_puts(&sealed.secret, "short");
        OK(b.store->ops->put_session(b.store, id, &sealed, time(NULL), 1000, &err));
        refuses(&a, 503, "broker.sealed");
        OK(b.store->ops->end_session(b.store, id, &err));
        sv_buf_free(&sealed.secret);
}

static void as_many_as_may_be(void **state)
{
        SV_BUF body = SV_BUF_NULL;
        int64_t max = b.config.sessions;
        struct ask a = {.method = "POST", .target = "/kbs/v0/auth"};
        SV_HTTP answer = {0};

        sv_kbs_write_request(sv_tee_sev_snp.kbs_name, NULL, &body);
        a.body = sv_buf_bytes(&body);
        b.config.sessions = 0;
        refuses(&a, 503, "broker.session.limit");
        b.config.sessions = max;
        assert_int_equal(ask(&a, &answer), 200);
}

/* Of sixty policies one does not parse: others' guests are attested, and none of the
 * policies is read for it. Who asks for its resource hears what is wrong. */
static void broken_policy(void **state)
{
        GUEST g = begin();

        put_policy(PATH);
        put_secret(PATH);
        for (int i = 0; i < 60; i++) {
                SV_STR path = sv_asprintf("default/many/r%d", i);

                store_policy(path, "{}");
        }
        store_policy("default/demo/broken", "{\"version\":2}");
        parses = 0;
        assert_int_equal(attest(&g), 200);
        assert_int_equal(parses, 0);
        get_refused(&g, "default/demo/broken", 400, "policy.version");
        assert_int_equal(parses, 1);
}

/* --- release --- */

static void policies_of_others(void **state)
{
        SV_BUF other_tee = SV_BUF_NULL, other_path = SV_BUF_NULL;
        GUEST g = begin();

        put_policy(PATH);
        write_policy("tdx", "default/demo/tdx", &other_tee);
        write_policy("sev-snp", "default/demo/x", &other_path);
        store_policy("default/demo/tdx", sv_buf_str(&other_tee));
        store_policy("default/demo/y", sv_buf_str(&other_path));
        assert_int_equal(attest(&g), 200);
        get_refused(&g, "default/demo/tdx", 401, "policy.tee");
        get_refused(&g, "default/demo/y", 401, "policy.resource");
        get_refused(&g, "default/demo/none", 401, "broker.policy.none");
}

/* Signed by this broker, but of a TEE that it does not know. */
static void token_of_an_unknown_tee(void **state)
{
        SV_JSON *empty = sv_json_object();
        SV_JSON *verdict_json = NULL;
        SV_VERDICT verdict = {{0}};
        SV_BUF value = SV_BUF_NULL;
        struct sv_ear ear = {.iat = time(NULL),
                             .exp = time(NULL) + 100,
                             .issuer = "secure-vm-broker",
                             .tee = "bogus",
                             .policy_id = "none",
                             .claims = empty,
                             .runtime_data = empty};
        struct sv_err err;

        verdict_json = sv_verdict_json(&verdict);
        ear.verdict = verdict_json;
        sv_buf_puts(&value, "Bearer ");
        OK(sv_ear_sign(&ear, b.token_key, NULL, &value, &err));
        refuses(&(struct ask){"GET", "/kbs/v0/resource/" PATH, "Authorization", sv_buf_str(&value),
                              SV_BYTES_NULL, 0},
                401, "broker.token.claims");
}

static int64_t count_versions(const char *path)
{
        SV_JSON *list = sv_json_array();
        struct sv_err err;

        OK(b.store->ops->list_versions(b.store, path, list, &err));
        return sv_json_int(sv_json_get(sv_json_at(list, 0), "version"), 0);
}

static void sealed_values(void **state)
{
        SV_HTTP answer = {0};
        int64_t newest;
        SV_BUF sealed = SV_BUF_NULL;
        GUEST g = begin();
        struct sv_err err;

        put_policy(PATH);
        put_policy("default/demo/moved");
        put_secret(PATH);
        assert_int_equal(attest(&g), 200);
        newest = count_versions(PATH);
        OK(b.store->ops->get_resource(b.store, PATH, newest, &sealed, &err));
        /* under another name, under another version, cut, changed */
        OK(b.store->ops->put_resource(b.store, "default/demo/moved", 1, sv_buf_bytes(&sealed), 3, 1,
                                      &err));
        get_refused(&g, "default/demo/moved", 503, "broker.sealed");
        OK(b.store->ops->put_resource(b.store, PATH, newest + 1, sv_buf_bytes(&sealed), 3, 1,
                                      &err));
        get_refused(&g, PATH, 503, "broker.sealed");
        OK(b.store->ops->delete_resource(b.store, PATH, newest + 1, &err));
        OK(b.store->ops->put_resource(b.store, PATH, newest + 1, sv_bytes(sealed.p, 28), 3, 1,
                                      &err));
        get_refused(&g, PATH, 503, "broker.sealed");
        sealed.p[sealed.n - 1] ^= 1;
        OK(b.store->ops->put_resource(b.store, PATH, newest + 2, sv_buf_bytes(&sealed), 3, 1,
                                      &err));
        get_refused(&g, PATH, 503, "broker.sealed");
        /* What does not open holds up no other version. */
        put_secret(PATH);
        assert_int_equal(ask(&(struct ask){"GET", "/kbs/v0/resource/" PATH, "Cookie", g.cookie,
                                           SV_BYTES_NULL, 0},
                             &answer),
                         200);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(released),
                cmocka_unit_test(nonce_of_another_session),
                cmocka_unit_test(evidence_for_another_nonce),
                cmocka_unit_test(additional_evidence),
                cmocka_unit_test(session_of_another_broker),
                cmocka_unit_test(as_many_as_may_be),
                cmocka_unit_test(broken_policy),
                cmocka_unit_test(policies_of_others),
                cmocka_unit_test(token_of_an_unknown_tee),
                cmocka_unit_test(sealed_values),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
