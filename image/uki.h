/* SPDX-License-Identifier: Apache-2.0 */
/* A guest in one PE image: our EFI stub (stub/main.c), and behind it, as sections, the ACPI tables,
 * the command line, the initramfs and the kernel. Equal inputs give equal bytes. Pure. */
#pragma once

#include "base/core/buf.h"

struct sv_uki_parts {
        struct sv_bytes stub;    /* as the build made it */
        struct sv_bytes acpi;    /* sv_bundle_make */
        struct sv_bytes cmdline; /* printable; may be empty */
        struct sv_bytes initrd;  /* may be empty */
        struct sv_bytes kernel;  /* with an EFI stub of its own */
};

/* SV_FORMAT "image.stub" (no stub of ours, or no room in its headers), "image.kernel" (the stub
 * could not start it), "image.uki" (too large for a PE image), "image.cmdline". */
int sv_uki_make(const struct sv_uki_parts *parts, struct sv_buf *out, struct sv_err *err);
