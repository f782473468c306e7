/* SPDX-License-Identifier: Apache-2.0 */
/* proves: a quote that the service gave is not empty, lies within its message behind the header and
 *         the enclave's identifier, ends with it, and the message said its own size, no error and
 *         the type that was asked for; a refusal writes nothing.
 * for:    every message of up to 32 bytes
 * stubs:  texts of errors
 * unwind: 7
 * fault:  `if (size != message.n)` => `if (0)`
 * fault:  `sv_rd_skip(&r, id);` => `sv_rd_skip(&r, 0);`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/rd.c"
#include "tdx/guest/qgs.c"

static uint32_t le32(const uint8_t *p)
{
        return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static void quote(struct sv_bytes m)
{
        struct sv_bytes q = SV_BYTES_NULL;

        if (sv_qgs_quote_response(m, &q, NULL) < 0) {
                PROVE(!q.p && failed_check);
                return;
        }
        PROVE(le32(m.p) == 0x10001 || m.p[0] == 1);
        PROVE(le32(m.p + 4) == 1 && le32(m.p + 8) == m.n && le32(m.p + 12) == 0);
        PROVE(q.n && lies_within(q, m) && q.n == le32(m.p + 20));
        PROVE(q.p == m.p + 24 + le32(m.p + 16) && q.p + q.n == m.p + m.n);
}

static void platform(struct sv_bytes m)
{
        struct sv_qgs_platform p = {.tdqe_svn = 7};

        if (sv_qgs_platform_response(m, &p, NULL) < 0) {
                PROVE(p.tdqe_svn == 7 && failed_check);
                return;
        }
        PROVE(le32(m.p + 4) == 5 && le32(m.p + 8) == m.n && le32(m.p + 12) == 0);
        PROVE(p.platform_id.n + p.cpu_svn.n == m.n - 28);
        PROVE(!p.platform_id.n || lies_within(p.platform_id, m));
        PROVE(!p.cpu_svn.n || lies_within(p.cpu_svn, m));
}

void prove(void)
{
        struct sv_bytes m = any_bytes(32);

        if (nondet_bool())
                quote(m);
        else
                platform(m);
}
