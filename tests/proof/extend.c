/* SPDX-License-Identifier: Apache-2.0 */
/* proves: a register is extended to the digest of itself and the event's digest, in this order and
 *         both of the bank's size, and nothing behind the bank's size of it is touched.
 * for:    every bank, value and digest
 * stubs:  texts of errors; the digest (looks at what it is asked for, any answer)
 * unwind: 5
 * fault:  `memcpy(both + n, digest, n);` => `memcpy(both, digest, n);`
 * fault:  `sv_bytes(both, 2 * n), value` => `sv_bytes(both, sizeof(both)), value`
 */
#include "proof.h"
#include "stub_err.h"

#include "ovmf/eventlog.c"

static uint8_t before[SV_DIGEST_MAX], event[SV_DIGEST_MAX], answer[SV_DIGEST_MAX];

size_t sv_digest_size(enum sv_digest alg)
{
        return alg == SV_SHA1 ? 20 : alg == SV_SHA256 ? 32 : alg == SV_SHA384 ? 48 : 64;
}

int sv_digest(enum sv_digest alg, struct sv_bytes in, uint8_t *out, struct sv_err *err)
{
        size_t n = sv_digest_size(alg), i = any_below(n);

        PROVE(in.n == 2 * n);
        PROVE(in.p[i] == before[i] && in.p[n + i] == event[i]);
        for (size_t k = 0; k < 4; k++)
                out[k] = answer[k];
        return 0;
}

void prove(void)
{
        enum sv_digest bank = nondet_bool() ? (nondet_bool() ? SV_SHA1 : SV_SHA256)
                                            : (nondet_bool() ? SV_SHA384 : SV_SHA512);
        uint8_t value[SV_DIGEST_MAX];
        size_t i;

        __CPROVER_havoc_object(before);
        __CPROVER_havoc_object(event);
        __CPROVER_havoc_object(answer);
        memcpy(value, before, sizeof(value));
        PROVE(sv_tcg_extend(bank, value, event, NULL) == 0);
        PROVE(value[0] == answer[0]);
        i = any_below(SV_DIGEST_MAX);
        PROVE(i < sv_digest_size(bank) || value[i] == before[i]);
}
