/* SPDX-License-Identifier: Apache-2.0 */
/* Text forms of bytes: hexadecimal, base64 (RFC 4648), percent encoding (RFC 3986). */
#include "base/core/encoding.h"

#include "base/core/buf.h"

static const char hex_digits[] = "0123456789abcdef";

char *sv_hex(struct sv_bytes in, char *out)
{
        for (size_t i = 0; i < in.n; i++) {
                out[2 * i] = hex_digits[in.p[i] >> 4];
                out[2 * i + 1] = hex_digits[in.p[i] & 15];
        }
        out[2 * in.n] = 0;
        return out;
}

int sv_hex_value(int c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

int sv_unhex(struct sv_bytes text, struct sv_buf *out, const char *check, struct sv_err *err)
{
        if (text.n % 2)
                return sv_fail(err, SV_FORMAT, check,
                               "hex digits come in pairs, here are %zu of them", text.n);
        for (size_t i = 0; i < text.n; i++)
                if (sv_hex_value(text.p[i]) < 0)
                        return sv_fail(err, SV_FORMAT, check, "byte %zu is not a hex digit", i);
        for (size_t i = 0; i < text.n; i += 2)
                sv_buf_u8(out,
                          (uint8_t)(sv_hex_value(text.p[i]) << 4 | sv_hex_value(text.p[i + 1])));
        return sv_buf_ok(out, "hex", err);
}

void sv_put_hex(struct sv_buf *out, struct sv_bytes in)
{
        uint8_t *at = sv_buf_grow(out, 2 * in.n);

        for (size_t i = 0; at && i < in.n; i++) {
                at[2 * i] = (uint8_t)hex_digits[in.p[i] >> 4];
                at[2 * i + 1] = (uint8_t)hex_digits[in.p[i] & 15];
        }
}

static const char b64_std[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char b64_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void put_base64_text(struct sv_buf *out, struct sv_bytes in, const char *alphabet, bool pad)
{
        const size_t last = in.n % 3, size = in.n / 3 * 4 + (!last ? 0 : pad ? 4 : last + 1);
        uint8_t *at = size ? sv_buf_grow(out, size) : NULL;

        for (size_t i = 0; at && i < in.n; i += 3) {
                size_t have = in.n - i < 3 ? in.n - i : 3;
                uint32_t v = (uint32_t)in.p[i] << 16 | (have > 1 ? (uint32_t)in.p[i + 1] << 8 : 0) |
                             (have > 2 ? in.p[i + 2] : 0);

                for (size_t k = 0; k < 4; k++) {
                        if (k <= have)
                                *at++ = (uint8_t)alphabet[v >> (18 - 6 * k) & 63];
                        else if (pad)
                                *at++ = '=';
                }
        }
}

void sv_put_base64(struct sv_buf *out, struct sv_bytes in)
{
        put_base64_text(out, in, b64_std, true);
}

void sv_put_base64url(struct sv_buf *out, struct sv_bytes in)
{
        put_base64_text(out, in, b64_url, false);
}

/* The last two characters are the alphabet's. */
static int get_base64_value(uint8_t c, const char *alphabet)
{
        if (c >= 'A' && c <= 'Z')
                return c - 'A';
        if (c >= 'a' && c <= 'z')
                return c - 'a' + 26;
        if (c >= '0' && c <= '9')
                return c - '0' + 52;
        return c == (uint8_t)alphabet[62] ? 62 : c == (uint8_t)alphabet[63] ? 63 : -1;
}

/* RFC 4648; the bits that do not belong to a byte must be zero (section 3.5), so that one value has
 * one text. */
static int decode_base64(struct sv_bytes text, struct sv_buf *out, const char *alphabet,
                         const char *check, struct sv_err *err)
{
        size_t tail = text.n % 4;
        uint32_t v = 0;

        sv_buf_room(out, text.n / 4 * 3 + 2);
        if (tail == 1)
                return sv_fail(err, SV_FORMAT, check, "base64 of %zu characters has no meaning",
                               text.n);
        for (size_t i = 0; i < text.n; i++) {
                int d = get_base64_value(text.p[i], alphabet);

                if (d < 0)
                        return sv_fail(err, SV_FORMAT, check,
                                       "byte %zu is not of this base64 alphabet", i);
                v = v << 6 | (uint32_t)d;
                if (i % 4 == 3) {
                        sv_buf_u8(out, (uint8_t)(v >> 16));
                        sv_buf_u8(out, (uint8_t)(v >> 8));
                        sv_buf_u8(out, (uint8_t)v);
                        v = 0;
                }
        }
        if ((tail == 2 && v & 15) || (tail == 3 && v & 3))
                return sv_fail(err, SV_FORMAT, check,
                               "the base64 text has bits set after its last byte");
        if (tail >= 2)
                sv_buf_u8(out, (uint8_t)(tail == 2 ? v >> 4 : v >> 10));
        if (tail == 3)
                sv_buf_u8(out, (uint8_t)(v >> 2));
        return sv_buf_ok(out, "base64", err);
}

int sv_unbase64(struct sv_bytes text, struct sv_buf *out, const char *check, struct sv_err *err)
{
        if (text.n % 4)
                return sv_fail(err, SV_FORMAT, check,
                               "base64 comes in groups of four characters, here are %zu", text.n);
        for (int i = 0; i < 2 && text.n && text.p[text.n - 1] == '='; i++)
                text.n--;
        return decode_base64(text, out, b64_std, check, err);
}

int sv_unbase64url(struct sv_bytes text, struct sv_buf *out, const char *check, struct sv_err *err)
{
        return decode_base64(text, out, b64_url, check, err);
}

int sv_unpercent(const char *text, struct sv_buf *out, const char *check, struct sv_err *err)
{
        for (const char *c = text; *c; c++) {
                if (*c != '%') {
                        sv_buf_u8(out, (uint8_t)*c);
                        continue;
                }
                if (!c[1] || !c[2] || sv_unhex(sv_bytes(c + 1, 2), out, check, NULL) < 0)
                        return sv_fail(err, SV_FORMAT, check,
                                       "two hexadecimal digits were expected after each %%, found "
                                       "\"%.3s\"",
                                       c);
                c += 2;
        }
        return 0;
}
