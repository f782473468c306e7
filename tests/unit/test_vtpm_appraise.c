/* SPDX-License-Identifier: Apache-2.0 */
/* From a measurement to rules, from rules to a verdict, over evidence of a real swtpm. */
#include "attest/appraise.h"
#include "base/core/encoding.h"
#include "base/core/rd.h"
#include "guest/guest.h"
#include "tests/unit/rule_walk.h"
#include "tests/unit/vtpm_session.h"
#include "vtpm/verify/tee.h"
#include "vtpm/verify/verify.h"

static const uint8_t demo_uuid[16] = {0x11, 0x11, 0x11, 0x11, 0x22, 0x22, 0x33, 0x33,
                                      0x44, 0x44, 0x55, 0x55, 0x55, 0x55, 0x55, 0x55};

/* The claims that the base session really gives: what a perfect prediction would say. */
static struct sv_json *base_claims(void)
{
        struct session *s = base_session();
        struct sv_json *claims = NULL;
        struct sv_err err;

        OK(verify_with(s->evidence, s->secret, &(struct knobs){0}, &claims, &err));
        return claims;
}

/* Rules for a guest of this name whose TPM is made by the CA in `ca`, requiring PCRs 0, 4 and 9 as
 * they are (or pcr4). */
static void make_rules(const char *name, const char *ca, const char *pcr4, struct sv_json *rules,
                       struct sv_json *trust)
{
        static const char *const pcrs[] = {"0", "4", "9"};
        SV_STR root = sv_asprintf("%s/swtpm-localca-rootca-cert.pem", ca);
        SV_STR issuer = sv_asprintf("%s/issuercert.pem", ca);
        SV_STR guest_name = sv_asprintf("%s", name);
        char *roots[] = {root, issuer};
        struct sv_guest guest = {.name = guest_name,
                                 .attestation = {.ek_roots = roots, .n_ek_roots = 2}};
        struct sv_measurement m = {.values = sv_json_object()};
        SV_JSON *claims = base_claims();
        struct sv_json *bank = sv_json_set(m.values, "sha256", sv_json_object());
        struct sv_err err;

        memcpy(guest.uuid, demo_uuid, 16);
        for (size_t i = 0; i < 3; i++)
                sv_json_set_str(
                        bank, pcrs[i],
                        sv_json_str(sv_json_get(sv_json_pointer(claims, "/pcrs/sha256"), pcrs[i])));
        if (pcr4)
                sv_json_set_str(bank, "4", pcr4);
        OK(sv_tee_measure_vtpm.policy(&guest, &m, rules, trust, &err));
        assert_int_equal(sv_json_len(sv_json_get(trust, "ek_roots")), 1);
        assert_int_equal(sv_json_len(sv_json_get(trust, "ek_intermediates")), 1);
        sv_measurement_free(&m);
}

static struct sv_policy *make_policy(const char *name, const char *tee, const char *ca,
                                     const char *pcr4)
{
        SV_JSON *rules = sv_json_array();
        SV_JSON *trust = sv_json_object();
        SV_BUF text = SV_BUF_NULL;
        struct sv_policy *policy = NULL;
        struct sv_err err;

        make_rules(name, ca, pcr4, rules, trust);
        OK(sv_policy_write(name, tee, "default/demo/root", rules, trust, &text, &err));
        OK(sv_policy_parse(sv_buf_bytes(&text), &policy, &err));
        return policy;
}

static int appraise(const struct session *s, const struct sv_policy *policy,
                    struct sv_verdict *verdict, struct sv_err *err)
{
        const struct sv_blob secret = {"activation-secret", sv_bytes(sv_secret_reveal(s->secret),
                                                                     sv_secret_size(s->secret))};
        struct sv_verify_in in = {.report_data = sv_bytes(report_data, sizeof(report_data)),
                                  .collateral = {&secret, 1},
                                  .time = now};
        SV_JSON *claims = NULL;
        SV_EVIDENCE *e = NULL;

        if (sv_evidence_open(sv_tee_find_verify("vtpm"), s->evidence, &e, err) < 0)
                return -1;
        return sv_appraise(e, &in, policy, &claims, verdict, err);
}

static void says(const struct session *s, struct sv_policy *made, enum sv_class class,
                 const char *check)
{
        SV_POLICY_DOC *policy = made;
        SV_VERDICT verdict = {0};
        struct sv_err err;

        FAILS(appraise(s, policy, &verdict, &err), class, check);
        assert_int_equal(class == SV_POLICY && strcmp(check, "policy.tee"),
                         sv_verdict_status(&verdict) == SV_TIER_CONTRAINDICATED);
}

static void holds(void **state)
{
        SV_VERDICT verdict = {0};
        struct sv_err err;

        need_swtpm();
        SV_POLICY_DOC *policy = make_policy("demo", "vtpm", ca_dir, NULL);
        OK(appraise(base_session(), policy, &verdict, &err));
        assert_int_equal(sv_tier_of(verdict.vector[SV_SLOT_EXECUTABLES]), SV_TIER_AFFIRMING);
        assert_int_equal(sv_tier_of(verdict.vector[SV_SLOT_INSTANCE_IDENTITY]), SV_TIER_NONE);
        assert_int_equal(sv_tier_of(verdict.vector[SV_SLOT_HARDWARE]), SV_TIER_NONE);
}

static void refuses(void **state)
{
        static const char wrong[] =
                "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        SESSION later = {0};
        void *a = NULL;
        struct sv_err err;

        need_swtpm();
        says(base_session(), make_policy("demo", "vtpm", ca_dir, wrong), SV_POLICY, "policy.pcr.4");
        says(base_session(), make_policy("another", "vtpm", ca_dir, NULL), SV_POLICY,
             "policy.ek.subject");
        says(base_session(), make_policy("demo", "tdx", ca_dir, NULL), SV_POLICY, "policy.tee");
        says(base_session(), make_policy("demo", "vtpm", other_ca, NULL), SV_PROOF,
             "vtpm.ek.chain");

        /* the agent sealed this boot: nobody gets the key again */
        SV_POLICY_DOC *made_before = make_policy("demo", "vtpm", ca_dir, NULL);
        OK(sv_vtpm_attester_open(&(struct sv_vtpm_attester_config){.device = tpm.device,
                                                                   .event_log = "/nonexistent"},
                                 &a, &err));
        OK(sv_attester_vtpm.seal(a, &(struct sv_note){""}, &err));
        sv_attester_vtpm.close(a);
        run_session(&tpm, SV_BYTES_NULL, NULL, &later);
        SV_VERDICT verdict = {0};
        FAILS(appraise(&later, made_before, &verdict, &err), SV_POLICY, "policy.pcr.11");
}

/* A maker whom some other guest's policy trusts is not the one that this guest's policy pins. */
static void pinned_root(void **state)
{
        SV_VERDICT verdict = {0};
        SV_JSON *claims = NULL;
        SV_BLOBS blobs = {0};
        struct session *s;
        struct sv_err err;

        need_swtpm();
        s = base_session();
        SV_POLICY_DOC *theirs = make_policy("demo", "vtpm", other_ca, NULL);
        SV_POLICY_DOC *ours = make_policy("demo", "vtpm", ca_dir, NULL);
        sv_blobs_add_trust(&blobs, sv_tee_find_verify_kbs("tpm"), theirs);
        sv_blobs_add_trust(&blobs, sv_tee_find_verify_kbs("tpm"), ours);
        assert_int_equal(blobs.n, 4);
        sv_blobs_add(&blobs, "activation-secret",
                     sv_bytes(sv_secret_reveal(s->secret), sv_secret_size(s->secret)));
        struct sv_verify_in in = {.report_data = sv_bytes(report_data, sizeof(report_data)),
                                  .time = now,
                                  .collateral = {blobs.list, blobs.n}};
        SV_EVIDENCE *e = NULL;

        OK(sv_evidence_open(&sv_tee_verify_vtpm, s->evidence, &e, &err));
        FAILS(sv_appraise(e, &in, theirs, &claims, &verdict, &err), SV_POLICY, "policy.ek.root");
        assert_non_null(claims); /* the proof holds, the policy says no */
}

static void each_rule(void **state)
{
        static const struct rule_row rows[] = {
                {"policy.pcr.0", NULL},
                {"policy.pcr.4", NULL},
                {"policy.pcr.9", NULL},
                {"policy.pcr.11", NULL},
                {"policy.ek.subject", NULL},
                {"policy.ek.root", NULL},
                {"policy.ak.origin", "\"certificate\""},
        };
        SV_JSON *rules = sv_json_array();
        SV_JSON *trust = sv_json_object();
        SV_JSON *claims = NULL;

        need_swtpm();
        claims = base_claims();
        make_rules("demo", ca_dir, NULL, rules, trust);
        WALK("vtpm", rules, claims, rows);
}

/* No log was sent, which is one thing that is refused; what else is changed comes before it. */
static void each_built_in_rule(void **state)
{
        static const struct rule_row rows[] = {
                {"policy.ak.origin", "\"certificate\""},
                {"policy.quote.safe", "false"},
                {"policy.report-data", "false"},
        };
        SV_JSON *claims = NULL, *rules = NULL;
        SV_POLICY_DOC *p = NULL;
        struct sv_err err;

        need_swtpm();
        claims = base_claims();
        OK(sv_json_parse(sv_bytes_str(sv_vtpm_strict), "test", &rules, &err));
        p = walk_policy("vtpm", rules);
        for (size_t i = 0; i <= sizeof(rows) / sizeof(rows[0]); i++) {
                const bool last = i == sizeof(rows) / sizeof(rows[0]);
                SV_JSON *changed = walk_copy(claims);
                SV_VERDICT v = {0};

                if (!last)
                        walk_change(changed, sv_json_at(rules, i), &rows[i]);
                FAILS(sv_policy_evaluate(p, changed, &v, &err), SV_POLICY,
                      last ? "policy.event-log" : rows[i].check);
                assert_int_equal(walk_failed(&v), last ? 1 : 2);
        }
}

/* What the challenge left with the verifier, cut or with a byte behind it. */
static void activation_secret(void **state)
{
        uint8_t bytes[SV_VTPM_ACTIVATION_SIZE + 1] = {0};
        struct session *s;
        struct sv_err err;

        need_swtpm();
        s = base_session();
        memcpy(bytes, sv_secret_reveal(s->secret), SV_VTPM_ACTIVATION_SIZE);
        for (size_t n = SV_VTPM_ACTIVATION_SIZE - 1; n <= sizeof(bytes); n += 2) {
                SV_SECRET *changed = sv_secret_copy(sv_bytes(bytes, n), &err);
                SV_JSON *claims = NULL;

                FAILS(verify_with(s->evidence, changed, &(struct knobs){0}, &claims, &err),
                      SV_USAGE, "vtpm.activation-secret");
        }
}

/* After the key is out, this boot cannot show PCR 11 as zero again. */
static void sealed(void **state)
{
        struct sv_vtpm_attester_config config = {.event_log = "/nonexistent"};
        SESSION after = {0};
        SV_JSON *claims = NULL;
        void *a = NULL;
        struct sv_err err;
        uint8_t zeros[32] = {0};
        char hex[65];

        need_swtpm();
        config.device = other.device;
        OK(sv_vtpm_attester_open(&config, &a, &err));
        OK(sv_attester_vtpm.seal(a, &(struct sv_note){""}, &err));
        sv_attester_vtpm.close(a);
        run_session(&other, SV_BYTES_NULL, NULL, &after);
        OK(verify_with(after.evidence, after.secret, &(struct knobs){.other_ca = true}, &claims,
                       &err));
        assert_string_not_equal(sv_json_str(sv_json_pointer(claims, "/pcrs/sha256/11")),
                                sv_hex(sv_bytes(zeros, 32), hex));
}

/* Verified before anybody knows which makers count: the claims name none, and later the anchors of
 * one policy decide. */
static void root_later(void **state)
{
        SV_JSON *claims = NULL, *nothing = sv_json_object();
        struct session *s;
        struct sv_blob list[] = {{"ek-root", SV_BYTES_NULL}, {"ek-intermediate", SV_BYTES_NULL}};
        struct sv_collateral c = {list, 2, NULL};
        struct sv_err err = SV_ERR_NULL;
        SV_CERTS root = {0};
        uint8_t digest[32];
        char hex[65];

        need_swtpm();
        s = base_session();
        OK(verify_with(s->evidence, s->secret,
                       &(struct knobs){.any_root = true, .no_root = true, .no_issuer = true},
                       &claims, &err));
        assert_null(sv_json_pointer(claims, "/ek/root_sha256"));
        FAILS(sv_vtpm_confirm_root(nothing, &c, now, &err), SV_PROOF, "vtpm.ek.chain");
        c.n = 0;
        FAILS(sv_vtpm_confirm_root(claims, &c, now, &err), SV_PROOF, "vtpm.ek.root");
        c.n = 2;
        list[0].data = sv_buf_bytes(&other_root_pem);
        list[1].data = sv_buf_bytes(&other_issuer_pem);
        FAILS(sv_vtpm_confirm_root(claims, &c, now, &err), SV_PROOF, "vtpm.ek.chain");
        assert_non_null(strstr(err.msg, "host vtpm-ca --export"));
        assert_null(sv_json_pointer(claims, "/ek/root_sha256"));
        list[0].data = sv_buf_bytes(&root_pem);
        list[1].data = sv_buf_bytes(&issuer_pem);
        FAILS(sv_vtpm_confirm_root(claims, &c, now - 86400, &err), SV_PROOF, "vtpm.ek.expired");
        OK(sv_vtpm_confirm_root(claims, &c, now, &err));
        OK(sv_certs_parse(sv_buf_bytes(&root_pem), &root, "test", &err));
        sv_cert_fingerprint(root.list[0], digest);
        assert_string_equal(sv_json_str(sv_json_pointer(claims, "/ek/root_sha256")),
                            sv_hex(sv_bytes(digest, 32), hex));
}

/* So many bytes of a proof lie before the values of the first bank's registers. */
static size_t count_signed(struct sv_bytes proof)
{
        struct sv_rd r = sv_rd(proof);

        for (int i = 0; i < 3; i++)
                sv_rd_part(&r);
        sv_rd_u8(&r);
        sv_rd_part(&r);
        sv_rd_part(&r);
        assert_false(r.bad);
        return r.pos;
}

/* Claims of somebody who may lie, against the bytes of the TPM's quote. */
static void confirmed(void **state)
{
        static const char *const unproven[] = {"ek", "event_log", NULL};
        struct session *s;
        struct sv_blob secret = {SV_VTPM_ACTIVATION_KIND, SV_BYTES_NULL};
        uint8_t none[SV_VTPM_ACTIVATION_SIZE] = {0};
        struct sv_verify_in in = {.report_data = sv_bytes(report_data, sizeof(report_data)),
                                  .time = now,
                                  .any_root = true,
                                  .collateral = {&secret, 1, NULL}};
        SV_BUF proof = SV_BUF_NULL;
        SV_JSON *claims = NULL;
        struct lies l = {&sv_tee_verify_vtpm, &in, {NULL, 0}, NULL, unproven, 0};
        struct sv_err err = SV_ERR_NULL;

        need_swtpm();
        s = base_session();
        secret.data = sv_bytes(sv_secret_reveal(s->secret), sv_secret_size(s->secret));
        make_lies(&l, s->evidence, &claims, &proof);
        claims_are_held(&l);
        assert_true(l.n >= 6);
        session_is_held(&l, "vtpm.quote.nonce");
        /* the key, the certificate, the activation, the quote and its signature */
        proof_is_held(&l, count_signed(l.proof), 7);
        sv_json_set_str(sv_json_get(claims, "ek"), "cert_sha256", "another TPM's");
        FAILS(l.tee->confirm(l.proof, &in, claims, &err), SV_PROOF, "tee.claims");
        secret.data = sv_bytes(none, sizeof(none));
        FAILS(l.tee->confirm(l.proof, &in, claims, &err), SV_PROOF, "vtpm.ak.other");
}

/* Another's names beside one's own certificate. */
static void names_of_the_root(void **state)
{
        static const char *const names[] = {"subject_cn", "manufacturer", "model", "version",
                                            "cert_sha256"};
        struct sv_blob list[] = {{"ek-root", sv_buf_bytes(&root_pem)},
                                 {"ek-intermediate", sv_buf_bytes(&issuer_pem)}};
        const struct sv_collateral c = {list, 2, NULL};
        struct sv_err err = SV_ERR_NULL;
        struct session *s;

        need_swtpm();
        s = base_session();
        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
                SV_JSON *claims = NULL;

                OK(verify_with(s->evidence, s->secret, &(struct knobs){.any_root = true}, &claims,
                               &err));
                sv_json_set_str(sv_json_get(claims, "ek"), names[i], "demo:other");
                FAILS(sv_vtpm_confirm_root(claims, &c, now, &err), SV_PROOF, "tee.claims");
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(holds),
                                           cmocka_unit_test(pinned_root),
                                           cmocka_unit_test(refuses),
                                           cmocka_unit_test(each_rule),
                                           cmocka_unit_test(each_built_in_rule),
                                           cmocka_unit_test(activation_secret),
                                           cmocka_unit_test(root_later),
                                           cmocka_unit_test(confirmed),
                                           cmocka_unit_test(names_of_the_root),
                                           cmocka_unit_test(sealed)};

        return cmocka_run_group_tests_name("vtpm-appraise", tests, group_setup, group_teardown);
}
