/* SPDX-License-Identifier: Apache-2.0 */
#include "vtpm/measure/measure.h"

#include <stdio.h>

#include "base/core/file.h"
#include "base/core/limits.h"
#include "vtpm/measure/events.h"

/* What the firmware measures of any machine that it starts in this way. */
static int add_fixed(struct sv_prediction *p, struct sv_err *err)
{
        static const char calling[] = "Calling EFI Application from Boot Option";
        static const char leaving[] = "Exit Boot Services Invocation";
        static const char left[] = "Exit Boot Services Returned with Success";

        /* The end of the firmware's own events; PCR 7 had its own before. */
        if (sv_event_data(p, 4, SV_EV_EFI_ACTION, sv_bytes_str(calling), err, "\"%s\"", calling) <
            0)
                return -1;
        for (unsigned pcr = 0; pcr <= 6; pcr++)
                if (sv_event_data(p, pcr, SV_EV_SEPARATOR, sv_bytes("\0\0\0", 4), err,
                                  "end of the firmware's own events") < 0)
                        return -1;
        return sv_event_data(p, 5, SV_EV_EFI_ACTION, sv_bytes_str(leaving), err, "\"%s\"",
                             leaving) < 0
                       ? -1
                       : sv_event_data(p, 5, SV_EV_EFI_ACTION, sv_bytes_str(left), err, "\"%s\"",
                                       left);
}

static void add_unpredicted(struct sv_prediction *p)
{
        sv_event_unpredicted(p, 1,
                             "boot order and boot options: they live in the guest's variable store "
                             "and change with its devices and with every boot");
        sv_event_unpredicted(p, 10,
                             "IMA of the running kernel extends it, after what the firmware and "
                             "the kernel's stub measure");
        sv_event_reason(p, "16-23",
                        "for debugging, dynamic launch and applications: nothing of the boot is "
                        "measured there");
        p->unpredicted |= 0xff0000u;
}

static int add_bank(struct sv_prediction *p, int bank, struct sv_err *err)
{
        struct sv_json *values =
                sv_json_set(p->m.values, sv_digest_name(sv_event_bank(bank)), sv_json_object());

        for (unsigned pcr = 0; pcr < SV_TCG_PCRS; pcr++) {
                uint8_t value[SV_DIGEST_MAX];
                char name[16];

                if (p->unpredicted >> pcr & 1)
                        continue;
                if (sv_event_value(p, pcr, bank, value, err) < 0)
                        return -1;
                snprintf(name, sizeof(name), "%u", pcr);
                sv_json_set_hex(values, name, sv_bytes(value, sv_digest_size(sv_event_bank(bank))));
        }
        return 0;
}

static int predict_pcrs(struct sv_prediction *p, const struct sv_guest *g, struct sv_err *err)
{
        const char *path = sv_guest_firmware(g);
        SV_BUF firmware = SV_BUF_NULL;
        bool secure_boot = false;

        if (sv_file_read(path, SV_FIRMWARE_SIZE_MAX, &firmware, "vtpm.measure.firmware", err) < 0)
                return -1;
        if (sv_measure_firmware(p, g, sv_buf_bytes(&firmware), err) < 0 ||
            sv_measure_variables(p, path, sv_buf_bytes(&firmware), &secure_boot, err) < 0)
                return sv_wrap(err, "firmware %s", path);
        if (sv_measure_kernel(p, g, secure_boot, err) < 0 || add_fixed(p, err) < 0)
                return -1;
        add_unpredicted(p);
        return add_bank(p, 0, err) < 0 ? -1 : add_bank(p, 1, err);
}

int sv_vtpm_measure(const struct sv_guest *guest, struct sv_measurement *out, struct sv_err *err)
{
        struct sv_prediction p = {
                .regs = &sv_registers_pcr,
                .m = {.values = sv_json_object(), .unpredicted = sv_json_array()}};

        if (predict_pcrs(&p, guest, err) < 0) {
                sv_measurement_free(&p.m);
                return -1;
        }
        *out = p.m;
        return 0;
}
