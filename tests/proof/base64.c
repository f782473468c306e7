/* SPDX-License-Identifier: Apache-2.0 */
/* proves: one value has one text: bytes written are read back as they were, and a text that is read
 *         is the one that its bytes are written as, to the last bit.
 * for:    every 1 to 3 bytes, every text of 4 characters: one group
 * stubs:  texts of errors; the buffer (stub_buf.h); strchr, by computing what it finds
 * unwind: 9
 * fault:  `(tail == 2 && v & 15)` => `(tail == 2 && v & 7)`
 * fault:  `v >> (18 - 6 * k) & 63` => `v >> (18 - 6 * k) & 31`
 */
#include "proof.h"
#include "stub_err.h"
#define BUF_ROOM 16
#include "stub_buf.h"

/* The place of a character in an alphabet, by RFC 4648's tables 1 and 2; that it stands there is
 * proven. */
char *strchr(const char *s, int c)
{
        int at = c >= 'A' && c <= 'Z'   ? c - 'A'
                 : c >= 'a' && c <= 'z' ? c - 'a' + 26
                 : c >= '0' && c <= '9' ? c - '0' + 52
                 : c == s[62]           ? 62
                 : c == s[63]           ? 63
                                        : -1;

        if (at < 0)
                return NULL;
        PROVE(s[at] == c);
        return (char *)s + at;
}

#include "base/core/encoding.c"

static void back_and_forth(size_t n)
{
        uint8_t raw[3];
        struct sv_buf text = SV_BUF_NULL, out = SV_BUF_NULL;

        sv_put_base64(&text, sv_bytes(raw, n));
        PROVE(sv_unbase64(sv_buf_bytes(&text), &out, "check", NULL) == 0);
        PROVE(out.n == n && !memcmp(out.p, raw, n));
}

static void any_text(size_t n)
{
        uint8_t text[4];
        struct sv_buf out = SV_BUF_NULL, again = SV_BUF_NULL;

        if (sv_unbase64(sv_bytes(text, n), &out, "check", NULL) < 0)
                return;
        sv_put_base64(&again, sv_buf_bytes(&out));
        PROVE(again.n == n && !memcmp(again.p, text, n));
}

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
        default:
                any_text(4);
        }
}
