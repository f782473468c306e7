/* SPDX-License-Identifier: Apache-2.0 */
#include "sev/verify/report.h"

const char *sv_sev_product_name(enum sv_sev_product p)
{
        static const char *const names[] = {"unknown", "Milan", "Genoa", "Turin", "Venice"};

        return names[p];
}

enum sv_sev_product sv_sev_product_of(uint8_t family, uint8_t model)
{
        static const struct {
                uint8_t family, from, to;
                enum sv_sev_product product;
        } ranges[] = {
                {0x19, 0x00, 0x0f, SV_SEV_MILAN},  {0x19, 0x10, 0x1f, SV_SEV_GENOA},
                {0x19, 0xa0, 0xaf, SV_SEV_GENOA},  {0x1a, 0x00, 0x11, SV_SEV_TURIN},
                {0x1a, 0x50, 0x57, SV_SEV_VENICE}, {0x1a, 0x90, 0x9f, SV_SEV_VENICE},
                {0x1a, 0xa0, 0xaf, SV_SEV_VENICE}, {0x1a, 0xc0, 0xc7, SV_SEV_VENICE},
        };

        for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
                if (family == ranges[i].family && model >= ranges[i].from && model <= ranges[i].to)
                        return ranges[i].product;
        return SV_SEV_UNKNOWN;
}

static bool has_fmc(enum sv_sev_product p)
{
        return p == SV_SEV_TURIN || p == SV_SEV_VENICE;
}

void sv_tcb_read(const uint8_t raw[8], enum sv_sev_product product, struct sv_tcb *out)
{
        *out = (struct sv_tcb){.microcode = raw[7]};
        if (has_fmc(product)) {
                out->fmc = raw[0];
                out->bootloader = raw[1];
                out->tee = raw[2];
                out->snp = raw[3];
                memcpy(out->reserved, raw + 4, 3);
        } else {
                out->bootloader = raw[0];
                out->tee = raw[1];
                memcpy(out->reserved, raw + 2, 4);
                out->snp = raw[6];
        }
}

void sv_tcb_write(const struct sv_tcb *t, enum sv_sev_product product, uint8_t raw[8])
{
        memset(raw, 0, 8);
        raw[7] = t->microcode;
        if (has_fmc(product)) {
                raw[0] = t->fmc;
                raw[1] = t->bootloader;
                raw[2] = t->tee;
                raw[3] = t->snp;
        } else {
                raw[0] = t->bootloader;
                raw[1] = t->tee;
                raw[6] = t->snp;
        }
}

bool sv_tcb_at_least(const struct sv_tcb *a, const struct sv_tcb *b)
{
        return a->fmc >= b->fmc && a->bootloader >= b->bootloader && a->tee >= b->tee &&
               a->snp >= b->snp && a->microcode >= b->microcode;
}

bool sv_tcb_equal(const struct sv_tcb *a, const struct sv_tcb *b)
{
        return sv_tcb_at_least(a, b) && sv_tcb_at_least(b, a);
}

struct sv_json *sv_tcb_json(const struct sv_tcb *tcb, enum sv_sev_product product)
{
        struct sv_json *j = sv_json_object();

        if (has_fmc(product))
                sv_json_set_int(j, "fmc", tcb->fmc);
        sv_json_set_int(j, "bootloader", tcb->bootloader);
        sv_json_set_int(j, "tee", tcb->tee);
        sv_json_set_int(j, "snp", tcb->snp);
        sv_json_set_int(j, "microcode", tcb->microcode);
        return j;
}
