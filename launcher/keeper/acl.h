/* SPDX-License-Identifier: Apache-2.0 */
/* One more user in the access control list of a file (acl(5)), beside those that are there. */
#pragma once

#include "base/core/err.h"

/* `perms` as in a mode (4 read, 2 write, 1 pass); 0 takes the user out again. A list without any
 * user is what the mode says, and then goes. SV_SYSTEM "launch.ids", also where the file system has
 * no lists. */
int sv_acl_set_user(const char *path, unsigned uid, unsigned perms, struct sv_err *err);
