/* SPDX-License-Identifier: Apache-2.0 */
/* What guests left behind whose supervisor is gone: killed, or the host went down with them. */
#pragma once

#include "base/json/json.h"

/* Of all guests of this folder (SECURE_VM_DIR) that nobody is at work on: processes that are left
 * are ended, and disks, cards and connections are as before. Adds {"name", "killed"} to `rows` for
 * each guest that had not come to its end by itself. One that fails keeps no other from its turn;
 * the error is the first one's (sv_state_recover). */
int sv_recover_all(struct sv_json *rows, struct sv_err *err);
