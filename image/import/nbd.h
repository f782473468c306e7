/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that another program serves over the Network Block Device protocol, as a source. The only
 * file pair that sees libnbd, which few commands need: it is loaded by the first of them. */
#pragma once

#include "base/core/source.h"

struct sv_nbd;

/* Before a server is started that nobody could talk to. SV_SYSTEM "import.nbd". */
int sv_nbd_load(struct sv_err *err);
/* The server at this UNIX socket, read only. SV_SYSTEM "import.nbd". */
int sv_nbd_connect(const char *path, struct sv_nbd **out, struct sv_err *err);
/* SV_SYSTEM "import.nbd" where it cannot be read. What the server knows to be zero is. */
struct sv_source sv_nbd_source(struct sv_nbd *n);
void sv_nbd_free(struct sv_nbd *n);
