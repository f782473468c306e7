/* SPDX-License-Identifier: Apache-2.0 */
#include "tdx/measure/measure.h"

#include <stdio.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "tdx/measure/rtmr.h"
#include "tdx/tee.h"

static int map_firmware(const struct sv_guest *g, struct sv_map *out, struct sv_err *err)
{
        const char *path = g->firmware ? g->firmware : SV_TDX_FIRMWARE;

        if (!g->firmware && access(path, R_OK) < 0)
                return sv_fail(err, SV_SYSTEM, "tdx.firmware",
                               "%s is not here: install a firmware for TDX (Debian forky: package "
                               "ovmf-inteltdx), or name one with \"firmware\"",
                               path);
        return sv_file_map(path, SV_FIRMWARE_SIZE_MAX, out, "tdx.firmware", err);
}

static int add_mrtd(struct sv_prediction *p, const struct sv_tdx_boot *b, struct sv_err *err)
{
        uint8_t mrtd[SV_TDX_DIGEST];

        if (sv_tdx_mrtd(&b->firmware->tdvf, b->monitor->order, mrtd, &p->m, err) < 0)
                return -1;
        sv_json_set_hex(p->m.values, "mrtd", sv_bytes(mrtd, sizeof(mrtd)));
        return 0;
}

static int add_values(struct sv_prediction *p, struct sv_err *err)
{
        for (unsigned i = 0; i < 3; i++) {
                uint8_t value[SV_DIGEST_MAX];
                char name[16];

                if (p->unpredicted >> i & 1)
                        continue;
                if (sv_event_value(p, i, 1, value, err) < 0)
                        return -1;
                snprintf(name, sizeof(name), "rtmr%u", i);
                sv_json_set_hex(p->m.values, name, sv_bytes(value, SV_TDX_DIGEST));
        }
        sv_event_unpredicted(p, 3, "the running guest extends it as it likes");
        return 0;
}

static int predict_rtmrs(struct sv_prediction *p, struct sv_tdx_boot *b, struct sv_err *err)
{
        SV_BOOT files = {.initrd_size = 0};

        if (b->guest->kernel || b->guest->uki) {
                if (sv_boot_read(b->guest, 1, &files, err) < 0)
                        return -1;
                b->files = &files;
        }
        if (add_mrtd(p, b, err) < 0 || sv_tdx_boot_read(b, err) < 0 ||
            sv_tdx_rtmr0(p, b, err) < 0 || sv_tdx_rtmr_boot(p, b, err) < 0)
                return -1;
        return add_values(p, err);
}

static int measure_td(const struct sv_guest *g, const struct sv_tdx_options *o,
                      struct sv_measurement *out, struct sv_err *err)
{
        struct sv_prediction p = {
                .regs = &sv_registers_rtmr,
                .m = {.values = sv_json_object(), .unpredicted = sv_json_array()}};
        struct sv_tdx_firmware f = {.readable = false};
        struct sv_tdx_boot b = {
                .guest = g, .options = o, .monitor = sv_tdx_monitor(o->page_order), .firmware = &f};
        SV_MAP image = {.mapped = 0};
        int r = map_firmware(g, &image, err);

        if (r == 0 && sv_tdx_firmware_read(image.bytes, &f, err) < 0)
                r = sv_wrap(err, "firmware %s", g->firmware ? g->firmware : SV_TDX_FIRMWARE);
        /* unpacking it takes longer than all else; without a kernel nothing needs it */
        if (r == 0 && (g->kernel || g->uki))
                sv_tdx_firmware_look(image.bytes, o->generation, &f);
        if (r == 0)
                r = predict_rtmrs(&p, &b, err);
        sv_tdx_boot_free(&b);
        sv_tdx_firmware_free(&f);
        if (r < 0) {
                sv_measurement_free(&p.m);
                return -1;
        }
        *out = p.m;
        return 0;
}

int sv_tdx_measure(const struct sv_guest *guest, struct sv_measurement *out, struct sv_err *err)
{
        SV_TDX_OPTIONS o = {0};

        return sv_tdx_options_read(guest, &o, err) < 0 ? -1 : measure_td(guest, &o, out, err);
}
