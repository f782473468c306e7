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
/* NULL: what it measures is known; else the reason why not. `s`: the variables that it finds. */
const char *sv_shim_unknown(const struct sv_shim *shim, const struct sv_varstore *s);

/* Its lists of keys, and whether it trusts them: EV_IPL. */
int sv_event_shim_lists(struct sv_prediction *p, unsigned reg, const struct sv_shim *shim,
                        const struct sv_varstore *s, struct sv_err *err);
/* Its level of revocation, among the variables of Secure Boot. */
int sv_event_shim_level(struct sv_prediction *p, unsigned reg, const struct sv_shim *shim,
                        bool secure_boot, struct sv_err *err);
/* Who allows the image behind it, under Secure Boot: 1; 0 when it does not start it. */
int sv_shim_authority(const struct sv_shim *shim, const struct sv_varstore *s,
                      const struct sv_signed_image *image, struct sv_authority *out,
                      struct sv_err *err);
