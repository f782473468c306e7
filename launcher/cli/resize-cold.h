/* SPDX-License-Identifier: Apache-2.0 */
/* vCPUs and memory that a guest boots with: what a launch measures, so that the policy comes first
 * and the guest restarts once. */
#pragma once

#include "base/program/cli.h"

/* The options --vcpus, --memory, --dry-run, --again, and those of update. Adds what becomes of it
 * to `result`. SV_USAGE "resize.undefined", "resize.changed", "resize.keeper", "resize.same". */
int sv_resize_cold(const struct sv_args *args, struct sv_json *result, struct sv_err *err);
