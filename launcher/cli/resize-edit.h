/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "guest/guest.h"

/* The text of a guest file with other "vcpus" and "memory" (NULL: as they are), everything else as
 * its author wrote it. Pure. SV_USAGE "resize.value". */
int sv_resize_edit(const struct sv_guest *g, const char *vcpus, const char *memory,
                   struct sv_buf *out, struct sv_err *err);
