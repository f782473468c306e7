/* SPDX-License-Identifier: Apache-2.0 */
/* proves: a TCB is at least another when each component is, and never because of their sum or of
 *         the version as one number; read and written it is the same bytes, by AMD's layout of its
 *         product.
 * for:    every two TCB_VERSIONs of every product
 * stubs:  nothing
 * unwind: 9
 * fault:  `a->snp >= b->snp` => `a->snp >= b->tee`
 * fault:  `raw[6] = t->snp;` => `raw[5] = t->snp;`
 */
#include "proof.h"
#include "stub_err.h"

#include "sev/verify/tcb.c"

static void layout(const uint8_t raw[8], enum sv_sev_product product, const struct sv_tcb *t)
{
        bool fmc = product == SV_SEV_TURIN || product == SV_SEV_VENICE;

        PROVE(t->fmc == (fmc ? raw[0] : 0));
        PROVE(t->bootloader == raw[fmc ? 1 : 0]);
        PROVE(t->tee == raw[fmc ? 2 : 1]);
        PROVE(t->snp == raw[fmc ? 3 : 6]);
        PROVE(t->microcode == raw[7]);
}

void prove(void)
{
        uint8_t a[8], b[8], again[8];
        enum sv_sev_product product = any_below(SV_SEV_VENICE + 1);
        struct sv_tcb x, y;
        bool each = true, reserved = false;

        sv_tcb_read(a, product, &x);
        sv_tcb_read(b, product, &y);
        layout(a, product, &x);
        for (int i = 0; i < 4; i++)
                reserved |= x.reserved[i] || y.reserved[i];
        sv_tcb_write(&x, product, again);
        if (reserved)
                return;
        PROVE(!memcmp(again, a, 8));
        for (int i = 0; i < 8; i++)
                each &= a[i] >= b[i];
        PROVE(sv_tcb_at_least(&x, &y) == each);
        PROVE(sv_tcb_equal(&x, &y) == !memcmp(a, b, 8));
}
