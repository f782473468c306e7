/* SPDX-License-Identifier: Apache-2.0 */
/* What a service says to its manager and gets from it: the protocols of sd_notify(3) and
 * sd_listen_fds(3), which are stable. */
#pragma once

#include "base/core/err.h"

/* Sends a line like "READY=1" to $NOTIFY_SOCKET. Does nothing where no manager wants to know, and
 * nothing more when it does not listen: it will see how the service ends. */
void sv_notify_manager(const char *line);

/* The listening socket that the manager opened for this process (a .socket unit), which does not
 * block from now on; *fd is -1 when there is none. To be asked once, before anything forks.
 * SV_USAGE "manager.socket" when there are several, or it is no listening stream socket. */
int sv_take_manager_socket(int *fd, struct sv_err *err);
