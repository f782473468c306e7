/* SPDX-License-Identifier: Apache-2.0 */
/* The floor under every SNP policy: what real reports are refused for, what lifts it, and what a
 * verdict says of it. */
#include "tests/unit/unit.h"

#include "base/core/file.h"
#include "policy/evaluate.h"
#include "sev/verify/floor.h"

static struct sv_err err;

static void load(const char *name, struct sv_buf *out)
{
        SV_STR path = sv_asprintf("snp/reports/%s.bin", name);

        OK(sv_file_read(vector_path(path), 1 << 16, out, "test", &err));
}

static struct sv_json *claims_of(const struct sv_report *r, enum sv_sev_product product)
{
        struct sv_json *claims = sv_report_claims(r);

        sv_json_set(claims, "floor", sv_snp_floor_claims(r, product));
        return claims;
}

/* Floor, and one rule that holds for all, with this `allow`. */
static int evaluate(const struct sv_json *claims, const char *allow, struct sv_verdict *v)
{
        SV_JSON *rules = NULL, *floor = NULL, *list = NULL;
        SV_JSON *trust = sv_json_object();
        SV_BUF doc = SV_BUF_NULL;
        SV_POLICY_DOC *p = NULL;

        OK(sv_json_parse(sv_bytes_str("[{\"check\":\"policy.any\",\"claim\":\"/version\","
                                      "\"present\":true,\"covers\":\"hardware\","
                                      "\"reason\":\"a report\"}]"),
                         "test", &rules, &err));
        OK(sv_json_parse(sv_bytes_str(sv_snp_floor), "test", &floor, &err));
        OK(sv_json_parse(sv_bytes_str(allow), "test", &list, &err));
        OK(sv_policy_write_allowing("g", "sev-snp", "a/b/c", rules, trust, list, &doc, &err));
        OK(sv_policy_parse(sv_buf_bytes(&doc), &p, &err));
        memset(&err, 0, sizeof(err));
        return sv_policy_evaluate_above(p, floor, claims, v, &err);
}

static void refuses(const struct sv_json *claims, const char *allow, const char *check)
{
        SV_VERDICT v = {0};

        FAILS(evaluate(claims, allow, &v), SV_POLICY, check);
        assert_int_equal(sv_verdict_status(&v), SV_TIER_CONTRAINDICATED);
}

static void holds(const struct sv_json *claims, const char *allow, enum sv_tier status)
{
        SV_VERDICT v = {0};

        OK(evaluate(claims, allow, &v));
        assert_int_equal(sv_verdict_status(&v), status);
}

static void read_report(const char *name, struct sv_report *r)
{
        SV_BUF raw = SV_BUF_NULL;

        load(name, &raw);
        OK(sv_report_parse(sv_buf_bytes(&raw), r, &err));
}

/* --- real platforms --- */

static void real_reports(void **state)
{
        static const struct {
                const char *name;
                enum sv_sev_product product;
                const char *tcb, *firmware, *alias;
        } t[] = {
                {"milan-v2-a", SV_SEV_MILAN,
                 "reported snp is 0x08, 0x1b is the least (AMD-SB-3023); at launch snp is 0x08, "
                 "0x1b is the least (AMD-SB-3023)",
                 "1.52.4 is committed, 1.55.22 is the least (AMD-SB-3015)",
                 "unknown: reports of version 2 do not say"},
                {"milan-v3-azure", SV_SEV_MILAN,
                 "reported snp is 0x18, 0x1b is the least (AMD-SB-3023); at launch snp is 0x18, "
                 "0x1b is the least (AMD-SB-3023)",
                 "met", "met"},
                {"genoa-v3-azure", SV_SEV_GENOA,
                 "reported snp is 0x17, 0x1b is the least (AMD-SB-3020); reported microcode is "
                 "0x54, 0x56 is the least (AMD-SB-3020); at launch snp is 0x17, 0x1b is the least "
                 "(AMD-SB-3020); at launch microcode is 0x54, 0x56 is the least (AMD-SB-3020)",
                 "1.55.40 is committed, 1.55.49 is the least (AMD-SB-3020)", "met"},
                {"turin-v5-azure", SV_SEV_TURIN, "met", "met", "met"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_JSON *claims = NULL;
                struct sv_report r;

                read_report(t[i].name, &r);
                claims = claims_of(&r, t[i].product);
                assert_string_equal(sv_json_str(sv_json_pointer(claims, "/floor/tcb")), t[i].tcb);
                assert_string_equal(sv_json_str(sv_json_pointer(claims, "/floor/firmware")),
                                    t[i].firmware);
                assert_string_equal(sv_json_str(sv_json_pointer(claims, "/floor/alias_check")),
                                    t[i].alias);
                assert_int_equal(strlen(sv_json_str(sv_json_pointer(claims, "/floor/date"))), 10);
                if (!strcmp(t[i].tcb, "met")) {
                        holds(claims, "[]", SV_TIER_AFFIRMING);
                } else {
                        refuses(claims, "[]", "policy.floor.tcb");
                        assert_non_null(strstr(err.msg, "AMD-SB-"));
                        holds(claims, "[\"tcb\",\"firmware\"]", SV_TIER_WARNING);
                }
        }
}

/* SEV firmware 1.52.4: nothing but its name lifts each of what it lacks. */
static void old_firmware(void **state)
{
        SV_JSON *claims = NULL;
        struct sv_report r;

        read_report("milan-v2-a", &r);
        claims = claims_of(&r, SV_SEV_MILAN);
        refuses(claims, "[]", "policy.floor.tcb");
        refuses(claims, "[\"debug\",\"firmware\",\"vmpl\"]", "policy.floor.tcb");
        refuses(claims, "[\"tcb\"]", "policy.floor.firmware");
}

/* --- each by itself, on a platform that is above --- */

static void each_of_the_floor(void **state)
{
        static const struct {
                const char *check, *allow;
                uint64_t policy, info;
                uint32_t vmpl;
                uint8_t snp, microcode, build, launch;
        } t[] = {
                {"policy.floor.debug", "[\"debug\"]", 0xb0000, 0x25, 0, 4, 0x51, 65, 4},
                {"policy.floor.migration", "[\"migration\"]", 0x70000, 0x25, 0, 4, 0x51, 65, 4},
                {"policy.floor.vmpl", "[\"vmpl\"]", 0x30000, 0x25, 2, 4, 0x51, 65, 4},
                {"policy.floor.tcb", "[\"tcb\"]", 0x30000, 0x25, 0, 3, 0x51, 65, 4},
                {"policy.floor.tcb", "[\"tcb\"]", 0x30000, 0x25, 0, 4, 0x50, 65, 4},
                {"policy.floor.tcb", "[\"tcb\"]", 0x30000, 0x25, 0, 4, 0x51, 65, 3},
                {"policy.floor.alias_check", "[\"alias_check\"]", 0x30000, 0x05, 0, 4, 0x51, 65, 4},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_JSON *claims = NULL;
                struct sv_report r;

                read_report("turin-v5-azure", &r);
                r.policy = t[i].policy;
                r.platform_info = t[i].info;
                r.vmpl = t[i].vmpl;
                r.reported_tcb.snp = t[i].snp;
                r.reported_tcb.microcode = t[i].microcode;
                r.launch_tcb.snp = t[i].launch;
                claims = claims_of(&r, SV_SEV_TURIN);
                refuses(claims, "[]", t[i].check);
                holds(claims, t[i].allow, SV_TIER_WARNING);
        }
}

static void others(void **state)
{
        SV_JSON *host = NULL, *venice = NULL, *stepping = NULL, *firmware = NULL;
        struct sv_report r;

        read_report("turin-v5-azure", &r);
        r.vmpl = UINT32_MAX; /* the host asked: not what "vmpl" lifts */
        host = claims_of(&r, SV_SEV_TURIN);
        refuses(host, "[\"vmpl\"]", "policy.floor.host_report");
        r.vmpl = 0;
        venice = claims_of(&r, SV_SEV_VENICE);
        refuses(venice, "[]", "policy.floor.tcb");
        r.cpuid_step = 9; /* whose microcode counts from where nobody knows */
        r.reported_tcb.microcode = r.launch_tcb.microcode = 1;
        stepping = claims_of(&r, SV_SEV_TURIN);
        holds(stepping, "[]", SV_TIER_AFFIRMING);
        read_report("genoa-v3-azure", &r);
        r.reported_tcb.snp = r.launch_tcb.snp = 0x1b;
        r.reported_tcb.microcode = r.launch_tcb.microcode = 0x56;
        r.committed_build = 48;
        firmware = claims_of(&r, SV_SEV_GENOA);
        refuses(firmware, "[]", "policy.floor.firmware");
        holds(firmware, "[\"firmware\"]", SV_TIER_WARNING);
}

static void expect_tcb(struct sv_report *r, enum sv_sev_product product, const char *tcb)
{
        SV_JSON *claims = NULL;

        claims = claims_of(r, product);
        assert_string_equal(sv_json_str(sv_json_pointer(claims, "/floor/tcb")), tcb);
}

/* Every stepping that a bulletin names: at its level, and one below. */
static void microcodes(void **state)
{
        static const struct {
                enum sv_sev_product product;
                uint8_t family, model, stepping, level;
                const char *source;
        } t[] = {
                {SV_SEV_MILAN, 25, 1, 0, 0x7b, "AMD-SB-7033"},
                {SV_SEV_MILAN, 25, 1, 1, 0xdb, "AMD-SB-3019"},
                {SV_SEV_MILAN, 25, 1, 2, 0x44, "AMD-SB-3019"},
                {SV_SEV_GENOA, 25, 17, 1, 0x56, "AMD-SB-3020"},
                {SV_SEV_GENOA, 25, 17, 2, 0x51, "AMD-SB-3020"},
                {SV_SEV_GENOA, 25, 160, 1, 0x17, "AMD-SB-7033"},
                {SV_SEV_GENOA, 25, 160, 2, 0x19, "AMD-SB-3019"},
                {SV_SEV_TURIN, 26, 2, 1, 0x51, "AMD-SB-3027"},
                {SV_SEV_TURIN, 26, 17, 0, 0x47, "AMD-SB-7033"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                SV_STR below = sv_asprintf("at launch microcode is 0x%02x, 0x%02x is the least "
                                           "(%s)",
                                           t[i].level - 1, t[i].level, t[i].source);
                struct sv_report r;

                read_report("turin-v5-azure", &r);
                r.reported_tcb.snp = r.launch_tcb.snp = 0x1b;
                r.cpuid_fam_id = t[i].family;
                r.cpuid_mod_id = t[i].model;
                r.cpuid_step = t[i].stepping;
                r.reported_tcb.microcode = r.launch_tcb.microcode = t[i].level;
                expect_tcb(&r, t[i].product, "met");
                r.launch_tcb.microcode--;
                expect_tcb(&r, t[i].product, below);
        }
}

/* --- the verdict --- */

static const struct sv_json *reason_of(const struct sv_verdict *v, const char *check)
{
        for (size_t i = 0; i < sv_json_len(v->reasons); i++)
                if (!strcmp(sv_json_str(sv_json_get(sv_json_at(v->reasons, i), "check")), check))
                        return sv_json_at(v->reasons, i);
        fail_msg("the verdict does not name %s", check);
        return NULL;
}

/* Lifted is marked, whether it would have held or not, and nothing else is. */
static void verdict_shows(void **state)
{
        SV_JSON *claims = NULL;
        SV_VERDICT v = {0};
        const struct sv_json *reason;
        struct sv_report r;

        read_report("turin-v5-azure", &r);
        r.policy = 0xb0000;
        claims = claims_of(&r, SV_SEV_TURIN);
        OK(evaluate(claims, "[\"debug\",\"tcb\"]", &v));
        reason = reason_of(&v, "policy.floor.debug");
        assert_true(sv_json_bool(sv_json_get(reason, "lifted"), false));
        assert_false(sv_json_bool(sv_json_get(reason, "held"), true));
        reason = reason_of(&v, "policy.floor.tcb");
        assert_true(sv_json_bool(sv_json_get(reason, "lifted"), false));
        assert_true(sv_json_bool(sv_json_get(reason, "held"), false));
        assert_null(sv_json_get(reason_of(&v, "policy.floor.migration"), "lifted"));
        assert_int_equal(v.vector[SV_SLOT_CONFIGURATION], 32);
        assert_int_equal(v.vector[SV_SLOT_HARDWARE], 2);
        assert_int_equal(sv_verdict_status(&v), SV_TIER_WARNING);
}

/* The list in the source and the names that guest files may use are the same. */
static void names(void **state)
{
        SV_JSON *floor = NULL;
        size_t n = 0;

        OK(sv_json_parse(sv_bytes_str(sv_snp_floor), "test", &floor, &err));
        for (; sv_snp_floor_names[n]; n++) {
                SV_STR check = sv_asprintf("policy.floor.%s", sv_snp_floor_names[n]);

                assert_string_equal(sv_json_str(sv_json_get(sv_json_at(floor, n), "check")), check);
        }
        assert_int_equal(sv_json_len(floor), n);
        assert_string_equal(sv_snp_floor_names[0], "debug"); /* SV_SNP_FLOOR_… are their places */
        assert_string_equal(sv_snp_floor_names[1], "migration");
        assert_string_equal(sv_snp_floor_names[2], "vmpl");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(real_reports),
                cmocka_unit_test(old_firmware),
                cmocka_unit_test(each_of_the_floor),
                cmocka_unit_test(others),
                cmocka_unit_test(microcodes),
                cmocka_unit_test(verdict_shows),
                cmocka_unit_test(names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
