/* SPDX-License-Identifier: Apache-2.0 */
/* Roots of makers, and anchors beside them. Pure. */
#pragma once

#include "base/json/json.h"
#include "tee/collateral.h"

/* For `confirm_root`: is the certificate with this SHA-256 (hex, NULL: none) among the anchors of
 * this kind? SV_FORMAT `form` when an anchor does not parse, SV_PROOF `check` when it is none of
 * them. */
int sv_root_confirm(const char *sha256, const struct sv_collateral *anchors, const char *kind,
                    const char *form, const char *check, struct sv_err *err);
/* For `check_anchor`: certificates. SV_FORMAT `form`. */
int sv_anchor_check(struct sv_bytes data, const char *form, struct sv_err *err);
