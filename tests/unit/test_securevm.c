/* SPDX-License-Identifier: Apache-2.0 */
/* libsecurevm as a program of another's uses it: linked with the shared library, by its header
 * alone, on reports and quotes of real machines. */
#include <pthread.h>
#include <secure-vm/securevm.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/json/json.h"

#define THREADS      8
#define ROUNDS       6
#define IN_2024      1717200000 /* 2024-06-01 */
#define MILAN        "snp/reports/milan-v2-a.bin"
#define QUOTE        "tdx/quotes/gtg-cos113.bin"
#define QUOTED       1740714290 /* 2025-02-28T03:44:50Z */
#define INTEL        "tdx/collateral/00806f-2025-02/"
#define SIGNATURE_AT 0x2a0

static const char *const milan_collateral[][2] = {
        {"vek", "snp/certs/vcek-milan-a.der"},
        {"ca", "snp/certs/cert_chain-milan-vcek.pem"},
        {NULL, NULL},
};
static const char *const quote_collateral[][2] = {
        {"tcb-info", INTEL "tcb_info.json"},
        {"tcb-info-chain", INTEL "tcb_info_chain.pem"},
        {"qe-identity", INTEL "qe_identity.json"},
        {"qe-identity-chain", INTEL "qe_identity_chain.pem"},
        {"pck-crl", INTEL "pck_crl.der"},
        {"root-ca-crl", INTEL "root_ca_crl.der"},
        {NULL, NULL},
};

static void read_vector(const char *name, struct sv_buf *out)
{
        SV_STR path = sv_asprintf("%s/tests/vectors/%s", getenv("SV_SOURCE"), name);
        struct sv_err err = SV_ERR_NULL;

        assert_int_equal(sv_file_read(path, 1u << 20, out, "test", &err), 0);
}

static securevm_evidence *open_vector(const char *name)
{
        securevm_evidence *e = NULL;
        SV_BUF raw = SV_BUF_NULL;

        read_vector(name, &raw);
        assert_int_equal(securevm_evidence_open(raw.p, raw.n, NULL, &e, NULL), SECUREVM_OK);
        return e;
}

static securevm_collateral *collect(const char *const files[][2])
{
        securevm_collateral *c = NULL;

        assert_int_equal(securevm_collateral_new(&c, NULL), SECUREVM_OK);
        for (size_t i = 0; files[i][0]; i++) {
                SV_BUF raw = SV_BUF_NULL;

                read_vector(files[i][1], &raw);
                assert_int_equal(securevm_collateral_add(c, files[i][0], raw.p, raw.n, NULL),
                                 SECUREVM_OK);
        }
        return c;
}

static securevm_policy *make_strict(const char *tee, const char *allow, const char *measurement)
{
        securevm_policy *p = NULL;

        assert_int_equal(securevm_policy_strict(tee, allow, measurement, &p, NULL), SECUREVM_OK);
        return p;
}

static void expect_error(const securevm_error *err, int status, const char *check)
{
        assert_string_equal(securevm_error_check(err), check);
        assert_int_equal(securevm_error_status(err), status);
        assert_true(*securevm_error_message(err) != 0);
}

/* Member of a text that the library wrote. */
static struct sv_json *parse_text(char *text)
{
        struct sv_json *j = NULL;
        struct sv_err err = SV_ERR_NULL;

        assert_non_null(text);
        assert_int_equal(sv_json_parse(sv_bytes_str(text), "test", &j, &err), 0);
        securevm_free(text);
        return j;
}

static void test_names(void **state)
{
        assert_string_equal(securevm_version(), SV_VERSION);
        assert_string_equal(securevm_tee(0), "sev-snp");
        assert_string_equal(securevm_tee(2), "vtpm");
        assert_null(securevm_tee(3));
        assert_null(securevm_tee((size_t)-1));
}

static void test_proof(void **state)
{
        securevm_error *err = securevm_error_new();
        securevm_evidence *e = open_vector(MILAN);
        securevm_collateral *c = collect(milan_collateral);
        securevm_result *r = NULL;
        SV_JSON *needs = NULL, *claims = NULL;
        char *text = NULL;

        assert_string_equal(securevm_evidence_tee(e), "sev-snp");
        assert_int_equal(securevm_evidence_needs(e, &text, err), SECUREVM_OK);
        needs = parse_text(text);
        assert_int_equal(sv_json_len(needs), 3);
        assert_memory_equal(sv_json_text(sv_json_at(needs, 0), "url", ""), "https://", 8);
        assert_int_equal(securevm_verify(e, c, IN_2024, NULL, 0, &r, err), SECUREVM_OK);
        assert_string_equal(securevm_error_check(err), "");
        assert_int_equal(securevm_result_claims(r, &text, err), SECUREVM_OK);
        claims = parse_text(text);
        assert_int_equal(strlen(sv_json_text(claims, "measurement", "")), 96);
        assert_string_equal(securevm_result_status(r), "none");
        securevm_result_free(r);
        securevm_evidence_free(e);
        securevm_collateral_free(c);
        securevm_error_free(err);
}

/* What is broken, and the check that says so; each time nothing comes out, and the error is new
 * after the next success. */
static void test_broken_proof(void **state)
{
        static const struct {
                size_t flip;
                int64_t time;
                const char *report_data, *check;
                int status;
        } cases[] = {
                {SIGNATURE_AT, IN_2024, NULL, "snp.signature", SECUREVM_PROOF},
                {0x90, IN_2024, NULL, "snp.signature", SECUREVM_PROOF},
                {0, IN_2024, "another nonce", "snp.report_data", SECUREVM_PROOF},
                {0, 0, NULL, "snp.chain.expired", SECUREVM_PROOF},
        };
        securevm_error *err = securevm_error_new();
        securevm_collateral *c = collect(milan_collateral);
        securevm_evidence *good = open_vector(MILAN);

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const char *data = cases[i].report_data;
                securevm_result *r = NULL, *whole = NULL;
                securevm_evidence *e = NULL;
                SV_BUF raw = SV_BUF_NULL;

                read_vector(MILAN, &raw);
                if (cases[i].flip)
                        raw.p[cases[i].flip] ^= 1;
                assert_int_equal(securevm_evidence_open(raw.p, raw.n, "sev-snp", &e, err), 0);
                assert_int_equal(securevm_verify(e, c, cases[i].time, data, data ? strlen(data) : 0,
                                                 &r, err),
                                 cases[i].status);
                expect_error(err, cases[i].status, cases[i].check);
                assert_null(r);
                assert_int_equal(securevm_verify(good, c, IN_2024, NULL, 0, &whole, err), 0);
                assert_int_equal(securevm_error_status(err), SECUREVM_OK);
                assert_string_equal(securevm_error_check(err), "");
                securevm_result_free(whole);
                securevm_evidence_free(e);
        }
        securevm_evidence_free(good);
        securevm_collateral_free(c);
        securevm_error_free(err);
}

static void test_missing_collateral(void **state)
{
        securevm_error *err = securevm_error_new();
        securevm_evidence *e = open_vector(QUOTE);
        securevm_collateral *c = collect(quote_collateral);
        securevm_result *r = NULL;

        assert_int_equal(securevm_verify(e, NULL, QUOTED, NULL, 0, &r, err), SECUREVM_PROOF);
        expect_error(err, SECUREVM_PROOF, "tdx.collateral.missing");
        assert_null(r);
        assert_int_equal(securevm_verify(e, c, QUOTED, NULL, 0, &r, err), SECUREVM_OK);
        securevm_result_free(r);
        securevm_evidence_free(e);
        securevm_collateral_free(c);
        securevm_error_free(err);
}

/* The proof holds and the policy says no: the result is there, and the whole is explained. */
static void test_policy(void **state)
{
        securevm_error *err = securevm_error_new(), *own = securevm_error_new();
        securevm_evidence *e = open_vector(MILAN);
        securevm_collateral *c = collect(milan_collateral);
        securevm_policy *strict = make_strict("sev-snp", NULL, NULL),
                        *lifted = make_strict("sev-snp", "tcb,firmware", NULL),
                        *foreign = make_strict("tdx", NULL, NULL);
        securevm_result *r = NULL, *held = NULL;
        SV_JSON *all = NULL, *verdict = NULL;
        char *text = NULL;

        assert_int_equal(securevm_appraise(e, c, strict, IN_2024, NULL, 0, &r, err),
                         SECUREVM_POLICY);
        expect_error(err, SECUREVM_POLICY, "policy.floor.tcb");
        assert_non_null(r);
        assert_string_equal(securevm_result_status(r), "contraindicated");
        assert_int_equal(securevm_explain(r, err, &text, own), SECUREVM_OK);
        all = parse_text(text);
        assert_false(sv_json_bool(sv_json_get(all, "ok"), true));
        assert_string_equal(sv_json_text(sv_json_get(all, "error"), "check", ""),
                            "policy.floor.tcb");
        assert_string_equal(sv_json_text(sv_json_get(all, "error"), "class", ""), "policy");
        assert_string_equal(sv_json_text(all, "tee", ""), "sev-snp");
        assert_non_null(sv_json_get(all, "claims"));
        securevm_result_free(r);
        r = NULL;
        assert_int_equal(securevm_appraise(e, c, lifted, IN_2024, NULL, 0, &held, err),
                         SECUREVM_OK);
        assert_int_equal(securevm_result_verdict(held, &text, err), SECUREVM_OK);
        verdict = parse_text(text);
        assert_true(sv_json_len(sv_json_get(verdict, "reasons")) > 3);
        securevm_result_free(held);
        held = NULL;
        /* nothing is left of an earlier result */
        r = (securevm_result *)&text;
        assert_int_equal(securevm_appraise(e, c, foreign, IN_2024, NULL, 0, &r, err),
                         SECUREVM_POLICY);
        expect_error(err, SECUREVM_POLICY, "policy.tee");
        assert_null(r);
        securevm_policy_free(strict);
        securevm_policy_free(lifted);
        securevm_policy_free(foreign);
        securevm_evidence_free(e);
        securevm_collateral_free(c);
        securevm_error_free(err);
        securevm_error_free(own);
}

static void test_debugged(void **state)
{
        static const char *const files[][2] = {{"vek", "snp/certs/vcek-milan-b.der"},
                                               {"ca", "snp/certs/cert_chain-milan-vcek.pem"},
                                               {NULL, NULL}};
        securevm_error *err = securevm_error_new();
        securevm_evidence *e = open_vector("snp/reports/milan-v2-debug.bin");
        securevm_policy *strict = make_strict("sev-snp", "tcb", NULL);
        securevm_collateral *c = collect(files);
        securevm_result *r = NULL;

        assert_int_equal(securevm_appraise(e, c, strict, IN_2024, NULL, 0, &r, err),
                         SECUREVM_POLICY);
        expect_error(err, SECUREVM_POLICY, "policy.floor.debug");
        securevm_result_free(r);
        securevm_policy_free(strict);
        securevm_evidence_free(e);
        securevm_collateral_free(c);
        securevm_error_free(err);
}

/* A policy of one's own, and what is none. */
static void test_policy_text(void **state)
{
        static const char text[] =
                "{\"version\":1,\"guest\":\"demo\",\"tee\":\"sev-snp\",\"resource\":\"a/b/"
                "c\",\"trust\":"
                "{},\"allow\":[\"tcb\"],\"rules\":[{\"check\":\"policy.vmpl\",\"claim\":\"/vmpl\","
                "\"equals\":1,\"covers\":\"executables\",\"reason\":\"level\"}]}";
        securevm_error *err = securevm_error_new();
        securevm_evidence *e = open_vector(MILAN);
        securevm_collateral *c = collect(milan_collateral);
        securevm_policy *p = NULL;
        securevm_result *r = NULL;
        char digest[97] = "";

        assert_int_equal(securevm_policy_parse(text, strlen(text), &p, err), SECUREVM_OK);
        assert_int_equal(securevm_appraise(e, c, p, IN_2024, NULL, 0, &r, err), SECUREVM_POLICY);
        expect_error(err, SECUREVM_POLICY, "policy.vmpl");
        securevm_result_free(r);
        securevm_policy_free(p);
        p = NULL;
        assert_int_equal(securevm_policy_parse(text, strlen(text) - 1, &p, err), SECUREVM_FORMAT);
        expect_error(err, SECUREVM_FORMAT, "policy.json");
        assert_null(p);
        assert_int_equal(securevm_policy_strict("sev-snp", NULL, "00", &p, err), SECUREVM_USAGE);
        expect_error(err, SECUREVM_USAGE, "verify.measurement");
        memset(digest, '0', 96); /* right for the others; a TPM has no single measurement */
        assert_int_equal(securevm_policy_strict("vtpm", NULL, digest, &p, err), SECUREVM_USAGE);
        expect_error(err, SECUREVM_USAGE, "verify.measurement");
        assert_int_equal(securevm_policy_strict("sgx", NULL, NULL, &p, err), SECUREVM_USAGE);
        expect_error(err, SECUREVM_USAGE, "tee.name");
        assert_null(p);
        securevm_evidence_free(e);
        securevm_collateral_free(c);
        securevm_error_free(err);
}

static int try_size(size_t size, int (*give)(const void *data, size_t size, securevm_error *err),
                    securevm_error *err)
{
        char *blanks = malloc(size);
        int status;

        assert_non_null(blanks);
        memset(blanks, ' ', size);
        status = give(blanks, size, err);
        free(blanks);
        return status;
}

static int give_evidence(const void *data, size_t size, securevm_error *err)
{
        securevm_evidence *e = NULL;

        return securevm_evidence_open(data, size, "vtpm", &e, err);
}

static int give_collateral(const void *data, size_t size, securevm_error *err)
{
        securevm_collateral *c = NULL;
        int status;

        assert_int_equal(securevm_collateral_new(&c, err), SECUREVM_OK);
        status = securevm_collateral_add(c, "ca", data, size, err);
        securevm_collateral_free(c);
        return status;
}

static int give_policy(const void *data, size_t size, securevm_error *err)
{
        securevm_policy *p = NULL;

        return securevm_policy_parse(data, size, &p, err);
}

static void test_sizes(void **state)
{
        securevm_error *err = securevm_error_new();

        assert_int_equal(try_size(SV_JSON_SIZE_MAX, give_evidence, err), SECUREVM_FORMAT);
        assert_string_not_equal(securevm_error_check(err), "verify.evidence");
        assert_int_equal(try_size(SV_JSON_SIZE_MAX + 1, give_evidence, err), SECUREVM_FORMAT);
        expect_error(err, SECUREVM_FORMAT, "verify.evidence");
        assert_int_equal(give_evidence("{", 1, err), SECUREVM_FORMAT);
        expect_error(err, SECUREVM_FORMAT, "verify.evidence.json");
        assert_int_equal(try_size(SV_JSON_SIZE_MAX, give_collateral, err), SECUREVM_OK);
        assert_int_equal(try_size(SV_JSON_SIZE_MAX + 1, give_collateral, err), SECUREVM_FORMAT);
        expect_error(err, SECUREVM_FORMAT, "verify.collateral");
        assert_int_equal(try_size(SV_POLICY_SIZE_MAX, give_policy, err), SECUREVM_FORMAT);
        expect_error(err, SECUREVM_FORMAT, "policy.json");
        assert_int_equal(try_size(SV_POLICY_SIZE_MAX + 1, give_policy, err), SECUREVM_FORMAT);
        expect_error(err, SECUREVM_FORMAT, "policy.size");
        securevm_error_free(err);
}

/* Of a kind that is too long to be any verifier's nothing stays behind. */
static void test_kinds(void **state)
{
        securevm_error *err = securevm_error_new();
        securevm_collateral *c = collect(milan_collateral);
        securevm_evidence *e = open_vector(MILAN);
        securevm_result *r = NULL;

        assert_int_equal(securevm_collateral_add(c, "a-kind-of-31-letters-is-taken-x", "x", 1, err),
                         SECUREVM_OK);
        assert_int_equal(
                securevm_collateral_add(c, "a-kind-of-32-letters-is-not-taken", "x", 1, err),
                SECUREVM_USAGE);
        expect_error(err, SECUREVM_USAGE, "verify.collateral");
        assert_int_equal(securevm_verify(e, c, IN_2024, NULL, 0, &r, err), SECUREVM_OK);
        securevm_result_free(r);
        securevm_evidence_free(e);
        securevm_collateral_free(c);
        securevm_error_free(err);
}

#define EXPECT_ARGUMENT(call)                                      \
        do {                                                       \
                assert_int_equal(call, SECUREVM_USAGE);            \
                expect_error(err, SECUREVM_USAGE, "lib.argument"); \
        } while (0)

static void test_arguments(void **state)
{
        securevm_error *err = securevm_error_new();
        securevm_evidence *e = open_vector(MILAN), *no_e = NULL;
        securevm_collateral *c = collect(milan_collateral);
        securevm_policy *p = make_strict("sev-snp", NULL, NULL), *no_p = NULL;
        securevm_result *r = NULL;
        char *text = NULL;

        EXPECT_ARGUMENT(securevm_evidence_open(NULL, 1, "vtpm", &no_e, err));
        EXPECT_ARGUMENT(securevm_evidence_open("{}", 2, "vtpm", NULL, err));
        EXPECT_ARGUMENT(securevm_evidence_needs(NULL, &text, err));
        EXPECT_ARGUMENT(securevm_evidence_needs(e, NULL, err));
        EXPECT_ARGUMENT(securevm_collateral_new(NULL, err));
        EXPECT_ARGUMENT(securevm_collateral_add(NULL, "ca", "x", 1, err));
        EXPECT_ARGUMENT(securevm_collateral_add(c, NULL, "x", 1, err));
        EXPECT_ARGUMENT(securevm_collateral_add(c, "ca", NULL, 1, err));
        EXPECT_ARGUMENT(securevm_policy_parse(NULL, 1, &no_p, err));
        EXPECT_ARGUMENT(securevm_policy_parse("{}", 2, NULL, err));
        EXPECT_ARGUMENT(securevm_policy_strict(NULL, NULL, NULL, &no_p, err));
        EXPECT_ARGUMENT(securevm_policy_strict("vtpm", NULL, NULL, NULL, err));
        EXPECT_ARGUMENT(securevm_appraise(e, c, NULL, IN_2024, NULL, 0, &r, err));
        EXPECT_ARGUMENT(securevm_appraise(NULL, c, p, IN_2024, NULL, 0, &r, err));
        EXPECT_ARGUMENT(securevm_appraise(e, c, p, IN_2024, NULL, 0, NULL, err));
        EXPECT_ARGUMENT(securevm_appraise(e, c, p, IN_2024, NULL, 1, &r, err));
        EXPECT_ARGUMENT(securevm_verify(NULL, c, IN_2024, NULL, 0, &r, err));
        EXPECT_ARGUMENT(securevm_result_claims(NULL, &text, err));
        EXPECT_ARGUMENT(securevm_result_verdict(NULL, &text, err));
        EXPECT_ARGUMENT(securevm_explain(NULL, NULL, NULL, err));
        assert_int_equal(securevm_verify(NULL, NULL, 0, NULL, 0, NULL, NULL), SECUREVM_USAGE);
        assert_true(!no_e && !no_p && !r && !text);
        assert_null(securevm_evidence_tee(NULL));
        assert_null(securevm_result_status(NULL));
        assert_int_equal(securevm_error_status(NULL), SECUREVM_OK);
        assert_string_equal(securevm_error_message(NULL), "");
        securevm_evidence_free(NULL);
        securevm_collateral_free(NULL);
        securevm_policy_free(NULL);
        securevm_result_free(NULL);
        securevm_error_free(NULL);
        securevm_free(NULL);
        securevm_evidence_free(e);
        securevm_collateral_free(c);
        securevm_policy_free(p);
        securevm_error_free(err);
}

/* --- threads: policies and collateral are shared, evidence is each one's own --- */

struct shared {
        securevm_collateral *milan, *intel;
        securevm_policy *policy;
        char *milan_text, *intel_text;
};

/* The whole answer, with its error. */
static char *appraise_once(const struct shared *s, bool intel)
{
        securevm_error *err = securevm_error_new();
        securevm_evidence *e = open_vector(intel ? QUOTE : MILAN);
        securevm_result *r = NULL;
        char *text = NULL;

        if (intel)
                securevm_verify(e, s->intel, QUOTED, NULL, 0, &r, err);
        else
                securevm_appraise(e, s->milan, s->policy, IN_2024, NULL, 0, &r, err);
        assert_int_equal(securevm_explain(r, err, &text, NULL), SECUREVM_OK);
        securevm_result_free(r);
        securevm_evidence_free(e);
        securevm_error_free(err);
        return text;
}

static void *run_thread(void *arg)
{
        const struct shared *s = arg;
        size_t same = 0;

        for (size_t i = 0; i < ROUNDS; i++) {
                char *text = appraise_once(s, i % 2);

                same += !strcmp(text, i % 2 ? s->intel_text : s->milan_text);
                securevm_free(text);
        }
        return (void *)same;
}

static void test_threads(void **state)
{
        struct shared s = {.milan = collect(milan_collateral),
                           .intel = collect(quote_collateral),
                           .policy = make_strict("sev-snp", NULL, NULL)};
        pthread_t threads[THREADS];

        s.milan_text = appraise_once(&s, false);
        s.intel_text = appraise_once(&s, true);
        assert_non_null(strstr(s.milan_text, "policy.floor.tcb"));
        assert_non_null(strstr(s.intel_text, "\"ok\":true"));
        for (size_t i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, run_thread, &s), 0);
        for (size_t i = 0; i < THREADS; i++) {
                void *same = NULL;

                assert_int_equal(pthread_join(threads[i], &same), 0);
                assert_int_equal((size_t)same, ROUNDS);
        }
        securevm_free(s.milan_text);
        securevm_free(s.intel_text);
        securevm_collateral_free(s.milan);
        securevm_collateral_free(s.intel);
        securevm_policy_free(s.policy);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),        cmocka_unit_test(test_proof),
                cmocka_unit_test(test_broken_proof), cmocka_unit_test(test_missing_collateral),
                cmocka_unit_test(test_policy),       cmocka_unit_test(test_debugged),
                cmocka_unit_test(test_policy_text),  cmocka_unit_test(test_sizes),
                cmocka_unit_test(test_kinds),        cmocka_unit_test(test_arguments),
                cmocka_unit_test(test_threads),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
