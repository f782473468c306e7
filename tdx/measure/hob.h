/* SPDX-License-Identifier: Apache-2.0 */
/* The list of hand-off blocks that QEMU builds for a TD and its firmware measures into RTMR0 (PI
 * Specification, volume 3; QEMU hw/i386/tdvf-hob.c). Pure. */
#pragma once

#include "ovmf/tdvf.h"

struct sv_buf;

/* Appends the list as it lies at the TD_HOB section, its END block included, for `memory` bytes of
 * guest memory on q35. SV_FORMAT "tdx.hob" when it does not fit its section, SV_USAGE
 * "tdx.hob.memory" when the guest has no memory where the firmware wants some. */
int sv_tdx_hob(const struct sv_tdvf *tdvf, uint64_t memory, struct sv_buf *out, struct sv_err *err);
/* What the firmware measures of it: all but the END block. */
#define SV_TDX_HOB_END 8u
