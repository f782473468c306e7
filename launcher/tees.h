/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of TEEs on the host's side (launcher/tees-host.c, launcher/tees-measure.c). */
#pragma once

#include "tee/host.h"
#include "tee/measure.h"

extern const struct sv_tee_host *const sv_tees_host[];       /* ends with NULL; best first */
extern const struct sv_tee_measure *const sv_tees_measure[]; /* ends with NULL */
