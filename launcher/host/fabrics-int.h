/* SPDX-License-Identifier: Apache-2.0 */
/* What launcher/host/fabrics*.c share. */
#pragma once

#include "launcher/host/fabrics.h"

/* SV_SYSTEM "fabric.refused" when nobody takes a TCP connection there. */
int sv_fabric_check_listens(const struct sv_fabric_ask *ask, struct sv_err *err);
/* The kernel's log from now on; -1 where this process may not read it. */
int sv_fabric_open_log(void);
void sv_fabric_read_log(int fd, struct sv_buf *said);
