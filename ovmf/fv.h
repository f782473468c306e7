/* SPDX-License-Identifier: Apache-2.0 */
/* Firmware volumes, their files and sections: UEFI Platform Initialization Specification 1.7,
 * volume 3, sections 2 and 3. Pure; views point into the caller's bytes. */
#pragma once

#include "base/core/rd.h"

enum sv_ffs_type { SV_FFS_PEIM = 0x06, SV_FFS_VOLUME = 0x0b, SV_FFS_PAD = 0xf0 };
enum sv_section_type { SV_SECTION_GUIDED = 0x02, SV_SECTION_UI = 0x15, SV_SECTION_VOLUME = 0x17 };

struct sv_fv {
        struct sv_bytes all;   /* header and files: what the firmware measures */
        struct sv_bytes files; /* after the header */
        size_t files_at;       /* offset of files in all; file offsets count from `all` */
        uint8_t format[16];    /* file system GUID */
        uint8_t name[16];      /* GUID of the extended header; zeros without one */
};

struct sv_ffs {
        uint8_t name[16];
        uint8_t type;
        size_t at; /* offset of the header in the volume */
        struct sv_bytes body;
};

struct sv_section {
        uint8_t type;
        struct sv_bytes body; /* after the section header */
        /* SV_SECTION_GUIDED: how it is encoded; body then begins after the encoding's own header.
         */
        uint8_t guid[16];
};

/* The volume at the beginning of `at`. SV_FORMAT "ovmf.fv.header", "ovmf.fv.checksum",
 * "ovmf.fv.size". */
int sv_fv_parse(struct sv_bytes at, struct sv_fv *out, struct sv_err *err);
/* Does a volume seem to begin here? */
bool sv_fv_here(struct sv_bytes at);
/* Walks: *pos starts at 0; 1 with *out, 0 at the end, -1 with an error ("ovmf.ffs.file",
 * "ovmf.ffs.section"). */
int sv_ffs_next(const struct sv_fv *fv, size_t *pos, struct sv_ffs *out, struct sv_err *err);
int sv_section_next(struct sv_bytes sections, size_t *pos, struct sv_section *out,
                    struct sv_err *err);
