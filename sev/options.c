/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/text.h"
#include "sev/options.h"

#include <stdlib.h>

#include "base/json/member.h"
#include "sev/measure/require.h"
#include "sev/verify/floor.h"

static bool is_hex_64(const char *s)
{
        return sv_is_hex(s, 64);
}

static bool is_hex_96(const char *s)
{
        return sv_is_hex(s, 96);
}

#define O(member) offsetof(struct sv_sev_options, member)
static const struct sv_member members[] = {
        {"policy", SV_M_U64, O(policy),
         "guest policy bits as \"0x30000\": bit 17 set, bits 63:26 clear",
         .max = SV_SNP_POLICY_KNOWN},
        {"allow_debug", SV_M_BOOL, O(allow_debug), "true or false"},
        {"allow_host_acpi", SV_M_BOOL, O(allow_host_acpi), "true or false"},
        {"allow", SV_M_SET, O(allow),
         "an array of debug, migration, vmpl, host_report, tcb, firmware, alias_check, each once",
         .names = sv_snp_floor_names},
        {"guest_features", SV_M_U64, O(features), "SEV_FEATURES as \"0x1\"", .max = UINT64_MAX},
        {"cpu_sig", SV_M_U64, O(cpu_sig), "CPUID 1 EAX as \"0xa00f11\"", .max = UINT32_MAX},
        {"vmm", SV_M_TEXT, O(vmm), "\"qemu\", \"ec2\" or \"gce\""},
        {"old_fpu", SV_M_BOOL, O(old_fpu), "true or false"},
        {"firmware_digest", SV_M_TEXT, O(firmware_digest), "96 lower-case hex digits",
         .ok = is_hex_96},
        {"svsm", SV_M_PATH, O(svsm), "a path to an SVSM image"},
        {"svsm_vars_size", SV_M_U64, O(svsm_vars), "bytes of the variable store", .max = 16u << 20},
        {"igvm", SV_M_PATH, O(igvm), "a path to an IGVM file"},
        {"id_block", SV_M_PATH, O(id_block), "a path to an ID block"},
        {"id_auth", SV_M_PATH, O(id_auth), "a path to the ID authentication"},
        {"author_key", SV_M_BOOL, O(author_key), "true or false"},
        {"host_data", SV_M_TEXT, O(host_data), "64 lower-case hex digits", .ok = is_hex_64},
        {"init_data", SV_M_PATH, O(init_data), "a path to an init-data file"},
        {"test_root", SV_M_PATH, O(test_root), "a path to a root's certificate"},
        {"require", SV_M_ANY_OBJECT, O(require), "an object of what the platform must be"},
        {NULL},
};

static int check_snp_options(const struct sv_sev_options *o, struct sv_err *err)
{
        if (!(o->policy & SV_SNP_POLICY_ONE))
                return sv_fail(
                        err, SV_USAGE, "guest.sev-snp.policy",
                        "sev-snp policy 0x%llx: bit 17 must be set; the usual policy is 0x30000",
                        (unsigned long long)o->policy);
        if (o->policy & SV_SNP_POLICY_DEBUG && !o->allow_debug)
                return sv_fail(err, SV_USAGE, "guest.sev-snp.allow_debug",
                               "sev-snp policy 0x%llx lets the host read the guest (debug, bit "
                               "19); clear it, or say \"allow_debug\": true as well",
                               (unsigned long long)o->policy);
        if (!o->id_block != !o->id_auth)
                return sv_fail(err, SV_USAGE, "guest.sev-snp.id_block",
                               "sev-snp: id_block and id_auth go together; one of them is missing");
        if (o->host_data && o->init_data)
                return sv_fail(err, SV_USAGE, "guest.sev-snp.host_data",
                               "sev-snp: either host_data or init_data was expected, found both");
        return 0;
}

int sv_sev_options_read(const struct sv_guest *g, struct sv_sev_options *out, struct sv_err *err)
{
        SV_SEV_OPTIONS o = {.policy = 0x30000, .features = 1};

        if (sv_guest_options(g, "sev-snp", members, &o, err) < 0 || check_snp_options(&o, err) < 0)
                return -1;
        *out = o;
        o = (struct sv_sev_options){0};
        return 0;
}

int sv_sev_options_check(const struct sv_guest *g, struct sv_err *err)
{
        SV_JSON *rules = sv_json_array();
        SV_SEV_OPTIONS o = {0};

        return sv_sev_options_read(g, &o, err) < 0 ? -1
                                                   : sv_sev_require_rules(o.require, rules, err);
}

void sv_sev_options_free(struct sv_sev_options *o)
{
        char **texts[] = {&o->vmm,       &o->firmware_digest, &o->svsm,
                          &o->igvm,      &o->id_block,        &o->id_auth,
                          &o->host_data, &o->init_data,       &o->test_root};

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                free(*texts[i]);
        sv_json_free(o->require);
        *o = (struct sv_sev_options){0};
}
