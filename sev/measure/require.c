/* SPDX-License-Identifier: Apache-2.0 */
#include "sev/measure/require.h"

#include <ctype.h>
#include <stdio.h>

#include "base/core/text.h"
#include "sev/verify/report.h"
#include "tee/measure.h"

#define CHECK   "guest.sev-snp.require"
#define PRODUCT "/vek/product" /* as its maker signed it; old reports do not say it */

static struct sv_json *add_snp_rule(struct sv_json *rules, const char *check, const char *claim,
                                    const char *reason)
{
        return sv_rule_add(rules, check, claim, "hardware", reason);
}

/* The parts of a TCB, and what brings a newer one. */
static const struct {
        const char *name, *reason;
} components[] = {
        {"fmc", "at least this level of the FMC; an update of the BIOS brings it"},
        {"bootloader",
         "at least this level of the security processor's boot loader; an update of the BIOS "
         "brings it"},
        {"tee",
         "at least this level of the security processor's OS; an update of the BIOS brings it"},
        {"snp",
         "at least this level of the SEV firmware; an update of the BIOS, or of linux-firmware and "
         "a restart, brings it"},
        {"microcode",
         "at least this level of the microcode; an update of the BIOS, or of the distribution's "
         "microcode package and a restart, brings it"},
};
#define COMPONENTS (sizeof(components) / sizeof(components[0]))

/* "reported_tcb", and of which product; NULL: of every one. */
struct tcb_member {
        const char *name, *product;
};

static int fail_tcb(const struct tcb_member *m, struct sv_err *err)
{
        return sv_fail(err, SV_USAGE, CHECK,
                       "require.%s%s%s: an object of fmc, bootloader, tee, snp, microcode was "
                       "expected, with a number from 0 to 255 each%s",
                       m->name, m->product ? "." : "", m->product ? m->product : "",
                       m->product ? "" : "; or one of such objects by product (\"Milan\", …)");
}

static void add_tcb_rule(const struct tcb_member *m, size_t component, int64_t min,
                         struct sv_json *rules)
{
        const char *name = components[component].name;
        char product[16] = "", check[64], claim[64];
        struct sv_json *rule, *when;

        for (size_t i = 0; m->product && m->product[i] && i < sizeof(product) - 1; i++)
                product[i] = (char)tolower((unsigned char)m->product[i]);
        if (m->product)
                snprintf(check, sizeof(check), "policy.%s.%s.%s", m->name, product, name);
        else
                snprintf(check, sizeof(check), "policy.%s.%s", m->name, name);
        snprintf(claim, sizeof(claim), "/%s/%s", m->name, name);
        rule = add_snp_rule(rules, check, claim, components[component].reason);
        sv_json_set_int(rule, "at_least", min);
        if (!m->product)
                return;
        when = sv_json_set(rule, "when", sv_json_object());
        sv_json_set_str(when, "claim", PRODUCT);
        sv_json_set_str(when, "equals", m->product);
}

/* Component by component: as one number a TCB would not compare. */
static int require_components(const struct tcb_member *m, const struct sv_json *want,
                              struct sv_json *rules, struct sv_err *err)
{
        size_t known = 0;

        if (sv_json_type(want) != SV_JSON_OBJECT || !sv_json_len(want))
                return fail_tcb(m, err);
        for (size_t i = 0; i < COMPONENTS; i++) {
                const struct sv_json *min = sv_json_get(want, components[i].name);

                if (!min)
                        continue;
                if (sv_json_int(min, -1) < 0 || sv_json_int(min, -1) > 255)
                        return fail_tcb(m, err);
                add_tcb_rule(m, i, sv_json_int(min, 0), rules);
                known++;
        }
        return known == sv_json_len(want) ? 0 : fail_tcb(m, err);
}

/* The same numbers mean other things on another product. One that is not named is refused. */
static int require_products(const char *member, const struct sv_json *want, struct sv_json *rules,
                            struct sv_err *err)
{
        SV_JSON *named = sv_json_array();
        char check[64];

        for (enum sv_sev_product p = SV_SEV_MILAN; p <= SV_SEV_VENICE; p++) {
                const struct tcb_member m = {member, sv_sev_product_name(p)};
                const struct sv_json *of = sv_json_get(want, m.product);

                if (!of)
                        continue;
                if (require_components(&m, of, rules, err) < 0)
                        return -1;
                sv_json_add(named, sv_json_new_str(m.product));
        }
        if (sv_json_len(named) != sv_json_len(want))
                return fail_tcb(&(struct tcb_member){member, NULL}, err);
        snprintf(check, sizeof(check), "policy.%s.product", member);
        sv_json_set(add_snp_rule(rules, check, PRODUCT,
                                 "the processor is of a product whose minimum is known"),
                    "one_of", sv_json_ref(named));
        return 0;
}

static bool is_by_product(const struct sv_json *want)
{
        for (enum sv_sev_product p = SV_SEV_MILAN; p <= SV_SEV_VENICE; p++)
                if (sv_json_get(want, sv_sev_product_name(p)))
                        return true;
        return false;
}

static int require_tcb(const struct sv_json *require, const char *member, struct sv_json *rules,
                       struct sv_err *err)
{
        const struct sv_json *want = sv_json_get(require, member);

        if (!want)
                return 0;
        return is_by_product(want)
                       ? require_products(member, want, rules, err)
                       : require_components(&(struct tcb_member){member, NULL}, want, rules, err);
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

static int check_chips(const struct sv_json *list, const char *member, struct sv_err *err)
{
        if (sv_json_type(list) != SV_JSON_ARRAY || !sv_json_len(list))
                return sv_fail(err, SV_USAGE, CHECK, "require.%s: a list of chip ids was expected",
                               member);
        for (size_t i = 0; i < sv_json_len(list); i++) {
                const char *id = sv_json_str(sv_json_at(list, i));

                if (!sv_is_hex(id, 128))
                        return sv_fail(err, SV_USAGE, CHECK,
                                       "require.%s[%zu]: 128 lower-case hex digits were expected",
                                       member, i);
        }
        return 0;
}

static int require_chips(const struct sv_json *require, struct sv_json *rules, struct sv_err *err)
{
        static const struct {
                const char *member, *check, *op, *reason;
        } t[] = {
                {"chips_denied", "policy.chip", "none_of",
                 "this chip is not on the list of those refused"},
                {"chips_allowed", "policy.chip.allowed", "one_of",
                 "this chip is on the list of those that may run the guest"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct sv_json *list = sv_json_get(require, t[i].member);

                if (!list)
                        continue;
                if (check_chips(list, t[i].member, err) < 0)
                        return -1;
                sv_json_set(add_snp_rule(rules, t[i].check, "/chip_id", t[i].reason), t[i].op,
                            sv_json_ref(list));
        }
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
                                              "chips_allowed",
                                              "crl",
                                              NULL};

        if (require && sv_json_only(require, members, CHECK, NULL) < 0)
                return sv_fail(err, SV_USAGE, CHECK,
                               "require has an unknown member; there are reported_tcb, "
                               "committed_tcb, launch_tcb, firmware, "
                               "mit_vector_set, platform_set, platform_clear, provisional, "
                               "chips_denied, chips_allowed, crl");
        if (require_tcb(require, "reported_tcb", rules, err) < 0 ||
            require_tcb(require, "committed_tcb", rules, err) < 0 ||
            require_tcb(require, "launch_tcb", rules, err) < 0 ||
            require_firmware(require, rules, err) < 0 || require_bits(require, rules, err) < 0 ||
            require_chips(require, rules, err) < 0)
                return -1;
        return require_flags(require, rules, err);
}
