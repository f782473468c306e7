/* SPDX-License-Identifier: Apache-2.0 */
/* The section .acpi of a measured guest image: the files of fw_cfg from which a firmware makes a
 * machine's ACPI tables (`image acpi` took them), as the stub carries them.
 *
 *   magic     8   "SVACPI1\0"
 *   flags     4   bit 0: a machine with other tables is not started (`refuse`)
 *   files     4   their number, then for each of them
 *     name   56   as in fw_cfg, filled up with zeros, at least one
 *     size    4   bytes of the file
 *     stored  4   bytes of it that follow; what is left of it is zeros
 *
 * All of it little-endian; nothing follows. Pure, and freestanding: linked into the stub as into
 * the programs. */
#pragma once

#include "base/core/rd.h"

#define SV_BUNDLE_MAGIC  "SVACPI1" /* and its NUL */
#define SV_BUNDLE_REFUSE 1u
#define SV_BUNDLE_FILES  8 /* at most; QEMU's script names five */

/* A file of fw_cfg, and where the loader script put it. */
struct sv_bundle_file {
        struct sv_bytes name;    /* without its zeros */
        struct sv_bytes content; /* what is stored; zeros behind it */
        uint32_t size;
        uint8_t *memory; /* `size` bytes; NULL until the script allocates it */
        uint64_t address;
};

struct sv_bundle {
        bool refuse;
        size_t n;
        struct sv_bundle_file files[SV_BUNDLE_FILES];
};

/* Views into `section`. SV_FORMAT "stub.acpi.magic", "stub.acpi.flags", "stub.acpi.files",
 * "stub.acpi.name", "stub.acpi.size". */
int sv_bundle_read(struct sv_bytes section, struct sv_bundle *out, struct sv_err *err);
/* The file of that name, or NULL. */
struct sv_bundle_file *sv_bundle_find(struct sv_bundle *b, struct sv_bytes name);
