/* SPDX-License-Identifier: Apache-2.0 */
#include "vtpm/measure/rules.h"

#include <stdio.h>

#include "base/json/member.h"
#include "base/core/text.h"

/* What each PCR covers in the words of AR4SI (PC Client Platform Firmware Profile, table 1, and
 * what Linux adds). */
static const struct {
        const char *pcr;
        const char *covers;
        const char *what;
        bool must; /* without it, a policy would let other code have the key */
} pcrs[] = {
        {"0", "executables", "firmware code", true},
        {"1", "configuration", "firmware configuration"},
        {"2", "executables", "option ROMs"},
        {"3", "configuration", "option ROM configuration"},
        {"4", "executables", "boot manager and kernel image", true},
        {"5", "configuration", "boot manager configuration and partition table"},
        {"6", "configuration", "platform events"},
        {"7", "configuration", "secure boot policy"},
        {"8", "configuration", "boot loader's command line"},
        {"9", "executables", "kernel command line and initramfs", true},
};

/* Of those that must be: what a guest file may let go. */
static const char *const may_lack[] = {"0", "4", "9", NULL};

static bool may_lack_pcr(unsigned which, const char *pcr)
{
        for (unsigned i = 0; may_lack[i]; i++)
                if (!strcmp(may_lack[i], pcr))
                        return which & 1u << i;
        return false;
}

/* A rule for each PCR that was predicted; one that was not has no value and gets none. What runs
 * must be among them, unless the guest file says that less will do. */
static int add_pcr_rules(const struct sv_measurement *m, unsigned less_will_do,
                         struct sv_json *rules, struct sv_err *err)
{
        const struct sv_json *bank = sv_json_get(m->values, "sha256");
        size_t n = 0;

        for (size_t i = 0; i < sizeof(pcrs) / sizeof(*pcrs); i++) {
                const char *value = sv_json_str(sv_json_get(bank, pcrs[i].pcr));
                char check[32], claim[32];

                if (!value && pcrs[i].must && !may_lack_pcr(less_will_do, pcrs[i].pcr))
                        return sv_fail(err, SV_USAGE, "vtpm.policy.unpredicted",
                                       "PCR %s (%s) is not predicted, so a policy would release "
                                       "the key to any: %s. Say \"allow_unpredicted\": [\"%s\"] "
                                       "in /tees/vtpm of the guest file if that is meant",
                                       pcrs[i].pcr, pcrs[i].what,
                                       sv_why_unpredicted(m, pcrs[i].pcr), pcrs[i].pcr);
                if (!value)
                        continue;
                snprintf(check, sizeof(check), "policy.pcr.%s", pcrs[i].pcr);
                snprintf(claim, sizeof(claim), "/pcrs/sha256/%s", pcrs[i].pcr);
                sv_json_set_str(sv_rule_add(rules, check, claim, pcrs[i].covers, pcrs[i].what),
                                "equals", value);
                n++;
        }
        if (!n)
                return sv_fail(
                        err, SV_USAGE, "vtpm.measurement",
                        "the measurement predicts no PCR of the sha256 bank: nothing to require");
        return 0;
}

static void add_zero_rule(struct sv_json *rules)
{
        char zeros[65];

        memset(zeros, '0', 64);
        zeros[64] = 0;
        sv_json_set_str(sv_rule_add(rules, "policy.pcr.11", "/pcrs/sha256/11", "executables",
                                    "no key was released in this boot: the agent extends PCR 11 "
                                    "after it got one"),
                        "equals", zeros);
}

/* The guest file's object /tees/vtpm. */
struct options {
        unsigned allow_unpredicted; /* bit n for may_lack[n] */
};

static const struct sv_member members[] = {
        {"allow_unpredicted", SV_M_SET, offsetof(struct options, allow_unpredicted),
         "an array of \"0\", \"4\", \"9\", each once", .names = may_lack},
        {NULL},
};

int sv_vtpm_options_check(const struct sv_guest *guest, struct sv_err *err)
{
        struct options options = {0};

        return sv_guest_options(guest, "vtpm", members, &options, err);
}

int sv_vtpm_rules(const struct sv_guest *guest, const struct sv_measurement *m,
                  struct sv_json *rules, struct sv_json *trust, struct sv_err *err)
{
        SV_JSON *roots = sv_json_array();
        struct options options = {0};
        char uuid[37], subject[256];

        if (sv_guest_options(guest, "vtpm", members, &options, err) < 0 ||
            add_pcr_rules(m, options.allow_unpredicted, rules, err) < 0 ||
            sv_vtpm_trust(guest, trust, roots, err) < 0)
                return -1;
        add_zero_rule(rules);
        snprintf(subject, sizeof(subject), "%s:%s", guest->name, sv_format_uuid(guest->uuid, uuid));
        sv_json_set_str(
                sv_rule_add(rules, "policy.ek.subject", "/ek/subject_cn", "instance-identity",
                            "the vTPM was made for this guest (libvirt gives swtpm \"name:uuid\")"),
                "equals", subject);
        sv_json_set(sv_rule_add(rules, "policy.ek.root", "/ek/root_sha256", "hardware",
                                "the maker of the vTPM is one this guest trusts"),
                    "one_of", sv_json_ref(roots));
        sv_json_set_str(sv_rule_add(rules, "policy.ak.origin", "/ak/origin", "instance-identity",
                                    "the attestation key lives in the TPM of that certificate"),
                        "equals", "ek-activation");
        return 0;
}
