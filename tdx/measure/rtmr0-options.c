/* SPDX-License-Identifier: Apache-2.0 */
/* RTMR0: the boot options that OVMF registers before it starts QEMU's kernel
 * (OvmfPkg/Library/PlatformBootManagerLib, and MdeModulePkg/Library/UefiBootManagerLib). The
 * variables of a TD live in memory: every boot begins with those of the image. */
#include <stdio.h>

#include "ovmf/secureboot.h"
#include "tdx/measure/rtmr.h"

static void put_wide_string(struct sv_buf *b, const char *text)
{
        for (; *text; text++)
                sv_buf_u16le(b, (uint8_t)*text);
        sv_buf_u16le(b, 0);
}

/* MEDIA_FW_VOL_DEVICE_PATH, then MEDIA_FW_VOL_FILEPATH_DEVICE_PATH (UEFI PI specification, volume
 * 3, section 8.3). */
static void put_node(struct sv_buf *b, uint8_t subtype, const uint8_t guid[16])
{
        sv_buf_u8(b, 4);
        sv_buf_u8(b, subtype);
        sv_buf_u16le(b, 20);
        sv_buf_put(b, sv_bytes(guid, 16));
}

/* EFI_LOAD_OPTION: UEFI specification, section 3.1.3. */
static int put_option(const struct sv_fv *dxe, const struct sv_tdx_boot_option *o,
                      const char *title, struct sv_buf *out, struct sv_err *err)
{
        uint8_t file[16];

        sv_guid_raw(o->file, file);
        sv_buf_u32le(out, o->attributes);
        sv_buf_u16le(out, 20 + 20 + 4);
        put_wide_string(out, title);
        put_node(out, 7, dxe->name);
        put_node(out, 6, file);
        sv_buf_put(out, sv_bytes("\x7f\xff\x04", 4)); /* the path's end, 4 bytes */
        return sv_buf_ok(out, "a boot option", err);
}

/* Collects the options; *n of them are there. */
static int collect_options(const struct sv_tdx_firmware *f, struct sv_buf data[SV_TDX_BOOT_OPTIONS],
                           char titles[SV_TDX_BOOT_OPTIONS][64], size_t *n, struct sv_err *err)
{
        for (size_t i = 0; i < SV_TDX_BOOT_OPTIONS && f->generation->options[i].file; i++) {
                const struct sv_tdx_boot_option *o = &f->generation->options[i];
                int found = sv_tdx_firmware_file(f, o->file, titles[*n]);

                if (found < 0)
                        return sv_fail(err, SV_FORMAT, "tdx.firmware",
                                       "file %s of the firmware is damaged", o->file);
                if (!found)
                        continue;
                /* a file without a title is the menu: BmRegisterBootManagerMenu */
                if (o->title || !*titles[*n])
                        snprintf(titles[*n], 64, "%s", o->title ? o->title : "Boot Manager Menu");
                if (put_option(&f->dxe, o, titles[*n], &data[*n], err) < 0)
                        return -1;
                (*n)++;
        }
        return 0;
}

static int add_options(struct sv_prediction *p, const struct sv_buf *data, char titles[][64],
                       size_t n, struct sv_err *err)
{
        SV_BUF order = SV_BUF_NULL;

        for (size_t i = 0; i < n; i++)
                sv_buf_u16le(&order, (uint16_t)i);
        if (n && sv_event_data(p, 0, SV_EV_EFI_VARIABLE_BOOT, sv_buf_bytes(&order), err,
                               "BootOrder, %zu boot option%s", n, n > 1 ? "s" : "") < 0)
                return -1;
        for (size_t i = 0; i < n; i++)
                if (sv_event_data(p, 0, SV_EV_EFI_VARIABLE_BOOT, sv_buf_bytes(&data[i]), err,
                                  "Boot%04zu, \"%s\" in the firmware", i, titles[i]) < 0)
                        return -1;
        return 0;
}

int sv_tdx_boot_variables(struct sv_prediction *p, const struct sv_tdx_boot *b, struct sv_err *err)
{
        struct sv_buf data[SV_TDX_BOOT_OPTIONS] = {0};
        char titles[SV_TDX_BOOT_OPTIONS][64];
        size_t n = 0;
        int r;

        if (sv_varstore_get(b->store, sv_guid_global, "BootOrder")) {
                sv_event_unpredicted(p, 0,
                                     "the image's variables already hold boot options (BootOrder); "
                                     "what the firmware adds to them is not predicted");
                return 0;
        }
        if (!b->firmware->generation)
                return 0;
        r = collect_options(b->firmware, data, titles, &n, err) < 0
                    ? -1
                    : add_options(p, data, titles, n, err);
        for (size_t i = 0; i < SV_TDX_BOOT_OPTIONS; i++)
                sv_buf_free(&data[i]);
        return r;
}
