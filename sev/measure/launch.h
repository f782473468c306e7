/* SPDX-License-Identifier: Apache-2.0 */
/* What an SNP launch will measure: the firmware's pages, the sections it asks for, and one VMSA per
 * vCPU, in the order in which QEMU/KVM, EC2 or GCE submit them (AMD 56860 chapter 8; facts in
 * docs/FORMATS.md, "SNP launch digest"). Pure. */
#pragma once

#include "tee/measure.h"
#include "ovmf/hashtable.h"
#include "sev/measure/gctx.h"
#include "sev/measure/vmsa.h"

struct sv_sev_launch {
        struct sv_bytes firmware;
        /* 48 bytes: digest after the firmware's pages, instead of hashing them; NULL: hash */
        const uint8_t *firmware_digest;
        const struct sv_boot_hashes *hashes; /* NULL: no kernel */
        unsigned vcpus;                      /* 1 .. 4096 */
        uint32_t cpu_sig;
        uint64_t features; /* SEV_FEATURES; QEMU: 0x1 */
        enum sv_vmm vmm;
        bool old_fpu;
        struct sv_bytes svsm; /* n == 0: none */
        /* bytes between the SVSM's end and the firmware (the variable store) */
        uint32_t svsm_vars;
};

/* digest: 48 bytes. steps (may be NULL) gets every range of pages and every VMSA. SV_FORMAT
 * "ovmf.…" for the firmware, SV_USAGE "sev.vcpus" for 0 or too many. */
int sv_sev_launch_digest(const struct sv_sev_launch *in, uint8_t digest[SV_SNP_DIGEST],
                         struct sv_measurement *steps, struct sv_err *err);
/* The digest after the firmware's pages alone: the shortcut for firmware_digest. */
int sv_sev_firmware_digest(struct sv_bytes firmware, uint8_t digest[SV_SNP_DIGEST],
                           struct sv_err *err);
