/* SPDX-License-Identifier: Apache-2.0 */
/* A guest file as this program takes it: what guest/ reads of it, and what only the table of TEEs
 * can say, which TEE and which settings of each. Every command reads its guest file so. */
#pragma once

#include "guest/guest.h"

/* sv_guest_read; SV_USAGE "tee.name", "guest.tees.unknown", and "guest.<tee>.…" of whichever TEE
 * has settings in it, with their place. */
int sv_guest_file_read(const char *path, struct sv_guest *out, struct sv_err *err);
/* The same of sv_guest_parse. */
int sv_guest_file_parse(struct sv_bytes text, const char *file, const char *dir,
                        struct sv_guest *out, struct sv_err *err);
