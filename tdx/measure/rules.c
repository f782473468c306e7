/* SPDX-License-Identifier: Apache-2.0 */
/* From a guest file and its registers to policy rules. What a guest file says nothing about is
 * required to be absent. */
#include <stdio.h>

#include "base/core/file.h"
#include "tdx/options.h"
#include "tdx/measure/require.h"
#include "tdx/measure/measure.h"
#include "tdx/verify/quote.h"

/* MRTD and RTMR1 to RTMR2 say which firmware, kernel, command line and initramfs run. RTMR0 adds
 * the machine (memory map, ACPI tables, variables): it depends on the monitor's version, and
 * without it the guest's firmware must be one that stands any machine. */
static const struct {
        const char *name, *check, *claim, *covers, *what;
} registers[] = {
        {"mrtd", "policy.mrtd", "/mrtd", "executables",
         "firmware image, as it was put into the TD"},
        {"rtmr0", "policy.rtmr0", "/rtmr0", "configuration",
         "memory map, ACPI tables, variables and options of the firmware"},
        {"rtmr1", "policy.rtmr1", "/rtmr1", "executables",
         "kernel image, and that it was started directly"},
        {"rtmr2", "policy.rtmr2", "/rtmr2", "executables", "command line and initramfs"},
};

static bool may_lack_rtmr(unsigned which, const char *name)
{
        for (unsigned i = 0; sv_tdx_may_lack[i]; i++)
                if (!strcmp(sv_tdx_may_lack[i], name))
                        return which & 1u << i;
        return false;
}

static int add_rtmr_rules(const struct sv_measurement *m, unsigned less_will_do,
                          struct sv_json *rules, struct sv_err *err)
{
        for (size_t i = 0; i < sizeof(registers) / sizeof(*registers); i++) {
                const char *value = sv_json_str(sv_json_get(m->values, registers[i].name));

                if (!value && !i)
                        return sv_fail(err, SV_USAGE, "tdx.measurement",
                                       "the measurement has no MRTD: nothing to require");
                if (!value && !may_lack_rtmr(less_will_do, registers[i].name))
                        return sv_fail(
                                err, SV_USAGE, "tdx.policy.unpredicted",
                                "%s (%s) is not predicted, so a policy would release the key "
                                "whatever it is: %s. Say \"allow_unpredicted\": [\"%s\"] "
                                "in /tees/tdx of the guest file if that is meant",
                                registers[i].name, registers[i].what,
                                sv_why_unpredicted(m, registers[i].name), registers[i].name);
                if (!value)
                        continue;
                sv_json_set_str(sv_rule_add(rules, registers[i].check, registers[i].claim,
                                            registers[i].covers, registers[i].what),
                                "equals", value);
        }
        return 0;
}

static int add_identity_rules(const struct sv_tdx_options *o, struct sv_json *rules,
                              struct sv_err *err)
{
        struct sv_tdx_ids ids;

        if (sv_tdx_ids(o, &ids, err) < 0)
                return -1;
        sv_json_set_hex(sv_rule_add(rules, "policy.mrconfigid", "/mrconfigid", "configuration",
                                    "the host gave the guest this configuration and no other"),
                        "equals", sv_bytes(ids.mrconfigid, 48));
        sv_json_set_hex(sv_rule_add(rules, "policy.mrowner", "/mrowner", "instance-identity",
                                    "the guest's owner"),
                        "equals", sv_bytes(ids.mrowner, 48));
        sv_json_set_hex(sv_rule_add(rules, "policy.mrownerconfig", "/mrownerconfig",
                                    "instance-identity", "what the guest's owner says of it"),
                        "equals", sv_bytes(ids.mrownerconfig, 48));
        return 0;
}

/* QEMU itself adds PKS when the processor has it, and PERFMON with a PMU: neither lets the host in.
 */
static void add_attribute_rules(const struct sv_tdx_options *o, struct sv_json *rules)
{
        uint64_t may = o->attributes | SV_TD_PKS | SV_TD_PERFMON;
        char set[20], clear[20];

        snprintf(set, sizeof(set), "0x%llx", (unsigned long long)o->attributes);
        snprintf(clear, sizeof(clear), "0x%llx", (unsigned long long)~may);
        if (o->attributes)
                sv_json_set_str(sv_rule_add(rules, "policy.attributes.set", "/tdattributes",
                                            "configuration", "the attributes of the guest file"),
                                "bits_set", set);
        sv_json_set_str(sv_rule_add(rules, "policy.attributes.clear", "/tdattributes",
                                    "configuration",
                                    "no attribute that the guest file does not have: no debugging, "
                                    "no migration"),
                        "bits_clear", clear);
        sv_json_set_bool(sv_rule_add(rules, "policy.debug", "/tdattributes_bits/debug",
                                     "configuration", "the host may not debug the guest"),
                         "equals", o->attributes & SV_TD_DEBUG);
}

static const struct sv_root_rule td_root = {
        .own = "/root/intel",
        .reason = "the root of the platform's key",
        .anchors = "sgx_roots",
        .check = "tdx.root.form",
};

int sv_tdx_rules(const struct sv_guest *guest, const struct sv_measurement *m,
                 struct sv_json *rules, struct sv_json *trust, struct sv_err *err)
{
        SV_TDX_OPTIONS o = {0};

        if (sv_tdx_options_read(guest, &o, err) < 0 ||
            add_rtmr_rules(m, o.allow_unpredicted, rules, err) < 0 ||
            add_identity_rules(&o, rules, err) < 0 ||
            sv_rule_add_root(&td_root, o.test_root, rules, trust, err) < 0)
                return -1;
        add_attribute_rules(&o, rules);
        return sv_tdx_require_rules(o.require, rules, err);
}

/* A list of statuses, or time for one that is out of date, is more than the floor lets pass. */
int sv_tdx_allow(const struct sv_guest *guest, struct sv_json *allow, struct sv_err *err)
{
        SV_TDX_OPTIONS o = {0};

        if (sv_tdx_options_read(guest, &o, err) < 0)
                return -1;
        if (o.attributes & SV_TD_DEBUG && o.allow_debug)
                sv_json_add(allow, sv_json_new_str("debug"));
        if (sv_json_get(o.require, "status") || sv_json_get(o.require, "grace_days"))
                sv_json_add(allow, sv_json_new_str("tcb"));
        return 0;
}
