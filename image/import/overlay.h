/* SPDX-License-Identifier: Apache-2.0 */
/* What is written over a source that stays as it is: blocks in memory. An imported file system is
 * changed in this way, so that it is read and encrypted once. */
#pragma once

#include "base/core/source.h"

struct sv_overlay {
        struct sv_source below;
        struct sv_overlay_block *list; /* in order of their places */
        size_t n, room;
};

/* SV_SYSTEM "import.overlay" when more is written than fits in memory for this
 * (SV_OVERLAY_BLOCKS_MAX). */
int sv_overlay_write(struct sv_overlay *o, uint64_t at, const uint8_t *p, size_t n,
                     struct sv_err *err);
struct sv_source sv_overlay_source(struct sv_overlay *o);
void sv_overlay_free(struct sv_overlay *o);
