/* SPDX-License-Identifier: Apache-2.0 */
/* The broker as a process of its own, asked by a guest with a real swtpm and an administrator. */
#include <time.h>

#include "base/core/encoding.h"
#include "tests/unit/broker_process.h"
#include "tests/unit/swtpm.h"

#include "attest/kbs/admin-client.h"
#include "attest/kbs/http-conn.h"
#include "attest/kbs/client.h"
#include "base/core/limits.h"
#include "broker/broker.h"
#include "policy/policy.h"
#include "vtpm/guest/attester.h"
#include "vtpm/tee.h"

#define VMID   "demo:11111111-2222-3333-4444-555555555555"
#define PATH   "default/demo/root"
#define SECRET "TOPSECRET-0123456789abcdefghijklmnopqrstuvwxyz"

static char ca_dir[64], pin_text[80];
static uint8_t pin[32];
static struct swtpm tpm;
static bool have_swtpm;
static struct sv_admin *admin;
static struct sv_tls_ctx *tls;

static void need_swtpm(void)
{
        if (!have_swtpm) {
                print_message("SKIP: no swtpm on this machine\n");
                skip();
        }
}

static void open_admin(void)
{
        char key[256];
        struct sv_err err;

        sv_admin_free(admin);
        admin = NULL;
        in_dir(key, "admin.key");
        OK(sv_admin_open(url, pin_text, key, &admin, &err));
}

/* In the broker's configuration, from its next start on. */
static void configure(const char *member, int64_t value)
{
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *config = NULL;
        char path[256];
        struct sv_err err;

        in_dir(path, "config.json");
        read_file(path, &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &config, &err));
        sv_json_set_int(config, member, value);
        sv_buf_clear(&text);
        sv_json_print(config, &text);
        OK(sv_file_write(path, 0600, sv_buf_bytes(&text), &err));
}

static int group_setup(void **state)
{
        char b[256], hex[65];
        struct sv_err err;

        snprintf(dir, sizeof(dir), "/tmp/sv-broker-XXXXXX");
        snprintf(ca_dir, sizeof(ca_dir), "/tmp/sv-ca-XXXXXX");
        assert_non_null(mkdtemp(dir));
        assert_non_null(mkdtemp(ca_dir));
        have_swtpm = swtpm_start(&tpm, ca_dir, VMID);
        snprintf(b, sizeof(b), "%s/b", dir);
        OK(sv_broker_init(b, "127.0.0.1:0", NULL, NULL, pin, &err));
        FAILS(sv_broker_init(b, "127.0.0.1:0", NULL, NULL, pin, &err), SV_USAGE,
              "broker.init.exists");
        snprintf(pin_text, sizeof(pin_text), "sha256:%s", sv_hex(sv_bytes(pin, 32), hex));
        tls = sv_tls_client(sv_bytes(pin, 32), NULL, &err);
        assert_non_null(tls);
        configure("records_per_minute", 100000); /* every refusal is looked for in the record */
        start_broker();
        open_admin();
        return 0;
}

static int group_teardown(void **state)
{
        struct sv_err err;

        sv_admin_free(admin);
        sv_tls_ctx_free(tls);
        if (broker > 0)
                stop_broker();
        swtpm_stop(&tpm);
        OK(sv_remove_tree(dir, &err));
        OK(sv_remove_tree(ca_dir, &err));
        return 0;
}

/* --- resources and policies --- */

static void put_secret(const char *path)
{
        struct sv_err err;
        SV_SECRET *s = sv_secret_copy(sv_bytes_str(SECRET), &err);

        assert_non_null(s);
        OK(sv_admin_put_resource(admin, path, s, &err));
}

static void add_pem(struct sv_json *trust, const char *member, const char *file)
{
        SV_STR path = sv_asprintf("%s/%s", ca_dir, file);
        SV_BUF pem = SV_BUF_NULL;

        read_file(path, &pem);
        sv_json_add(sv_json_set(trust, member, sv_json_array()), sv_json_new_str(sv_buf_str(&pem)));
}

/* A policy with one rule: the instance's name. */
static void put_policy(const char *path, const char *cn)
{
        SV_JSON *rules = sv_json_array(), *trust = sv_json_object();
        struct sv_json *rule = sv_json_add(rules, sv_json_object());
        SV_BUF text = SV_BUF_NULL;
        struct sv_err err;

        sv_json_set_str(rule, "check", "policy.ek.cn");
        sv_json_set_str(rule, "claim", "/ek/subject_cn");
        sv_json_set_str(rule, "equals", cn);
        sv_json_set_str(rule, "covers", "configuration");
        sv_json_set_str(rule, "reason", "the TPM of this guest");
        add_pem(trust, "ek_roots", "swtpm-localca-rootca-cert.pem");
        add_pem(trust, "ek_intermediates", "issuercert.pem");
        OK(sv_policy_write("demo", "vtpm", path, rules, trust, &text, &err));
        OK(sv_admin_put_policy(admin, path, sv_buf_bytes(&text), &err));
}

/* --- the guest --- */

static struct sv_kbs_client *new_client(void)
{
        struct sv_kbs_client *c = NULL;
        struct sv_err err;

        OK(sv_kbs_client_new(url, tls, &c, &err));
        return c;
}

/* Request and challenge, then evidence for it; the caller frees. */
static struct sv_json *make_evidence(struct sv_kbs_client *c)
{
        struct sv_vtpm_attester_config config = {.device = tpm.device, .event_log = "/nonexistent"};
        SV_JSON *params = NULL;
        struct sv_json *evidence = NULL;
        uint8_t binding[48];
        void *state = NULL;
        struct sv_err err;

        OK(sv_vtpm_attester_open(&config, &state, &err));
        OK(sv_attester_vtpm.hello(state, &params, &err));
        OK(sv_kbs_auth(c, "tpm", params, &err));
        assert_non_null(sv_kbs_challenge(c));
        OK(sv_kbs_binding(c, binding, &err));
        OK(sv_attester_vtpm.evidence(state, sv_bytes(binding, 48), sv_kbs_challenge(c), &evidence,
                                     &(struct sv_note){""}, &err));
        sv_attester_vtpm.close(state);
        return evidence;
}

static struct sv_kbs_client *attested(void)
{
        struct sv_kbs_client *c = new_client();
        SV_JSON *evidence = make_evidence(c);
        struct sv_err err;

        OK(sv_kbs_attest(c, evidence, &err));
        return c;
}

static void refused(struct sv_kbs_client *c, const char *path, enum sv_class class,
                    const char *check)
{
        struct sv_err err = SV_ERR_NULL;

        assert_null(sv_kbs_resource(c, path, NULL, &err));
        assert_string_equal(err.check, check);
        assert_int_equal(err.class, class);
}

/* --- audit --- */

static struct sv_json *last_audit(const char *action)
{
        SV_JSON *all = NULL;
        const struct sv_json *list;
        struct sv_err err;

        OK(sv_admin_audit(admin, 0, &all, &err));
        list = sv_json_get(all, "audit");
        for (size_t i = sv_json_len(list); i-- > 0;)
                if (!strcmp(sv_json_str(sv_json_get(sv_json_at(list, i), "action")), action))
                        return sv_json_ref(sv_json_at(list, i));
        fail_msg("no audit record of %s", action);
        return NULL;
}

static void audit_says(const char *action, const char *outcome, const char *check)
{
        SV_JSON *j = last_audit(action);

        assert_string_equal(sv_json_str(sv_json_get(j, "outcome")), outcome);
        if (check)
                assert_string_equal(sv_json_str(sv_json_get(j, "check")), check);
        assert_non_null(strstr(sv_json_str(sv_json_get(j, "peer")), "127.0.0.1:"));
}

/* --- tests --- */

static void released(void **state)
{
        SV_KBS_CLIENT *c = NULL;
        SV_SECRET *s = NULL;
        SV_JSON *j = NULL;
        SV_BUF checks = SV_BUF_NULL;
        struct sv_err err = SV_ERR_NULL;

        need_swtpm();
        put_policy(PATH, VMID);
        put_secret(PATH);
        c = attested();
        audit_says("attest", "attested", NULL);
        s = sv_kbs_resource(c, PATH, NULL, &err);
        if (!s)
                fail_msg("%s [%s]", err.msg, err.check);
        assert_int_equal(sv_secret_size(s), strlen(SECRET));
        assert_memory_equal(sv_secret_reveal(s), SECRET, strlen(SECRET));
        audit_says("resource", "released", NULL);
        j = last_audit("resource");
        assert_string_equal(sv_json_str(sv_json_get(j, "ek_cn")), VMID);
        assert_string_equal(sv_json_str(sv_json_get(j, "resource")), PATH);
        assert_string_equal(sv_json_str(sv_json_get(j, "tee")), "tpm");
        assert_int_equal(strlen(sv_json_str(sv_json_get(j, "session"))), 64);
        assert_non_null(strstr(sv_json_str(sv_json_get(j, "grounds")), " checks hold; "));
        sv_json_print(sv_json_get(j, "checks"), &checks);
        assert_non_null(strstr(sv_buf_str(&checks), "\"policy.ek.cn\""));
}

/* After the release: the guest's own word, in the record; once, and it ends the session. */
static void outcomes(void **state)
{
        static const struct sv_err cipher = {.class = SV_FORMAT,
                                             .check = "luks.header.cipher",
                                             .msg = "expected aes\x1b, found null"};
        SV_KBS_CLIENT *c = NULL, *d = NULL;
        SV_SECRET *s = NULL, *t = NULL;
        SV_JSON *j = NULL, *k = NULL;
        struct sv_err err;

        need_swtpm();
        put_policy(PATH, VMID);
        put_secret(PATH);
        c = attested();
        OK(sv_kbs_outcome(c, PATH, NULL, &err)); /* nothing was released: nothing is said */
        s = sv_kbs_resource(c, PATH, NULL, &err);
        assert_non_null(s);
        OK(sv_kbs_outcome(c, PATH, &cipher, &err));
        audit_says("outcome", "failed", "luks.header.cipher");
        j = last_audit("outcome");
        assert_string_equal(sv_json_str(sv_json_get(j, "class")), "format");
        assert_string_equal(sv_json_str(sv_json_get(j, "message")), "expected aes?, found null");
        assert_string_equal(sv_json_str(sv_json_get(j, "resource")), PATH);
        assert_string_equal(sv_json_str(sv_json_get(j, "ek_cn")), VMID);
        k = last_audit("resource");
        assert_string_equal(sv_json_str(sv_json_get(j, "session")),
                            sv_json_str(sv_json_get(k, "session")));
        FAILS(sv_kbs_outcome(c, PATH, NULL, &err), SV_PROOF, "broker.session.unknown");
        audit_says("outcome", "refused", "broker.session.unknown");
        refused(c, PATH, SV_PROOF, "broker.session.unknown");
        d = attested();
        t = sv_kbs_resource(d, PATH, NULL, &err);
        assert_non_null(t);
        OK(sv_kbs_outcome(d, PATH, NULL, &err));
        audit_says("outcome", "opened", NULL);
}

static void refusals(void **state)
{
        SV_KBS_CLIENT *c = NULL;
        struct sv_err err;

        need_swtpm();
        put_policy(PATH, VMID);
        put_policy("default/demo/other", "other:11111111-2222-3333-4444-555555555555");
        put_policy("default/demo/empty", VMID);
        put_secret(PATH);
        put_secret("default/demo/other");
        put_secret("default/demo/unruled");
        c = attested();
        refused(c, "default/demo/unruled", SV_POLICY, "broker.policy.none");
        audit_says("resource", "refused", "broker.policy.none");
        assert_false(sv_kbs_retryable(c));
        refused(c, "default/demo/other", SV_POLICY, "policy.ek.cn");
        audit_says("resource", "refused", "policy.ek.cn");
        refused(c, "default/demo/empty", SV_USAGE, "broker.resource.none");
        refused(c, "default/demo/none/x", SV_USAGE, "broker.route");
        refused(c, "default/../root", SV_USAGE, "broker.route");
        OK(sv_admin_delete_policy(admin, PATH, &err));
        /* a session that once could no longer can */
        refused(c, PATH, SV_POLICY, "broker.policy.none");
        put_policy(PATH, VMID);
        OK(sv_admin_delete_resource(admin, PATH, NULL, &err));
        refused(c, PATH, SV_USAGE, "broker.resource.none");
        FAILS(sv_admin_delete_resource(admin, PATH, NULL, &err), SV_USAGE, "broker.resource.none");
}

static void evidence_counts_once(void **state)
{
        SV_KBS_CLIENT *c = new_client(), *d = new_client();
        SV_JSON *evidence = NULL, *other = NULL;
        struct sv_err err;

        need_swtpm();
        put_policy(PATH, VMID);
        evidence = make_evidence(c);
        OK(sv_kbs_attest(c, evidence, &err));
        FAILS(sv_kbs_attest(c, evidence, &err), SV_PROOF, "broker.session.used");
        assert_false(sv_kbs_retryable(c));
        audit_says("attest", "refused", "broker.session.used");
        /* yesterday's evidence in today's session */
        other = make_evidence(d);
        FAILS(sv_kbs_attest(d, evidence, &err), SV_PROOF, "vtpm.quote.nonce");
        audit_says("attest", "refused", "vtpm.quote.nonce");
        /* and the failure has used nothing up */
        refused(d, PATH, SV_USAGE, "kbs.order");
        OK(sv_kbs_attest(d, other, &err));
        FAILS(sv_kbs_attest(d, other, &err), SV_PROOF, "broker.session.used");
}

/* --- by hand, where the client would not do it --- */

static int raw(const char *method, const char *path, const char *field, const char *value,
               const char *body, struct sv_http_msg *answer, struct sv_err *err)
{
        struct sv_http_conn conn;
        SV_HTTP req = {0};
        int rc;

        memset(answer, 0, sizeof(*answer));
        assert_int_equal(sv_http_conn_init(&conn, url, tls, err), 0);
        if (field)
                assert_int_equal(sv_http_add(&req, field, value, err), 0);
        rc = sv_http_conn_call(&conn, method, path, &req, sv_bytes_str(body), answer, err);
        sv_http_conn_close(&conn);
        return rc;
}

static void answers(const char *method, const char *path, const char *field, const char *value,
                    const char *body, int status, const char *name, const char *check)
{
        SV_HTTP answer = {0};
        SV_JSON *j = NULL;
        struct sv_err err;

        OK(raw(method, path, field, value, body, &answer, &err));
        assert_int_equal(answer.status, status);
        OK(sv_json_parse(sv_buf_bytes(&answer.body), "test", &j, &err));
        assert_string_equal(sv_json_str(sv_json_get(j, "check")), check);
        assert_non_null(strstr(sv_json_str(sv_json_get(j, "type")), name));
        assert_non_null(sv_json_str(sv_json_get(j, "detail")));
}

static void bad_requests(void **state)
{
        static const char get[] = "/kbs/v0/resource/" PATH;
        static const char cookie[] = "kbs-session-id=0123456789abcdef0123456789abcdef";

        answers("POST", "/kbs/v0/auth", NULL, NULL, "{", 400, "SerdeError", "kbs.request.json");
        answers("POST", "/kbs/v0/auth", NULL, NULL,
                "{\"version\":\"0.1.1\",\"tee\":\"tpm\",\"extra-params\":\"\"}", 400,
                "AttestationError", "broker.auth.version");
        answers("POST", "/kbs/v0/auth", NULL, NULL,
                "{\"version\":\"0.4.0\",\"tee\":\"sample\",\"extra-params\":\"\"}", 400,
                "AttestationError", "broker.auth.tee");
        answers("POST", "/kbs/v0/attest", NULL, NULL, "{}", 401, "TokenNotFound",
                "broker.session.cookie");
        answers("POST", "/kbs/v0/attest", "Cookie", "kbs-session-id=xyz", "{}", 401,
                "TokenNotFound", "broker.session.unknown");
        answers("POST", "/kbs/v0/attest", "Cookie", cookie, "{}", 401, "TokenNotFound",
                "broker.session.unknown");
        answers("GET", get, NULL, NULL, "", 401, "TokenNotFound", "broker.session.cookie");
        answers("GET", get, "Cookie", cookie, "", 401, "TokenNotFound", "broker.session.unknown");
        answers("GET", get, "Authorization", "Bearer abc", "", 401, "TokenVerifierError",
                "token.form");
        answers("POST", "/secure-vm/v0/outcome/" PATH, NULL, NULL, "{}", 401, "TokenNotFound",
                "broker.session.cookie");
        answers("POST", "/secure-vm/v0/outcome/" PATH, "Cookie", cookie, "{}", 401, "TokenNotFound",
                "broker.session.unknown");
        answers("DELETE", "/kbs/v0/auth", NULL, NULL, "", 405, "InvalidRequestPath",
                "broker.method");
        answers("GET", "/", NULL, NULL, "", 404, "InvalidRequestPath", "broker.route");
        answers("GET", "/kbs/v0/resource/a/b/..", NULL, NULL, "", 404, "InvalidRequestPath",
                "broker.route");
        answers("GET", "/kbs/v0/resource/a/b", NULL, NULL, "", 404, "InvalidRequestPath",
                "broker.route");
}

static void a_session_without_evidence_gets_nothing(void **state)
{
        SV_HTTP answer = {0};
        const char *set;
        struct sv_err err;
        char cookie[256];

        OK(raw("POST", "/kbs/v0/auth", NULL, NULL,
               "{\"version\":\"0.4.0\",\"tee\":\"tpm\",\"extra-params\":\"\"}", &answer, &err));
        set = sv_http_field(&answer, "Set-Cookie");
        assert_non_null(set);
        snprintf(cookie, sizeof(cookie), "%.*s", (int)strcspn(set, ";"), set);
        answers("GET", "/kbs/v0/resource/" PATH, "Cookie", cookie, "", 401, "TokenNotFound",
                "broker.session.token");
        answers("POST", "/secure-vm/v0/outcome/" PATH, "Cookie", cookie, "{\"outcome\":\"opened\"}",
                401, "TokenNotFound", "broker.session.token");
        answers("POST", "/kbs/v0/attest", "Cookie", cookie, "{}", 400, "AttestationError",
                "kbs.attestation.member");
}

static void bearer_token(void **state)
{
        SV_KBS_CLIENT *c = NULL;
        SV_STR value = NULL;
        SV_HTTP answer = {0};
        struct sv_err err;
        size_t n;

        need_swtpm();
        put_policy(PATH, VMID);
        put_secret(PATH);
        c = attested();
        value = sv_asprintf("Bearer %s", sv_kbs_token(c));
        OK(raw("GET", "/kbs/v0/resource/" PATH, "Authorization", value, "", &answer, &err));
        assert_int_equal(answer.status, 200);
        n = strlen(value) - 10;
        value[n] = value[n] == 'A' ? 'B' : 'A';
        answers("GET", "/kbs/v0/resource/" PATH, "Authorization", value, "", 401,
                "TokenVerifierError", "token.signature");
        /* an attestation token is no administrator's */
        answers("GET", "/secure-vm/v0/audit", "Authorization", value, "", 401, "AdminAuthAccess",
                "admin.token.key");
}

static void only_the_administrator(void **state)
{
        char path[256];
        SV_KEY *key = NULL;
        SV_SECRET *pem = NULL, *value = NULL;
        SV_ADMIN *stranger = NULL;
        SV_JSON *list = NULL;
        SV_BUF text = SV_BUF_NULL;
        struct sv_err err = SV_ERR_NULL;

        answers("GET", "/secure-vm/v0/audit", NULL, NULL, "", 401, "AdminAuthAccess",
                "broker.admin.token");
        answers("POST", "/kbs/v0/resource/" PATH, NULL, NULL, "x", 401, "AdminAuthAccess",
                "broker.admin.token");
        key = sv_key_generate(SV_KEY_P256, 0, &err);
        OK(sv_key_private_pem(key, &pem, &err));
        snprintf(path, sizeof(path), "%s/stranger.key", dir);
        OK(sv_file_write(path, 0600, sv_bytes(sv_secret_reveal(pem), sv_secret_size(pem)), &err));
        OK(sv_admin_open(url, pin_text, path, &stranger, &err));
        value = sv_secret_copy(sv_bytes_str("x"), &err);
        FAILS(sv_admin_put_resource(stranger, PATH, value, &err), SV_PROOF,
              "admin.token.signature");
        FAILS(sv_admin_list_resources(stranger, NULL, NULL, &list, &err), SV_PROOF,
              "admin.token.signature");
        FAILS(sv_admin_delete_policy(stranger, PATH, &err), SV_PROOF, "admin.token.signature");
        audit_says("admin-put-resource", "refused", "admin.token.signature");
        FAILS(sv_admin_get_policy(admin, "no/such/policy", &text, &err), SV_USAGE,
              "broker.policy.absent");
        FAILS(sv_admin_put_policy(admin, PATH, sv_bytes_str("{}"), &err), SV_FORMAT,
              "policy.member");
}

static void administration(void **state)
{
        SV_JSON *list = NULL;
        SV_BUF back = SV_BUF_NULL;
        struct sv_err err;
        bool seen = false;

        need_swtpm();
        put_policy(PATH, VMID);
        put_secret(PATH);
        OK(sv_admin_get_policy(admin, PATH, &back, &err));
        FAILS(sv_admin_put_policy(admin, "default/demo/elsewhere", sv_buf_bytes(&back), &err),
              SV_FORMAT, "broker.policy.resource");
        FAILS(sv_admin_list_resources(admin, "a b", NULL, &list, &err), SV_USAGE, "admin.prefix");
        OK(sv_admin_list_resources(admin, NULL, NULL, &list, &err));
        for (size_t i = 0; i < sv_json_len(sv_json_get(list, "resources")); i++) {
                const struct sv_json *row = sv_json_at(sv_json_get(list, "resources"), i);

                if (strcmp(sv_json_str(sv_json_get(row, "path")), PATH))
                        continue;
                seen = true;
                assert_int_equal(sv_json_int(sv_json_get(row, "size"), 0), strlen(SECRET));
                assert_true(sv_json_bool(sv_json_get(row, "policy"), false));
        }
        assert_true(seen);
}

static void who_answers_matters(void **state)
{
        uint8_t wrong[32];
        struct sv_err err;

        memcpy(wrong, pin, 32);
        wrong[31] ^= 1;
        SV_TLS_CTX *ctx = sv_tls_client(sv_bytes(wrong, 32), NULL, &err);
        SV_KBS_CLIENT *c = NULL;

        OK(sv_kbs_client_new(url, ctx, &c, &err));
        FAILS(sv_kbs_auth(c, "tpm", NULL, &err), SV_PROOF, "tls.pin");
        assert_false(sv_kbs_retryable(c));
}

/* Stopped: an orderly end, a retryable error. Back with one-second sessions: they expire, and that
 * is retryable too. */
static void stopped_and_back(void **state)
{
        SV_KBS_CLIENT *c = new_client();
        SV_JSON *evidence = NULL;
        struct sv_err err;

        assert_int_equal(stop_broker(), 0);
        FAILS(sv_kbs_auth(c, "tpm", NULL, &err), SV_SYSTEM, "net.connect");
        assert_true(sv_kbs_retryable(c));
        configure("session_seconds", 1);
        start_broker();
        open_admin();
        if (!have_swtpm)
                return;
        SV_KBS_CLIENT *d = new_client();

        evidence = make_evidence(d);
        sleep(2);
        FAILS(sv_kbs_attest(d, evidence, &err), SV_PROOF, "broker.session.unknown");
        assert_true(sv_kbs_retryable(d));
}

/* Nothing that the broker wrote holds the secret or a session cookie's or activation secret's shape
 * of it. */
static void no_secret_on_disk(void **state)
{
        static const char *const names[] = {"broker.db", "broker.db-wal", "audit.jsonl"};

        need_swtpm();
        put_secret(PATH);
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
                char path[256];
                SV_BUF text = SV_BUF_NULL;

                in_dir(path, names[i]);
                if (access(path, F_OK))
                        continue;
                read_file(path, &text);
                assert_null(memmem(text.p, text.n, "TOPSECRET", 9));
                assert_true(text.n > 0 || i == 1);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(released),
                cmocka_unit_test(outcomes),
                cmocka_unit_test(refusals),
                cmocka_unit_test(evidence_counts_once),
                cmocka_unit_test(bad_requests),
                cmocka_unit_test(a_session_without_evidence_gets_nothing),
                cmocka_unit_test(bearer_token),
                cmocka_unit_test(only_the_administrator),
                cmocka_unit_test(administration),
                cmocka_unit_test(who_answers_matters),
                cmocka_unit_test(no_secret_on_disk),
                cmocka_unit_test(stopped_and_back),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
