/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of an image, written whole. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/core/err.h"

#define SV_LUKS_PIECE (1u << 20)

/* SV_SYSTEM "luks.encrypt". */
int sv_luks_write_piece(int fd, const uint8_t *p, size_t n, uint64_t at, struct sv_err *err);
