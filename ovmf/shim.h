/* SPDX-License-Identifier: Apache-2.0 */
/* A shim (github.com/rhboot/shim): what it holds, and what it measures before and when it starts
 * the image behind it. Pure. */
#pragma once

#include "ovmf/authority.h"
#include "ovmf/secureboot.h"

struct sv_shim {
        unsigned major, minor; /* of its version */
        /* a certificate (DER), or lists of signatures; may be empty */
        struct sv_bytes authorized;
        struct sv_bytes deauthorized; /* lists of signatures; may be empty */
        struct sv_bytes sbat_level;   /* what it sets under Secure Boot: text without terminator */
};

/* Views into the image. SV_FORMAT "ovmf.shim". */
int sv_shim_read(struct sv_bytes image, struct sv_shim *out, struct sv_err *err);
/* Whether it can be predicted what this shim measures: NULL when it can, else the reason why not,
 * as a sentence. `s`: the variable store that the shim reads. */
const char *sv_shim_unknown(const struct sv_shim *shim, const struct sv_varstore *s);

/* The EV_IPL events of the shim's lists of keys (MokList, MokListX) and of MokListTrusted. */
int sv_event_shim_lists(struct sv_prediction *p, unsigned reg, const struct sv_shim *shim,
                        const struct sv_varstore *s, struct sv_err *err);
/* The EV_EFI_VARIABLE_AUTHORITY event of SbatLevel, the shim's level of revocation. */
int sv_event_shim_level(struct sv_prediction *p, unsigned reg, const struct sv_shim *shim,
                        bool secure_boot, struct sv_err *err);
/* Which key or list lets the shim start the next image under Secure Boot: 1 and *out, or 0 when the
 * shim refuses to start it. */
int sv_shim_authority(const struct sv_shim *shim, const struct sv_varstore *s,
                      const struct sv_signed_image *image, struct sv_authority *out,
                      struct sv_err *err);
