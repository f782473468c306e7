/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "sev/verify/report.h"

static void set_hex64(struct sv_json *j, const char *name, uint64_t v)
{
        char text[20];

        snprintf(text, sizeof(text), "0x%llx", (unsigned long long)v);
        sv_json_set_str(j, name, text);
}

static void set_version(struct sv_json *j, const char *name, uint8_t major, uint8_t minor,
                        uint8_t build)
{
        char text[16];

        snprintf(text, sizeof(text), "%u.%u.%u", major, minor, build);
        sv_json_set_str(j, name, text);
}

struct bit {
        const char *name;
        unsigned bit;
        uint32_t since; /* report version: older ones do not say it */
};

static void set_bits(struct sv_json *j, const char *name, uint32_t version, uint64_t v,
                     const struct bit *bits)
{
        struct sv_json *o = sv_json_set(j, name, sv_json_object());

        for (; bits->name; bits++)
                if (version >= bits->since)
                        sv_json_set_bool(o, bits->name, v >> bits->bit & 1);
}

/* AMD 56860, table 10 (POLICY) and table 23 (PLATFORM_INFO). */
static const struct bit policy_bits[] = {
        {"smt", 16, 2},
        {"migrate_ma", 18, 2},
        {"debug", 19, 2},
        {"single_socket", 20, 2},
        {"cxl_allow", 21, 2},
        {"aes_256_xts", 22, 2},
        {"rapl_dis", 23, 2},
        {"ciphertext_hiding", 24, 2},
        {"page_swap_disable", 25, 5},
        {NULL, 0, 0},
};
static const struct bit platform_bits[] = {
        {"smt_en", 0, 2},
        {"tsme_en", 1, 2},
        {"ecc_en", 2, 2},
        {"rapl_dis", 3, 2},
        {"ciphertext_hiding_en", 4, 2},
        {"alias_check_complete", 5, 3},
        {"tio_en", 7, 5},
        {NULL, 0, 0},
};

static const char *get_signing_key_name(enum sv_sev_key key)
{
        return key == SV_SEV_VCEK ? "vcek" : key == SV_SEV_VLEK ? "vlek" : "none";
}

struct sv_json *sv_report_claims(const struct sv_report *r)
{
        struct sv_json *j = sv_json_object();

        sv_json_set_int(j, "version", r->version);
        sv_json_set_str(j, "product", sv_sev_product_name(r->product));
        sv_json_set_int(j, "guest_svn", r->guest_svn);
        set_hex64(j, "policy", r->policy);
        sv_json_set_int(j, "policy_abi_major", (int64_t)(r->policy >> 8 & 0xff));
        sv_json_set_int(j, "policy_abi_minor", (int64_t)(r->policy & 0xff));
        set_bits(j, "policy_bits", r->version, r->policy, policy_bits);
        sv_json_set_hex(j, "family_id", sv_bytes(r->family_id, 16));
        sv_json_set_hex(j, "image_id", sv_bytes(r->image_id, 16));
        sv_json_set_int(j, "vmpl", r->vmpl);
        set_hex64(j, "platform_info", r->platform_info);
        set_bits(j, "platform_info_bits", r->version, r->platform_info, platform_bits);
        sv_json_set_bool(j, "author_key_en", r->key_info & SV_SNP_AUTHOR_KEY_EN);
        sv_json_set_bool(j, "mask_chip_key", r->key_info & SV_SNP_MASK_CHIP_KEY);
        sv_json_set_str(j, "signing_key", get_signing_key_name(sv_report_signing_key(r)));
        sv_json_set_hex(j, "report_data", sv_bytes(r->report_data, 64));
        sv_json_set_hex(j, "measurement", sv_bytes(r->measurement, 48));
        sv_json_set_hex(j, "host_data", sv_bytes(r->host_data, 32));
        sv_json_set_hex(j, "id_key_digest", sv_bytes(r->id_key_digest, 48));
        sv_json_set_hex(j, "author_key_digest", sv_bytes(r->author_key_digest, 48));
        sv_json_set_hex(j, "report_id", sv_bytes(r->report_id, 32));
        sv_json_set_hex(j, "report_id_ma", sv_bytes(r->report_id_ma, 32));
        sv_json_set_hex(j, "chip_id", sv_bytes(r->chip_id, 64));
        sv_json_set(j, "current_tcb", sv_tcb_json(&r->current_tcb, r->product));
        sv_json_set(j, "reported_tcb", sv_tcb_json(&r->reported_tcb, r->product));
        sv_json_set(j, "committed_tcb", sv_tcb_json(&r->committed_tcb, r->product));
        sv_json_set(j, "launch_tcb", sv_tcb_json(&r->launch_tcb, r->product));
        set_version(j, "current_version", r->current_major, r->current_minor, r->current_build);
        set_version(j, "committed_version", r->committed_major, r->committed_minor,
                    r->committed_build);
        if (r->has_cpuid) {
                sv_json_set_int(j, "cpuid_fam_id", r->cpuid_fam_id);
                sv_json_set_int(j, "cpuid_mod_id", r->cpuid_mod_id);
                sv_json_set_int(j, "cpuid_step", r->cpuid_step);
        }
        if (r->has_mit) {
                set_hex64(j, "launch_mit_vector", r->launch_mit_vector);
                set_hex64(j, "current_mit_vector", r->current_mit_vector);
        }
        return j;
}
