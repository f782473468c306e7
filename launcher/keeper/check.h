/* SPDX-License-Identifier: Apache-2.0 */
/* What can be told of a launch before anything is copied, made or started. */
#pragma once

#include "launcher/keeper/keeper.h"

/* Files, their forms and what goes together, what the TEE and libvirt take, CPU model, disks,
 * bridges, room for the copies. The checks are those of the step that would fail later, and a
 * message begins with file, line and key of the guest file. `uri` as for struct sv_keeper: what a
 * daemon has on its machine is not looked at. */
int sv_launch_check(const char *uri, const struct sv_launch *l, struct sv_err *err);
