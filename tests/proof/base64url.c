/* SPDX-License-Identifier: Apache-2.0 */
/* proves: one value has one text: bytes written are read back as they were, and a text that is read
 *         is the one that its bytes are written as, to the last bit.
 * for:    every 1 to 3 bytes, every text of 2, 3 and 4 characters: one group
 * stubs:  texts of errors; the buffer (stub_buf.h)
 * unwind: 9
 * fault:  `c - 'a' + 26` => `c - 'a' + 25`
 * fault:  `(tail == 2 && v & 15)` => `(tail == 2 && v & 7)`
 * fault:  `v >> (18 - 6 * k) & 63` => `v >> (18 - 6 * k) & 31`
 */
#include "proof.h"
#include "stub_err.h"
#define BUF_ROOM 16
#include "stub_buf.h"

#include "base/core/encoding.c"

#define PUT      sv_put_base64url
#define UN       sv_unbase64url
#define ALPHABET b64_url
#include "base64.h"

void prove(void)
{
        switch (nondet_u8()) {
        case 0:
                back_and_forth(1);
                break;
        case 1:
                back_and_forth(2);
                break;
        case 2:
                back_and_forth(3);
                break;
        case 3:
                any_text(2);
                break;
        case 4:
                any_text(3);
                break;
        case 5:
                places();
                break;
        default:
                any_text(4);
        }
}
