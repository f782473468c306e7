/* SPDX-License-Identifier: Apache-2.0 */
/* The row of TDX, its pure part: evidence and collateral in each of their forms to claims, what is
 * needed, rules and what they refuse. Quotes of real platforms with Intel's collateral of their
 * time, and cases with one thing wrong (tests/vectors). */
#include "tests/unit/evidence.h"
#include "tests/unit/tdx_tee.h"
#include "tests/unit/limits_of.h"

static void real_pairs(void **state)
{
        SV_JSON *rows = read_json("expected-real.json");
        unsigned held = 0, refused = 0;

        for (size_t i = 0; i < sv_json_len(rows); i++) {
                const struct sv_json *row = sv_json_at(rows, i),
                                     *want = sv_json_get(row, "expected");
                SV_JSON *claims = NULL;
                int r = verify_row(row, NULL, &claims);

                if (!strncmp(text(want, "/status"), "REJECT", 6) || sv_json_get(want, "reject") ||
                    !sv_json_get(want, "status")) {
                        if (r == 0 || err.class == SV_OK)
                                fail_msg("%s was accepted", text(row, "/quote"));
                        refused++;
                        continue;
                }
                if (r < 0)
                        fail_msg("%s: %s [%s]", text(row, "/quote"), err.msg, err.check);
                same_status(text(row, "/quote"), want, claims);
                assert_true(sv_json_bool(sv_json_pointer(claims, "/root/intel"), false));
                held++;
        }
        print_message("%u real pairs hold, %u are refused\n", held, refused);
        assert_true(held >= 8 && refused >= 20);
}

static int strict(struct sv_json *claims)
{
        SV_JSON *rules = NULL;
        SV_JSON *trust = sv_json_object();
        SV_BUF doc = SV_BUF_NULL;
        SV_POLICY_DOC *p = NULL;
        SV_VERDICT v = {0};

        OK(sv_json_parse(sv_bytes_str(sv_tdx_strict), "test", &rules, &err));
        OK(sv_policy_write("any", "tdx", "a/b/c", rules, trust, &doc, &err));
        OK(sv_policy_parse(sv_buf_bytes(&doc), &p, &err));
        memset(&err, 0, sizeof(err));
        return sv_policy_evaluate(p, claims, &v, &err);
}

/* What the proof says, and its class; a case that verifies may still be one that the built-in
 * policy refuses. */
static void every_case(void **state)
{
        SV_JSON *rows = read_json("cases/index.json");
        unsigned held = 0, refused = 0, denied = 0;

        for (size_t i = 0; i < sv_json_len(rows); i++) {
                const struct sv_json *row = sv_json_at(rows, i), *want = sv_json_get(row, "expect");
                const char *id = text(row, "/id"), *result = text(want, "/result"),
                           *code = text(want, "/code");
                SV_JSON *claims = NULL;
                int r = verify_row(row, NULL, &claims);

                if (!strcmp(result, "reject")) {
                        enum sv_class class =
                                !strncmp(code, "FORMAT", 6) || !strcmp(code, "PCK_CERT_TYPE")
                                        ? SV_FORMAT
                                        : SV_PROOF;

                        if (r == 0)
                                fail_msg("%s was accepted: %s", id, text(row, "/meaning"));
                        assert_null(claims);
                        /* A certificate may be malformed, or without what it must have. */
                        if (err.class != class &&
                            !(err.class == SV_FORMAT && !strncmp(err.check, "tdx.pck.", 8)))
                                fail_msg("%s: %s [%s] has class %s", id, err.msg, err.check,
                                         sv_class_name(err.class));
                        refused++;
                } else if (!strcmp(result, "accept")) {
                        bool current;

                        if (r < 0)
                                fail_msg("%s: %s [%s]", id, err.msg, err.check);
                        same_status(id, want, claims);
                        current = !strcmp(text(claims, "/tcb/status"), "UpToDate") &&
                                  !strstr(text(row, "/meaning"), "policy") &&
                                  !strstr(text(row, "/meaning"), "POLICY");
                        if (current != (strict(claims) == 0))
                                fail_msg("%s (%s): the built-in policy says %s", id,
                                         text(row, "/meaning"), err.msg);
                        denied += !current;
                        held++;
                }
        }
        print_message("%u cases hold, %u of them refused by the built-in policy; %u do not hold\n",
                      held, denied, refused);
        assert_true(held >= 20 && refused >= 60 && denied >= 10);
}

/* --- forms of collateral --- */

static void bundles(void **state)
{
        static const struct {
                const char *bundle, *collateral;
        } t[] = {
                {"collateral-json/00806f-2025-07.platform_collaterals.json",
                 "collateral/00806f-2025-07"},
                {"collateral-json/90c06f-2026-02.dcap-qvl.json", "collateral/90c06f-2026-02"},
                {"collateral-json/90c06f-2026-02.platform_collaterals.json",
                 "collateral/90c06f-2026-02"},
                {"collateral-json/b0c06f-2025-06.dcap-qvl.json", "collateral/b0c06f-2025-06"},
        };
        SV_JSON *rows = read_json("expected-real.json");
        unsigned held = 0;

        for (size_t k = 0; k < sizeof(t) / sizeof(t[0]); k++)
                for (size_t i = 0; i < sv_json_len(rows); i++) {
                        const struct sv_json *row = sv_json_at(rows, i),
                                             *want = sv_json_get(row, "expected");
                        SV_JSON *folder = NULL;
                        SV_JSON *claims = NULL;
                        struct sv_err first;
                        int a, b;

                        if (strcmp(text(row, "/collateral"), t[k].collateral))
                                continue;
                        a = verify_row(row, NULL, &folder);
                        first = err;
                        b = verify_row(row, t[k].bundle, &claims);
                        if (a != b || (a == 0 && !sv_json_equal(folder, claims)))
                                fail_msg("%s with %s: %s [%s], and with the folder %s",
                                         text(row, "/quote"), t[k].bundle, err.msg, err.check,
                                         first.check);
                        if (a < 0) /* a file of one platform may have nothing for another */
                                assert_true(!strcmp(first.check, err.check) ||
                                            !strcmp(err.check, "tdx.collateral.missing"));
                        else
                                same_status(text(row, "/quote"), want, claims);
                        held += a == 0;
                }
        print_message("%u bundles prove what their folders prove\n", held);
        assert_true(held >= 4);
}

/* One part after the other taken away: each has its name. */
static void missing(void **state)
{
        SV_JSON *evidence = NULL;

        evidence = evidence_of("quotes/gtg-cos113.bin");
        for (int without = 0; without < SV_TDX_PARTS; without++) {
                struct collateral c = {.n = 0};
                SV_JSON *claims = NULL;

                add_folder(&c, "collateral/00806f-2025-07");
                memset(c.blobs[without].kind, 0, sizeof(c.blobs[0].kind));
                assert_int_equal(
                        verify(evidence, &c, "2025-07-22T00:00:00Z", SV_BYTES_NULL, &claims), -1);
                assert_int_equal(err.class, SV_PROOF);
                assert_string_equal(err.check, without < SV_TDX_PCK_CRL ? "tdx.collateral.missing"
                                                                        : "tdx.pck.crl");
                if (without < SV_TDX_PCK_CRL)
                        assert_non_null(
                                strstr(err.msg, sv_tdx_part_kind((enum sv_tdx_part)without)));
                drop(&c);
        }
}

/* A root that is trusted beside Intel's, and is no certificate. */
static void no_root(void **state)
{
        SV_JSON *evidence = evidence_of("quotes/gtg-cos113.bin");
        struct collateral c = {.n = 0};
        SV_JSON *claims = NULL;

        add_folder(&c, "collateral/00806f-2025-07");
        add(&c, "sgx-root", "collateral/00806f-2025-07/tcb_info.json");
        FAILS(verify(evidence, &c, "2025-07-22T00:00:00Z", SV_BYTES_NULL, &claims), SV_FORMAT,
              "tdx.root.form");
        drop(&c);
}

/* --- what the claims say --- */

static void claims_of_a_real_td(void **state)
{
        struct collateral c = {.n = 0};
        SV_JSON *evidence = NULL;
        SV_JSON *claims = NULL;
        SV_BUF log = SV_BUF_NULL;
        uint8_t other[48] = {1};

        evidence = evidence_of("quotes/gtg-cos113.bin");
        add_folder(&c, "collateral/00806f-2025-07");
        assert_true(load("ccel/cos113.data.bin", &log));
        sv_json_set_b64(evidence, "cc_eventlog", sv_buf_bytes(&log));
        OK(verify(evidence, &c, "2025-07-22T00:00:00Z", SV_BYTES_NULL, &claims));
        limits_are(claims,
                   (const struct expected_limit[]){{"configuration", "/rtmr0"},
                                                   {"executables", "/rtmr1"},
                                                   {"sourced-data", NULL}},
                   3);
        assert_true(sv_json_bool(sv_json_pointer(claims, "/event_log/checked"), false));
        assert_true(sv_json_int(sv_json_pointer(claims, "/event_log/events"), 0) > 20);
        assert_false(sv_json_bool(sv_json_get(claims, "report_data_checked"), true));
        assert_int_equal(sv_json_int(sv_json_get(claims, "trailing_bytes"), 0), 3065);
        assert_string_equal(text(claims, "/tdattributes"), "0x0000000010000000");
        assert_string_equal(text(claims, "/pck/fmspc"), "00806f050000");
        assert_int_equal(sv_json_int(sv_json_pointer(claims, "/tcb/evaluation/tcb_info"), 0), 17);
        assert_int_equal(sv_json_len(sv_json_pointer(claims, "/tcb/update")), 0);
        assert_string_equal(text(claims, "/tcb/expires"), "2025-08-06T09:06:43Z");
        OK(strict(claims));
        FAILS(verify(evidence, &c, "2025-07-22T00:00:00Z", sv_bytes(other, 48), &claims), SV_PROOF,
              "tdx.report_data");
        /* Another digest in the first event behind the header. */
        log.p[32 + (log.p[28] | (size_t)log.p[29] << 8) + 14] ^= 1;
        sv_json_set_b64(evidence, "cc_eventlog", sv_buf_bytes(&log));
        FAILS(verify(evidence, &c, "2025-07-22T00:00:00Z", SV_BYTES_NULL, &claims), SV_PROOF,
              "tdx.ccel.replay");
        drop(&c);
}

static void says_component(const struct sv_json *list, const char *want)
{
        SV_BUF all = SV_BUF_NULL;

        for (size_t i = 0; i < sv_json_len(list); i++) {
                if (!strcmp(sv_json_str(sv_json_at(list, i)), want))
                        return;
                sv_buf_printf(&all, "%s\n", sv_json_str(sv_json_at(list, i)));
        }
        fail_msg("%s is not among\n%s", want, sv_buf_str(&all));
}

static void out_of_date(void **state)
{
        struct collateral c = {.n = 0};
        SV_JSON *evidence = NULL;
        SV_JSON *claims = NULL;

        evidence = evidence_of("quotes/tr-azure-v4.bin");
        add_folder(&c, "collateral/00806f-2025-07");
        OK(verify(evidence, &c, "2025-07-22T00:00:00Z", SV_BYTES_NULL, &claims));
        assert_string_equal(text(claims, "/tcb/status"), "OutOfDate");
        assert_true(sv_json_bool(sv_json_pointer(claims, "/tcb/advisory/INTEL-SA-00960"), false));
        assert_true(sv_json_int(sv_json_pointer(claims, "/tcb/platform/level"), 0) > 0);
        assert_true(sv_json_int(sv_json_pointer(claims, "/tcb/out_of_date_days"), 0) > 700);
        assert_non_null(strstr(text(claims, "/tcb/update/0"), "BIOS"));
        says_component(sv_json_pointer(claims, "/tcb/update"),
                       "Early Microcode Update (BIOS) is at 6, 7 is current");
        FAILS(strict(claims), SV_POLICY,
              "policy.sept_ve_disable"); /* Azure's paravisor leaves it off */
        sv_json_set_bool(sv_json_pointer(claims, "/tdattributes_bits"), "sept_ve_disable", true);
        FAILS(strict(claims), SV_POLICY, "policy.tcb.status");
        assert_non_null(strstr(err.msg, "; to do: platform: install the BIOS"));
        drop(&c);
}

/* --- evidence and needs --- */

static void evidence_malformed(void **state)
{
        static const struct {
                const char *text, *check;
        } t[] = {
                {"[]", "tdx.evidence.member"},
                {"{}", "tdx.evidence.member"},
                {"{\"quote\":\"\"}", "tdx.evidence.quote"},
                {"{\"quote\":\"A\"}", "tdx.evidence.member"},
                {"{\"quote\":\"AAAA\",\"more\":1}", "tdx.evidence.unknown"},
                {"{\"quote\":\"AAAA\",\"cc_eventlog\":7}", "tdx.evidence.member"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct sv_tdx_evidence e = {0};
                SV_JSON *j = NULL;

                OK(sv_json_parse(sv_bytes_str(t[i].text), "test", &j, &err));
                FAILS(sv_tdx_evidence_read(j, &e, &err), SV_FORMAT, t[i].check);
        }
}

static void needs(void **state)
{
        static const char *const urls[] = {
                "https://api.trustedservices.intel.com/tdx/certification/v4/tcb?fmspc=00806F050000",
                "https://api.trustedservices.intel.com/tdx/certification/v4/qe/identity",
                "https://api.trustedservices.intel.com/sgx/certification/v4/"
                "pckcrl?ca=platform&encoding=der",
                "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der",
        };
        SV_JSON *out = sv_json_array();
        SV_JSON *evidence = NULL;

        evidence = evidence_of("quotes/gtg-cos113.bin");
        OK(needs_json(&sv_tee_verify_tdx, evidence, out, &err));
        assert_int_equal(sv_json_len(out), 4);
        for (size_t i = 0; i < 4; i++)
                assert_string_equal(text(sv_json_at(out, i), "/url"), urls[i]);
        assert_string_equal(text(sv_json_at(out, 0), "/headers/TCB-Info-Issuer-Chain"),
                            "tcb-info-chain");
}

/* Who asks for what a quote needs must be told when it names no platform. */
static void needs_of_no_platform(void **state)
{
        SV_JSON *evidence = sv_json_object();
        SV_JSON *out = sv_json_array();
        SV_BUF quote = SV_BUF_NULL;
        uint8_t *begin;

        assert_true(load("quotes/gtg-cos113.bin", &quote));
        while ((begin = memmem(quote.p, quote.n, "BEGIN CERT", 10)))
                *begin = 'b';
        sv_json_set_b64(evidence, "quote", sv_buf_bytes(&quote));
        FAILS(needs_json(&sv_tee_verify_tdx, evidence, out, &err), SV_FORMAT, "tdx.pck.chain");
        assert_int_equal(sv_json_len(out), 0);
}

/* --- rules --- */

static int rules_of(const char *guest_text, const char *values, struct sv_json **rules)
{
        SV_GUEST guest = {0};
        SV_JSON *trust = sv_json_object();
        struct sv_measurement m = {.unpredicted = sv_json_array()};
        int r;

        OK(sv_guest_parse(sv_bytes_str(guest_text), "g.json", "/", &guest, &err));
        OK(sv_json_parse(sv_bytes_str(values), "test", &m.values, &err));
        *rules = sv_json_array();
        memset(&err, 0, sizeof(err));
        r = sv_tdx_rules(&guest, &m, *rules, trust, &err);
        sv_measurement_free(&m);
        return r;
}

static const char *value_of(const struct sv_json *rules, const char *check, const char *op)
{
        SV_BUF out = SV_BUF_NULL;
        static char shown[256];

        for (size_t i = 0; i < sv_json_len(rules); i++) {
                const struct sv_json *r = sv_json_at(rules, i);

                if (strcmp(text(r, "/check"), check))
                        continue;
                if (!sv_json_get(r, op))
                        return "(another operator)";
                sv_json_print(sv_json_get(r, op), &out);
                snprintf(shown, sizeof(shown), "%s", sv_buf_str(&out));
                return shown;
        }
        return "(none)";
}

#define G(tdx) "{\"name\":\"g\",\"tee\":\"tdx\",\"kernel\":\"/k\",\"tees\":{\"tdx\":{" tdx "}}}"
#define ALL    "{\"mrtd\":\"aa\",\"rtmr0\":\"00\",\"rtmr1\":\"11\",\"rtmr2\":\"22\"}"

static void rules(void **state)
{
        SV_JSON *r = NULL;
        SV_JSON *less = NULL;
        SV_JSON *none = NULL;
        SV_JSON *bare = NULL;

        OK(rules_of(G(""), ALL, &r));
        assert_string_equal(value_of(r, "policy.mrtd", "equals"), "\"aa\"");
        assert_string_equal(value_of(r, "policy.rtmr2", "equals"), "\"22\"");
        assert_string_equal(value_of(r, "policy.attributes.set", "bits_set"), "\"0x10000000\"");
        assert_string_equal(value_of(r, "policy.attributes.clear", "bits_clear"),
                            "\"0x7fffffffafffffff\"");
        assert_string_equal(value_of(r, "policy.debug", "equals"), "false");
        assert_string_equal(value_of(r, "policy.tcb.status", "one_of"), "[\"UpToDate\"]");
        assert_string_equal(value_of(r, "policy.root", "equals"), "true");
        assert_string_equal(value_of(r, "policy.service_td", "equals"), "false");
        assert_true(strspn(value_of(r, "policy.mrconfigid", "equals") + 1, "0") == 96);
        assert_true(strspn(value_of(r, "policy.rtmr3", "equals") + 1, "0") == 96);
        /* What is not predicted must be said to be left out. */
        FAILS(rules_of(G(""), "{\"mrtd\":\"aa\",\"rtmr1\":\"11\",\"rtmr2\":\"22\"}", &none),
              SV_USAGE, "tdx.policy.unpredicted");
        assert_non_null(strstr(err.msg, "rtmr0"));
        sv_json_freep(&none);
        /* what that means is said once more */
        FAILS(rules_of(G("\"allow_unpredicted\":[\"rtmr0\"]"), ALL, &none), SV_USAGE,
              "guest.tdx.allow_host_acpi");
        sv_json_freep(&none);
        FAILS(rules_of(G("\"allow_host_acpi\":true,\"allow_unpredicted\":[\"rtmr0\",\"rtmr1\","
                         "\"rtmr2\"]"),
                       "{\"rtmr1\":\"11\"}", &none),
              SV_USAGE, "tdx.measurement");
        sv_json_freep(&none);
        FAILS(rules_of(G("\"allow_host_acpi\":true,\"allow_unpredicted\":[\"rtmr0\"]"),
                       "{\"mrtd\":\"aa\",\"rtmr1\":\"11\"}", &none),
              SV_USAGE, "tdx.policy.unpredicted");
        assert_non_null(strstr(err.msg, "\"allow_unpredicted\": [\"rtmr2\"]"));
        sv_json_freep(&none);
        OK(rules_of(G("\"allow_host_acpi\":true,\"allow_unpredicted\":[\"rtmr0\"],\"mrowner\":\""
                      "abababababababababababababababababababababababababababababababababababababab"
                      "ababababababababab"
                      "ab\""),
                    "{\"mrtd\":\"aa\",\"rtmr1\":\"11\",\"rtmr2\":\"22\"}", &less));
        assert_string_equal(value_of(less, "policy.rtmr0", "equals"), "(none)");
        assert_string_equal(value_of(less, "policy.rtmr1", "equals"), "\"11\"");
        assert_true(strspn(value_of(less, "policy.mrowner", "equals") + 1, "ab") == 96);
        OK(rules_of(G("\"require\":{\"rtmr3\":\"any\",\"sept_ve_disable\":false,\"xfam\":"
                      "\"0xffffffffffffffff\"}"),
                    ALL, &bare));
        assert_string_equal(value_of(bare, "policy.rtmr3", "equals"), "(none)");
        assert_string_equal(value_of(bare, "policy.sept_ve_disable", "equals"), "(none)");
        assert_string_equal(value_of(bare, "policy.xfam", "bits_clear"), "(none)");
}

static void require(void **state)
{
        SV_JSON *r = NULL;
        SV_JSON *want = NULL;
        static const char good[] = "{\"status\":[\"UpToDate\",\"SWHardeningNeeded\"],\"grace_"
                                   "days\":90,\"tcb_date\":\"2024-03-13\",\"tcb_evaluation\":17,"
                                   "\"advisories_denied\":[\"INTEL-SA-00960\"],\"fmspc\":["
                                   "\"00806f050000\"],\"xfam\":\"0xe7\","
                                   "\"platforms_denied\":[\"00112233445566778899aabbccddeeff\"],"
                                   "\"platforms_allowed\":[\"ffeeddccbbaa99887766554433221100\"]}";
        static const char *const wrong[] = {
                "{\"more\":1}",
                "{\"status\":[]}",
                "{\"status\":\"UpToDate\"}",
                "{\"status\":[\"Revoked\"]}",
                "{\"status\":[\"Fine\"]}",
                "{\"status\":[\"OutOfDate\"],\"grace_days\":1}",
                "{\"grace_days\":-1}",
                "{\"grace_days\":\"9\"}",
                "{\"tcb_date\":\"2024\"}",
                "{\"tcb_date\":7}",
                "{\"tcb_evaluation\":-1}",
                "{\"advisories_denied\":[]}",
                "{\"advisories_denied\":[\"SA-1\"]}",
                "{\"advisories_denied\":[\"INTEL-SA-0/1\"]}",
                "{\"fmspc\":[\"00806F050000\"]}",
                "{\"fmspc\":[]}",
                "{\"mrseam\":[\"00\"]}",
                "{\"platforms_denied\":{}}",
                "{\"platforms_allowed\":[\"ab\"]}",
                "{\"xfam\":7}",
                "{\"xfam\":\"7\"}",
                "{\"mrservicetd\":\"\"}",
                "{\"sept_ve_disable\":0}",
                "{\"rtmr3\":\"0\"}",
        };

        r = sv_json_array();
        OK(sv_json_parse(sv_bytes_str(good), "test", &want, &err));
        OK(sv_tdx_require_rules(want, r, &err));
        assert_string_equal(value_of(r, "policy.tcb.status", "one_of"),
                            "[\"UpToDate\",\"SWHardeningNeeded\",\"OutOfDate\","
                            "\"OutOfDateConfigurationNeeded\"]");
        assert_string_equal(value_of(r, "policy.platform.allowed", "one_of"),
                            "[\"ffeeddccbbaa99887766554433221100\"]");
        assert_string_equal(value_of(r, "policy.tcb.grace", "at_most"), "90");
        assert_string_equal(value_of(r, "policy.tcb.date", "at_least"), "1710288000");
        assert_string_equal(value_of(r, "policy.advisory.00960", "absent"), "true");
        assert_string_equal(value_of(r, "policy.xfam", "bits_clear"), "\"0xffffffffffffff18\"");
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                SV_JSON *bad = NULL;
                SV_JSON *none = sv_json_array();

                OK(sv_json_parse(sv_bytes_str(wrong[i]), "test", &bad, &err));
                print_message("%s\n", wrong[i]);
                FAILS(sv_tdx_require_rules(bad, none, &err), SV_USAGE, "guest.tdx.require");
        }
}

/* --- inspect --- */

static void inspected(void **state)
{
        static const struct {
                const char *file, *kind, *pointer, *value;
        } t[] = {
                {"quotes/gtg-v5-td15.bin", "td-quote", "/fmspc", "90c06f000000"},
                {"quotes/tr-v4-debug.bin", "td-quote", "/certificates/0/subject",
                 "Intel SGX PCK Certificate"},
                {"tdreport/intel-tdreport_for_test.dat", "td-report", "/seamattributes",
                 "0x0000000000000000"},
                {"collateral/90c06f-2026-02/tcb_info.json", "tcb-info", "/fmspc", "90C06F000000"},
                {"collateral/90c06f-2026-02/qe_identity.json", "qe-identity", "/id", "TD_QE"},
                {"collateral-json/90c06f-2026-02.platform_collaterals.json", "pcs-collateral",
                 "/platforms/0/fmspc", "90C06F000000"},
                {"ccel/cos113.data.bin", "cc-event-log", "/events/0/register", "none"},
        };
        SV_JSON *evidence = NULL;
        SV_JSON *out = NULL;
        SV_JSON *none = NULL;
        SV_BUF printed = SV_BUF_NULL;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_JSON *j = NULL;
                SV_BUF raw = SV_BUF_NULL;

                assert_true(load(t[i].file, &raw));
                OK(sv_tdx_inspect(sv_buf_bytes(&raw), &j, &err));
                if (strcmp(text(j, "/kind"), t[i].kind) ||
                    (i + 1 < sizeof(t) / sizeof(t[0]) && strcmp(text(j, t[i].pointer), t[i].value)))
                        fail_msg("%s: %s, %s", t[i].file, text(j, "/kind"), text(j, t[i].pointer));
        }
        evidence = evidence_of("quotes/gtg-v5-td15.bin");
        sv_json_print(evidence, &printed);
        OK(sv_tdx_inspect(sv_buf_bytes(&printed), &out, &err));
        assert_string_equal(text(out, "/kind"), "tdx-evidence");
        OK(sv_tdx_inspect(sv_bytes_str("{\"name\":\"guest\"}"), &none, &err));
        OK(sv_tdx_inspect(sv_bytes_str("{"), &none, &err));
        OK(sv_tdx_inspect(sv_bytes_str(""), &none, &err));
        assert_null(none);
}

static int make_memory(void **state)
{
        memory = sv_trust_cache_new();
        return 0;
}

static int free_memory(void **state)
{
        print_message("%llu verifications found what they needed\n",
                      (unsigned long long)sv_trust_cache_hits(memory));
        sv_trust_cache_freep(&memory);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(real_pairs),
                cmocka_unit_test(every_case),
                cmocka_unit_test(bundles),
                cmocka_unit_test(missing),
                cmocka_unit_test(no_root),
                cmocka_unit_test(claims_of_a_real_td),
                cmocka_unit_test(out_of_date),
                cmocka_unit_test(evidence_malformed),
                cmocka_unit_test(needs),
                cmocka_unit_test(needs_of_no_platform),
                cmocka_unit_test(rules),
                cmocka_unit_test(require),
                cmocka_unit_test(inspected),
                /* Another time, with all that is kept by now. */
                cmocka_unit_test(real_pairs),
                cmocka_unit_test(every_case),
                cmocka_unit_test(bundles),
        };

        return cmocka_run_group_tests(tests, make_memory, free_memory);
}
