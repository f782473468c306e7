/* SPDX-License-Identifier: Apache-2.0 */
#include "tdx/measure/firmware.h"

#define UI_APP   "462caa21-7614-4503-836e-8ab6f4662331" /* MdeModulePkg/Application/UiApp */
/* MdeModulePkg/Application/BootManagerMenuApp */
#define MENU_APP "eec25bdc-67f2-4d95-b1d5-f81b2039d11d"
/* SecureBootConfigDxe: only in builds that know Secure Boot */
#define SB_DXE   "f0e6a44f-7195-41c3-ac64-54f202cd0a21"
#define DXEFV    "7cb8bdc9-f8eb-4f34-aaea-3ee4af6516a1" /* [FV.DXEFV] of OVMF and IntelTdx */

/* UEFI specification, section 3.1.3 */
enum { ACTIVE = 0x1, HIDDEN = 0x8, APPLICATION = 0x100 };

/* with the terminator, and often with the one of the text before it */
#define TEXT(s)                                 \
        {                                       \
                (const uint8_t *)(s), sizeof(s) \
        }

/* Oldest first. What each row says was read in the sources of that release; how its events look in
 * logs of real TDs: tests/unit/test_tdx_measure.c. */
static const struct sv_tdx_generation generations[] = {
        {"202202", .separator = 0, .options = {{UI_APP, APPLICATION | ACTIVE | HIDDEN}}},
        {"202411", .separator = 1, .options = {{UI_APP, APPLICATION | ACTIVE | HIDDEN}}},
        {"202502", TEXT("\0kernel "), .separator = 1, .shim = true,
         .options = {{UI_APP, APPLICATION | ACTIVE | HIDDEN}}},
        {"202505", TEXT("\0QEMU FW CFG"), .separator = 1, .shim = true, .fw_cfg = true,
         .options = {{UI_APP, APPLICATION | ACTIVE, "EFI Firmware Setup"},
                     {MENU_APP, APPLICATION | ACTIVE | HIDDEN}}},
        {"202508", TEXT("\0initrd=initrd "), .separator = 1, .shim = true, .fw_cfg = true,
         .initrd_first = true,
         .options = {{UI_APP, APPLICATION | ACTIVE, "EFI Firmware Setup"},
                     {MENU_APP, APPLICATION | ACTIVE | HIDDEN}}},
};
#define N_GENERATIONS (sizeof(generations) / sizeof(*generations))

static const struct sv_tdx_monitor monitors[] = {
        {"mainline", SV_TDX_MAINLINE, false}, /* KVM since 6.16, QEMU since 10.1 */
        /* the QEMU 8 of Ubuntu 24.04's and other trees of before */
        {"two-pass", SV_TDX_TWO_PASS, true},
};

const struct sv_tdx_generation *sv_tdx_generation_by_name(const char *name)
{
        for (size_t i = 0; i < N_GENERATIONS; i++)
                if (!strcmp(generations[i].name, name))
                        return &generations[i];
        return NULL;
}

bool sv_tdx_generation_ok(const char *name)
{
        return sv_tdx_generation_by_name(name) != NULL;
}

const struct sv_tdx_monitor *sv_tdx_monitor(const char *page_order)
{
        for (size_t i = 0; i < sizeof(monitors) / sizeof(*monitors); i++)
                if (!page_order || !strcmp(monitors[i].page_order, page_order))
                        return &monitors[i];
        return NULL;
}

int sv_tdx_firmware_read(struct sv_bytes image, struct sv_tdx_firmware *out, struct sv_err *err)
{
        struct sv_tdx_firmware f = {.readable = false};

        if (sv_tdvf_parse(image, &f.tdvf, err) < 0)
                return -1;
        *out = f;
        return 0;
}

void sv_tdx_firmware_free(struct sv_tdx_firmware *f)
{
        sv_volumes_free(&f->volumes);
}

/* The newest row that shows; none when a later one shows and an earlier does not. */
static const struct sv_tdx_generation *detect_generation(struct sv_bytes image,
                                                         struct sv_bytes store, bool *older)
{
        const struct sv_tdx_generation *found = NULL;
        bool gap = false;

        for (size_t i = 0; i < N_GENERATIONS; i++) {
                struct sv_bytes m = generations[i].marker;

                if (!m.n)
                        continue;
                if (!memmem(image.p, image.n, m.p, m.n) && !memmem(store.p, store.n, m.p, m.n)) {
                        gap = true;
                        continue;
                }
                if (gap)
                        return NULL;
                found = &generations[i];
        }
        *older = !found;
        return found;
}

/* UTF-16 to printable ASCII. */
static void take_title(struct sv_bytes body, char title[64])
{
        size_t n = 0;

        for (size_t i = 0; i + 1 < body.n && n < 63 && body.p[i]; i += 2)
                title[n++] = body.p[i] >= 0x20 && body.p[i] < 0x7f && !body.p[i + 1]
                                     ? (char)body.p[i]
                                     : '?';
        title[n] = 0;
}

int sv_tdx_firmware_file(const struct sv_tdx_firmware *f, const char *guid, char title[64])
{
        struct sv_section section;
        struct sv_ffs file;
        size_t pos = 0, at = 0;
        uint8_t name[16];
        int r;

        sv_guid_raw(guid, name);
        while ((r = sv_ffs_next(&f->dxe, &pos, &file, NULL)) > 0 &&
               !sv_bytes_eq(sv_bytes(file.name, 16), sv_bytes(name, 16)))
                ;
        if (r <= 0)
                return r;
        if (title)
                *title = 0;
        while (title && (r = sv_section_next(file.body, &at, &section, NULL)) > 0)
                if (section.type == SV_SECTION_UI)
                        take_title(section.body, title);
        return r < 0 ? r : 1;
}

static bool is_whole_volume(const struct sv_fv *fv)
{
        struct sv_ffs file;
        size_t pos = 0;
        int r;

        while ((r = sv_ffs_next(fv, &pos, &file, NULL)) > 0)
                ;
        return r == 0;
}

void sv_tdx_firmware_look(struct sv_bytes image, const char *generation, struct sv_tdx_firmware *f)
{
        uint8_t name[16];

        f->generation = generation ? sv_tdx_generation_by_name(generation) : NULL;
        if (sv_volumes_read(image, &f->volumes, NULL) < 0)
                return;
        sv_guid_raw(DXEFV, name);
        for (int i = 0; i < 2; i++) {
                const struct sv_fv *fv = i ? &f->volumes.dxe : &f->volumes.pei;

                if (sv_bytes_eq(sv_bytes(fv->name, 16), sv_bytes(name, 16)))
                        f->dxe = *fv;
        }
        f->readable = f->dxe.all.n > 0 && is_whole_volume(&f->dxe);
        f->secure_boot = f->readable && sv_tdx_firmware_file(f, SB_DXE, NULL) > 0;
        if (!generation && f->readable)
                f->generation =
                        detect_generation(image, sv_buf_bytes(&f->volumes.store), &f->older);
}
