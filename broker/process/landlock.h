/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "broker/process/sandbox.h"

/* From now on only these files can be opened. A kernel without landlock: *partly is set. */
int sv_landlock_enter(const struct sv_sandbox_files *files, bool *partly, struct sv_err *err);
