/* SPDX-License-Identifier: Apache-2.0 */
#include "sev/measure/require.h"

#include <stdio.h>

#include "base/core/text.h"
#include "tee/measure.h"

#define CHECK "guest.sev-snp.require"

static struct sv_json *add_snp_rule(struct sv_json *rules, const char *check, const char *claim,
                                    const char *reason)
{
        return sv_rule_add(rules, check, claim, "hardware", reason);
}

/* Component by component: as one number a TCB would not compare. */
static int require_tcb(const struct sv_json *require, const char *member, struct sv_json *rules,
                       struct sv_err *err)
{
        static const char *const components[] = {"fmc", "bootloader", "tee",
                                                 "snp", "microcode",  NULL};
        const struct sv_json *want = sv_json_get(require, member);

        if (!want)
                return 0;
        if (sv_json_type(want) != SV_JSON_OBJECT || !sv_json_len(want) ||
            sv_json_only(want, components, CHECK, NULL) < 0)
                return sv_fail(err, SV_USAGE, CHECK,
                               "require.%s: an object of fmc, bootloader, tee, snp, microcode was "
                               "expected",
                               member);
        for (size_t i = 0; components[i]; i++) {
                const struct sv_json *min = sv_json_get(want, components[i]);
                char check[64], claim[64];

                if (!min)
                        continue;
                if (sv_json_int(min, -1) < 0 || sv_json_int(min, -1) > 255)
                        return sv_fail(err, SV_USAGE, CHECK,
                                       "require.%s.%s: a number from 0 to 255 was expected", member,
                                       components[i]);
                snprintf(check, sizeof(check), "policy.%s.%s", member, components[i]);
                snprintf(claim, sizeof(claim), "/%s/%s", member, components[i]);
                sv_json_set_int(
                        add_snp_rule(rules, check, claim, "at least this security patch level"),
                        "at_least", sv_json_int(min, 0));
        }
        return 0;
}

static int require_firmware(const struct sv_json *require, struct sv_json *rules,
                            struct sv_err *err)
{
        const char *text = sv_json_str(sv_json_get(require, "firmware"));
        unsigned major = 0, minor = 0, build = 0;
        char end;
        int n;

        if (!sv_json_get(require, "firmware"))
                return 0;
        n = text ? sscanf(text, "%3u.%3u.%3u%c", &major, &minor, &build, &end) : 0;
        if ((n != 2 && n != 3) || major > 255 || minor > 255 || build > 255)
                return sv_fail(
                        err, SV_USAGE, CHECK,
                        "require.firmware: a version like \"1.55\" or \"1.55.40\" was expected");
        sv_json_set_int(add_snp_rule(rules, "policy.firmware", "/committed_firmware",
                                     "at least this version of the SEV firmware is committed"),
                        "at_least", (int64_t)major << 16 | minor << 8 | build);
        return 0;
}

static int require_bits(const struct sv_json *require, struct sv_json *rules, struct sv_err *err)
{
        static const struct {
                const char *member, *check, *claim, *op, *reason;
        } t[] = {
                {"mit_vector_set", "policy.mitigations", "/current_mit_vector", "bits_set",
                 "the platform has these mitigations"},
                {"mit_vector_set", "policy.mitigations.launch", "/launch_mit_vector", "bits_set",
                 "the guest was launched with these mitigations"},
                {"platform_set", "policy.platform.set", "/platform_info", "bits_set",
                 "these features of the platform are on"},
                {"platform_clear", "policy.platform.clear", "/platform_info", "bits_clear",
                 "these features of the platform are off"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                const struct sv_json *want = sv_json_get(require, t[i].member);
                const char *text = sv_json_str(want);

                if (!want)
                        continue;
                if (!text || strncmp(text, "0x", 2) || !text[2] ||
                    strspn(text + 2, "0123456789abcdef") != strlen(text + 2) || strlen(text) > 18)
                        return sv_fail(err, SV_USAGE, CHECK,
                                       "require.%s: bits like \"0x3f\" were expected", t[i].member);
                sv_json_set_str(add_snp_rule(rules, t[i].check, t[i].claim, t[i].reason), t[i].op,
                                text);
        }
        return 0;
}

static int require_chips(const struct sv_json *require, struct sv_json *rules, struct sv_err *err)
{
        struct sv_json *list = sv_json_get(require, "chips_denied");

        if (!list)
                return 0;
        if (sv_json_type(list) != SV_JSON_ARRAY || !sv_json_len(list))
                return sv_fail(err, SV_USAGE, CHECK,
                               "require.chips_denied: a list of chip ids was expected");
        for (size_t i = 0; i < sv_json_len(list); i++) {
                const char *id = sv_json_str(sv_json_at(list, i));

                if (!sv_is_hex(id, 128))
                        return sv_fail(err, SV_USAGE, CHECK,
                                       "require.chips_denied[%zu]: 128 lower-case hex digits were "
                                       "expected",
                                       i);
        }
        sv_json_set(add_snp_rule(rules, "policy.chip", "/chip_id",
                                 "this chip is not on the list of those refused"),
                    "none_of", sv_json_ref(list));
        return 0;
}

static int require_flags(const struct sv_json *require, struct sv_json *rules, struct sv_err *err)
{
        static const char *const names[] = {"provisional", "crl"};

        for (size_t i = 0; i < 2; i++)
                if (sv_json_get(require, names[i]) &&
                    sv_json_type(sv_json_get(require, names[i])) != SV_JSON_BOOL)
                        return sv_fail(err, SV_USAGE, CHECK,
                                       "require.%s: true or false was expected", names[i]);
        if (!sv_json_bool(sv_json_get(require, "provisional"), false))
                sv_json_set_bool(
                        add_snp_rule(
                                rules, "policy.provisional", "/tcb/provisional",
                                "the platform's firmware is committed: it cannot be rolled back"),
                        "equals", false);
        if (sv_json_bool(sv_json_get(require, "crl"), false))
                sv_json_set_bool(
                        add_snp_rule(rules, "policy.crl", "/crl_checked",
                                     "the certificates were looked up in AMD's revocation list"),
                        "equals", true);
        return 0;
}

int sv_sev_require_rules(const struct sv_json *require, struct sv_json *rules, struct sv_err *err)
{
        static const char *const members[] = {"reported_tcb",
                                              "committed_tcb",
                                              "launch_tcb",
                                              "firmware",
                                              "mit_vector_set",
                                              "platform_set",
                                              "platform_clear",
                                              "provisional",
                                              "chips_denied",
                                              "crl",
                                              NULL};

        if (require && sv_json_only(require, members, CHECK, NULL) < 0)
                return sv_fail(err, SV_USAGE, CHECK,
                               "require has an unknown member; there are reported_tcb, "
                               "committed_tcb, launch_tcb, firmware, "
                               "mit_vector_set, platform_set, platform_clear, provisional, "
                               "chips_denied, crl");
        if (require_tcb(require, "reported_tcb", rules, err) < 0 ||
            require_tcb(require, "committed_tcb", rules, err) < 0 ||
            require_tcb(require, "launch_tcb", rules, err) < 0 ||
            require_firmware(require, rules, err) < 0 || require_bits(require, rules, err) < 0 ||
            require_chips(require, rules, err) < 0)
                return -1;
        return require_flags(require, rules, err);
}
