/* SPDX-License-Identifier: Apache-2.0 */
/* proves: resolvers of an announcement are copies of what lies in it, no more than there is room
 *         for; options that are accepted end where the announcement ends; a refusal writes nothing.
 * for:    every 24 bytes of options, every number of bytes below 8
 * stubs:  texts of errors
 * unwind: 5
 * loops:  read_be.0:5
 * fault:  `if (a && lifetime &&` => `if (a &&`
 * fault:  `memcpy(found[count++], a, 16);` => `memcpy(found[count++], a, 15);`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/rd.c"
#include "agent/rdnss.c"

static void check(struct sv_bytes options)
{
        uint8_t out[SV_RESOLVERS_MAX][16] = {{77}};
        size_t n = 77;

        if (sv_rdnss_parse(options, out, &n, NULL) < 0) {
                PROVE(failed_check && n == 77 && out[0][0] == 77);
                return;
        }
        PROVE(n <= 1 && options.n % 8 == 0);
        if (!n)
                return;
        PROVE(options.n == 24 && options.p[0] == 25 && options.p[1] == 3);
        PROVE(options.p[4] || options.p[5] || options.p[6] || options.p[7]);
        PROVE(out[0][0] == options.p[8] && out[0][15] == options.p[23]);
}

void prove(void)
{
        if (nondet_bool())
                check(any_exactly(24));
        else
                check(any_bytes(8));
}
