/* SPDX-License-Identifier: Apache-2.0 */
/* The guest file's object /tees/sev-snp (docs/FORMATS.md): what only an SNP guest has. The flags of
 * `secure-vm measure` fill the same object. */
#pragma once

#include "guest/guest.h"

struct sv_sev_options {
        /* POLICY; default 0x30000: SMT allowed, no migration agent, no debugging */
        uint64_t policy;
        /* must be true when the policy has the debug bit: debugging is asked for twice, so that it
         * is no accident */
        bool allow_debug;
        bool allow_host_acpi; /* the host's ACPI tables, and the code in them, are taken */
        unsigned allow;    /* of the floor (sev/verify/floor.h), what is lifted: bit n for its n-th
                              name */
        uint64_t features; /* SEV_FEATURES; default 0x1 */
        uint64_t cpu_sig;  /* CPUID 1 EAX; 0: from the CPU model */
        char *vmm;         /* "qemu" (default), "ec2", "gce" */
        bool old_fpu;      /* the host's KVM is older than 6.10 */
        char *firmware_digest;    /* 96 hex digits: launch digest after the firmware's pages */
        char *svsm;               /* path */
        uint64_t svsm_vars;       /* bytes of variable store between the SVSM and the firmware */
        char *igvm;               /* path: the whole launch from this file */
        char *id_block, *id_auth; /* paths: 96 and 4096 bytes */
        bool author_key;
        char *host_data;         /* 64 hex digits; or init_data */
        char *init_data;         /* path: its digest becomes HOST_DATA */
        char *test_root;         /* path: a root trusted in place of AMD's, for tests */
        struct sv_json *require; /* what the platform must be: sev/measure/require.h */
};

int sv_sev_options_read(const struct sv_guest *g, struct sv_sev_options *out, struct sv_err *err);
/* struct sv_tee_host.check_options: what it requires of the platform, too */
int sv_sev_options_check(const struct sv_guest *g, struct sv_err *err);
void sv_sev_options_free(struct sv_sev_options *o);
#define SV_SEV_OPTIONS __attribute__((cleanup(sv_sev_options_free))) struct sv_sev_options
