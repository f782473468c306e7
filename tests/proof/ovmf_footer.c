/* SPDX-License-Identifier: Apache-2.0 */
/* proves: an entry of the footer table that is accepted lies within the table in front of its end,
 *         is as large as it says, and the next one ends where it begins: the walk goes on and ends.
 * for:    every table of up to 40 bytes, every end in it
 * stubs:  texts of errors; the text of a GUID
 * unwind: 17
 * fault:  `size > end` => `size > end + 1`
 * fault:  `size < TRAILER ||` => ``
 */
#include "proof.h"
#include "stub_err.h"

#include "base/core/rd.c"

char *sv_hex(struct sv_bytes in, char *out)
{
        out[0] = out[1] = 'a';
        out[2] = 0;
        (void)in.p[0];
        return out;
}

#include "ovmf/footer.c"

void prove(void)
{
        struct sv_bytes table = any_bytes(40), data = SV_BYTES_NULL;
        size_t end = nondet_size(), begin = 77;
        char guid[37];

        ASSUME(end <= table.n);
        if (read_footer_entry(table, end, guid, &data, &begin, NULL) < 0) {
                PROVE(begin == 77 && !data.p && failed_check);
                return;
        }
        PROVE(begin < end && end - begin >= 18);
        PROVE(end - begin == (table.p[end - 18] | table.p[end - 17] << 8));
        PROVE(data.p == table.p + begin && data.n == end - begin - 18);
        PROVE(guid[36] == 0);
}
