/* SPDX-License-Identifier: Apache-2.0 */
/* The host's half of TDX: what this machine offers, the libvirt domain, and a launch without QEMU.
 * The functions of its row of launcher/tees-host.c. */
#pragma once

#include "guest/guest.h"
#include "tee/host.h"
#include "tdx/options.h"

int sv_tdx_probe(struct sv_probe *out, struct sv_err *err);
/* The same below a folder that stands for the machine's root ("" for itself); intel: CPUID says
 * GenuineIntel. */
int sv_tdx_probe_at(const char *sysroot, bool intel, struct sv_probe *out, struct sv_err *err);

/* SV_USAGE "tdx.domain.*": what libvirt would let pass, QEMU would stop at, or a TD cannot have
 * (docs/CHECKS.md). */
int sv_tdx_domain(const struct sv_guest *guest, struct sv_domain_part *out, struct sv_err *err);

/* SV_SYSTEM "tdx.trial.kvm" (a call that this kernel refuses), "tdx.trial.busy", SV_PROOF
 * "tdx.trial.module" (the TDX module refuses). */
int sv_tdx_trial(const struct sv_guest *guest, struct sv_err *err);
int sv_tdx_trial_at(const char *sysroot, const struct sv_guest *guest, struct sv_err *err);
/* What a trial that ends well has shown, and what not. */
extern const char sv_tdx_trial_says[];

/* SV_PROOF "tdx.launch.module", SV_SYSTEM "tdx.launch.busy", "tdx.launch.kvm", "tdx.launch.offer";
 * 0: the message is about something else. */
int sv_tdx_refusal(const char *message, struct sv_err *err);

/* The firmware image of a guest file, or SV_TDX_FIRMWARE; read whole and its TDX metadata parsed
 * (tdvf points into *image). SV_SYSTEM "tdx.firmware" when there is none, SV_FORMAT "ovmf.tdvf"
 * when it is none for TDX. */
struct sv_tdvf;
int sv_tdx_image_read(const struct sv_guest *guest, struct sv_buf *image, struct sv_tdvf *tdvf,
                      struct sv_err *err);
