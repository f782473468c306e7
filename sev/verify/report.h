/* SPDX-License-Identifier: Apache-2.0 */
/* ATTESTATION_REPORT (AMD 56860, SNP_GUEST_REQUEST, table 23 and its later versions): versions 2 to
 * 5, 1184 bytes. Reading is pure and believes nothing: who calls it verifies the signature over the
 * raw bytes first. */
#pragma once

#include "base/json/json.h"

#define SV_REPORT_SIZE   1184u
#define SV_REPORT_SIGNED 0x2a0u /* the signature covers the bytes before this offset */

/* Lines of processors that share a TCB layout, a root key and a name at AMD's key server (KDS). */
enum sv_sev_product { SV_SEV_UNKNOWN, SV_SEV_MILAN, SV_SEV_GENOA, SV_SEV_TURIN, SV_SEV_VENICE };
/* "Milan"; Bergamo and Siena are "Genoa", as at the KDS */
const char *sv_sev_product_name(enum sv_sev_product p);

/* TCB_VERSION, by component: security patch levels. Never to be compared as one number. */
struct sv_tcb {
        uint8_t fmc; /* Turin and later; 0 before */
        uint8_t bootloader;
        uint8_t tee;
        uint8_t snp;
        uint8_t microcode;
        uint8_t reserved[4]; /* as found; must be zero */
};

enum sv_sev_key { SV_SEV_VCEK = 0, SV_SEV_VLEK = 1, SV_SEV_NO_KEY = 7 };

struct sv_report {
        uint32_t version;
        uint32_t guest_svn;
        uint64_t policy;
        uint8_t family_id[16];
        uint8_t image_id[16];
        uint32_t vmpl;
        uint32_t signature_algo;
        uint64_t platform_info;
        uint32_t key_info;
        uint8_t report_data[64];
        uint8_t measurement[48];
        uint8_t host_data[32];
        uint8_t id_key_digest[48];
        uint8_t author_key_digest[48];
        uint8_t report_id[32];
        uint8_t report_id_ma[32];
        struct sv_tcb current_tcb, reported_tcb, committed_tcb, launch_tcb;
        bool has_cpuid; /* version 3 and later */
        uint8_t cpuid_fam_id, cpuid_mod_id, cpuid_step;
        uint8_t chip_id[64];
        uint8_t current_build, current_minor, current_major;
        uint8_t committed_build, committed_minor, committed_major;
        bool has_mit; /* version 5 */
        uint64_t launch_mit_vector, current_mit_vector;
        uint8_t r[48], s[48]; /* of the signature, big endian */
        enum sv_sev_product product;
};

#define SV_SNP_ALIAS_CHECK (1ull << 5) /* PLATFORM_INFO: ALIAS_CHECK_COMPLETE */

/* POLICY bits (AMD 56860, table 10). */
#define SV_SNP_POLICY_SMT        (1ull << 16)
#define SV_SNP_POLICY_ONE        (1ull << 17) /* must be one */
#define SV_SNP_POLICY_MIGRATE_MA (1ull << 18)
#define SV_SNP_POLICY_DEBUG      (1ull << 19)
#define SV_SNP_POLICY_SINGLE     (1ull << 20)
#define SV_SNP_POLICY_KNOWN      ((1ull << 26) - 1)
/* KEY_INFO (table 23). */
#define SV_SNP_AUTHOR_KEY_EN     (1u << 0)
#define SV_SNP_MASK_CHIP_KEY     (1u << 1)
static inline enum sv_sev_key sv_report_signing_key(const struct sv_report *r)
{
        return (enum sv_sev_key)(r->key_info >> 2 & 7);
}

/* Reads the whole report and checks its form: SV_FORMAT "snp.report.size", ".version",
 * ".signature_algo", ".policy" (bit 17, bits 63:26),
 * ".key_info", ".reserved" (naming the offset), ".signature" (R or S of more than 384 bits). */
int sv_report_parse(struct sv_bytes raw, struct sv_report *out, struct sv_err *err);
/* Every field by AMD's name in lower snake case; the caller frees. */
struct sv_json *sv_report_claims(const struct sv_report *r);

/* The layout depends on the product (Milan, Genoa: BL TEE - - - - SNP UCODE; Turin and later: FMC
 * BL TEE SNP - - - UCODE). */
void sv_tcb_read(const uint8_t raw[8], enum sv_sev_product product, struct sv_tcb *out);
void sv_tcb_write(const struct sv_tcb *tcb, enum sv_sev_product product, uint8_t raw[8]);
/* Is every component of a at least that of b? */
bool sv_tcb_at_least(const struct sv_tcb *a, const struct sv_tcb *b);
bool sv_tcb_equal(const struct sv_tcb *a, const struct sv_tcb *b);
struct sv_json *sv_tcb_json(const struct sv_tcb *tcb, enum sv_sev_product product);
/* By CPUID family and model (as in the report: the whole family, extended included). */
enum sv_sev_product sv_sev_product_of(uint8_t family, uint8_t model);
