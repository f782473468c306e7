/* SPDX-License-Identifier: Apache-2.0 */
/* Compares a prediction with the event log of a boot with a TPM. */
#pragma once

#include "ovmf/explain.h"

extern const struct sv_explain_form sv_vtpm_explain_form;
/* The `compare` of struct sv_tee_measure. */
int sv_vtpm_compare(const struct sv_measurement *m, struct sv_bytes event_log, struct sv_json *rows,
                    struct sv_err *err);
