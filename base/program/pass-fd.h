/* SPDX-License-Identifier: Apache-2.0 */
/* An open descriptor from one process to another (unix(7), SCM_RIGHTS). All fail with SV_SYSTEM and
 * the check name given. */
#pragma once

#include <stddef.h>

#include "base/core/err.h"

/* A pair of sockets that keeps messages apart. */
int sv_fd_pair(int out[2], const char *check, struct sv_err *err);
/* A copy of `fd` with a short text; the caller closes its own. */
int sv_fd_pass(int control, const char *text, int fd, const char *check, struct sv_err *err);
/* Waits. *fd is -1 when the other side has closed. */
int sv_fd_take(int control, char *text, size_t size, int *fd, const char *check,
               struct sv_err *err);
