/* SPDX-License-Identifier: Apache-2.0 */
#include "sev/measure/cpu.h"

#include <ctype.h>

/* As QEMU's target/i386/cpu.c defines them, up to QEMU 11.1: -v1 to that version. One that is newer
 * may be of another processor. */
static const struct {
        const char *name;
        unsigned family, model, stepping, versions;
} models[] = {
        {"EPYC", 23, 1, 2, 5},       {"EPYC-IBPB", 23, 1, 2, 0},   {"EPYC-Rome", 23, 49, 0, 5},
        {"EPYC-Milan", 25, 1, 1, 4}, {"EPYC-Genoa", 25, 17, 0, 3}, {"EPYC-Turin", 26, 0, 0, 2},
};

uint32_t sv_cpu_sig(unsigned family, unsigned model, unsigned stepping)
{
        uint32_t f = family > 15 ? (family - 15) << 20 | 0xf00 : family << 8;

        return f | (model >> 4) << 16 | (model & 15) << 4 | stepping;
}

/* "-v1", "-v12": its number; 0 for what is no version. */
static unsigned read_model_version(const char *s)
{
        unsigned n = 0;

        if (s[0] != '-' || s[1] != 'v' || s[2] == '0')
                return 0;
        for (s += 2; isdigit((unsigned char)*s) && n < 1000; s++)
                n = 10 * n + (unsigned)(*s - '0');
        return *s ? 0 : n;
}

static int fail_version(size_t i, const char *model, struct sv_err *err)
{
        return models[i].versions
                       ? sv_fail(err, SV_USAGE, "sev.cpu",
                                 "\"%s\" is no version of %s that is known here (%s-v1 to "
                                 "%s-v%u); choose one of them, or measure it with the CPUID "
                                 "signature of its processor (--cpu-sig)",
                                 model, models[i].name, models[i].name, models[i].name,
                                 models[i].versions)
                       : sv_fail(err, SV_USAGE, "sev.cpu",
                                 "\"%s\": QEMU's %s has no versions; choose %s itself", model,
                                 models[i].name, models[i].name);
}

int sv_cpu_sig_of(const char *model, uint32_t *sig, struct sv_err *err)
{
        for (size_t i = 0; i < sizeof(models) / sizeof(models[0]); i++) {
                size_t n = strlen(models[i].name);
                unsigned version =
                        strncmp(models[i].name, model, n) ? 0 : read_model_version(model + n);

                if (strcmp(models[i].name, model) && !version)
                        continue;
                if (version > models[i].versions)
                        return fail_version(i, model, err);
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
                       "EPYC-Genoa, EPYC-Turin, or with -vN one version of them); give "
                       "its CPUID signature with --cpu-sig",
                       model);
}
