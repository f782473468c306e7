/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's half of every TEE. */
#pragma once

#include "tee/attester.h"

/* NULL-terminated. */
extern const struct sv_attester *const sv_attesters[];
/* The one that this machine is; NULL when it is none. */
const struct sv_attester *sv_attester_find(void);
