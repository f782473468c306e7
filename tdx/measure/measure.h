/* SPDX-License-Identifier: Apache-2.0 */
/* MRTD and RTMR0 to RTMR2 that a TD will have when its kernel starts, from files alone; and their
 * comparison with a boot's event log. How each event comes about: docs/FORMATS.md, "What a TD
 * measures". */
#pragma once

#include "guest/guest.h"
#include "tee/measure.h"
#include "ovmf/explain.h"

/* The `measure` of struct sv_tee_measure. Reads firmware, kernel, initramfs and the folder of ACPI
 * tables. Values: {"mrtd":hex,"rtmr0":hex,…}; what is not in there is in out->unpredicted with its
 * reason.
 */
int sv_tdx_measure(const struct sv_guest *guest, struct sv_measurement *out, struct sv_err *err);
/* The `compare` of struct sv_tee_measure: the log is what the guest has in
 * /sys/firmware/acpi/tables/data/CCEL. */
int sv_tdx_compare(const struct sv_measurement *m, struct sv_bytes event_log, struct sv_json *rows,
                   struct sv_err *err);
extern const struct sv_explain_form sv_tdx_explain_form;

/* Its `policy`: these registers, these identities, these attributes; and the platform that the
 * guest file requires. */
int sv_tdx_rules(const struct sv_guest *guest, const struct sv_measurement *m,
                 struct sv_json *rules, struct sv_json *trust, struct sv_err *err);
/* Its `allow`: what the guest file says of the floor already, in allow_debug and require. */
int sv_tdx_allow(const struct sv_guest *guest, struct sv_json *allow, struct sv_err *err);
/* Its `inspect`: quote, TDREPORT, Intel's collateral. */
int sv_tdx_inspect(struct sv_bytes file, struct sv_json **out, struct sv_err *err);
