/* SPDX-License-Identifier: Apache-2.0 */
/* UEFI variable store of OVMF's flash (edk2 MdeModulePkg/Include/Guid/VariableFormat.h,
 * authenticated variables). Pure. */
#pragma once

#include "base/core/limits.h"
#include "base/core/rd.h"

struct sv_variable {
        uint8_t guid[16];     /* vendor, as in memory */
        struct sv_bytes name; /* UTF-16LE without terminator */
        struct sv_bytes data;
        uint32_t attributes;
};

struct sv_varstore {
        struct sv_variable list[SV_VARIABLES_MAX]; /* valid ones, in the order of the store */
        size_t n;
};

/* Is there a store at the beginning of this image (a VARS file, or a firmware image that holds its
 * own)? */
bool sv_varstore_here(struct sv_bytes image);
/* Views into the image. SV_FORMAT "ovmf.varstore.header", "ovmf.varstore.variable". */
int sv_varstore_parse(struct sv_bytes image, struct sv_varstore *out, struct sv_err *err);
/* NULL when there is none; the name is ASCII. */
const struct sv_variable *sv_varstore_get(const struct sv_varstore *s, const uint8_t guid[16],
                                          const char *name);
