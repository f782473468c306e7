/* SPDX-License-Identifier: Apache-2.0 */
/* The two firmware volumes that OVMF decompresses into memory and measures (OvmfPkg/Sec,
 * DecompressMemFvs). Pure. */
#pragma once

#include "base/core/buf.h"
#include "ovmf/fv.h"

struct sv_volumes {
        struct sv_buf store; /* what the two point into */
        struct sv_fv pei;    /* PEIFV */
        struct sv_fv dxe;    /* DXEFV */
};

/* SV_FORMAT "ovmf.volumes": the image has no compressed volumes, so it is not OVMF as we know it;
 * or an error of ovmf/fv, ovmf/lzma. */
int sv_volumes_read(struct sv_bytes firmware, struct sv_volumes *out, struct sv_err *err);
void sv_volumes_free(struct sv_volumes *v);
#define SV_VOLUMES __attribute__((cleanup(sv_volumes_free))) struct sv_volumes
