/* SPDX-License-Identifier: Apache-2.0 */
#include "tdx/measure/require.h"

#include <stdio.h>

#include "base/core/file.h"
#include "tee/measure.h"
#include "base/core/text.h"
#include "tdx/verify/tcb.h"
#include "tdx/verify/tee.h"

#define CHECK "guest.tdx.require"
static const char zeros[97] = "00000000000000000000000000000000000000000000000000000000000000000000"
                              "0000000000000000000000000000";

static struct sv_json *add_td_rule(struct sv_json *rules, const char *check, const char *claim,
                                   const char *reason)
{
        return sv_rule_add(rules, check, claim, "hardware", reason);
}

/* --- status, and how long ago it was the best one --- */

static bool is_status_out_of_date(const char *status)
{
        return !strcmp(status, "OutOfDate") || !strcmp(status, "OutOfDateConfigurationNeeded");
}

static int read_statuses(const struct sv_json *list, int64_t grace, struct sv_json **out,
                         struct sv_err *err)
{
        SV_JSON *all = sv_json_array();

        if (!list)
                sv_json_add(all, sv_json_new_str("UpToDate"));
        else if (sv_json_type(list) != SV_JSON_ARRAY || !sv_json_len(list))
                return sv_fail(err, SV_USAGE, CHECK,
                               "require.status: a list of Intel's statuses (\"UpToDate\", "
                               "\"SWHardeningNeeded\", …) was expected");
        for (size_t i = 0; i < sv_json_len(list); i++) {
                const char *s = sv_json_str(sv_json_at(list, i));
                enum sv_tcb_status status;

                if (!s || !sv_tcb_status_by_name(s, &status) || status == SV_TCB_REVOKED)
                        return sv_fail(err, SV_USAGE, CHECK,
                                       "require.status[%zu]: \"%.40s\" is no status that will do; "
                                       "there are UpToDate, "
                                       "SWHardeningNeeded, ConfigurationNeeded, "
                                       "ConfigurationAndSWHardeningNeeded, TDRelaunchAdvised, "
                                       "TDRelaunchAdvisedConfigurationNeeded, OutOfDate, "
                                       "OutOfDateConfigurationNeeded",
                                       i, s ? s : "");
                if (grace >= 0 && is_status_out_of_date(s))
                        return sv_fail(err, SV_USAGE, CHECK,
                                       "require.status has %s for ever, and grace_days for a time: "
                                       "leave one of them out",
                                       s);
                sv_json_add(all, sv_json_new_str(s));
        }
        if (grace >= 0) {
                sv_json_add(all, sv_json_new_str("OutOfDate"));
                sv_json_add(all, sv_json_new_str("OutOfDateConfigurationNeeded"));
        }
        *out = sv_json_ref(all);
        return 0;
}

static int require_status(const struct sv_json *require, struct sv_json *rules, struct sv_err *err)
{
        const struct sv_json *days = sv_json_get(require, "grace_days");
        int64_t grace = sv_json_int(days, -1);
        struct sv_json *list = NULL;

        if (days && (grace < 0 || grace > 3650))
                return sv_fail(err, SV_USAGE, CHECK,
                               "require.grace_days: a number of days, at most 3650, was expected");
        if (read_statuses(sv_json_get(require, "status"), grace, &list, err) < 0)
                return -1;
        sv_json_set(add_td_rule(rules, "policy.tcb.status", "/tcb/status",
                                "what Intel says of the platform's TCB"),
                    "one_of", list);
        if (grace >= 0)
                sv_json_set_int(add_td_rule(rules, "policy.tcb.grace", "/tcb/out_of_date_days",
                                            "a platform that is out of date has so many days"),
                                "at_most", grace);
        return 0;
}

static int require_date(const struct sv_json *require, struct sv_json *rules, struct sv_err *err)
{
        const struct sv_json *want = sv_json_get(require, "tcb_date"),
                             *number = sv_json_get(require, "tcb_evaluation");
        const char *text = sv_json_str(want);
        int64_t t;

        if (want) {
                SV_STR day = sv_asprintf("%.10sT00:00:00Z", text ? text : "");

                if (!text || sv_parse_moment(strlen(text) == 10 ? day : text, &t, CHECK, NULL) < 0)
                        return sv_fail(err, SV_USAGE, CHECK,
                                       "require.tcb_date: a date like \"2025-03-01\" was expected");
                sv_json_set_int(add_td_rule(rules, "policy.tcb.date", "/tcb/tcb_date_seconds",
                                            "the platform's TCB level is not older"),
                                "at_least", t);
        }
        if (!number)
                return 0;
        if (sv_json_int(number, -1) < 0)
                return sv_fail(err, SV_USAGE, CHECK,
                               "require.tcb_evaluation: a number was expected");
        sv_json_set_int(add_td_rule(rules, "policy.tcb.evaluation.tcb_info",
                                    "/tcb/evaluation/tcb_info",
                                    "Intel's TCB info is not older than this evaluation"),
                        "at_least", sv_json_int(number, 0));
        sv_json_set_int(add_td_rule(rules, "policy.tcb.evaluation.qe_identity",
                                    "/tcb/evaluation/qe_identity",
                                    "Intel's QE identity is not older than this evaluation"),
                        "at_least", sv_json_int(number, 0));
        return 0;
}

static int require_no_advisories(const struct sv_json *list, struct sv_json *rules,
                                 struct sv_err *err)
{
        if (list && (sv_json_type(list) != SV_JSON_ARRAY || !sv_json_len(list)))
                return sv_fail(err, SV_USAGE, CHECK,
                               "require.advisories_denied: a list of advisories was expected");
        for (size_t i = 0; i < sv_json_len(list); i++) {
                const char *id = sv_json_str(sv_json_at(list, i));
                char check[64], claim[64];

                if (!id || strncmp(id, "INTEL-SA-", 9) || strlen(id) > 24 || !id[9] ||
                    strspn(id + 9, "0123456789") != strlen(id + 9))
                        return sv_fail(err, SV_USAGE, CHECK,
                                       "require.advisories_denied[%zu]: an advisory like "
                                       "\"INTEL-SA-00960\" was expected",
                                       i);
                snprintf(check, sizeof(check), "policy.advisory.%s", id + 9);
                snprintf(claim, sizeof(claim), "/tcb/advisory/%s", id);
                sv_json_set_bool(add_td_rule(rules, check, claim,
                                             "the platform is not open to this advisory"),
                                 "absent", true);
        }
        return 0;
}

/* --- lists --- */

static int require_lists(const struct sv_json *require, struct sv_json *rules, struct sv_err *err)
{
        static const struct {
                const char *member, *check, *claim, *op, *reason;
                size_t digits;
        } t[] = {
                {"mrseam", "policy.mrseam", "/mrseam", "one_of", "the TDX module is one of these",
                 96},
                {"fmspc", "policy.fmspc", "/pck/fmspc", "one_of",
                 "the platform is of one of these kinds", 12},
                {"platforms_denied", "policy.platform", "/pck/ppid", "none_of",
                 "this platform is not on the list of those refused", 32},
                {"platforms_allowed", "policy.platform.allowed", "/pck/ppid", "one_of",
                 "this platform is on the list of those that may run the guest", 32},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct sv_json *list = sv_json_get(require, t[i].member);

                if (!list)
                        continue;
                for (size_t k = 0; k < sv_json_len(list); k++)
                        if (!sv_is_hex(sv_json_str(sv_json_at(list, k)), t[i].digits))
                                return sv_fail(
                                        err, SV_USAGE, CHECK,
                                        "require.%s[%zu]: %zu lower-case hex digits were expected",
                                        t[i].member, k, t[i].digits);
                if (sv_json_type(list) != SV_JSON_ARRAY || !sv_json_len(list))
                        return sv_fail(err, SV_USAGE, CHECK, "require.%s: a list was expected",
                                       t[i].member);
                sv_json_set(add_td_rule(rules, t[i].check, t[i].claim, t[i].reason), t[i].op,
                            sv_json_ref(list));
        }
        return 0;
}

/* --- the TD --- */

static int require_xfam(const struct sv_json *want, struct sv_json *rules, struct sv_err *err)
{
        const char *text = want ? sv_json_str(want) : SV_TDX_XFAM_KNOWN;
        uint64_t bits;
        char clear[20];

        if (!text || strncmp(text, "0x", 2) ||
            sv_parse_u64(text, UINT64_MAX, &bits, CHECK, NULL) < 0)
                return sv_fail(err, SV_USAGE, CHECK,
                               "require.xfam: bits like \"0xe7\" were expected");
        sv_json_set_str(add_td_rule(rules, "policy.xfam.base", "/xfam",
                                    "the TD has x87 and SSE, as the TDX module gives every TD"),
                        "bits_set", SV_TDX_XFAM_BASE);
        snprintf(clear, sizeof(clear), "0x%llx", (unsigned long long)~bits);
        if (~bits)
                sv_json_set_str(add_td_rule(rules, "policy.xfam", "/xfam",
                                            "the TD has none but these extended features"),
                                "bits_clear", clear);
        return 0;
}

static int require_rtmr3(const struct sv_json *want, struct sv_json *rules, struct sv_err *err)
{
        const char *text = want ? sv_json_str(want) : zeros;

        if (text && !strcmp(text, "any"))
                return 0;
        if (!sv_is_hex(text, 96))
                return sv_fail(
                        err, SV_USAGE, CHECK,
                        "require.rtmr3: 96 lower-case hex digits, or \"any\", were expected");
        sv_json_set_str(sv_rule_add(rules, "policy.rtmr3", "/rtmr3", "executables",
                                    "no key was released in this boot: the agent extends RTMR3 "
                                    "after it got one, where the guest's kernel lets it"),
                        "equals", text);
        return 0;
}

static int require_td(const struct sv_json *require, struct sv_json *rules, struct sv_err *err)
{
        const struct sv_json *service = sv_json_get(require, "mrservicetd"),
                             *sept = sv_json_get(require, "sept_ve_disable");

        if (service && !sv_is_hex(sv_json_str(service), 96))
                return sv_fail(err, SV_USAGE, CHECK,
                               "require.mrservicetd: 96 lower-case hex digits were expected");
        if (sept && sv_json_type(sept) != SV_JSON_BOOL)
                return sv_fail(err, SV_USAGE, CHECK,
                               "require.sept_ve_disable: true or false was expected");
        if (service)
                sv_json_set_str(add_td_rule(rules, "policy.mrservicetd", "/mrservicetd",
                                            "this service TD may change or migrate the TD"),
                                "equals", sv_json_str(service));
        else
                sv_json_set_bool(add_td_rule(rules, "policy.service_td", "/service_td",
                                             "no service TD may change or migrate the TD"),
                                 "equals", false);
        if (sv_json_bool(sept, true))
                sv_json_set_bool(
                        add_td_rule(rules, "policy.sept_ve_disable",
                                    "/tdattributes_bits/sept_ve_disable",
                                    "a page that the host takes away stops the TD, and is no "
                                    "exception that it could be led by"),
                        "equals", true);
        return require_xfam(sv_json_get(require, "xfam"), rules, err) < 0
                       ? -1
                       : require_rtmr3(sv_json_get(require, "rtmr3"), rules, err);
}

int sv_tdx_require_rules(const struct sv_json *require, struct sv_json *rules, struct sv_err *err)
{
        static const char *const members[] = {"status",
                                              "grace_days",
                                              "tcb_date",
                                              "tcb_evaluation",
                                              "advisories_denied",
                                              "mrseam",
                                              "fmspc",
                                              "platforms_denied",
                                              "platforms_allowed",
                                              "xfam",
                                              "mrservicetd",
                                              "sept_ve_disable",
                                              "rtmr3",
                                              NULL};

        if (require && sv_json_only(require, members, CHECK, NULL) < 0)
                return sv_fail(err, SV_USAGE, CHECK,
                               "require has an unknown member; there are status, grace_days, "
                               "tcb_date, tcb_evaluation, "
                               "advisories_denied, mrseam, fmspc, platforms_denied, "
                               "platforms_allowed, xfam, "
                               "mrservicetd, sept_ve_disable, rtmr3");
        if (require_status(require, rules, err) < 0 || require_date(require, rules, err) < 0 ||
            require_no_advisories(sv_json_get(require, "advisories_denied"), rules, err) < 0 ||
            require_lists(require, rules, err) < 0)
                return -1;
        return require_td(require, rules, err);
}
