/* SPDX-License-Identifier: Apache-2.0 */
/* MRTD: what the TDX module measures while a TD is built (Intel TDX Module Base Architecture
 * Specification, TDH.MEM.PAGE.ADD and TDH.MR.EXTEND). Pure. */
#pragma once

#include "tee/measure.h"
#include "ovmf/tdvf.h"

#define SV_TDX_DIGEST 48

/* In which order a monitor calls the module: page by page (KVM since 6.16), or all pages of a
 * section and then all their contents (the out-of-tree QEMU 8 of Ubuntu 24.04). */
enum sv_tdx_order { SV_TDX_MAINLINE, SV_TDX_TWO_PASS };

/* 48 bytes. steps (may be NULL) gets one row per section. */
int sv_tdx_mrtd(const struct sv_tdvf *tdvf, enum sv_tdx_order order, uint8_t mrtd[SV_TDX_DIGEST],
                struct sv_measurement *steps, struct sv_err *err);
