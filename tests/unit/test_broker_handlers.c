/* SPDX-License-Identifier: Apache-2.0 */
/* What attestation and release refuse, by the name of its check. */
#include "tests/unit/broker_inside.h"
#include "tests/unit/put_policy.h"

#include "broker/backup.h"
#include "broker/limits.h"
#include "broker/store/sql.h"
#include "broker/process/fetcher.h"

/* The linker sends the calls of sv_policy_parse here. */
int __real_sv_policy_parse(struct sv_bytes text, struct sv_policy **out, struct sv_err *err);
int __wrap_sv_policy_parse(struct sv_bytes text, struct sv_policy **out, struct sv_err *err);
static int parses;

int __wrap_sv_policy_parse(struct sv_bytes text, struct sv_policy **out, struct sv_err *err)
{
        parses++;
        return __real_sv_policy_parse(text, out, err);
}

/* And those of sv_jwe_seal: what an administrator of another process does just then. */
int __real_sv_jwe_seal(const struct sv_key *to, struct sv_secret *plain, struct sv_buf *out,
                       struct sv_err *err);
int __wrap_sv_jwe_seal(const struct sv_key *to, struct sv_secret *plain, struct sv_buf *out,
                       struct sv_err *err);
static void (*meanwhile)(struct sv_store *s);

int __wrap_sv_jwe_seal(const struct sv_key *to, struct sv_secret *plain, struct sv_buf *out,
                       struct sv_err *err)
{
        const struct sv_store_place *place = &((struct sv_sql *)b.store)->place;
        SV_STORE *other = NULL;

        if (meanwhile && sv_store_open(place, &other, err) < 0)
                return -1;
        if (meanwhile)
                meanwhile(other);
        return __real_sv_jwe_seal(to, plain, out, err);
}

/* Past every check of the PUT: as an older broker would leave it. */
static void store_policy(const char *path, const char *text)
{
        struct sv_err err;

        OK(put_policy_text(b.store, path, sv_bytes_str(text), 1000, &err));
}

static void is_released(const struct guest *g)
{
        SV_HTTP answer = {0};

        assert_int_equal(ask(&(struct ask){"GET", "/kbs/v0/resource/" PATH, "Cookie", g->cookie,
                                           SV_BYTES_NULL, 0},
                             &answer),
                         200);
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

static void seal_cookie(const struct sv_challenge *c, struct sv_buf *out)
{
        struct sv_err err;

        sv_buf_puts(out, "kbs-session-id=");
        OK(sv_challenge_seal(&b, c, out, &err));
}

/* A session of a TEE that a later broker no longer knows. */
static void session_of_another_broker(void **state)
{
        SV_CHALLENGE c = {.tee = "bogus", .expires = time(NULL) + 100};
        SV_BUF cookie = SV_BUF_NULL, body = SV_BUF_NULL;
        GUEST g = begin();
        struct sv_err err;

        OK(sv_challenge_new(&c, &err));
        seal_cookie(&c, &cookie);
        write_message(&g, "n", "n", "", &body);
        refuses(&(struct ask){"POST", "/kbs/v0/attest", "Cookie", sv_buf_str(&cookie),
                              sv_buf_bytes(&body), 0},
                503, "broker.auth.tee");
}

/* What the cookie says is the broker's own word, and nobody else's: every byte of it counts. */
static void cookies(void **state)
{
        uint8_t secret[64];
        SV_CHALLENGE c = {.tee = "tpm", .expires = 2000};
        SV_CHALLENGE other = {.tee = "tpm", .expires = 2000};
        SV_BUF text = SV_BUF_NULL, raw = SV_BUF_NULL;
        struct sv_broker elsewhere = b;
        struct sv_err err;

        memset(secret, 7, sizeof(secret));
        OK(sv_challenge_new(&c, &err));
        c.secret = sv_secret_copy(sv_bytes(secret, sizeof(secret)), &err);
        OK(sv_challenge_seal(&b, &c, &text, &err));
        assert_true(text.n + strlen("kbs-session-id=") <= 256); /* what clients take */
        SV_CHALLENGE back = {{0}};
        OK(sv_challenge_open(&b, sv_buf_bytes(&text), 1999, &back, &err));
        assert_string_equal(back.tee, "tpm");
        assert_string_equal(back.id, c.id);
        assert_int_equal(back.expires, 2000);
        assert_memory_equal(sv_secret_reveal(back.secret), secret, sizeof(secret));
        FAILS(sv_challenge_open(&b, sv_buf_bytes(&text), 2000, &other, &err), SV_PROOF,
              "broker.session.unknown");
        OK(sv_unbase64url(sv_buf_bytes(&text), &raw, "test", &err));
        assert_null(memmem(raw.p, raw.n, secret, 8));
        for (size_t i = 0; i < raw.n; i++) {
                SV_BUF changed = SV_BUF_NULL, cut = SV_BUF_NULL;

                raw.p[i] ^= 1;
                sv_put_base64url(&changed, sv_buf_bytes(&raw));
                raw.p[i] ^= 1;
                sv_put_base64url(&cut, sv_bytes(raw.p, i));
                FAILS(sv_challenge_open(&b, sv_buf_bytes(&changed), 1000, &other, &err), SV_PROOF,
                      "broker.session.unknown");
                FAILS(sv_challenge_open(&b, sv_buf_bytes(&cut), 1000, &other, &err), SV_PROOF,
                      "broker.session.unknown");
        }
        elsewhere.kek = sv_secret_random(32, &err);
        FAILS(sv_challenge_open(&elsewhere, sv_buf_bytes(&text), 1000, &other, &err), SV_PROOF,
              "broker.session.unknown");
        sv_secret_free(elsewhere.kek);
        sv_secret_free(c.secret);
        c.secret = sv_secret_random(SV_CHALLENGE_SECRET_MAX + 1, &err);
        FAILS(sv_challenge_seal(&b, &c, &text, &err), SV_SYSTEM, "broker.session.secret");
}

/* Evidence that is refused leaves nothing, and does not keep the right one from being taken. */
static void refused_leaves_nothing(void **state)
{
        GUEST g = begin();
        SV_SESSION s = {0};
        struct sv_err err;

        put_policy(PATH);
        assert_int_equal(attest_with(&g, g.challenge.nonce, "another", ""), 401);
        assert_string_equal(seen_check, "snp.report_data");
        FAILS(b.store->ops->get_session(b.store, "x", 1, &s, &err), SV_PROOF,
              "broker.session.token");
        assert_int_equal(attest(&g), 200);
        assert_int_equal(attest(&g), 401);
        assert_string_equal(seen_check, "broker.session.used");
}

static void as_many_as_may_be(void **state)
{
        const struct sv_broker_config config = b.config;
        GUEST g = begin();
        SV_HTTP answer = {0};
        SV_BUF body = SV_BUF_NULL;

        b.config.sessions = 0;
        assert_int_equal(attest(&g), 503);
        assert_string_equal(seen_check, "broker.session.limit");
        b.config.sessions = config.sessions;
        b.config.sessions_per_source = 0;
        write_message(&g, g.challenge.nonce, g.challenge.nonce, "", &body);
        assert_int_equal(ask(&(struct ask){"POST", "/kbs/v0/attest", "Cookie", g.cookie,
                                           sv_buf_bytes(&body), 0},
                             &answer),
                         429);
        assert_string_equal(seen_check, "broker.session.source");
        assert_in_range(strtoul(sv_http_field(&answer, "Retry-After"), NULL, 10), 1, 60);
        b.config.sessions_per_source = config.sessions_per_source;
        assert_int_equal(attest(&g), 200);
}

static size_t count_records(const char *member, const char *value)
{
        SV_JSON *list = sv_json_array();
        struct sv_err err;
        size_t n = 0;

        OK(b.store->ops->list_audit(b.store, 0, 1000, list, &err));
        for (size_t i = 0; i < sv_json_len(list); i++) {
                const char *found = sv_json_str(sv_json_get(sv_json_at(list, i), member));

                n += found && !strcmp(found, value);
        }
        return n;
}

/* Anybody makes a root of their own, and evidence under it: until a policy names that root its
 * guest writes no more than a stranger. */
static void accepted_evidence_is_nobody_yet(void **state)
{
        const struct sv_broker_config config = b.config;
        size_t refused = count_records("check", "broker.policy.none"),
               released = count_records("outcome", "released"),
               attested = count_records("outcome", "attested");
        GUEST g = begin();
        SV_HTTP answer = {0};
        struct sv_err err;

        OK(sv_limits_open(&b.limits, &err));
        b.config.records_per_minute = 8; /* two of one source */
        assert_int_equal(attest(&g), 200);
        for (int i = 0; i < 20; i++)
                get_refused(&g, "default/no/policy", 401, "broker.policy.none");
        refused = count_records("check", "broker.policy.none") - refused;
        assert_in_range(refused, 1, 2);
        put_policy(PATH);
        put_secret(PATH);
        assert_int_equal(ask(&(struct ask){"GET", "/kbs/v0/resource/" PATH, "Cookie", g.cookie,
                                           SV_BYTES_NULL, 0},
                             &answer),
                         200);
        assert_int_equal(count_records("outcome", "released") - released, 1);
        assert_int_equal(count_records("outcome", "attested") - attested, 1);
        b.config = config;
        sv_limits_free(b.limits);
        b.limits = NULL;
}

/* A message that quotes a stranger's text, cut within a character: the record stays readable. */
static void cut_characters(void **state)
{
        static const char body[] =
                "{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xc3\xa9\":1}";
        size_t all = count_records("action", "disk");
        SV_HTTP answer = {0};

        assert_int_equal(ask(&(struct ask){"POST", "/secure-vm/v0/disk/" PATH, NULL, NULL,
                                           sv_bytes_str(body), 0},
                             &answer),
                         400);
        assert_int_equal(count_records("action", "disk") - all, 1);
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

/* Of a session's own release only, and by whom it was made to; its nonce stays taken. */
static void outcome_of_others(void **state)
{
        static const char told[] = "{\"outcome\":\"opened\"}";
        GUEST g = begin();
        GUEST h = begin();
        SV_HTTP answer = {0}, sealed = {0};
        struct sv_err err;

        put_policy(PATH);
        put_policy("default/demo/other");
        put_secret(PATH);
        put_secret("default/demo/other");
        assert_int_equal(attest(&g), 200);
        assert_int_equal(attest(&h), 200);
        refuses(&(struct ask){"POST", "/secure-vm/v0/outcome/" PATH, "Cookie", h.cookie,
                              sv_bytes_str(told), 0},
                401, "broker.outcome.resource");
        assert_int_equal(ask(&(struct ask){"GET", "/kbs/v0/resource/" PATH, "Cookie", g.cookie,
                                           SV_BYTES_NULL, 0},
                             &answer),
                         200);
        refuses(&(struct ask){"POST", "/secure-vm/v0/outcome/" PATH, "Cookie", h.cookie,
                              sv_bytes_str(told), 0},
                401, "broker.outcome.resource");
        refuses(&(struct ask){"POST", "/secure-vm/v0/outcome/default/demo/other", "Cookie",
                              g.cookie, sv_bytes_str(told), 0},
                401, "broker.outcome.resource");
        assert_null(sv_jwe_open(h.key, sv_buf_bytes(&answer.body), &err));
        assert_int_equal(ask(&(struct ask){"POST", "/secure-vm/v0/outcome/" PATH, "Cookie",
                                           g.cookie, sv_bytes_str(told), 0},
                             &sealed),
                         204);
        refuses(&(struct ask){"POST", "/secure-vm/v0/outcome/" PATH, "Cookie", g.cookie,
                              sv_bytes_str(told), 0},
                401, "broker.session.unknown");
        get_refused(&g, PATH, 401, "broker.session.unknown");
        assert_int_equal(attest(&g), 401);
        assert_string_equal(seen_check, "broker.session.used");
}

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
        is_released(&g);
}

/* Somebody without the kek writes the database while the broker runs. */
static void policy_of_somebody_else(void **state)
{
        GUEST g = begin();
        struct sv_err err;

        put_policy(PATH);
        put_secret(PATH);
        assert_int_equal(attest(&g), 200);
        OK(sv_sql_exec(b.store,
                       "UPDATE policies SET text = CAST(replace(CAST(text AS TEXT), 'false', "
                       "'true') AS BLOB) WHERE path = '" PATH "'",
                       &err));
        get_refused(&g, PATH, 503, "broker.store.mac");
        put_policy(PATH);
        is_released(&g);
}

static void put_closed_policy(struct sv_store *s)
{
        struct sv_err err;

        OK(put_policy_text(s, PATH, sv_bytes_str("{}"), 1000, &err));
}

static void delete_that_policy(struct sv_store *s)
{
        struct sv_err err;

        OK(s->ops->delete_policy(s, PATH, "", 1000, &err));
}

static void delete_the_newest(struct sv_store *s)
{
        struct sv_err err;

        OK(s->ops->delete_resource(s, PATH, count_versions(PATH), &err));
}

static void put_another_policy(struct sv_store *s)
{
        struct sv_err err;

        OK(put_policy_text(s, "default/demo/another", sv_bytes_str("{}"), 1000, &err));
}

/* What was stored before the release ended counts for it, though it was read before. */
static void changed_meanwhile(void **state)
{
        static void (*const changes[])(struct sv_store *) = {put_closed_policy, delete_that_policy,
                                                             delete_the_newest};
        GUEST g = begin();

        put_policy(PATH);
        put_secret(PATH);
        put_secret(PATH);
        assert_int_equal(attest(&g), 200);
        for (size_t i = 0; i < 3; i++) {
                meanwhile = changes[i];
                get_refused(&g, PATH, 503, "broker.release.changed");
                meanwhile = NULL;
                put_policy(PATH);
        }
        meanwhile = put_another_policy;
        is_released(&g);
        meanwhile = NULL;
}

static void remove_versions(const char *path)
{
        SV_JSON *list = sv_json_array();
        struct sv_err err;

        OK(b.store->ops->list_versions(b.store, path, list, &err));
        for (size_t i = 0; i < sv_json_len(list); i++)
                OK(b.store->ops->delete_resource(
                        b.store, path, sv_json_int(sv_json_get(sv_json_at(list, i), "version"), 0),
                        &err));
}

/* A nonce that was taken after the backup was made is not taken again after that came back. */
static void database_taken_back(void **state)
{
        SV_STR file = sv_asprintf("%s/backup", dir);
        struct sv_restore taken = {.from = file, .replace = true};
        struct sv_backup_count count;
        GUEST g = begin();
        GUEST h = begin();
        struct sv_err err;

        /* what was damaged before */
        FAILS(sv_backup_make(&b, file, &count, &err), SV_PROOF, "broker.backup.sealed");
        remove_versions(PATH);
        remove_versions("default/demo/moved");
        OK(sv_backup_make(&b, file, &count, &err));
        assert_int_equal(attest(&g), 200);
        OK(sv_backup_restore(&b, &taken, &err));
        assert_int_equal(attest(&g), 401);
        assert_string_equal(seen_check, "broker.session.unknown");
        assert_non_null(strstr(seen_type, "TokenNotFound"));
        assert_int_equal(attest(&h), 401);
        assert_string_equal(seen_check, "broker.session.unknown");
        GUEST again = begin();
        assert_int_equal(attest(&again), 200);
        put_policy(PATH); /* an administrator is heard too */
        assert_int_equal(count_records("action", "restore"), 1);
}

/* A verifier that was taken over names servers of its own: the fetcher knows the makers'. */
static void only_the_makers_are_asked(void **state)
{
        static const char *const urls[] = {"https://other.example/vcek/v1/x",
                                           "https://kdsintf.amd.com.other.example/",
                                           "http://kdsintf.amd.com/", "file:///etc/passwd"};

        for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
                SV_STR needs = sv_asprintf("[{\"kind\":\"vek\",\"url\":\"%s\"}]", urls[i]);
                SV_FETCHING fetched = SV_FETCHING_NULL;
                struct sv_err err;

                FAILS(sv_fetcher_get(&b, 1, sv_bytes_str(needs), &fetched, &err), SV_FORMAT,
                      "collateral.needs");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(only_the_makers_are_asked),
                cmocka_unit_test(released),
                cmocka_unit_test(nonce_of_another_session),
                cmocka_unit_test(evidence_for_another_nonce),
                cmocka_unit_test(session_of_another_broker),
                cmocka_unit_test(cookies),
                cmocka_unit_test(refused_leaves_nothing),
                cmocka_unit_test(as_many_as_may_be),
                cmocka_unit_test(broken_policy),
                cmocka_unit_test(accepted_evidence_is_nobody_yet),
                cmocka_unit_test(cut_characters),
                cmocka_unit_test(outcome_of_others),
                cmocka_unit_test(policies_of_others),
                cmocka_unit_test(token_of_an_unknown_tee),
                cmocka_unit_test(sealed_values),
                cmocka_unit_test(policy_of_somebody_else),
                cmocka_unit_test(changed_meanwhile),
                cmocka_unit_test(database_taken_back),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
