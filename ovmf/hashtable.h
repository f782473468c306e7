/* SPDX-License-Identifier: Apache-2.0 */
/* The table of hashes through which a measured firmware checks kernel, initrd and command line that
 * QEMU gives it through fw_cfg (QEMU target/i386/sev.c, edk2
 * OvmfPkg/AmdSev/BlobVerifierLibSevHashes). */
#pragma once

#include "ovmf/sevmeta.h"

#define SV_HASH_TABLE_SIZE 176u /* 168 bytes of table, padded to a multiple of 16 */

struct sv_boot_hashes {      /* SHA-256 */
        uint8_t kernel[32];  /* of the whole file as on disk */
        uint8_t initrd[32];  /* of the file; of nothing when there is none */
        uint8_t cmdline[32]; /* of the string and its NUL; of one NUL when there is none */
};

/* From files (streamed: memory use is one piece) and a string; initrd and cmdline may be NULL. */
int sv_boot_hashes(const char *kernel, const char *initrd, const char *cmdline,
                   struct sv_boot_hashes *out, struct sv_err *err);
/* The page that holds the table, at the place that the firmware names, zero elsewhere. SV_FORMAT
 * "ovmf.sev.hashes": the firmware has no room for it (no section, table outside its section or
 * across its end). */
int sv_hash_table_page(const struct sv_sev_meta *meta, const struct sv_boot_hashes *hashes,
                       uint8_t page[SV_PAGE], struct sv_err *err);
