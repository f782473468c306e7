/* SPDX-License-Identifier: Apache-2.0 */
/* secure-vm-agent unlock: from a fresh initramfs to the init of the root. */
#pragma once

#include "base/core/err.h"

/* Returns only on failure. */
int sv_unlock(struct sv_err *err);
