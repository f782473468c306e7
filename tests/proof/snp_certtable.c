/* SPDX-License-Identifier: Apache-2.0 */
/* proves: each certificate of a table that is accepted has bytes, lies within the table and behind
 *         its list of entries, and no two have one GUID; what is refused writes nothing.
 * for:    every table of 0, 23, 52 and 76 bytes: up to 2 certificates
 * stubs:  texts of errors
 * unwind: 17
 * loops:  sv_cert_table_parse.0:5 sv_cert_table_parse.1:4 whole.0:4 whole.1:4
 * fault:  `< head)` => `< ENTRY)`
 * fault:  `sv_rd_seek(&rd, offset);` => `rd.pos = offset;`
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/bytes.c"
#include "base/core/rd.c"
#include "sev/verify/certtable.c"

char *sv_format_uuid(const uint8_t uuid[16], char out[37])
{
        out[0] = out[36] = 0;
        return out;
}

static void one(size_t n)
{
        struct sv_bytes raw = any_exactly(n);
        struct sv_cert_table t;
        size_t i, k;

        t.n = 99;
        if (sv_cert_table_parse(raw, &t, NULL) < 0) {
                PROVE(t.n == 99 && failed_check);
                return;
        }
        PROVE(t.n <= 2);
        if (!t.n)
                return;
        i = any_below(t.n);
        PROVE(t.list[i].data.n > 0 && lies_within(t.list[i].data, raw));
        PROVE((size_t)(t.list[i].data.p - raw.p) >= ENTRY * (t.n + 1));
        k = any_below(t.n);
        PROVE(i == k || memcmp(t.list[i].guid, t.list[k].guid, 16));
        PROVE(!memcmp(t.list[i].guid, raw.p + ENTRY * i, 16));
}

void prove(void)
{
        switch (nondet_u8()) {
        case 0:
                one(0);
                break;
        case 1:
                one(23);
                break;
        case 2:
                one(52);
                break;
        default:
                one(76);
        }
}
