/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's handlers in this process, without a network: what each of them refuses, by the name
 * of its check. Guests are on a simulated SNP platform. */
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/snp_platform.h"

#include "attest/jose/jose.h"
#include "attest/jose/token.h"
#include "attest/kbs/kbs.h"
#include "base/core/limits.h"
#include "broker/broker.h"
#include "broker/serve/session.h"
#include "policy/policy.h"
#include "policy/rule.h"
#include "policy/verdict.h"

#define PATH   "default/demo/root"
#define SECRET "TOPSECRET-0123456789"

static char dir[64];
static struct sv_broker b = {.audit_fd = -1};

/* The linker sends the calls of sv_policy_parse here. */
int __real_sv_policy_parse(struct sv_bytes text, struct sv_policy **out, struct sv_err *err);
int __wrap_sv_policy_parse(struct sv_bytes text, struct sv_policy **out, struct sv_err *err);
static int parses;

int __wrap_sv_policy_parse(struct sv_bytes text, struct sv_policy **out, struct sv_err *err)
{
        parses++;
        return __real_sv_policy_parse(text, out, err);
}

/* --- requests --- */

struct ask {
        const char *method, *target;
        const char *field, *value; /* may be NULL */
        struct sv_bytes body;
        int64_t later; /* seconds */
};

static char seen_check[64]; /* of the last answer, "" when it was none of a refusal */
static char seen_type[128];

static int ask(const struct ask *a, struct sv_http_msg *answer)
{
        SV_HTTP msg = {.method = sv_asprintf("%s", a->method),
                       .target = sv_asprintf("%s", a->target)};
        struct sv_request r = {.broker = &b,
                               .msg = &msg,
                               .peer = "127.0.0.1:1",
                               .now = time(NULL) + a->later,
                               .query = ""};
        SV_JSON *j = NULL;
        struct sv_err err;

        if (a->field)
                OK(sv_http_add(&msg, a->field, a->value, &err));
        sv_buf_put(&msg.body, a->body);
        sv_broker_handle(&r);
        *answer = r.answer;
        memset(&r.answer, 0, sizeof(r.answer));
        sv_request_free(&r);
        snprintf(seen_check, sizeof(seen_check), "%s", "");
        snprintf(seen_type, sizeof(seen_type), "%s", "");
        if (answer->status >= 400) {
                OK(sv_json_parse(sv_buf_bytes(&answer->body), "test", &j, &err));
                snprintf(seen_check, sizeof(seen_check), "%s",
                         sv_json_str(sv_json_get(j, "check")));
                snprintf(seen_type, sizeof(seen_type), "%s", sv_json_str(sv_json_get(j, "type")));
        }
        return answer->status;
}

static void refuses(const struct ask *a, int status, const char *check)
{
        SV_HTTP answer = {0};

        ask(a, &answer);
        assert_string_equal(seen_check, check);
        assert_int_equal(answer.status, status);
}

static char *admin_value(void)
{
        SV_STR path = sv_asprintf("%s/b/admin.key", dir);
        SV_BUF pem = SV_BUF_NULL, value = SV_BUF_NULL;
        SV_KEY *key = NULL;
        struct sv_err err;

        OK(sv_file_read(path, 1 << 16, &pem, "test", &err));
        key = sv_key_from_pem(sv_buf_bytes(&pem), true, &err);
        assert_non_null(key);
        sv_buf_puts(&value, "Bearer ");
        OK(sv_admin_token_sign(key, time(NULL), &value, &err));
        return sv_asprintf("%s", sv_buf_str(&value));
}

static int administer(const char *method, const char *target, struct sv_bytes body)
{
        SV_STR value = admin_value();
        SV_HTTP answer = {0};

        return ask(&(struct ask){method, target, "Authorization", value, body, 0}, &answer);
}

static void admin_refused(const char *method, const char *target, struct sv_bytes body, int status,
                          const char *check)
{
        int found = administer(method, target, body);

        assert_string_equal(seen_check, check);
        assert_int_equal(found, status);
}

/* --- policies --- */

static void write_policy(const char *tee, const char *resource, struct sv_buf *out)
{
        SV_JSON *rules = sv_json_array();
        SV_JSON *trust = sv_json_object();
        struct sv_json *rule = sv_rule_add(rules, "policy.debug", "/policy_bits/debug",
                                           "configuration", "no debugging");
        SV_BUF pem = SV_BUF_NULL;
        struct sv_err err;

        sv_json_set_bool(rule, "equals", false);
        platform_read("ark.pem", &pem);
        sv_json_add(sv_json_set(trust, "ark_roots", sv_json_array()),
                    sv_json_new_str(sv_buf_str(&pem)));
        OK(sv_policy_write("demo", tee, resource, rules, trust, out, &err));
}

static void put_policy(const char *path)
{
        SV_STR target = sv_asprintf("/secure-vm/v0/policy/%s", path);
        SV_BUF text = SV_BUF_NULL;

        write_policy("sev-snp", path, &text);
        assert_int_equal(administer("PUT", target, sv_buf_bytes(&text)), 204);
}

/* Past every check of the PUT: as an older broker, or somebody with the database, would leave it.
 */
static void store_policy(const char *path, const char *text)
{
        const struct sv_anchors none = {0};
        struct sv_err err;

        OK(b.store->ops->put_policy(b.store, path, sv_bytes_str(text), &none, 1000, &err));
}

static void put_secret(const char *path)
{
        SV_STR target = sv_asprintf("/kbs/v0/resource/%s", path);

        assert_int_equal(administer("POST", target, sv_bytes_str(SECRET)), 204);
}

/* --- guests --- */

struct guest {
        struct sv_key *key;
        struct sv_kbs_pubkey pubkey;
        struct sv_kbs_challenge challenge;
        char *cookie;
};

static void end_guest(struct guest *g)
{
        sv_key_free(g->key);
        sv_kbs_pubkey_free(&g->pubkey);
        sv_kbs_challenge_free(&g->challenge);
        free(g->cookie);
}
#define GUEST __attribute__((cleanup(end_guest))) struct guest

static struct guest begin(void)
{
        struct guest g = {0};
        SV_BUF body = SV_BUF_NULL;
        SV_HTTP answer = {0};
        const char *set;
        struct sv_err err;

        g.key = sv_key_generate(SV_KEY_P256, 0, &err);
        assert_non_null(g.key);
        OK(sv_kbs_pubkey_from_key(g.key, &g.pubkey, &err));
        sv_kbs_write_request(sv_tee_sev_snp.kbs_name, NULL, &body);
        assert_int_equal(ask(&(struct ask){.method = "POST",
                                           .target = "/kbs/v0/auth",
                                           .body = sv_buf_bytes(&body)},
                             &answer),
                         200);
        OK(sv_kbs_parse_challenge(sv_buf_bytes(&answer.body), &g.challenge, &err));
        set = sv_http_field(&answer, "Set-Cookie");
        assert_non_null(set);
        g.cookie = sv_asprintf("%.*s", (int)strcspn(set, ";"), set);
        return g;
}

/* The message of this guest, its evidence over what `nonce` and `additional` give. */
static void write_message(const struct guest *g, const char *said, const char *bound,
                          const char *additional, struct sv_buf *out)
{
        uint8_t digest[48];
        SV_JSON *evidence = NULL;
        SV_JSON *j = NULL;
        SV_BUF text = SV_BUF_NULL;
        struct sv_err err;

        OK(sv_kbs_binding_digest(additional, bound, &g->pubkey, digest, &err));
        evidence = platform_evidence(digest);
        sv_kbs_write_attestation(said, &g->pubkey, evidence, &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &j, &err));
        assert_non_null(sv_json_pointer(j, "/tee-evidence/additional_evidence"));
        sv_json_set_str(sv_json_get(j, "tee-evidence"), "additional_evidence", additional);
        sv_json_print(j, out);
}

static int attest_with(const struct guest *g, const char *said, const char *bound,
                       const char *additional)
{
        SV_BUF body = SV_BUF_NULL;
        SV_HTTP answer = {0};

        write_message(g, said, bound, additional, &body);
        return ask(&(struct ask){"POST", "/kbs/v0/attest", "Cookie", g->cookie, sv_buf_bytes(&body),
                                 0},
                   &answer);
}

static int attest(const struct guest *g)
{
        return attest_with(g, g->challenge.nonce, g->challenge.nonce, "");
}

static void get_refused(const struct guest *g, const char *path, int status, const char *check)
{
        SV_STR target = sv_asprintf("/kbs/v0/resource/%s", path);

        refuses(&(struct ask){"GET", target, "Cookie", g->cookie, SV_BYTES_NULL, 0}, status, check);
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

/* Of three hundred policies one does not parse: others' guests are attested, and none of the
 * policies is read for it. Who asks for its resource hears what is wrong. */
static void broken_policy(void **state)
{
        GUEST g = begin();

        put_policy(PATH);
        put_secret(PATH);
        for (int i = 0; i < 300; i++) {
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

static void sealed_values(void **state)
{
        SV_BUF sealed = SV_BUF_NULL;
        GUEST g = begin();
        struct sv_err err;

        put_policy(PATH);
        put_policy("default/demo/moved");
        put_secret(PATH);
        assert_int_equal(attest(&g), 200);
        OK(b.store->ops->get_resource(b.store, PATH, &sealed, &err));
        /* under another name, cut, changed */
        OK(b.store->ops->put_resource(b.store, "default/demo/moved", sv_buf_bytes(&sealed), 3, 1,
                                      &err));
        get_refused(&g, "default/demo/moved", 503, "broker.sealed");
        OK(b.store->ops->put_resource(b.store, PATH, sv_bytes(sealed.p, 28), 3, 1, &err));
        get_refused(&g, PATH, 503, "broker.sealed");
        sealed.p[sealed.n - 1] ^= 1;
        OK(b.store->ops->put_resource(b.store, PATH, sv_buf_bytes(&sealed), 3, 1, &err));
        get_refused(&g, PATH, 503, "broker.sealed");
}

/* --- administration --- */

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

/* --- a store that fails --- */

static struct sv_store_ops failing;

static int fail_audit(struct sv_store *s, int64_t now, const struct sv_json *record,
                      struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "broker.store", "disk full");
}

static int fail_silently(struct sv_store *s, struct sv_json *list, struct sv_err *err)
{
        return -1;
}

static int fail_text(struct sv_store *s, const char *path, struct sv_buf *text, struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "broker.store", "damaged");
}

static int fail_anchors(struct sv_store *s, const char *tee, struct sv_anchors *out,
                        struct sv_err *err)
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
        failing.put_audit = real->put_audit;
        failing.list_resources = fail_silently;
        admin_refused("GET", "/secure-vm/v0/resources", SV_BYTES_NULL, 503, "broker.internal");
        failing.get_policy = fail_text;
        get_refused(&g, PATH, 503, "broker.store");
        failing.get_anchors = fail_anchors;
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
static void full_audit_log(void **state)
{
        GUEST g = begin();
        int fd = b.audit_fd;

        put_policy(PATH);
        put_secret(PATH);
        assert_int_equal(attest(&g), 200);
        b.audit_fd = open("/dev/full", O_WRONLY);
        assert_true(b.audit_fd >= 0);
        get_refused(&g, PATH, 503, "broker.audit");
        close(b.audit_fd);
        b.audit_fd = fd;
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
        other.config.database = b.config.database;
        write_kek(31);
        FAILS(sv_broker_enter(&other, &err), SV_USAGE, "broker.kek");
        write_kek(33);
        FAILS(sv_broker_enter(&other, &err), SV_FORMAT, "broker.kek");
        write_kek(32);
        OK(sv_broker_enter(&other, &err));
        sv_store_free(other.store);
        sv_secret_free(other.kek);
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
        FAILS(sv_broker_init(other, "127.0.0.1:0", names, pin, &err), SV_USAGE,
              "broker.init.names");
        assert_int_not_equal(access(other, F_OK), 0);
        OK(sv_broker_init(other, "127.0.0.1:0", names + 1, pin, &err));
}

static int group_setup(void **state)
{
        uint8_t pin[32];
        SV_STR home = NULL;
        SV_STR config = NULL;
        struct sv_err err;

        snprintf(dir, sizeof(dir), "/tmp/sv-handlers-XXXXXX");
        assert_non_null(mkdtemp(dir));
        platform_make(dir);
        home = sv_asprintf("%s/b", dir);
        config = sv_asprintf("%s/b/config.json", dir);
        OK(sv_broker_init(home, "127.0.0.1:0", NULL, pin, &err));
        OK(sv_broker_open(config, &b, &err));
        b.config.collateral.offline = sv_asprintf("%s/folder", dir);
        OK(sv_broker_enter(&b, &err));
        return 0;
}

static int group_teardown(void **state)
{
        sv_broker_close(&b);
        platform_free();
        return sv_remove_tree(dir, NULL);
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
                cmocka_unit_test(sizes_of_resources),
                cmocka_unit_test(policies_that_are_refused),
                cmocka_unit_test(audit_queries),
                cmocka_unit_test(failing_store),
                cmocka_unit_test(full_audit_log),
                cmocka_unit_test(sizes_of_the_kek),
                cmocka_unit_test(too_many_names),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
