/* SPDX-License-Identifier: Apache-2.0 */
/* OVMF's SEV metadata: which guest pages the launcher has to prepare, and how they are measured
 * (edk2 OvmfPkg/ResetVector, OvmfSevMetadata). Pure. */
#pragma once

#include "base/core/limits.h"
#include "ovmf/footer.h"

enum sv_sev_section_type {
        SV_SEV_SEC_MEM = 1,
        SV_SEV_SEC_SECRETS = 2,
        SV_SEV_SEC_CPUID = 3,
        SV_SEV_SEC_SVSM_CAA = 4,
        SV_SEV_SEC_KERNEL_HASHES = 0x10,
};

struct sv_sev_section {
        uint32_t gpa; /* bytes, a multiple of 4096 */
        uint32_t len; /* bytes, a multiple of 4096 */
        uint32_t type;
        const char *name; /* "SNP_SEC_MEM" */
};

struct sv_sev_meta {
        /* in the order of the table, which is the order of measuring */
        struct sv_sev_section sections[SV_SEV_SECTIONS_MAX];
        size_t n;
        bool has_reset;     /* the AP reset vector is there */
        uint32_t reset_eip; /* SEV_ES_RESET_BLOCK */
        bool has_hash_table;
        uint32_t hash_gpa; /* SEV_HASH_TABLE_RV: where the hash table lies, and its room */
        uint32_t hash_size;
};

/* SV_FORMAT "ovmf.sev.metadata" (missing, wrong signature, version, size, outside the image),
 * "ovmf.sev.section" (type unknown: QEMU would refuse the launch; address or length not of whole
 * pages; overlapping sections). */
int sv_sev_meta_parse(const struct sv_footer *footer, struct sv_sev_meta *out, struct sv_err *err);
/* The section of that type; NULL when there is none. */
const struct sv_sev_section *sv_sev_meta_find(const struct sv_sev_meta *m,
                                              enum sv_sev_section_type type);
