/* SPDX-License-Identifier: Apache-2.0 */
/* What base64.c and base64url.c have in common. The harness includes the source and defines PUT,
 * the function that writes, UN, the one that reads, and ALPHABET, theirs. */
/* The place of a character in an alphabet (RFC 4648, tables 1 and 2), which has 64: it stands
 * there, and each that stands somewhere has its place. */
static void places(void)
{
        uint8_t c = nondet_u8();
        int at = get_base64_value(c, ALPHABET);

        PROVE(at >= -1 && at < 64);
        PROVE(at < 0 || ALPHABET[at] == c);
        PROVE(get_base64_value((uint8_t)ALPHABET[c & 63], ALPHABET) == (c & 63));
}

static void back_and_forth(size_t n)
{
        uint8_t raw[3];
        struct sv_buf text = SV_BUF_NULL, out = SV_BUF_NULL;

        PUT(&text, sv_bytes(raw, n));
        PROVE(UN(sv_buf_bytes(&text), &out, "check", NULL) == 0);
        PROVE(out.n == n && !memcmp(out.p, raw, n));
}

static void any_text(size_t n)
{
        uint8_t text[4];
        struct sv_buf out = SV_BUF_NULL, again = SV_BUF_NULL;

        if (UN(sv_bytes(text, n), &out, "check", NULL) < 0)
                return;
        PUT(&again, sv_buf_bytes(&out));
        PROVE(again.n == n && !memcmp(again.p, text, n));
}
