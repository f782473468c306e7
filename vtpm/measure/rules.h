/* SPDX-License-Identifier: Apache-2.0 */
/* From a measurement to policy rules and trust anchors (docs/FORMATS.md, "Policy document"). */
#pragma once

#include "guest/guest.h"
#include "tee/measure.h"

/* struct sv_tee_measure.policy */
int sv_vtpm_rules(const struct sv_guest *guest, const struct sv_measurement *m,
                  struct sv_json *rules, struct sv_json *trust, struct sv_err *err);
/* struct sv_tee_host.check_options */
int sv_vtpm_options_check(const struct sv_guest *guest, struct sv_err *err);
/* The certificates of this host's swtpm-localca, or of the guest file's attestation.ek_roots:
 * certificates that name themselves as issuer become anchors, all others intermediates. SV_USAGE
 * vtpm.ek-roots. */
int sv_vtpm_trust(const struct sv_guest *guest, struct sv_json *trust, struct sv_json *root_digests,
                  struct sv_err *err);
