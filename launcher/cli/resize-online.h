/* SPDX-License-Identifier: Apache-2.0 */
/* vCPUs and memory that a guest is given while it runs: whether that is possible, and whether its
 * host has them. */
#pragma once

#include "base/program/cli.h"
#include "launcher/keeper/keeper.h"

/* Of a command with or without --vcpus and --memory: does all of it happen while the guest runs?
 * With --online it must: SV_USAGE "resize.confidential", "resize.way". */
int sv_resize_choose_way(const struct sv_args *args, bool *online, struct sv_err *err);
/* k->resize; of vCPUs and memory no launch and no other change comes in between, and what makes the
 * guest larger than it is by then is asked of the host's budget first. SV_SYSTEM
 * "host.budget.memory", "host.budget.cpu", "state.host". */
int sv_resize_within_budget(const char *uri, const char *name, const struct sv_resize *r,
                            struct sv_err *err);
/* "size" in a command's result, and what to type inside the guest. */
void sv_resize_report_sizes(const struct sv_resize *r, const struct sv_json *status,
                            struct sv_json *result);
