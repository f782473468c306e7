/* SPDX-License-Identifier: Apache-2.0 */
/* proves: bytes written as hexadecimal text are read back as they were; what is read is pairs of
 *         hexadecimal digits and nothing else, and gives half as many bytes.
 * for:    every 4 bytes, every text of up to 5 characters
 * stubs:  texts of errors; the buffer (stub_buf.h)
 * unwind: 10
 * fault:  `if (text.n % 2)` => `if (0)`
 * fault:  `out[2 * i + 1] = hex_digits[in.p[i] & 15]` => `out[2 * i + 1] = hex_digits[in.p[i] & 7]`
 */
#include "proof.h"
#include "stub_err.h"
#include "stub_buf.h"

#include "base/core/encoding.c"

static bool is_digit(uint8_t c)
{
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static void back_and_forth(void)
{
        uint8_t raw[4];
        char text[9];
        struct sv_buf out = SV_BUF_NULL;

        sv_hex(sv_bytes(raw, 4), text);
        PROVE(text[8] == 0);
        PROVE(sv_unhex(sv_bytes(text, 8), &out, "check", NULL) == 0);
        PROVE(out.n == 4 && !memcmp(out.p, raw, 4));
}

static void any_text(void)
{
        struct sv_bytes text = any_bytes(5);
        struct sv_buf out = SV_BUF_NULL;

        if (sv_unhex(text, &out, "check", NULL) == 0) {
                PROVE(text.n % 2 == 0 && out.n == text.n / 2);
                PROVE(!text.n || is_digit(text.p[any_below(text.n)]));
        }
}

void prove(void)
{
        if (nondet_bool())
                back_and_forth();
        else
                any_text();
}
