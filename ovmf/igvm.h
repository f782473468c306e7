/* SPDX-License-Identifier: Apache-2.0 */
/* Independent Guest Virtual Machine files (IGVM, microsoft/igvm, igvm_defs): a list of pages,
 * parameters and vCPU states, for one or more platforms. Pure: reads the headers, checks them
 * whole, and hands out what a platform's launch consists of, in order. */
#pragma once

#include "base/core/bytes.h"

enum sv_igvm_platform { SV_IGVM_SEV_SNP = 2, SV_IGVM_TDX = 3 };

enum sv_igvm_what { SV_IGVM_PAGES, SV_IGVM_PARAMETER_INSERT, SV_IGVM_VP_CONTEXT };
enum sv_igvm_data {
        SV_IGVM_NORMAL = 0,
        SV_IGVM_SECRETS = 1,
        SV_IGVM_CPUID = 2,
        SV_IGVM_CPUID_XF = 3
};

struct sv_igvm_item {
        enum sv_igvm_what what;
        uint64_t gpa;
        uint64_t n_pages; /* 4096 bytes each */
        enum sv_igvm_data data;
        bool unmeasured, shared;
        struct sv_bytes contents; /* n == 0: all zero */
};

struct sv_igvm {
        struct sv_bytes file;
        struct sv_bytes headers; /* the variable headers */
        uint32_t mask;           /* the platform's compatibility mask */
        bool has_policy;
        uint64_t policy;
};

/* SV_FORMAT "igvm.header" (magic, version, sizes, checksum), "igvm.order", "igvm.platform" (not in
 * this file, or a bad mask), "igvm.unknown" (a header that is not optional), "igvm.page" (address,
 * data type, flags, data outside the file), "igvm.parameter" (an area that is not declared, or
 * declared twice). */
int sv_igvm_parse(struct sv_bytes file, enum sv_igvm_platform platform, struct sv_igvm *out,
                  struct sv_err *err);
/* Every item of the platform in order; fn returns 0 to go on, -1 to stop. */
int sv_igvm_each(const struct sv_igvm *igvm,
                 int (*fn)(void *arg, const struct sv_igvm_item *item, struct sv_err *err),
                 void *arg, struct sv_err *err);
