/* SPDX-License-Identifier: Apache-2.0 */
/* Files of /sys and /proc below a root folder: "" for the machine's own. Errors are SV_SYSTEM
 * "tune.topology.read" and SV_FORMAT "tune.topology.format". */
#pragma once

#include "base/core/buf.h"

/* A text file of the kernel's: lines, each whole. Clears `out` first. */
int sv_sys_read(const char *root, const char *path, struct sv_buf *out, struct sv_err *err);
bool sv_sys_has(const char *root, const char *path);
/* One decimal number on a line. */
int sv_sys_read_number(const char *root, const char *path, uint64_t max, uint64_t *out,
                       struct sv_err *err);
/* Decimal digits at *at, which moves behind them; false, and nothing moves, without any or for more
 * than max. */
bool sv_sys_take_number(const char **at, uint64_t max, uint64_t *out);
