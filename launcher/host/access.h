/* SPDX-License-Identifier: Apache-2.0 */
/* What another user may open. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* May a process of this user and group, with the groups that the user has besides, read and write
 * this file? Asked of the kernel, so that lists of who may and everything else count. Only root
 * finds that out of another user: true where it cannot be asked. */
bool sv_access_of(const char *path, uid_t uid, gid_t gid);
