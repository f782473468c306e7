/* SPDX-License-Identifier: Apache-2.0 */
#include "sev/measure/cpu.h"

#include <ctype.h>

/* As QEMU's target/i386/cpu.c defines them. */
static const struct {
        const char *name;
        unsigned family, model, stepping;
} models[] = {
        {"EPYC", 23, 1, 2},       {"EPYC-IBPB", 23, 1, 2},   {"EPYC-Rome", 23, 49, 0},
        {"EPYC-Milan", 25, 1, 1}, {"EPYC-Genoa", 25, 17, 0}, {"EPYC-Turin", 26, 0, 0},
};

uint32_t sv_cpu_sig(unsigned family, unsigned model, unsigned stepping)
{
        uint32_t f = family > 15 ? (family - 15) << 20 | 0xf00 : family << 8;

        return f | (model >> 4) << 16 | (model & 15) << 4 | stepping;
}

/* "-v1", "-v12" */
static bool is_version(const char *s)
{
        if (*s && (s[0] != '-' || s[1] != 'v' || !s[2]))
                return false;
        for (s += *s ? 2 : 0; *s; s++)
                if (!isdigit((unsigned char)*s))
                        return false;
        return true;
}

int sv_cpu_sig_of(const char *model, uint32_t *sig, struct sv_err *err)
{
        for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
                size_t n = strlen(models[i].name);

                if (strncmp(models[i].name, model, n) || !is_version(model + n))
                        continue;
                *sig = sv_cpu_sig(models[i].family, models[i].model, models[i].stepping);
                return 0;
        }
        if (!strcmp(model, "host") || !strcmp(model, "max"))
                return sv_fail(err, SV_USAGE, "sev.cpu",
                               "with the CPU model \"%s\" the measurement depends on the machine; "
                               "name a model (EPYC-v4, EPYC-Milan, EPYC-Genoa, "
                               "EPYC-Turin), or give its CPUID signature with --cpu-sig",
                               model);
        return sv_fail(err, SV_USAGE, "sev.cpu",
                       "\"%s\" is no EPYC model of QEMU (EPYC, EPYC-IBPB, EPYC-Rome, EPYC-Milan, "
                       "EPYC-Genoa, EPYC-Turin, each with -vN); give "
                       "its CPUID signature with --cpu-sig",
                       model);
}
