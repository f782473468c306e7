#include "vtpm/measure.h"

#include <stdio.h>

#include "base/file.h"
#include "base/limits.h"
#include "vtpm/events.h"

enum sv_digest sv_event_bank(int i)
{
        return i == 0 ? SV_SHA256 : SV_SHA384;
}

struct sv_measure_step *sv_event_new(struct sv_prediction *p, unsigned pcr, uint32_t type)
{
        struct sv_measure_step *s = sv_measurement_step(&p->m);

        snprintf(s->reg, sizeof(s->reg), "pcr%u", pcr);
        snprintf(s->type, sizeof(s->type), "%s", sv_tcg_type_name(type));
        for (int i = 0; i < SV_EVENT_BANKS; i++)
                s->digest_size[i] = sv_digest_size(sv_event_bank(i));
        return s;
}

int sv_event_data(struct sv_prediction *p, unsigned pcr, uint32_t type, struct sv_bytes data, struct sv_err *err, const char *what, ...)
{
        struct sv_measure_step *s = sv_event_new(p, pcr, type);
        va_list args;

        va_start(args, what);
        vsnprintf(s->what, sizeof(s->what), what, args);
        va_end(args);
        for (int i = 0; i < SV_EVENT_BANKS; i++)
                if (sv_digest(sv_event_bank(i), data, s->digest[i], err) < 0)
                        return -1;
        return 0;
}

static void add_reason(struct sv_prediction *p, const char *name, const char *reason)
{
        struct sv_json *row = sv_json_add(p->m.unpredicted, sv_json_object());

        sv_json_set_str(row, "name", name);
        sv_json_set_str(row, "reason", reason);
}

void sv_event_unpredicted(struct sv_prediction *p, unsigned pcr, const char *fmt, ...)
{
        char reason[512], name[16];
        va_list args;

        if (p->unpredicted >> pcr & 1)
                return;
        p->unpredicted |= 1u << pcr;
        va_start(args, fmt);
        vsnprintf(reason, sizeof(reason), fmt, args);
        va_end(args);
        snprintf(name, sizeof(name), "%u", pcr);
        add_reason(p, name, reason);
}

/* What the firmware measures of any machine that it starts in this way. */
static int add_fixed(struct sv_prediction *p, struct sv_err *err)
{
        static const char calling[] = "Calling EFI Application from Boot Option";
        static const char leaving[] = "Exit Boot Services Invocation";
        static const char left[] = "Exit Boot Services Returned with Success";

        /* The end of the firmware's own events; PCR 7 had its own before. */
        if (sv_event_data(p, 4, SV_EV_EFI_ACTION, sv_bytes_str(calling), err, "\"%s\"", calling) < 0)
                return -1;
        for (unsigned pcr = 0; pcr <= 6; pcr++)
                if (sv_event_data(p, pcr, SV_EV_SEPARATOR, sv_bytes("\0\0\0", 4), err, "end of the firmware's own events") < 0)
                        return -1;
        return sv_event_data(p, 5, SV_EV_EFI_ACTION, sv_bytes_str(leaving), err, "\"%s\"", leaving) < 0
                       ? -1
                       : sv_event_data(p, 5, SV_EV_EFI_ACTION, sv_bytes_str(left), err, "\"%s\"", left);
}

static void add_unpredicted(struct sv_prediction *p)
{
        sv_event_unpredicted(p, 1, "boot order and boot options: they live in the guest's variable store and change with its devices and with every boot");
        sv_event_unpredicted(p, 10, "IMA of the running kernel extends it, after what the firmware and the kernel's stub measure");
        add_reason(p, "16-23", "for debugging, dynamic launch and applications: nothing of the boot is measured there");
        p->unpredicted |= 0xff0000u;
}

static int extend(enum sv_digest bank, uint8_t pcr[SV_DIGEST_MAX], const uint8_t *digest, struct sv_err *err)
{
        size_t n = sv_digest_size(bank);
        uint8_t both[2 * SV_DIGEST_MAX];

        memcpy(both, pcr, n);
        memcpy(both + n, digest, n);
        return sv_digest(bank, sv_bytes(both, 2 * n), pcr, err);
}

static int add_bank(struct sv_prediction *p, int bank, struct sv_err *err)
{
        struct sv_json *values = sv_json_set(p->m.values, sv_digest_name(sv_event_bank(bank)), sv_json_object());

        for (unsigned pcr = 0; pcr < SV_TCG_PCRS; pcr++) {
                uint8_t value[SV_DIGEST_MAX] = {0};
                char reg[16], name[16];

                if (p->unpredicted >> pcr & 1)
                        continue;
                snprintf(reg, sizeof(reg), "pcr%u", pcr);
                for (size_t i = 0; i < p->m.n_steps; i++)
                        if (strcmp(p->m.steps[i].reg, reg) == 0 && extend(sv_event_bank(bank), value, p->m.steps[i].digest[bank], err) < 0)
                                return -1;
                snprintf(name, sizeof(name), "%u", pcr);
                sv_json_set_hex(values, name, sv_bytes(value, sv_digest_size(sv_event_bank(bank))));
        }
        return 0;
}

static int predict(struct sv_prediction *p, const struct sv_guest *g, struct sv_err *err)
{
        const char *path = sv_guest_firmware(g);
        SV_BUF firmware = SV_BUF_NULL;
        bool secure_boot = false;

        if (!g->kernel)
                return sv_fail(err, SV_USAGE, "vtpm.measure.kernel",
                               "the guest names no kernel (\"kernel\"); what a unified kernel image measures is not predicted");
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
        struct sv_prediction p = {.m = {.values = sv_json_object(), .unpredicted = sv_json_array()}};

        if (predict(&p, guest, err) < 0) {
                sv_measurement_free(&p.m);
                return -1;
        }
        *out = p.m;
        return 0;
}
