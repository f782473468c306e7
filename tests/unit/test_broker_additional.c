/* SPDX-License-Identifier: Apache-2.0 */
/* Several evidences in one attestation: SNP, and beside it a quote of TDX over the same nonce and
 * key. Both platforms are the simulators'. */
#include "tests/unit/broker_inside.h"

#include "attest/appraise.h"
#include "tdx/tee.h"
#include "tests/teesim/intelpki.h"
#include "tests/teesim/td_state.h"

#define NO_DEBUG "0000000010000000"
#define DEBUG    "0000000010000001"

static struct intel_signer signer;

/* Beside what SNP's platform has in the folder from which the broker takes collateral. */
static void make_intel(void)
{
        struct intel_options o = {0};
        struct intel_pki pki_ = {0};
        SV_STR folder = sv_asprintf("%s/folder", dir);

        intel_pki_make(&o, &pki_);
        intel_pki_save(&pki_, &o, folder);
        intel_pki_free(&pki_);
        intel_signer_load(folder, &signer);
}

static int set_up(void **state)
{
        if (group_setup(state) < 0)
                return -1;
        make_intel();
        return 0;
}

static int tear_down(void **state)
{
        intel_signer_free(&signer);
        return group_teardown(state);
}

/* A quote over this guest's key and `nonce`, in additional_evidence's form. */
static char *quote(const struct guest *g, const char *nonce, const char *attributes)
{
        static const uint8_t rtmr[4][INTEL_MR];
        SV_STR state_text = sv_asprintf(TD_STATE("%s"), attributes);
        struct intel_quote q = {.version = 4, .type = 2, .rtmr = rtmr};
        SV_JSON *state = NULL, *evidence = NULL;
        SV_BUF raw = SV_BUF_NULL, text = SV_BUF_NULL;
        uint8_t digest[48];
        struct sv_err err;

        OK(sv_json_parse(sv_bytes_str(state_text), "state", &state, &err));
        OK(sv_kbs_binding_digest(NULL, nonce, &g->pubkey, digest, &err));
        q.state = state;
        memcpy(q.report_data, digest, sizeof(digest));
        intel_quote(&signer, &q, &raw);
        OK(sv_evidence_wrap(&sv_tee_verify_tdx, sv_buf_bytes(&raw), &evidence, &err));
        sv_json_print(evidence, &text);
        return sv_asprintf("{\"tdx\":%s}", sv_buf_str(&text));
}

static int attest_beside(const struct guest *g, const char *additional)
{
        return attest_with(g, g->challenge.nonce, g->challenge.nonce, additional);
}

/* A guest that is attested, and a TD beside it. */
static struct guest begin_beside(const char *attributes)
{
        struct guest g = begin();
        SV_STR second = quote(&g, g.challenge.nonce, attributes);

        assert_int_equal(attest_beside(&g, second), 200);
        return g;
}

/* The policy of broker_inside.h with a rule on the second evidence and, with `trust`, its root. */
static void put_rule_of(const char *claim, const char *operator, const char * equals, bool trust)
{
        SV_BUF text = SV_BUF_NULL, pem = SV_BUF_NULL, out = SV_BUF_NULL;
        SV_STR root = sv_asprintf("%s/folder/root.pem", dir);
        SV_STR target = sv_asprintf("/secure-vm/v0/policy/%s", PATH);
        SV_JSON *policy = NULL;
        struct sv_json *rule;
        struct sv_err err;

        write_policy("sev-snp", PATH, &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "policy", &policy, &err));
        rule = sv_rule_add(sv_json_get(policy, "rules"), "policy.second", claim, "executables",
                           "what the second evidence says");
        if (equals)
                sv_json_set_str(rule, operator, equals);
        else
                sv_json_set_bool(rule, operator, true);
        if (trust) {
                OK(sv_file_read(root, 1 << 16, &pem, "test", &err));
                sv_json_add(sv_json_set(sv_json_get(policy, "trust"), "sgx_roots", sv_json_array()),
                            sv_json_new_str(sv_buf_str(&pem)));
        }
        sv_json_print(policy, &out);
        assert_int_equal(administer("PUT", target, sv_buf_bytes(&out)), 204);
}

static void put_rule(const char *claim, const char *equals, bool trust)
{
        put_rule_of(claim, "equals", equals, trust);
}

static void get(const struct guest *g)
{
        SV_STR target = sv_asprintf("/kbs/v0/resource/%s", PATH);
        SV_HTTP answer = {0};

        assert_int_equal(
                ask(&(struct ask){"GET", target, "Cookie", g->cookie, SV_BYTES_NULL, 0}, &answer),
                200);
}

/* A rule demands the second evidence, and what it says. */
static void demanded(void **state)
{
        GUEST without = begin();
        GUEST with = begin();
        SV_STR second = quote(&with, with.challenge.nonce, NO_DEBUG);

        put_secret(PATH);
        put_rule("/additional/tdx/mrtd", TD_MR, true);
        assert_int_equal(attest(&without), 200);
        get_refused(&without, PATH, 401, "policy.second");
        assert_int_equal(attest_beside(&with, second), 200);
        get(&with);
        put_rule("/additional/tdx/mrtd", "00", true);
        get_refused(&with, PATH, 401, "policy.second");
}

/* Its root is nobody's but the policy's, and its floor counts. */
static void proven(void **state)
{
        GUEST plain = begin_beside(NO_DEBUG);
        GUEST debug = begin_beside(DEBUG);

        put_rule("/additional/tdx/mrtd", TD_MR, false);
        get_refused(&plain, PATH, 401, "tdx.root");
        put_rule("/additional/tdx/mrtd", TD_MR, true);
        get(&plain);
        get_refused(&debug, PATH, 401, "policy.floor.tdx-debug");
        /* Where no rule looks at it, it decides nothing. */
        put_policy(PATH);
        get(&plain);
        get(&debug);
}

/* A rule that says only that there is one, of whichever TEE, asks as much of it. */
static void present(void **state)
{
        static const char *const claims[] = {"/additional", "/additional/tdx"};
        GUEST plain = begin_beside(NO_DEBUG);
        GUEST debug = begin_beside(DEBUG);

        for (size_t i = 0; i < 2; i++) {
                put_rule_of(claims[i], "present", NULL, false);
                get_refused(&plain, PATH, 401, "tdx.root");
                put_rule_of(claims[i], "present", NULL, true);
                get(&plain);
                get_refused(&debug, PATH, 401, "policy.floor.tdx-debug");
        }
}

static void refused(void **state)
{
        GUEST g = begin();
        GUEST other = begin();
        SV_STR good = quote(&g, g.challenge.nonce, NO_DEBUG);
        SV_STR replayed = quote(&other, other.challenge.nonce, NO_DEBUG);
        SV_STR longest = sv_asprintf("{\"%031d\":1}", 1);
        SV_STR longer = sv_asprintf("{\"%032d\":1}", 1);
        static const struct {
                const char *text, *check;
        } bad[] = {
                {"x", "kbs.additional.json"},
                {"[]", "kbs.additional"},
                {"{}", "kbs.additional"},
                {"{\"\":1}", "kbs.additional"},
                {"{\"a/b\":1}", "kbs.additional"},
                {"{\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":1,\"6\":1,\"7\":1,\"8\":1,\"9\":1}",
                 "kbs.additional"},
                {"{\"snp\":{}}", "broker.attest.additional"},
        };

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                assert_int_not_equal(attest_beside(&g, bad[i].text), 200);
                assert_string_equal(seen_check, bad[i].check);
        }
        assert_int_not_equal(attest_beside(&g, longer), 200);
        assert_string_equal(seen_check, "kbs.additional");
        assert_int_equal(attest_beside(&g, replayed), 401);
        assert_string_equal(seen_check, "tdx.report_data");
        /* The primary evidence is bound to what is beside it. */
        {
                SV_BUF body = SV_BUF_NULL, text = SV_BUF_NULL;
                SV_JSON *j = NULL;
                SV_HTTP answer = {0};
                struct sv_err err;

                write_message(&g, g.challenge.nonce, g.challenge.nonce, "", &body);
                OK(sv_json_parse(sv_buf_bytes(&body), "test", &j, &err));
                sv_json_set_str(sv_json_get(j, "tee-evidence"), "additional_evidence", good);
                sv_json_print(j, &text);
                assert_int_equal(ask(&(struct ask){"POST", "/kbs/v0/attest", "Cookie", g.cookie,
                                                   sv_buf_bytes(&text), 0},
                                     &answer),
                                 401);
                assert_string_equal(seen_check, "snp.report_data");
        }
        assert_int_equal(attest_beside(&g, longest), 200);
        {
                GUEST all = begin();

                assert_int_equal(attest_beside(&all, "{\"1\":1,\"2\":1,\"3\":1,\"4\":1,\"5\":1,"
                                                     "\"6\":1,\"7\":1,\"8\":1}"),
                                 200);
        }
}

/* It stays in the token, and so in the database, as long as the session. */
static void size(void **state)
{
        GUEST g = begin();
        SV_BUF text = SV_BUF_NULL;

        sv_buf_puts(&text, "{\"nvidia\":\"");
        while (text.n < SV_FURTHER_SIZE_MAX - 1)
                sv_buf_u8(&text, 'a');
        sv_buf_puts(&text, "\"}");
        assert_int_equal(text.n, SV_FURTHER_SIZE_MAX + 1);
        assert_int_equal(attest_beside(&g, sv_buf_str(&text)), 400);
        assert_string_equal(seen_check, "kbs.additional");
        memcpy(text.p + text.n - 3, "\"}", 3);
        text.n--;
        assert_int_equal(attest_beside(&g, sv_buf_str(&text)), 200);
}

/* What is none of ours is named, and nothing else. */
static void named(void **state)
{
        GUEST g = begin();
        SV_STR second = quote(&g, g.challenge.nonce, NO_DEBUG);
        SV_STR both = sv_asprintf("%.*s,\"nvidia\":{\"a\":1},\"tpm\":{}}", (int)strlen(second) - 1,
                                  second);

        assert_int_equal(attest_beside(&g, both), 200);
        put_rule("/additional_unverified/0", "nvidia", false);
        get(&g);
        put_rule("/additional_unverified/1", "tpm", false);
        get(&g);
        put_rule("/additional/nvidia/a", "1", false);
        get_refused(&g, PATH, 401, "policy.second");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(demanded), cmocka_unit_test(proven), cmocka_unit_test(present),
                cmocka_unit_test(refused),  cmocka_unit_test(size),   cmocka_unit_test(named),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
