/* SPDX-License-Identifier: Apache-2.0 */
/* What every row of the tables of TEEs must do, whichever it is. A new TEE is tested by being in
 * them: nothing here names one. */
#include "tests/unit/evidence.h"
#include "tests/unit/unit.h"

#include "attest/appraise.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "base/program/cli.h"
#include "launcher/choose.h"
#include "launcher/guest-file.h"
#include "tee/trust-cache.h"

static struct sv_err err;

/* Small letters, digits and dashes: it stands in files, options, check names and URLs. */
static bool is_name(const char *s)
{
        return s && *s && strlen(s) < 32 &&
               strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(s);
}

static void test_rows_are_whole(void **state)
{
        (void)state;
        assert_non_null(sv_tees_verify[0]);
        for (size_t i = 0; sv_tees_verify[i]; i++) {
                const struct sv_tee_verify *t = sv_tees_verify[i];

                print_message("%s\n", t->id->name);
                assert_true(is_name(t->id->name) && is_name(t->id->kbs_name));
                assert_string_not_equal(t->id->name, "auto");
                assert_true(t->id->help && strlen(t->id->help) > 10);
                assert_non_null(t->open);
                assert_non_null(t->close);
                assert_non_null(t->needs);
                assert_non_null(t->verify);
                assert_non_null(t->confirm);
                assert_non_null(t->strict);
                /* Whose anchors a policy may name is whose root a release asks about. */
                assert_true(!t->trust || (t->confirm_root && t->check_anchor));
                /* A challenge's secret has to find its way back to the verifier. */
                assert_int_equal(t->challenge != NULL, t->secret_kind != NULL);
                assert_int_equal(t->challenge != NULL, t->hello != NULL);
        }
        for (size_t i = 0; sv_tees_host[i]; i++) {
                assert_non_null(sv_tees_host[i]->probe);
                assert_non_null(sv_tees_host[i]->check_options);
                assert_non_null(sv_tees_host[i]->domain);
                assert_int_equal(sv_tees_host[i]->trial != NULL,
                                 sv_tees_host[i]->trial_says != NULL);
        }
        for (size_t i = 0; sv_tees_measure[i]; i++) {
                assert_non_null(sv_tees_measure[i]->measure);
                assert_non_null(sv_tees_measure[i]->policy);
                assert_non_null(sv_tees_measure[i]->image_claims);
                assert_int_equal(*sv_tees_measure[i]->image_claims[0], '/');
                assert_int_equal(sv_tees_measure[i]->inspect != NULL,
                                 sv_tees_measure[i]->formats != NULL);
        }
}

/* The same TEEs in the same order, each by one and the same identity. */
static void test_tables_agree(void **state)
{
        size_t n = 0;

        (void)state;
        for (; sv_tees_verify[n]; n++) {
                assert_non_null(sv_tees_host[n]);
                assert_non_null(sv_tees_measure[n]);
                assert_ptr_equal(sv_tees_host[n]->id, sv_tees_verify[n]->id);
                assert_ptr_equal(sv_tees_measure[n]->id, sv_tees_verify[n]->id);
        }
        assert_null(sv_tees_host[n]);
        assert_null(sv_tees_measure[n]);
}

static void test_names_are_unique(void **state)
{
        char names[SV_TEE_NAMES_SIZE];

        (void)state;
        for (size_t i = 0; sv_tees_verify[i]; i++) {
                const struct sv_tee *id = sv_tees_verify[i]->id;

                assert_ptr_equal(sv_tee_find_verify(id->name), sv_tees_verify[i]);
                assert_ptr_equal(sv_tee_find_verify_kbs(id->kbs_name), sv_tees_verify[i]);
                assert_non_null(strstr(sv_tee_list_verify(names), id->name));
        }
        assert_null(sv_tee_find_verify("sample"));
        assert_null(sv_tee_find_verify(""));
}

/* What nobody would read of a guest file is refused where it stands, whichever TEE the guest has.
 */
static void test_guest_files(void **state)
{
        static const struct {
                const char *before, *after; /* the TEE's name */
                const char *check, *says;   /* check NULL: nothing is wrong */
        } t[] = {
                {"\"tees\":{\"", "\":{}}", NULL, NULL},
                {"\"tees\":{\"", "\":{\n\"no-such\":1}}", ".unknown", "/no-such: "},
                {"\"tees\":{\"", "\":1}", "guest.", "expected an object"},
                {"\"tees\":{\n\"", "x\":{}}", "guest.tees.unknown", "did you mean"},
                {"\n\"tee\":\"", "\"", NULL, NULL},
                {"\n\"tee\":\"", "x\"", "tee.name", "g.json:2: /tee: "},
        };

        (void)state;
        for (size_t i = 0; sv_tees_host[i]; i++)
                for (size_t k = 0; k < sizeof(t) / sizeof(t[0]); k++) {
                        const char *tee = sv_tees_host[i]->id->name;
                        SV_STR doc = sv_asprintf("{\"name\":\"g\",\"kernel\":\"k\",%s%s%s}",
                                                 t[k].before, tee, t[k].after);
                        SV_GUEST g = {0};

                        memset(&err, 0, sizeof(err));
                        if (!t[k].check) {
                                OK(sv_guest_file_parse(sv_bytes_str(doc), "g.json", "/", &g, &err));
                                continue;
                        }
                        assert_int_equal(
                                sv_guest_file_parse(sv_bytes_str(doc), "g.json", "/", &g, &err),
                                -1);
                        print_message("%s [%s]\n", err.msg, err.check);
                        assert_int_equal(err.class, SV_USAGE);
                        assert_non_null(strstr(err.check, t[k].check));
                        assert_non_null(strstr(err.msg, t[k].says));
                        assert_non_null(strstr(err.msg, "g.json:"));
                        assert_null(g.name);
                }
}

/* An option of a TEE is described, and no other TEE has it: both would take it for theirs. */
static void test_options(void **state)
{
        (void)state;
        for (size_t i = 0; sv_tees_measure[i]; i++)
                for (const struct sv_opt *o = sv_tees_measure[i]->options; o && o->name; o++) {
                        assert_true(is_name(o->name));
                        assert_true(o->help && strlen(o->help) > 10);
                        for (size_t k = 0; sv_tees_measure[k]; k++)
                                for (const struct sv_opt *b = sv_tees_measure[k]->options;
                                     b && b->name; b++)
                                        assert_true(b == o || strcmp(b->name, o->name));
                }
}

static void test_choose(void **state)
{
        const struct sv_tee_host *t = NULL;

        (void)state;
        for (size_t i = 0; sv_tees_host[i]; i++) {
                struct sv_probe p = {0};

                OK(sv_tee_choose(sv_tees_host[i]->id->name, NULL, SV_CHOOSE_ANY, &t, &err));
                assert_ptr_equal(t, sv_tees_host[i]);
                /* Named and to run here: the probe's word counts, and its advice is in the error.
                 */
                OK(sv_tees_host[i]->probe(&p, &err));
                if (p.ok) {
                        OK(sv_tee_choose(sv_tees_host[i]->id->name, NULL, SV_CHOOSE_HERE, &t,
                                         &err));
                        assert_ptr_equal(t, sv_tees_host[i]);
                } else {
                        FAILS(sv_tee_choose(sv_tees_host[i]->id->name, NULL, SV_CHOOSE_HERE, &t,
                                            &err),
                              SV_SYSTEM, "tee.host");
                        assert_non_null(strstr(err.msg, p.advice));
                }
        }
        FAILS(sv_tee_choose("sgx", NULL, SV_CHOOSE_ANY, &t, &err), SV_USAGE, "tee.name");
        FAILS(sv_tee_choose("sgx", NULL, SV_CHOOSE_HERE, &t, &err), SV_USAGE, "tee.name");
}

/* A TEE without a row for measuring: none of ours is one. */
static void test_choose_measure(void **state)
{
        static const struct sv_tee other = {.name = "sgx"};
        const struct sv_tee_measure *t = NULL;

        (void)state;
        for (size_t i = 0; sv_tees_measure[i]; i++) {
                OK(sv_tee_choose_measure(sv_tees_measure[i]->id, &t, &err));
                assert_ptr_equal(t, sv_tees_measure[i]);
        }
        FAILS(sv_tee_choose_measure(&other, &t, &err), SV_USAGE, "tee.measure");
        assert_non_null(strstr(err.msg, "sgx"));
}

static void test_probe_answers(void **state)
{
        (void)state;
        for (size_t i = 0; sv_tees_host[i]; i++) {
                struct sv_probe p = {0};

                OK(sv_tees_host[i]->probe(&p, &err));
                /* Either it says what it found or the one thing to change. */
                assert_true(strlen(p.ok ? p.found : p.advice) > 3);
        }
}

/* No evidence, however wrong, may be accepted, crash, or fail without a name. */
static void test_verify_refuses(void **state)
{
        static const char *const wrong[] = {
                "null",
                "true",
                "0",
                "\"\"",
                "[]",
                "{}",
                "{\"ak_public\":1}",
                "{\"attestation_report\":{}}",
                "{\"quote\":\"AAAA\"}",
                "{\"ak_public\":\"AAAA\",\"tpm_quote\":{\"message\":\"AAAA\",\"signature\":"
                "\"AAAA\",\"pcrs\":[]}}",
                "{\"tpm_quote\":{\"tpm_quote\":{\"tpm_quote\":{}}}}",
        };
        uint8_t digest[48] = {1};

        (void)state;
        for (size_t i = 0; sv_tees_verify[i]; i++) {
                for (size_t k = 0; k < sizeof(wrong) / sizeof(wrong[0]); k++) {
                        SV_JSON *evidence = NULL;
                        SV_JSON *claims = NULL;
                        struct sv_verify_in in = {.report_data = sv_bytes(digest, sizeof(digest)),
                                                  .time = 1700000000};

                        OK(sv_json_parse(sv_bytes_str(wrong[k]), "test", &evidence, &err));
                        memset(&err, 0, sizeof(err));
                        if (verify_json(sv_tees_verify[i], evidence, &in, &claims, &err) == 0)
                                fail_msg("%s accepts %s", sv_tees_verify[i]->id->name, wrong[k]);
                        print_message("%s %s: %s [%s]\n", sv_tees_verify[i]->id->name, wrong[k],
                                      err.msg, err.check);
                        assert_int_equal(err.class, SV_FORMAT);
                        assert_true(strchr(err.check, '.') != NULL);
                        assert_null(claims);
                }
        }
}

/* A memory changes no answer, and what does not hold leaves nothing in it. */
static void test_memory_refuses_alike(void **state)
{
        static const char *const wrong[] = {"null",
                                            "[]",
                                            "{}",
                                            "{\"quote\":\"AAAA\"}",
                                            "{\"attestation_report\":{}}",
                                            "{\"ak_public\":\"AAAA\"}"};

        (void)state;
        for (size_t i = 0; sv_tees_verify[i]; i++) {
                SV_TRUST_CACHE *m = sv_trust_cache_new();
                SV_BUF lesson = SV_BUF_NULL;

                for (size_t k = 0; k < 2 * sizeof(wrong) / sizeof(wrong[0]); k++) {
                        SV_JSON *evidence = NULL;
                        SV_JSON *claims = NULL;
                        struct sv_verify_in in = {.time = 1700000000};
                        struct sv_err cold = SV_ERR_NULL;

                        OK(sv_json_parse(sv_bytes_str(wrong[k / 2]), "test", &evidence, &err));
                        assert_int_equal(
                                verify_json(sv_tees_verify[i], evidence, &in, &claims, &cold), -1);
                        in.cache = m;
                        FAILS(verify_json(sv_tees_verify[i], evidence, &in, &claims, &err),
                              cold.class, cold.check);
                        assert_null(claims);
                }
                assert_false(sv_trust_cache_share(m, &lesson));
                assert_int_equal(sv_trust_cache_hits(m), 0);
        }
}

/* What another process tells is proven like any collateral, or it is not learned. */
static void test_learn_refuses(void **state)
{
        (void)state;
        for (size_t i = 0; sv_tees_verify[i]; i++) {
                SV_TRUST_CACHE *m = sv_trust_cache_new();
                SV_BUF lesson = SV_BUF_NULL;
                struct sv_blob list[] = {{"vek", sv_bytes("x", 1)},
                                         {"ca", sv_bytes("x", 1)},
                                         {"pck-chain", sv_bytes("x", 1)},
                                         {"tcb-info", sv_bytes("{}", 2)}};

                for (size_t n = 0;
                     sv_tees_verify[i]->accept_shared && n <= sizeof(list) / sizeof(list[0]); n++) {
                        const struct sv_collateral what = {list, n, NULL};

                        memset(&err, 0, sizeof(err));
                        assert_int_equal(
                                sv_tees_verify[i]->accept_shared(m, &what, 1700000000, &err), -1);
                        assert_true(strchr(err.check, '.') != NULL);
                }
                assert_false(sv_trust_cache_share(m, &lesson));
        }
}

static void test_needs_survives(void **state)
{
        (void)state;
        for (size_t i = 0; sv_tees_verify[i]; i++) {
                SV_JSON *evidence = sv_json_object();
                SV_JSON *out = sv_json_array();

                memset(&err, 0, sizeof(err));
                if (needs_json(sv_tees_verify[i], evidence, out, &err) < 0)
                        assert_true(err.check[0] != '\0');
        }
}

/* A file that is not there is the system's fault and is named; nothing is half measured. */
static void test_measure_missing_files(void **state)
{
        static const char text[] = "{\"name\":\"g\",\"tee\":\"%s\",\"firmware\":\"/nonexistent/"
                                   "firmware\",\"kernel\":\"/nonexistent/kernel\","
                                   "\"initrd\":\"/nonexistent/initrd\"}";

        (void)state;
        for (size_t i = 0; sv_tees_measure[i]; i++) {
                SV_GUEST guest = {0};
                struct sv_measurement m = {0};
                char doc[512];

                snprintf(doc, sizeof(doc), text, sv_tees_measure[i]->id->name);
                OK(sv_guest_parse(sv_bytes_str(doc), "g.json", "/nonexistent", &guest, &err));
                memset(&err, 0, sizeof(err));
                assert_int_equal(sv_tees_measure[i]->measure(&guest, &m, &err), -1);
                assert_int_equal(err.class, SV_SYSTEM);
                assert_non_null(strstr(err.msg, "/nonexistent/"));
                assert_null(m.values);
                assert_int_equal(m.n_steps, 0);
                sv_measurement_free(&m);
        }
}

/* The rules for evidence that nobody gave a policy for are a policy, and refuse claims that say
 * nothing. */
static void test_strict_rules(void **state)
{
        (void)state;
        for (size_t i = 0; sv_tees_verify[i]; i++) {
                SV_JSON *rules = NULL;
                SV_JSON *trust = sv_json_object();
                SV_JSON *claims = sv_json_object();
                SV_BUF doc = SV_BUF_NULL;
                SV_POLICY_DOC *p = NULL;
                SV_VERDICT v = {0};

                OK(sv_json_parse(sv_bytes_str(sv_tees_verify[i]->strict), "test", &rules, &err));
                OK(sv_policy_write("any", sv_tees_verify[i]->id->name, "a/b/c", rules, trust, &doc,
                                   &err));
                OK(sv_policy_parse(sv_buf_bytes(&doc), &p, &err));
                assert_int_equal(sv_policy_evaluate(p, claims, &v, &err), -1);
                assert_int_equal(sv_verdict_status(&v), SV_TIER_CONTRAINDICATED);
        }
}

/* A floor is rules that a policy can lift one by one, by names that no other rule has; what is no
 * such name is refused. Claims that say nothing are below every floor. */
static void test_floors(void **state)
{
        (void)state;
        for (size_t i = 0; sv_tees_verify[i]; i++) {
                SV_JSON *rules = NULL, *floor = NULL, *allow = sv_json_array();
                SV_JSON *trust = sv_json_object(), *claims = sv_json_object();
                SV_BUF doc = SV_BUF_NULL, other = SV_BUF_NULL;
                SV_POLICY_DOC *p = NULL, *q = NULL;
                SV_VERDICT v = {0};

                if (!sv_tees_verify[i]->floor)
                        continue;
                OK(sv_json_parse(sv_bytes_str(sv_tees_verify[i]->strict), "test", &rules, &err));
                OK(sv_json_parse(sv_bytes_str(sv_tees_verify[i]->floor), "test", &floor, &err));
                assert_true(sv_json_len(floor) <= SV_FLOOR_MAX);
                /* each is a rule as policies have them */
                OK(sv_policy_write("any", sv_tees_verify[i]->id->name, "a/b/c", floor, trust,
                                   &other, &err));
                for (size_t k = 0; k < sv_json_len(floor); k++) {
                        const char *check = sv_json_str(sv_json_get(sv_json_at(floor, k), "check"));

                        assert_memory_equal(check, "policy.floor.", 13);
                        sv_json_add(allow, sv_json_new_str(check + 13));
                }
                OK(sv_policy_write_allowing("any", sv_tees_verify[i]->id->name, "a/b/c", rules,
                                            trust, allow, &doc, &err));
                OK(sv_policy_parse(sv_buf_bytes(&doc), &p, &err));
                OK(sv_tee_check_allow(sv_tees_verify[i], p, &err));
                sv_json_add(allow, sv_json_new_str("everything"));
                sv_buf_clear(&doc);
                OK(sv_policy_write_allowing("any", sv_tees_verify[i]->id->name, "a/b/c", rules,
                                            trust, allow, &doc, &err));
                OK(sv_policy_parse(sv_buf_bytes(&doc), &q, &err));
                FAILS(sv_tee_check_allow(sv_tees_verify[i], q, &err), SV_FORMAT,
                      "policy.allow.unknown");
                sv_policy_freep(&q);
                OK(sv_policy_parse(sv_buf_bytes(&other), &q, &err));
                assert_int_equal(sv_policy_evaluate_above(q, floor, claims, &v, &err), -1);
                assert_int_equal(sv_verdict_status(&v), SV_TIER_CONTRAINDICATED);
        }
}

/* Every anchor that a TEE asks for may be written into a policy; whether it is one, only the TEE
 * knows. */
static void test_trust_kinds(void **state)
{
        (void)state;
        for (size_t i = 0; sv_tees_verify[i]; i++) {
                for (const struct sv_trust_kind *k = sv_tees_verify[i]->trust; k && k->member;
                     k++) {
                        SV_JSON *rules = NULL;
                        SV_JSON *trust = sv_json_object();
                        SV_BUF doc = SV_BUF_NULL;
                        SV_POLICY_DOC *p = NULL;
                        SV_BLOBS blobs = {0};

                        OK(sv_json_parse(sv_bytes_str(sv_tees_verify[i]->strict), "test", &rules,
                                         &err));
                        sv_json_add(sv_json_set(trust, k->member, sv_json_array()),
                                    sv_json_new_str("anchor"));
                        OK(sv_policy_write("any", sv_tees_verify[i]->id->name, "a/b/c", rules,
                                           trust, &doc, &err));
                        OK(sv_policy_parse(sv_buf_bytes(&doc), &p, &err));
                        sv_blobs_add_trust(&blobs, sv_tees_verify[i], p);
                        assert_int_equal(blobs.n, 1);
                        assert_string_equal(blobs.list[0].kind, k->kind);
                        memset(&err, 0, sizeof(err));
                        assert_int_equal(sv_tee_check_anchors(sv_tees_verify[i], p, &err), -1);
                        assert_int_equal(err.class, SV_FORMAT);
                        assert_non_null(strstr(err.msg, k->member));
                }
        }
}

/* An anchor that this TEE would not look at is not taken in silence. */
static void test_unknown_trust(void **state)
{
        (void)state;
        for (size_t i = 0; sv_tees_verify[i]; i++) {
                struct sv_evidence evidence = {sv_tees_verify[i]}; /* not read */
                struct sv_verify_in in = {0};
                SV_JSON *rules = NULL, *claims = NULL;
                SV_JSON *trust = sv_json_object();
                SV_BUF doc = SV_BUF_NULL;
                SV_POLICY_DOC *p = NULL;
                SV_VERDICT v = {0};

                OK(sv_json_parse(sv_bytes_str(sv_tees_verify[i]->strict), "test", &rules, &err));
                sv_json_set(trust, "other_roots", sv_json_array());
                OK(sv_policy_write("any", sv_tees_verify[i]->id->name, "a/b/c", rules, trust, &doc,
                                   &err));
                OK(sv_policy_parse(sv_buf_bytes(&doc), &p, &err));
                FAILS(sv_appraise(&evidence, &in, p, &claims, &v, &err), SV_FORMAT,
                      "policy.trust.unknown");
                FAILS(sv_tee_check_trust(sv_tees_verify[i], p, &err), SV_FORMAT,
                      "policy.trust.unknown");
        }
}

/* A policy for guests on another TEE says no before anything else is looked at. */
static void test_other_tee(void **state)
{
        (void)state;
        for (size_t i = 0; sv_tees_verify[i]; i++) {
                SV_JSON *rules = NULL;
                SV_JSON *trust = sv_json_object();
                SV_JSON *claims = NULL;
                SV_BUF doc = SV_BUF_NULL;
                SV_POLICY_DOC *p = NULL;
                SV_VERDICT v = {0};
                struct sv_verify_in in = {0};
                struct sv_evidence evidence = {sv_tees_verify[i]}; /* not read */

                OK(sv_json_parse(sv_bytes_str(sv_tees_verify[i]->strict), "test", &rules, &err));
                OK(sv_policy_write("any", "another", "a/b/c", rules, trust, &doc, &err));
                OK(sv_policy_parse(sv_buf_bytes(&doc), &p, &err));
                FAILS(sv_appraise(&evidence, &in, p, &claims, &v, &err), SV_POLICY, "policy.tee");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows_are_whole),
                cmocka_unit_test(test_tables_agree),
                cmocka_unit_test(test_names_are_unique),
                cmocka_unit_test(test_options),
                cmocka_unit_test(test_guest_files),
                cmocka_unit_test(test_choose),
                cmocka_unit_test(test_choose_measure),
                cmocka_unit_test(test_probe_answers),
                cmocka_unit_test(test_verify_refuses),
                cmocka_unit_test(test_needs_survives),
                cmocka_unit_test(test_strict_rules),
                cmocka_unit_test(test_measure_missing_files),
                cmocka_unit_test(test_floors),
                cmocka_unit_test(test_trust_kinds),
                cmocka_unit_test(test_unknown_trust),
                cmocka_unit_test(test_other_tee),
                cmocka_unit_test(test_memory_refuses_alike),
                cmocka_unit_test(test_learn_refuses),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
