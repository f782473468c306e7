/* SPDX-License-Identifier: Apache-2.0 */
/* Authenticode digest of a PE/COFF image (Microsoft, "Windows Authenticode Portable Executable
 * Signature Format", section "Calculating the PE Image Hash"), in the way that edk2 measures boot
 * applications (SecurityPkg/DxeTpm2MeasureBootLib). Pure. */
#pragma once

#include "base/core/limits.h"
#include "base/crypto/crypto.h"
#include "base/core/rd.h"

/* What the digest covers, in order; views into the image. */
struct sv_pe {
        struct sv_bytes parts[SV_PE_SECTIONS_MAX + 4];
        size_t n;
};

/* Does it begin as one: MZ, and PE where that points to? */
bool sv_pe_here(struct sv_bytes image);
/* SV_FORMAT "ovmf.pe.magic", "ovmf.pe.header", "ovmf.pe.sections", "ovmf.pe.certificates". */
int sv_pe_parse(struct sv_bytes image, struct sv_pe *out, struct sv_err *err);
/* The contents of the first section of that name: 1, or 0 when there is none. What a section has in
 * memory only is not in there. */
int sv_pe_section(struct sv_bytes image, const char *name, struct sv_bytes *out,
                  struct sv_err *err);
/* The image's signatures, in order (UEFI specification 2.10, section 32.2.2): PKCS #7, maybe
 * padded. SV_FORMAT "ovmf.pe.certificates". */
int sv_pe_signatures(struct sv_bytes image, struct sv_bytes out[SV_PE_SIGNATURES_MAX], size_t *n,
                     struct sv_err *err);
int sv_pe_digest(const struct sv_pe *pe, enum sv_digest alg, uint8_t *out, struct sv_err *err);
