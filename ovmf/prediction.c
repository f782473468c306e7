/* SPDX-License-Identifier: Apache-2.0 */
#include "ovmf/prediction.h"

#include <stdio.h>

#include "ovmf/pe.h"

enum sv_digest sv_event_bank(int i)
{
        return i == 0 ? SV_SHA256 : SV_SHA384;
}

struct sv_measure_step *sv_event_new(struct sv_prediction *p, unsigned reg, uint32_t type)
{
        struct sv_measure_step *s = sv_measurement_step(&p->m);

        snprintf(s->reg, sizeof(s->reg), "%s%u", p->regs->step, reg);
        snprintf(s->type, sizeof(s->type), "%s", sv_tcg_type_name(type));
        for (int i = p->regs->bank; i < SV_EVENT_BANKS; i++)
                s->digest_size[i] = sv_digest_size(sv_event_bank(i));
        return s;
}

int sv_event_data(struct sv_prediction *p, unsigned reg, uint32_t type, struct sv_bytes data,
                  struct sv_err *err, const char *what, ...)
{
        struct sv_measure_step *s = sv_event_new(p, reg, type);
        va_list args;

        va_start(args, what);
        vsnprintf(s->what, sizeof(s->what), what, args);
        va_end(args);
        for (int i = p->regs->bank; i < SV_EVENT_BANKS; i++)
                if (sv_digest(sv_event_bank(i), data, s->digest[i], err) < 0)
                        return -1;
        return 0;
}

int sv_event_image(struct sv_prediction *p, unsigned reg, struct sv_bytes image, struct sv_err *err,
                   const char *what, ...)
{
        struct sv_measure_step *s;
        struct sv_pe pe;
        va_list args;

        if (sv_pe_parse(image, &pe, err) < 0)
                return -1;
        s = sv_event_new(p, reg, SV_EV_EFI_BOOT_SERVICES_APPLICATION);
        va_start(args, what);
        vsnprintf(s->what, sizeof(s->what), what, args);
        va_end(args);
        for (int i = p->regs->bank; i < SV_EVENT_BANKS; i++)
                if (sv_pe_digest(&pe, sv_event_bank(i), s->digest[i], err) < 0)
                        return -1;
        return 0;
}

void sv_event_unknown(struct sv_prediction *p, unsigned reg, uint32_t type, const char *what)
{
        struct sv_measure_step *s = sv_event_new(p, reg, type);

        snprintf(s->what, sizeof(s->what), "%s", what);
        memset(s->digest_size, 0, sizeof(s->digest_size));
}

void sv_event_reason(struct sv_prediction *p, const char *name, const char *reason)
{
        struct sv_json *row = sv_json_add(p->m.unpredicted, sv_json_object());

        sv_json_set_str(row, "name", name);
        sv_json_set_str(row, "reason", reason);
}

void sv_event_unpredicted(struct sv_prediction *p, unsigned reg, const char *fmt, ...)
{
        char reason[512], name[16];
        va_list args;

        if (p->unpredicted >> reg & 1)
                return;
        p->unpredicted |= 1u << reg;
        va_start(args, fmt);
        vsnprintf(reason, sizeof(reason), fmt, args);
        va_end(args);
        snprintf(name, sizeof(name), "%s%u", p->regs->name, reg);
        sv_event_reason(p, name, reason);
}

int sv_event_value(const struct sv_prediction *p, unsigned reg, int bank,
                   uint8_t value[SV_DIGEST_MAX], struct sv_err *err)
{
        char name[16];

        memset(value, 0, SV_DIGEST_MAX);
        snprintf(name, sizeof(name), "%s%u", p->regs->step, reg);
        for (size_t i = 0; i < p->m.n_steps; i++)
                if (strcmp(p->m.steps[i].reg, name) == 0 &&
                    sv_tcg_extend(sv_event_bank(bank), value, p->m.steps[i].digest[bank], err) < 0)
                        return -1;
        return 0;
}
