/* SPDX-License-Identifier: Apache-2.0 */
/* The row of SEV-SNP, its pure part: evidence and collateral to claims, what is needed, rules and
 * what they refuse. */
#include "tests/unit/confirm.h"
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "tee/trust-cache.h"
#include "policy/evaluate.h"
#include "policy/policy.h"
#include "sev/verify/evidence.h"
#include "sev/verify/cached.h"
#include "sev/options.h"
#include "sev/measure/require.h"
#include "sev/measure/measure.h"
#include "sev/tee.h"
#include "sev/verify/floor.h"
#include "sev/verify/tee.h"
#include "tests/unit/unit.h"

#include <unistd.h>

#define DIR       "snp/"
#define JUNE_2026 1780272000

static struct sv_err err;

static void load(const char *rel, struct sv_buf *out)
{
        char path[256];

        snprintf(path, sizeof(path), DIR "%s", rel);
        OK(sv_file_read(vector_path(path), 1u << 20, out, "test.file", &err));
}

/* One for all of these tests, whatever order they come in. */
static struct sv_trust_cache *memory;

/* Anew, and with what the verifications before have left: the answers are the same. */
static int verify_both(const struct sv_json *evidence, struct sv_verify_in *in,
                       struct sv_json **claims)
{
        struct sv_err warm_err = SV_ERR_NULL;
        int r = verify_and_confirm(&sv_tee_verify_sev_snp, evidence, in, claims, &err);

        in->cache = memory;
        for (int i = 0; i < 2; i++) {
                SV_JSON *warm = NULL;

                assert_int_equal(
                        verify_json(&sv_tee_verify_sev_snp, evidence, in, &warm, &warm_err), r);
                assert_string_equal(warm_err.check, err.check);
                assert_string_equal(warm_err.msg, err.msg);
                assert_int_equal(warm_err.class, err.class);
                assert_true(r < 0 ? !warm : sv_json_equal(warm, *claims));
        }
        return r;
}

static int verify_with(const struct sv_json *evidence, const char *vek, const char *ca,
                       const char *root, const char *crl, struct sv_json **claims)
{
        static const char *const kinds[] = {"vek", "ca", "ark-root", "crl"};
        const char *names[] = {vek, ca, root, crl};
        struct sv_blob blobs[4] = {0};
        struct sv_buf raw[4] = {0};
        struct sv_verify_in in = {.time = JUNE_2026, .collateral = {blobs, 0}};
        int r;

        for (size_t i = 0; i < 4; i++) {
                if (!names[i])
                        continue;
                load(names[i], &raw[i]);
                snprintf(blobs[in.collateral.n].kind, sizeof(blobs[0].kind), "%s", kinds[i]);
                blobs[in.collateral.n++].data = sv_buf_bytes(&raw[i]);
        }
        memset(&err, 0, sizeof(err));
        r = verify_both(evidence, &in, claims);
        for (size_t i = 0; i < 4; i++)
                sv_buf_free(&raw[i]);
        return r;
}

static struct sv_json *evidence_of(const char *rel)
{
        struct sv_json *evidence = NULL;
        SV_BUF raw = SV_BUF_NULL;

        load(rel, &raw);
        OK(sv_snp_evidence_wrap(sv_buf_bytes(&raw), &evidence, &err));
        return evidence;
}

/* What a policy lifts of the floor. */
static struct sv_json *allow_list(const char *json)
{
        struct sv_json *list = NULL;

        OK(sv_json_parse(sv_bytes_str(json), "test", &list, &err));
        return list;
}

/* 0, or -1 with err: evaluates floor and built-in rules over these claims. */
static int strict_allowing(struct sv_json *claims, const char *json, struct sv_verdict *v)
{
        SV_JSON *rules = NULL, *floor = NULL, *allow = allow_list(json);
        SV_JSON *trust = sv_json_object();
        SV_BUF doc = SV_BUF_NULL;
        SV_POLICY_DOC *p = NULL;

        OK(sv_json_parse(sv_bytes_str(sv_snp_strict), "test", &rules, &err));
        OK(sv_json_parse(sv_bytes_str(sv_snp_floor), "test", &floor, &err));
        OK(sv_policy_write_allowing("any", "sev-snp", "a/b/c", rules, trust, allow, &doc, &err));
        OK(sv_policy_parse(sv_buf_bytes(&doc), &p, &err));
        return sv_policy_evaluate_above(p, floor, claims, v, &err);
}

/* The vectors are older than the floor. */
static int strict(struct sv_json *claims)
{
        SV_VERDICT v = {0};

        return strict_allowing(claims, "[\"tcb\",\"firmware\",\"alias_check\",\"vmpl\"]", &v);
}

static const char *url_of(const struct sv_json *needs, const char *kind)
{
        for (size_t i = 0; i < sv_json_len(needs); i++)
                if (!strcmp(sv_json_str(sv_json_get(sv_json_at(needs, i), "kind")), kind))
                        return sv_json_str(sv_json_get(sv_json_at(needs, i), "url"));
        return "";
}

static int real_one(void *arg, const char *name, struct sv_json *row, struct sv_err *unused)
{
        SV_JSON *evidence = evidence_of(sv_json_str(sv_json_get(row, "file")));
        SV_JSON *claims = NULL;
        SV_JSON *needs = sv_json_array();
        bool debug = strstr(name, "debug") != NULL,
             provisional = sv_json_bool(sv_json_get(row, "provisional(committed!=current)"), false);
        int r;

        OK(needs_json(&sv_tee_verify_sev_snp, evidence, needs, &err));
        assert_string_equal(url_of(needs, "vek"), sv_json_str(sv_json_get(row, "kds_vek_url")));
        assert_string_equal(url_of(needs, "ca"), sv_json_str(sv_json_get(row, "kds_chain_url")));
        assert_string_equal(url_of(needs, "crl"), sv_json_str(sv_json_get(row, "kds_crl_url")));
        OK(verify_with(evidence, sv_json_str(sv_json_get(row, "vek")),
                       sv_json_str(sv_json_get(row, "chain")), NULL, NULL, &claims));
        assert_true(sv_json_bool(sv_json_pointer(claims, "/root/amd"), false));
        assert_int_equal(sv_json_bool(sv_json_pointer(claims, "/tcb/provisional"), !provisional),
                         provisional);
        r = strict(claims);
        print_message("%s: %s\n", name, r < 0 ? err.check : "holds");
        if (debug || provisional) {
                assert_int_equal(r, -1);
                assert_int_equal(err.class, SV_POLICY);
                assert_string_equal(err.check, debug ? "policy.floor.debug" : "policy.provisional");
        } else {
                assert_int_equal(r, 0);
        }
        (*(unsigned *)arg)++;
        return 0;
}

static void real_reports(void **state)
{
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *all = NULL;
        unsigned n = 0;

        load("reports/expected-fields.json", &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &all, &err));
        OK(sv_json_each(all, real_one, &n, &err));
        assert_true(n >= 6);
}

/* Everything that holds without policy: which of the strict rules then says no. */
static void synthetic_policies(void **state)
{
        static const struct {
                const char *name, *vek, *ca, *root, *check;
        } t[] = {
                {"ok-milan-v3", "vcek", "milan-vcek", "ark", NULL},
                {"ok-milan-v2", "vcek", "milan-vcek", "ark", NULL},
                {"ok-milan-v5", "vcek", "milan-vcek", "ark", NULL},
                {"ok-turin-v5", "vcek-turin", "turin-vcek", "ark-turin", NULL},
                {"ok-milan-vlek", "vlek", "milan-vlek", "ark", NULL},
                {"policy-debug", "vcek", "milan-vcek", "ark", "policy.floor.debug"},
                {"policy-migrate", "vcek", "milan-vcek", "ark", "policy.floor.migration"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                char report[64], vek[64], ca[64], root[64];
                SV_JSON *claims = NULL;
                SV_JSON *evidence = NULL;

                snprintf(report, sizeof(report), "synth/reports/%s.bin", t[i].name);
                snprintf(vek, sizeof(vek), "synth/certs/%s.der", t[i].vek);
                snprintf(ca, sizeof(ca), "synth/certs/ca-%s.pem", t[i].ca);
                snprintf(root, sizeof(root), "synth/certs/%s.der", t[i].root);
                evidence = evidence_of(report);
                OK(verify_with(evidence, vek, ca, root, NULL, &claims));
                assert_false(sv_json_bool(sv_json_pointer(claims, "/root/amd"), true));
                if (t[i].check)
                        FAILS(strict(claims), SV_POLICY, t[i].check);
                else
                        OK(strict(claims));
                sv_json_freep(&claims);
                FAILS(verify_with(evidence, vek, ca, NULL, NULL, &claims), SV_PROOF,
                      "snp.chain.root");
                FAILS(verify_with(evidence, NULL, ca, root, NULL, &claims), SV_PROOF,
                      "snp.vek.missing");
        }
}

/* Certificates beside the report in the evidence are enough; a list beside them is looked at. */
static void own_certificates(void **state)
{
        SV_JSON *claims = NULL;
        SV_JSON *evidence = NULL;
        SV_JSON *hidden = sv_json_array();
        SV_JSON *needs = sv_json_array();
        struct sv_cert_table table;
        SV_BUF raw = SV_BUF_NULL;
        SV_BUF certs = SV_BUF_NULL;

        load("certtable/ok-der.bin", &certs);
        OK(sv_cert_table_parse(sv_buf_bytes(&certs), &table, &err));
        load("reports/milan-v2-a.bin", &raw);
        OK(sv_snp_evidence_write(sv_buf_bytes(&raw), &table, &evidence, &err));
        OK(verify_with(evidence, NULL, NULL, NULL, NULL, &claims));
        OK(needs_json(&sv_tee_verify_sev_snp, evidence, needs, &err));
        assert_string_equal(url_of(needs, "vek"), ""); /* it is there */
        assert_string_equal(url_of(needs, "ca"), "");
        assert_string_not_equal(url_of(needs, "crl"), "");
        sv_json_freep(&claims);
        FAILS(verify_with(evidence, NULL, NULL, NULL, "synth/certs/crl-empty.der", &claims),
              SV_PROOF, "snp.chain.crl");
        sv_json_freep(&evidence);
        sv_buf_clear(&certs);
        load("certtable/bad-garbage-der.bin", &certs);
        OK(sv_cert_table_parse(sv_buf_bytes(&certs), &table, &err));
        OK(sv_snp_evidence_write(sv_buf_bytes(&raw), &table, &evidence, &err));
        FAILS(verify_with(evidence, NULL, NULL, NULL, NULL, &claims), SV_FORMAT, "snp.vek.form");
        /* AMD is not asked for the key of a chip that the platform hides. */
        memset(raw.p + 0x1a0, 0, 64);
        sv_json_freep(&evidence);
        OK(sv_snp_evidence_write(sv_buf_bytes(&raw), NULL, &evidence, &err));
        OK(needs_json(&sv_tee_verify_sev_snp, evidence, hidden, &err));
        assert_string_equal(url_of(hidden, "vek"), "");
}

/* Collateral of each kind that is no certificate. */
static void no_certificates(void **state)
{
        static const char report[] = "synth/reports/ok-milan-v3.bin",
                          vek[] = "synth/certs/vcek.der", ca[] = "synth/certs/ca-milan-vcek.pem",
                          root[] = "synth/certs/ark.der";
        SV_JSON *evidence = evidence_of(report);
        SV_JSON *claims = NULL;

        FAILS(verify_with(evidence, report, ca, root, NULL, &claims), SV_FORMAT, "snp.vek.form");
        FAILS(verify_with(evidence, vek, report, root, NULL, &claims), SV_FORMAT, "snp.ca.form");
        FAILS(verify_with(evidence, vek, ca, report, NULL, &claims), SV_FORMAT, "snp.root.form");
}

/* Who gives the CA certificates may add to them, in any place: one of them was verified with, and
 * no claim is of another. AMD's own root stays AMD's for all, also when somebody lists it. */
static void which_root(void **state)
{
        SV_JSON *evidence = evidence_of("reports/milan-v2-a.bin");
        SV_BUF vek = SV_BUF_NULL, chain = SV_BUF_NULL, other = SV_BUF_NULL, ark = SV_BUF_NULL;
        SV_CERTS certs = {0};
        SV_JSON *claims = NULL;
        struct sv_blob list[] = {{"vek", SV_BYTES_NULL},
                                 {"ca", SV_BYTES_NULL},
                                 {"ca", SV_BYTES_NULL},
                                 {"ark-root", SV_BYTES_NULL}};
        struct sv_verify_in in = {.collateral = {list, 4}, .time = JUNE_2026};
        uint8_t digest[32];
        char hex[65];

        load("certs/vcek-milan-a.der", &vek);
        load("certs/cert_chain-milan-vcek.pem", &chain);
        load("synth/certs/ark.der", &other);
        OK(sv_certs_parse(sv_buf_bytes(&chain), &certs, "test", &err));
        OK(sv_cert_der(certs.list[1], &ark, &err));
        list[0].data = sv_buf_bytes(&vek);
        list[3].data = sv_buf_bytes(&ark);
        for (int first = 0; first < 2; first++) {
                list[1].data = sv_buf_bytes(first ? &other : &chain);
                list[2].data = sv_buf_bytes(first ? &chain : &other);
                FAILS(verify_json(&sv_tee_verify_sev_snp, evidence, &in, &claims, &err), SV_PROOF,
                      "snp.chain.surplus");
        }
        list[1].data = sv_buf_bytes(&chain);
        list[2] = list[3];
        in.collateral.n = 3;
        OK(verify_json(&sv_tee_verify_sev_snp, evidence, &in, &claims, &err));
        assert_true(sv_json_bool(sv_json_pointer(claims, "/root/amd"), false));
        sv_cert_fingerprint(certs.list[1], digest);
        assert_string_equal(sv_json_str(sv_json_pointer(claims, "/root/sha256")),
                            sv_hex(sv_bytes(digest, 32), hex));
}

/* What one memory tells, another proves anew. */
static void learned(void **state)
{

        SV_JSON *evidence = evidence_of("synth/reports/ok-milan-v3.bin");
        SV_TRUST_CACHE *m = sv_trust_cache_new(), *other = sv_trust_cache_new();
        SV_BUF vek = SV_BUF_NULL, ca = SV_BUF_NULL, root = SV_BUF_NULL, raw = SV_BUF_NULL,
               more = SV_BUF_NULL;
        SV_JSON *surplus = NULL;
        struct sv_blob list[] = {{"vek", SV_BYTES_NULL},
                                 {"ca", SV_BYTES_NULL},
                                 {"ark-root", SV_BYTES_NULL},
                                 {"ca", SV_BYTES_NULL}};
        struct sv_verify_in in = {.collateral = {list, 4}, .time = JUNE_2026, .cache = m};
        SV_SHARED_ENTRY l = {.list = NULL};

        load("synth/certs/vcek.der", &vek);
        load("synth/certs/ca-milan-vcek.pem", &ca);
        load("synth/certs/ark.der", &root);
        load("synth/certs/ca-turin-vcek.pem", &more);
        list[0].data = sv_buf_bytes(&vek);
        list[1].data = sv_buf_bytes(&ca);
        list[2].data = sv_buf_bytes(&root);
        list[3].data = sv_buf_bytes(&more);
        /* with another product's chain beside it */
        FAILS(verify_json(&sv_tee_verify_sev_snp, evidence, &in, &surplus, &err), SV_PROOF,
              "snp.chain.surplus");
        assert_false(sv_trust_cache_share(m, &raw));
        in.collateral.n = 3;
        for (int i = 0; i < 2; i++) {
                SV_JSON *claims = NULL;

                OK(verify_json(&sv_tee_verify_sev_snp, evidence, &in, &claims, &err));
        }
        assert_int_equal(sv_trust_cache_hits(m), 1);
        assert_true(sv_trust_cache_share(m, &raw));
        OK(sv_shared_read(sv_buf_bytes(&raw), &l, &err));
        FAILS(sv_snp_cache_accept(other, &l.what, 0, &err), SV_PROOF, "snp.chain.expired");
        for (size_t i = 0; i < l.what.n; i++) {
                uint8_t *p = (uint8_t *)(uintptr_t)l.list[i].data.p + l.list[i].data.n / 2;

                *p ^= 1;
                assert_int_equal(sv_snp_cache_accept(other, &l.what, JUNE_2026, &err), -1);
                *p ^= 1;
        }
        OK(sv_snp_cache_accept(other, &l.what, JUNE_2026, &err));
        in.cache = other;
        for (int i = 0; i < 2; i++) {
                SV_JSON *claims = NULL;

                OK(verify_json(&sv_tee_verify_sev_snp, evidence, &in, &claims, &err));
        }
        assert_int_equal(sv_trust_cache_hits(other), 2);
}

/* Platforms under a root that nobody has named yet: they take one place in a cache, however many
 * there are, and prove nothing to who asks for AMD's roots. */
static void unknown_root(void **state)
{
        static const char *const names[][3] = {
                {"synth/reports/ok-milan-v3.bin", "synth/certs/vcek.der",
                 "synth/certs/ca-milan-vcek.pem"},
                {"synth/reports/ok-milan-vlek.bin", "synth/certs/vlek.der",
                 "synth/certs/ca-milan-vlek.pem"}};
        SV_BUF root = SV_BUF_NULL;

        load("synth/certs/ark.der", &root);
        for (int any = 0; any < 2; any++) {
                SV_TRUST_CACHE *m = sv_trust_cache_new();

                for (int i = 0; i < 4; i++) {
                        const char *const *name = names[i == 1];
                        SV_JSON *evidence = evidence_of(name[0]), *claims = NULL;
                        SV_BUF vek = SV_BUF_NULL, ca = SV_BUF_NULL;
                        struct sv_blob list[] = {{"vek", SV_BYTES_NULL},
                                                 {"ca", SV_BYTES_NULL},
                                                 {"ark-root", sv_buf_bytes(&root)}};
                        struct sv_verify_in in = {.collateral = {list, any ? 2 : 3, NULL},
                                                  .time = JUNE_2026,
                                                  .any_root = any,
                                                  .cache = m};

                        load(name[1], &vek);
                        load(name[2], &ca);
                        list[0].data = sv_buf_bytes(&vek);
                        list[1].data = sv_buf_bytes(&ca);
                        OK(verify_json(&sv_tee_verify_sev_snp, evidence, &in, &claims, &err));
                        assert_false(sv_json_bool(sv_json_pointer(claims, "/root/amd"), true));
                        /* the other one has taken its place */
                        assert_int_equal(sv_trust_cache_hits(m), i < 2 ? 0 : any ? i - 2 : i - 1);
                        in.any_root = false;
                        in.collateral.n = 2;
                        sv_json_freep(&claims);
                        FAILS(verify_json(&sv_tee_verify_sev_snp, evidence, &in, &claims, &err),
                              SV_PROOF, "snp.chain.root");
                }
        }
}

static int require(const char *json, struct sv_json *rules)
{
        SV_JSON *r = NULL;

        OK(sv_json_parse(sv_bytes_str(json), "test", &r, &err));
        return sv_sev_require_rules(r, rules, &err);
}

/* Each requirement on the platform, met and not met by a real Turin report. */
static void requirements(void **state)
{
        static const struct {
                const char *json, *check; /* NULL: holds */
        } t[] = {
                {"{}", NULL},
                {"{\"reported_tcb\":{\"snp\":4,\"microcode\":81,\"fmc\":1}}", NULL},
                {"{\"reported_tcb\":{\"snp\":5}}", "policy.reported_tcb.snp"},
                {"{\"reported_tcb\":{\"snp\":0}}", NULL},
                {"{\"reported_tcb\":{\"snp\":255}}", "policy.reported_tcb.snp"},
                {"{\"committed_tcb\":{\"bootloader\":2}}", "policy.committed_tcb.bootloader"},
                {"{\"launch_tcb\":{\"tee\":2}}", "policy.launch_tcb.tee"},
                {"{\"firmware\":\"1.55\"}", NULL},
                {"{\"firmware\":\"1.55.65\"}", NULL},
                {"{\"firmware\":\"1.55.66\"}", "policy.firmware"},
                {"{\"mit_vector_set\":\"0x3f\"}", NULL},
                {"{\"mit_vector_set\":\"0x40\"}", "policy.mitigations"},
                {"{\"platform_set\":\"0x20\"}", NULL},
                {"{\"platform_set\":\"0x2\"}", "policy.platform.set"},
                {"{\"platform_clear\":\"0x2\"}", NULL},
                {"{\"platform_clear\":\"0x1\"}", "policy.platform.clear"},
                {"{\"crl\":true}", "policy.crl"},
        };
        static const char *const wrong[] = {
                "{\"reported_tcb\":{}}",
                "{\"reported_tcb\":{\"ucode\":1}}",
                "{\"reported_tcb\":{\"snp\":256}}",
                "{\"reported_tcb\":{\"snp\":-1}}",
                "{\"firmware\":\"1\"}",
                "{\"firmware\":\"1.256\"}",
                "{\"firmware\":155}",
                "{\"mit_vector_set\":63}",
                "{\"platform_set\":\"3f\"}",
                "{\"chips_denied\":[]}",
                "{\"chips_denied\":[\"00\"]}",
                "{\"provisional\":1}",
                "{\"other\":1}",
        };
        SV_JSON *evidence = evidence_of("reports/turin-v5-azure.bin");
        SV_JSON *claims = NULL;
        SV_JSON *none = sv_json_array();
        const char *chip;
        char deny[256];

        OK(verify_with(evidence, "certs/vcek-turin-a.pem", "certs/cert_chain-turin-vcek.pem", NULL,
                       NULL, &claims));
        chip = sv_json_str(sv_json_get(claims, "chip_id"));
        snprintf(deny, sizeof(deny), "{\"chips_denied\":[\"%s\"]}", chip);
        for (size_t i = 0; i <= sizeof(t) / sizeof(t[0]); i++) {
                bool last = i == sizeof(t) / sizeof(t[0]);
                const char *check = last ? "policy.chip" : t[i].check;
                SV_JSON *rules = sv_json_array();
                SV_JSON *trust = sv_json_object();
                SV_BUF doc = SV_BUF_NULL;
                SV_POLICY_DOC *p = NULL;
                SV_VERDICT v = {0};

                OK(require(last ? deny : t[i].json, rules));
                OK(sv_policy_write("any", "sev-snp", "a/b/c", rules, trust, &doc, &err));
                OK(sv_policy_parse(sv_buf_bytes(&doc), &p, &err));
                if (check)
                        FAILS(sv_policy_evaluate(p, claims, &v, &err), SV_POLICY, check);
                else
                        OK(sv_policy_evaluate(p, claims, &v, &err));
        }
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
                FAILS(require(wrong[i], none), SV_USAGE, "guest.sev-snp.require");
}

/* This rule of them, alone, refuses these claims by its name. */
static void rule_refuses(const struct sv_json *rules, const char *check,
                         const struct sv_json *claims)
{
        SV_JSON *one = sv_json_array();
        SV_JSON *trust = sv_json_object();
        SV_BUF doc = SV_BUF_NULL;
        SV_POLICY_DOC *p = NULL;
        SV_VERDICT v = {0};

        for (size_t i = 0; i < sv_json_len(rules); i++)
                if (!strcmp(sv_json_str(sv_json_get(sv_json_at(rules, i), "check")), check))
                        sv_json_add(one, sv_json_ref(sv_json_at(rules, i)));
        OK(sv_policy_write("g", "sev-snp", "a/b/c", one, trust, &doc, &err));
        OK(sv_policy_parse(sv_buf_bytes(&doc), &p, &err));
        FAILS(sv_policy_evaluate(p, claims, &v, &err), SV_POLICY, check);
}

/* What a written policy lifts is what the guest file says, and one that would never release
 * anything is not written. */
static void guest_allows(void **state)
{
        static const struct {
                const char *own, *allow; /* NULL: refused */
        } t[] = {
                {"{}", "[]"},
                {"{\"allow\":[\"tcb\",\"vmpl\"]}", "[\"vmpl\",\"tcb\"]"},
                {"{\"policy\":\"0xb0000\",\"allow_debug\":true}", "[\"debug\"]"},
                {"{\"policy\":\"0x70000\",\"allow\":[\"migration\"]}", "[\"migration\"]"},
                {"{\"policy\":\"0x70000\"}", NULL},
                {"{\"policy\":\"0x70000\",\"allow\":[\"debug\"]}", NULL},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_STR text = sv_asprintf("{\"name\":\"g\",\"tee\":\"sev-snp\",\"kernel\":\"k\","
                                          "\"tees\":{\"sev-snp\":%s}}",
                                          t[i].own);
                SV_JSON *allow = sv_json_array(), *want = NULL;
                SV_GUEST guest = {0};

                OK(sv_guest_parse(sv_bytes_str(text), "g.json", "/nonexistent", &guest, &err));
                if (!t[i].allow) {
                        FAILS(sv_snp_allow(&guest, allow, &err), SV_USAGE, "guest.sev-snp.allow");
                        continue;
                }
                OK(sv_snp_allow(&guest, allow, &err));
                want = allow_list(t[i].allow);
                assert_true(sv_json_equal(allow, want));
        }
}

static void guest_rules(void **state)
{
        static const char *const texts[] = {
                "{\"name\":\"g\",\"tee\":\"sev-snp\",\"kernel\":\"k\"}",
                "{\"name\":\"g\",\"tee\":\"sev-snp\",\"kernel\":\"k\",\"tees\":{\"sev-snp\":{"
                "\"policy\":\"0x1030000\",\"host_data\":"
                "\"b3452a0ed30f1010bd32740dd1610bc63296ceb0f882f2cac3a3152d651fe7e4\"}}}",
        };

        for (size_t i = 0; i < 2; i++) {
                struct sv_measurement m = {.values = sv_json_object()};
                SV_GUEST guest = {0};
                struct sv_report r = {0};
                SV_JSON *claims = NULL;
                SV_JSON *rules = sv_json_array();
                SV_JSON *trust = sv_json_object();
                SV_BUF doc = SV_BUF_NULL;
                SV_POLICY_DOC *p = NULL;

                OK(sv_guest_parse(sv_bytes_str(texts[i]), "g.json", "/nonexistent", &guest, &err));
                FAILS(sv_snp_rules(&guest, &m, rules, trust, &err), SV_USAGE, "sev.measurement");
                sv_json_set_str(m.values, "launch_digest", "00");
                OK(sv_snp_rules(&guest, &m, rules, trust, &err));
                OK(sv_policy_write("g", "sev-snp", "a/b/c", rules, trust, &doc, &err));
                OK(sv_policy_parse(sv_buf_bytes(&doc), &p, &err));
                r.policy = 0x70000;
                claims = sv_report_claims(&r);
                rule_refuses(rules, "policy.migrate_ma", claims);
                sv_measurement_free(&m);
        }
}

static int make_memory(void **state)
{
        memory = sv_trust_cache_new();
        return 0;
}

static int free_memory(void **state)
{
        uint64_t hits = sv_trust_cache_hits(memory);

        print_message("%llu verifications found what they needed\n", (unsigned long long)hits);
        sv_trust_cache_freep(&memory);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(real_reports),
                cmocka_unit_test(synthetic_policies),
                cmocka_unit_test(own_certificates),
                cmocka_unit_test(no_certificates),
                cmocka_unit_test(requirements),
                cmocka_unit_test(guest_rules),
                cmocka_unit_test(guest_allows),
                cmocka_unit_test(which_root),
                cmocka_unit_test(unknown_root),
                cmocka_unit_test(learned),
                /* Another time, with all that is kept by now. */
                cmocka_unit_test(real_reports),
                cmocka_unit_test(synthetic_policies),
                cmocka_unit_test(own_certificates),
        };

        return cmocka_run_group_tests(tests, make_memory, free_memory);
}
