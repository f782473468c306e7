/* SPDX-License-Identifier: Apache-2.0 */
/* A PE image as a loader sees it (Microsoft PE/COFF specification; UEFI specification 2.10, section
 * 2.1.1): the stub's own, which the firmware loaded, and the kernel that it loads itself. x86-64,
 * PE32+ only. Relocations are not applied: a kernel needs none. What an image is worth is the
 * measurement's to say (ovmf/pe.h); here nothing may be written outside of its place. Pure. */
#pragma once

#include "base/core/rd.h"

#define SV_PE_LOAD_MAX (1024u << 20) /* bytes of a kernel in memory */

struct sv_pe_load {
        uint32_t entry;      /* of the image in memory */
        uint32_t size;       /* of the image in memory */
        uint32_t headers;    /* bytes of headers, at the beginning of file and memory */
        uint16_t n_sections; /* of the table at `sections` */
        bool nx; /* NX_COMPAT: no page is to be written and executed, code has pages of its own */
        size_t sections;
};

/* Its headers; the same for a file and for an image in memory. SV_FORMAT "stub.pe.magic",
 * "stub.pe.header". */
int sv_pe_load_read(struct sv_bytes image, struct sv_pe_load *out, struct sv_err *err);
/* Each section of the file lies in the file and in the image's memory. SV_FORMAT
 * "stub.pe.section". */
int sv_pe_load_check(const struct sv_pe_load *pe, struct sv_bytes file, struct sv_err *err);
/* Puts headers and sections where they belong: `memory` has pe->size bytes, all of which are
 * written. Only after sv_pe_load_check. */
void sv_pe_load_place(const struct sv_pe_load *pe, struct sv_bytes file, uint8_t *memory);
/* Is the i-th section code, and where in memory? Where sv_pe_load_check lets the file pass it lies
 * in the image. */
bool sv_pe_load_code(const struct sv_pe_load *pe, struct sv_bytes file, unsigned i, uint32_t *at,
                     uint32_t *n);
/* The section of that name of an image in memory: 1, 0 when there is none, -1 and SV_FORMAT
 * "stub.pe.section" when it lies outside. */
int sv_pe_load_find(const struct sv_pe_load *pe, struct sv_bytes image, const char name[8],
                    struct sv_bytes *out, struct sv_err *err);
