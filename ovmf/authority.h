/* SPDX-License-Identifier: Apache-2.0 */
/* Who lets an image start under Secure Boot: its signatures against lists of signatures, as
 * firmware goes through them (UEFI specification 2.10, section 32.5.3.3; edk2
 * SecurityPkg/Library/DxeImageVerificationLib). Pure. */
#pragma once

#include "base/crypto/authenticode.h"
#include "ovmf/pe.h"
#include "ovmf/secureboot.h"
#include "ovmf/siglist.h"

/* An image with those of its signatures that are of its own contents. */
struct sv_signed_image {
        struct sv_pe pe;
        struct sv_authenticode *signatures[SV_PE_SIGNATURES_MAX];
        size_t n;
        /* signatures of other contents, or in a form that firmware does not know either */
        size_t n_others;
};

/* Views into the image. */
int sv_signed_image_read(struct sv_bytes image, struct sv_signed_image *out, struct sv_err *err);
void sv_signed_image_free(struct sv_signed_image *i);
#define SV_SIGNED_IMAGE __attribute__((cleanup(sv_signed_image_free))) struct sv_signed_image
/* Who signed it, as a person reads it: "signed by A, B", "not signed"; a view as snprintf makes it.
 */
void sv_signed_image_by(const struct sv_signed_image *i, char out[256]);

/* The first certificate of the lists that this signature chains to, or the image's digest of that
 * kind in the lists: 1, 0. SV_FORMAT "ovmf.siglist". `first_only`: of each list, only the first
 * certificate is looked at. */
int sv_list_has_signer(struct sv_bytes lists, const struct sv_authenticode *a, bool first_only,
                       struct sv_bytes *entry, struct sv_err *err);
int sv_list_has_digest(struct sv_bytes lists, const struct sv_pe *pe, enum sv_digest alg,
                       struct sv_bytes *entry, struct sv_err *err);

/* What is measured when an image is allowed (EV_EFI_VARIABLE_AUTHORITY): the list's variable, and
 * the one entry of it that did it. */
struct sv_authority {
        const char *name;
        const uint8_t *guid;
        struct sv_buf entry;
};
void sv_authority_free(struct sv_authority *a);

/* What firmware finds in db: 1; 0 when it does not start the image. */
int sv_firmware_authority(const struct sv_varstore *s, const struct sv_signed_image *i,
                          struct sv_authority *out, struct sv_err *err);
/* Takes an entry of a list as the authority: 1. */
int sv_authority_take(struct sv_authority *out, const char *name, const uint8_t guid[16],
                      struct sv_bytes entry, struct sv_err *err);
int sv_event_authority(struct sv_prediction *p, unsigned reg, const struct sv_authority *a,
                       struct sv_err *err);
