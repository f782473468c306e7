/* SPDX-License-Identifier: Apache-2.0 */
/* A TD's firmware image: its metadata, its volume of drivers, and which generation of EDK II it
 * measures like. Pure. */
#pragma once

#include "ovmf/tdvf.h"
#include "ovmf/varstore.h"
#include "ovmf/volumes.h"
#include "tdx/measure/mrtd.h"

/* A boot option that firmware registers before it starts a kernel of QEMU's -kernel, when the file
 * is in its volume of drivers. */
struct sv_tdx_boot_option {
        const char *file; /* GUID */
        uint32_t attributes;
        const char *title; /* NULL: the file's own */
};
#define SV_TDX_BOOT_OPTIONS 2

/* What changed between releases of EDK II. A row holds from its release on until the next. */
struct sv_tdx_generation {
        const char *name; /* "202505": edk2-stable202505 */
        /* bytes that images of this row and of all later ones have, and no earlier; empty: nothing
         * shows it */
        struct sv_bytes marker;
        unsigned separator; /* the register of the separator before the first boot attempt */
        bool fw_cfg;        /* items of fw_cfg are measured as they are read */
        bool shim;          /* starts QEMU's -shim */
        /* "initrd=initrd" stands before the command line, not behind it */
        bool initrd_first;
        struct sv_tdx_boot_option options[SV_TDX_BOOT_OPTIONS]; /* in the order of registering */
};

/* NULL when there is no such row. */
const struct sv_tdx_generation *sv_tdx_generation_by_name(const char *name);
bool sv_tdx_generation_ok(const char *name);

/* Who starts the TD, as it shows in the measurements. */
struct sv_tdx_monitor {
        const char *page_order;
        enum sv_tdx_order order;
        /* fills in the kernel's setup header, as for a guest that it could change */
        bool patches_kernel;
};
/* NULL: none of that name; NULL names the default */
const struct sv_tdx_monitor *sv_tdx_monitor(const char *page_order);

struct sv_tdx_firmware {
        struct sv_tdvf tdvf;
        struct sv_volumes volumes;
        /* the volume that a TD's firmware takes drivers from; all.n == 0: not found */
        struct sv_fv dxe;
        bool secure_boot;                           /* knows Secure Boot at all */
        bool readable;                              /* the volumes could be unpacked */
        const struct sv_tdx_generation *generation; /* NULL: the image does not show it */
        bool older;                                 /* than every generation that an image shows */
};

/* Metadata only: all that MRTD needs. Views point into the image. */
int sv_tdx_firmware_read(struct sv_bytes image, struct sv_tdx_firmware *out, struct sv_err *err);
/* The rest. An image whose volumes are not as we know them is no error: it is not `readable`.
 * `generation` (may be NULL) is taken as given. */
void sv_tdx_firmware_look(struct sv_bytes image, const char *generation, struct sv_tdx_firmware *f);
void sv_tdx_firmware_free(struct sv_tdx_firmware *f);

/* The file in the volume of drivers: 1 with its title (its user interface section, ASCII; may be
 * empty), 0 when there is none. */
int sv_tdx_firmware_file(const struct sv_tdx_firmware *f, const char *guid, char title[64]);
