/* SPDX-License-Identifier: Apache-2.0 */
/* What files of the vTPM's formats say, unverified. */
#pragma once

#include "base/json/json.h"

/* For sv_tee_measure.inspect: TCG event logs. */
int sv_vtpm_inspect(struct sv_bytes file, struct sv_json **out, struct sv_err *err);
