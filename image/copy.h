/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of one file in another: blocks are shared where the file system can, holes stay. */
#pragma once

#include <sys/types.h>

#include "base/core/source.h"

/* `size` bytes of `from` to the same places of `to`, which is that large afterwards. SV_SYSTEM
 * "image.copy", "image.interrupted". */
int sv_copy_data(int from, int to, off_t size, struct sv_progress *progress, struct sv_err *err);
/* All of a source; what is zero or free becomes holes. */
int sv_copy_source(const struct sv_source *from, int to, struct sv_progress *progress,
                   struct sv_err *err);
