/* SPDX-License-Identifier: Apache-2.0 */
/* SEV-SNP's row of launcher/tees-measure.c. */
#include "sev/tee.h"

#include "base/program/cli.h"
#include "sev/measure/measure.h"
#include "sev/verify/tee.h"

static const struct sv_opt options[] = {
        {.name = "cpu-sig", .arg = "0x…", .help = "sev-snp: CPUID 1 EAX, instead of a CPU model"},
        {.name = "guest-features", .arg = "0x1", .help = "sev-snp: SEV_FEATURES"},
        {.name = "vmm", .arg = "qemu|ec2|gce", .help = "sev-snp: who launches"},
        {.name = "firmware-digest",
         .arg = "HEX",
         .help = "sev-snp: the digest after the firmware's pages, instead of hashing them"},
        {.name = "svsm", .arg = "FILE", .help = "sev-snp: an SVSM below the firmware"},
        {.name = "svsm-vars-size",
         .arg = "N",
         .help = "sev-snp: bytes of variable store between SVSM and firmware"},
        {.name = "igvm", .arg = "FILE", .help = "sev-snp: the whole launch from an IGVM file"},
        {0},
};

/* The ID block's fields are for whoever signed it to say, HOST_DATA is one guest's. */
static const char *const image_claims[] = {"/measurement", SV_SNP_ACPI_LIMIT, NULL};

const struct sv_tee_measure sv_tee_measure_sev_snp = {
        .id = &sv_tee_sev_snp,
        .options = options,
        .measure = sv_sev_measure,
        .id_block = sv_sev_id_block,
        .policy = sv_snp_rules,
        .image_claims = image_claims,
        .allow = sv_snp_allow,
        .exposure = sv_snp_exposure,
        .inspect = sv_sev_inspect,
        .formats = "SNP report, evidence, certificate table, VCEK or VLEK, ID block or "
                   "authentication, IGVM",
};
