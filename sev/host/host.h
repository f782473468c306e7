/* SPDX-License-Identifier: Apache-2.0 */
/* The host's half of SEV-SNP: what this machine offers, the libvirt domain, and a launch without
 * QEMU. The functions of its row of launcher/tees-host.c. */
#pragma once

#include "guest/guest.h"
#include "tee/host.h"
#include "sev/options.h"
#include "sev/verify/report.h"

int sv_sev_probe(struct sv_probe *out, struct sv_err *err);
/* The same below a folder that stands for the machine's root ("" for itself), with the answer of
 * CPUID 0x8000001f. */
struct sv_sev_cpuid {
        uint32_t eax, ebx, ecx, edx;
};
int sv_sev_probe_at(const char *sysroot, const struct sv_sev_cpuid *cpuid, struct sv_probe *out,
                    struct sv_err *err);

/* SV_USAGE "sev.domain.*": what libvirt would let pass, or QEMU would stop at (docs/CHECKS.md). */
int sv_sev_domain(const struct sv_guest *guest, struct sv_domain_part *out, struct sv_err *err);

/* SV_SYSTEM "sev.trial.kvm" (a call that this kernel refuses), SV_PROOF "sev.trial.measurement"
 * (the platform measured something else than predicted), "sev.trial.firmware" (any other refusal by
 * the firmware). */
int sv_sev_trial(const struct sv_guest *guest, struct sv_err *err);

/* The `host_op` of struct sv_tee_host, for a device and a product's TCB layout (the second: this
 * machine's). Options: config "reported-tcb"
 * ("snp=24,microcode=213": components that are not named stay), "reset" (report what runs), "lower"
 * (a component may go down), "mask-chip-id", "mask-chip-key" ("yes" or "no"); vlek-load "file".
 * SV_SYSTEM "sev.host.device", ".product", ".firmware" (with the status as a sentence), ".after"
 * (it took other values); SV_USAGE "sev.host.tcb", ".above", ".lower", ".option"; "snp.vlek.size",
 * ".reserved". */
int sv_sev_host_op_at(const char *device, enum sv_sev_product product, const char *op,
                      const struct sv_json *options, bool dry, struct sv_json *plan,
                      struct sv_err *err);
enum sv_sev_product sv_sev_host_product(void); /* of this machine's processor */
int sv_sev_host_op(const char *op, const struct sv_json *options, bool dry, struct sv_json *plan,
                   struct sv_err *err);

/* SV_PROOF "sev.launch.measurement" (not what the ID block says), "sev.launch.firmware"; SV_SYSTEM
 * "sev.launch.kvm"; 0: nothing of that in it. */
int sv_sev_refusal(const char *message, struct sv_err *err);

/* What a status of the SEV firmware means (AMD 56860, table 4), as a sentence. */
const char *sv_sev_status(uint32_t status);
