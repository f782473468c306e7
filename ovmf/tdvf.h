/* SPDX-License-Identifier: Apache-2.0 */
/* TDVF metadata: which parts of a firmware image a TD's launch adds and measures (Intel TDX Virtual
 * Firmware Design Guide, chapter 11; edk2 OvmfPkg/ResetVector/X64/IntelTdxMetadata). Pure. */
#pragma once

#include "base/core/limits.h"
#include "ovmf/footer.h"

enum sv_tdvf_type { /* design guide, table 11-3 */
                    SV_TDVF_BFV = 0,
                    SV_TDVF_CFV = 1,
                    SV_TDVF_TD_HOB = 2,
                    SV_TDVF_TEMP_MEM = 3,
};

#define SV_TDVF_MR_EXTEND 1u /* attribute bit 0: contents are measured */

struct sv_tdvf_section {
        enum sv_tdvf_type type;
        uint64_t gpa;  /* bytes, of whole pages */
        uint64_t size; /* bytes in memory, of whole pages */
        uint32_t attributes;
        struct sv_bytes raw; /* contents */
        /* what a launch puts there, size bytes: contents, and what follows them in the image; n ==
         * 0: zeros */
        struct sv_bytes memory;
};

struct sv_tdvf {
        /* in the order of the table, which is the order of adding */
        struct sv_tdvf_section sections[SV_TDVF_SECTIONS_MAX];
        size_t n;
};

/* The rules are QEMU's (hw/i386/tdvf.c) and those that it should have. SV_FORMAT "ovmf.tdvf" (no or
 * damaged descriptor), "ovmf.tdvf.section" (unknown type, unaligned, overlapping, outside the
 * image, not one HOB). */
int sv_tdvf_parse(struct sv_bytes image, struct sv_tdvf *out, struct sv_err *err);
const char *sv_tdvf_type_name(enum sv_tdvf_type type); /* "BFV" */
const struct sv_tdvf_section *sv_tdvf_find(const struct sv_tdvf *t, enum sv_tdvf_type type);
