/* SPDX-License-Identifier: Apache-2.0 */
/* proves: each "%41" becomes its byte, all others stay, a '%' without two digits is refused, and
 *         nothing behind the text is read.
 * for:    every text of up to 6 characters
 * stubs:  texts of errors; the buffer (stub_buf.h)
 * unwind: 8
 * fault:  `out, check, NULL) < 0)` => `out, check, NULL) < -1)`
 * fault:  `c += 2;` => `c += 1;`
 */
#include "proof.h"
#include "stub_err.h"
#include "stub_buf.h"

#include "base/core/encoding.c"

static int digit(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void prove(void)
{
        const char *text = any_string(6);
        size_t n = strlen(text), percents = 0;
        struct sv_buf out = SV_BUF_NULL;

        if (sv_unpercent(text, &out, "check", NULL) < 0 || out.bad)
                return;
        for (size_t i = 0; i < n; i++) {
                if (text[i] != '%')
                        continue;
                PROVE(n - i > 2 && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0);
                percents++;
                i += 2;
        }
        PROVE(out.n == n - 2 * percents);
        if (n && text[0] != '%')
                PROVE(out.p[0] == (uint8_t)text[0]);
        if (n && text[0] == '%')
                PROVE(out.p[0] == digit(text[1]) * 16 + digit(text[2]));
}
