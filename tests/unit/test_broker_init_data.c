/* SPDX-License-Identifier: Apache-2.0 */
/* Init-data of an attestation counts when the guest was launched with it, and refuses it otherwise:
 * nobody who writes a policy about it is deceived. */
#include "tests/unit/broker_inside.h"

#include "attest/appraise.h"
#include "broker/init-data.h"

#define TEXT "version = \"0.1.0\"\nalgorithm = \"sha256\"\n[data]\nname = \"web\"\n"

static struct sv_err err;

static void digest_hex(enum sv_digest alg, const char *text, char *hex)
{
        uint8_t digest[SV_DIGEST_MAX] = {0};

        OK(sv_digest(alg, sv_bytes_str(text), digest, &err));
        sv_hex(sv_bytes(digest, SV_DIGEST_MAX), hex);
}

/* As the claims of a guest with this value there. */
static int check(const char *tee, const char *value, const char *text, struct sv_json **claims)
{
        const struct sv_tee_verify *t = sv_tee_find_verify(tee);
        SV_STR json = t->init_data_extends
                              ? sv_asprintf("{\"pcrs\":{\"sha256\":{\"8\":\"%s\"}}}", value)
                              : sv_asprintf("{\"%s\":\"%s\"}", t->init_data + 1, value);

        sv_json_free(*claims);
        *claims = NULL;
        OK(sv_json_parse(sv_bytes_str(json), "test", claims, &err));
        return sv_init_data_check(t, text, *claims, &err);
}

/* The digest is cut, or has zeros behind it; a PCR was extended with it. */
static void each_tee(void **state)
{
        static const struct {
                const char *tee, *algorithm;
                enum sv_digest alg;
                int digits; /* of the digest that are there */
                int zeros;  /* behind them */
        } t[] = {
                {"sev-snp", "sha256", SV_SHA256, 64, 0}, {"sev-snp", "sha384", SV_SHA384, 64, 0},
                {"sev-snp", "sha512", SV_SHA512, 64, 0}, {"sev-snp", NULL, SV_SHA256, 64, 0},
                {"tdx", "sha256", SV_SHA256, 64, 32},    {"tdx", "sha384", SV_SHA384, 96, 0},
                {"tdx", "sha512", SV_SHA512, 96, 0},     {"tdx", NULL, SV_SHA384, 96, 0},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_STR text = t[i].algorithm ? sv_asprintf("algorithm = \"%s\"\n[data]\nx = 1\n",
                                                           t[i].algorithm)
                                             : sv_asprintf("[data]\nalgorithm = \"sha512\"\n");
                SV_STR more = sv_asprintf("%s#", text);
                char hex[2 * SV_DIGEST_MAX + 1], value[97];
                SV_JSON *claims = NULL;

                digest_hex(t[i].alg, text, hex);
                snprintf(value, sizeof(value), "%.*s%0*d", t[i].digits, hex, t[i].zeros, 0);
                value[t[i].digits + t[i].zeros] = '\0';
                OK(check(t[i].tee, value, text, &claims));
                assert_string_equal(sv_json_text(claims, "init_data", ""), value);
                FAILS(check(t[i].tee, value, more, &claims), SV_PROOF, "broker.attest.init-data");
                assert_null(sv_json_get(claims, "init_data"));
                FAILS(check(t[i].tee, "00", text, &claims), SV_PROOF, "broker.attest.init-data");
                OK(check(t[i].tee, "00", NULL, &claims));
                assert_null(sv_json_get(claims, "init_data"));
        }
}

static void in_a_pcr(void **state)
{
        uint8_t both[64] = {0}, pcr[SV_DIGEST_MAX];
        char hex[65], plain[2 * SV_DIGEST_MAX + 1];
        SV_JSON *claims = NULL;

        OK(sv_digest(SV_SHA256, sv_bytes_str(TEXT), both + 32, &err));
        OK(sv_digest(SV_SHA256, sv_bytes(both, sizeof(both)), pcr, &err));
        OK(check("vtpm", sv_hex(sv_bytes(pcr, 32), hex), TEXT, &claims));
        assert_string_equal(sv_json_text(claims, "init_data", ""), hex);
        digest_hex(SV_SHA256, TEXT, plain);
        plain[64] = '\0';
        FAILS(check("vtpm", plain, TEXT, &claims), SV_PROOF, "broker.attest.init-data");
        FAILS(sv_init_data_check(sv_tee_find_verify("vtpm"), TEXT, claims, &err), SV_PROOF,
              "broker.attest.init-data");
        sv_json_free(claims);
        claims = sv_json_object(); /* that PCR was not quoted */
        FAILS(sv_init_data_check(sv_tee_find_verify("vtpm"), TEXT, claims, &err), SV_PROOF,
              "broker.attest.init-data");
        FAILS(check("vtpm", hex, "algorithm = \"md5\"\n", &claims), SV_FORMAT,
              "broker.attest.init-data");
}

/* A process that reads what strangers send says nothing of it by itself. */
static void not_by_the_claims(void **state)
{
        const struct sv_tee_verify *t = sv_tee_find_verify("sev-snp");
        SV_JSON *claims = sv_json_object();

        const struct sv_tee_verify without = {.id = t->id};

        FAILS(sv_init_data_check(&without, TEXT, claims, &err), SV_PROOF,
              "broker.attest.init-data");
        sv_json_set_str(claims, "init_data", "00");
        FAILS(sv_init_data_check(t, NULL, claims, &err), SV_PROOF, "tee.claims");
}

/* An attestation with this as "init-data" (JSON; NULL: without). */
static void attests(const char *init_data, int status, const char *expected)
{
        GUEST g = begin();
        SV_BUF text = SV_BUF_NULL, body = SV_BUF_NULL;
        SV_HTTP answer = {0};
        SV_JSON *j = NULL;
        SV_JSON *more = NULL;

        write_message(&g, g.challenge.nonce, g.challenge.nonce, "", &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &j, &err));
        if (init_data) {
                OK(sv_json_parse(sv_bytes_str(init_data), "test", &more, &err));
                sv_json_set(j, "init-data", sv_json_ref(sv_json_get(more, "v")));
        }
        sv_json_print(j, &body);
        ask(&(struct ask){"POST", "/kbs/v0/attest", "Cookie", g.cookie, sv_buf_bytes(&body), 0},
            &answer);
        assert_string_equal(seen_check, expected);
        assert_int_equal(answer.status, status);
}

static void in_a_message(void **state)
{
        static const char *const wrong[] = {"7",
                                            "\"x\"",
                                            "[]",
                                            "{}",
                                            "{\"format\":\"toml\"}",
                                            "{\"format\":\"json\",\"body\":\"\"}",
                                            "{\"format\":\"toml\",\"body\":7}"};
        SV_JSON *quoted = sv_json_object();
        struct sv_json *v = sv_json_set(quoted, "v", sv_json_object());
        SV_BUF good = SV_BUF_NULL;
        SV_JSON *list = sv_json_array();
        char hex[2 * SV_DIGEST_MAX + 1];

        digest_hex(SV_SHA256, TEXT, hex);
        hex[64] = '\0';
        sv_json_set_str(v, "format", "toml");
        sv_json_set_str(v, "body", TEXT);
        sv_json_print(quoted, &good);
        attests(NULL, 200, "");
        attests("{\"v\":null}", 200, "");
        attests(sv_buf_str(&good), 401, "broker.attest.init-data");
        sv_json_set_str(platform_state, "host_data", hex);
        attests(sv_buf_str(&good), 200, "");
        OK(b.store->ops->list_audit(b.store, 0, 100000, list, &err));
        assert_string_equal(sv_json_text(sv_json_at(list, sv_json_len(list) - 1), "init_data", ""),
                            hex);
        attests(NULL, 200, ""); /* what is bound need not be shown */
        for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
                SV_STR text = sv_asprintf("{\"v\":%s}", wrong[i]);

                attests(text, 400, "kbs.init-data");
        }
}

/* As much as may be, and a byte more. */
static void size(void **state)
{
        for (size_t more = 0; more < 2; more++) {
                SV_BUF text = SV_BUF_NULL;
                SV_JSON *j = sv_json_object();
                struct sv_json *v = sv_json_set(j, "v", sv_json_object());
                SV_BUF body = SV_BUF_NULL;

                while (body.n < SV_INIT_DATA_MAX + more)
                        sv_buf_puts(&body, "#");
                sv_json_set_str(v, "format", "toml");
                sv_json_set_str(v, "body", sv_buf_str(&body));
                sv_json_print(j, &text);
                attests(sv_buf_str(&text), more ? 400 : 401,
                        more ? "kbs.init-data" : "broker.attest.init-data");
        }
}

/* What a policy says of it. */
static void in_a_policy(void **state)
{
        SV_BUF text = SV_BUF_NULL, out = SV_BUF_NULL;
        SV_JSON *doc = NULL;
        char hex[2 * SV_DIGEST_MAX + 1];
        GUEST g = begin();

        digest_hex(SV_SHA256, TEXT, hex);
        hex[64] = '\0';
        write_policy("sev-snp", PATH, &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &doc, &err));
        sv_json_set_str(sv_rule_add(sv_json_get(doc, "rules"), "policy.init_data", "/init_data",
                                    "configuration", "the guest is web"),
                        "equals", hex);
        sv_json_print(doc, &out);
        assert_int_equal(administer("PUT", "/secure-vm/v0/policy/" PATH, sv_buf_bytes(&out)), 204);
        put_secret(PATH);
        assert_int_equal(attest(&g), 200);
        get_refused(&g, PATH, 401, "policy.init_data"); /* it has shown none */
}

static unsigned refused_for(int64_t left)
{
        const struct sv_session_limits max = {100, 100};
        const struct sv_session other = {
                .tee = (char *)"t", .token = (char *)"t", .expires = time(NULL) + left};
        SV_STR id = sv_asprintf("session of %lld s", (long long)left);
        GUEST g = begin();
        SV_HTTP answer = {0};
        SV_BUF body = SV_BUF_NULL;

        OK(b.store->ops->put_session(b.store, id, &other, time(NULL), &max, &err));
        write_message(&g, g.challenge.nonce, g.challenge.nonce, "", &body);
        assert_int_equal(ask(&(struct ask){"POST", "/kbs/v0/attest", "Cookie", g.cookie,
                                           sv_buf_bytes(&body), 0},
                             &answer),
                         429);
        assert_string_equal(seen_check, "broker.session.source");
        assert_string_equal(answer.reason, "Too Many Requests");
        return (unsigned)strtoul(sv_http_field(&answer, "Retry-After"), NULL, 10);
}

/* A source that is over its limit hears when its first session ends. */
static void one_source_too_often(void **state)
{
        const struct sv_broker_config config = b.config;

        b.config.sessions_per_source = 1;
        assert_int_equal(refused_for(3600), 60);
        assert_in_range(refused_for(50), 1, 50);
        b.config.sessions_per_source = config.sessions_per_source;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_tee),
                cmocka_unit_test(in_a_pcr),
                cmocka_unit_test(not_by_the_claims),
                cmocka_unit_test(in_a_message),
                cmocka_unit_test(size),
                cmocka_unit_test(in_a_policy),
                cmocka_unit_test(one_source_too_often),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
