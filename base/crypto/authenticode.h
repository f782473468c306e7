/* SPDX-License-Identifier: Apache-2.0 */
/* The signature of a PE image: Authenticode, a PKCS #7 SignedData over SpcIndirectDataContent
 * (Microsoft, "Windows Authenticode Portable Executable Signature Format"), verified as UEFI
 * firmware does (UEFI specification 2.10, section 32.5). Pure. */
#pragma once

#include "base/crypto/crypto.h"

struct sv_authenticode;

/* From the bytes of one certificate table entry, which may be padded. SV_FORMAT `check`: no such
 * signature, or a digest other than SHA-256, SHA-384, SHA-512. */
struct sv_authenticode *sv_authenticode_read(struct sv_bytes pkcs7, const char *check,
                                             struct sv_err *err);
void sv_authenticode_free(struct sv_authenticode *a);
void sv_authenticode_freep(struct sv_authenticode **a);
#define SV_AUTHENTICODE __attribute__((cleanup(sv_authenticode_freep))) struct sv_authenticode

/* What it says that the image's digest is. The view holds as long as a. */
enum sv_digest sv_authenticode_digest(const struct sv_authenticode *a, struct sv_bytes *value);
/* Does its signer chain to this certificate (DER), which may be the signer itself? Without regard
 * to dates and key usages, as firmware. */
bool sv_authenticode_chains(const struct sv_authenticode *a, struct sv_bytes cert);
/* The common name of who signed; "" when it is not said. */
void sv_authenticode_signer(const struct sv_authenticode *a, char out[256]);
