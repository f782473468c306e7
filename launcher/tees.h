/* SPDX-License-Identifier: Apache-2.0 */
/* The table of TEEs on the host's side (launcher/tees-host.c). */
#pragma once

#include "tee/host.h"
#include "tee/measure.h"

extern const struct sv_tee_host *const sv_tees_host[]; /* ends with NULL; best first */
