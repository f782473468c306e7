/* SPDX-License-Identifier: Apache-2.0 */
/* What base64.c and base64url.c have in common. The harness includes the source and defines PUT,
 * the function that writes, and UN, the one that reads. */
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
