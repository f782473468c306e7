/* SPDX-License-Identifier: Apache-2.0 */
/* The section .acpi of a measured guest image, made of a folder that `image acpi` wrote
 * (stub/bundle.h says what is in it). */
#pragma once

#include "base/core/buf.h"

struct sv_bundle_made {
        size_t tables; /* that the script makes, as the stub counts them */
        size_t hidden; /* devices fw_cfg in them, which no guest will find */
};

/* Reads the folder's loader script, and the files that it names; zeros at their ends are not
 * stored. Runs the script as the stub will, so that what cannot work is said here: SV_FORMAT
 * "stub.*" as there; SV_SYSTEM or SV_FORMAT "image.acpi" when a file cannot be read. Equal folders
 * give equal bytes. */
int sv_bundle_make(const char *dir, bool refuse, struct sv_buf *out, struct sv_bundle_made *made,
                   struct sv_err *err);
