/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/armor.h"

#include <ctype.h>
#include <string.h>

#include "base/core/encoding.h"
#include "base/json/json.h"

#define DASHES      "-----" /* of a PEM text that is none, or of certificates */
#define BEGIN       "-----BEGIN "
#define END         "-----END "
#define CERTIFICATE BEGIN "CERTIFICATE-----"
#define TEXT_MIN    16
#define BLANKS      " \t\r\n"
/* From here on, text of which all but so many are hexadecimal digits is meant to be hexadecimal:
 * base64 of that length has others. */
#define MEANT_MIN   256
#define MEANT_ODDS  2

/* Without blanks and padding; false when there is a byte that no text form has. */
static bool squeeze_text(struct sv_bytes text, struct sv_buf *out)
{
        for (size_t i = 0; i < text.n; i++) {
                unsigned char c = text.p[i];

                if (isspace(c))
                        continue;
                if (!isalnum(c) && !strchr("+/-_=", c))
                        return false;
                sv_buf_u8(out, c);
        }
        while (out->n && out->p[out->n - 1] == '=')
                out->n--;
        return out->n >= TEXT_MIN && !memchr(out->p, '=', out->n);
}

static bool read_hex(struct sv_bytes text, struct sv_buf *out)
{
        if (text.n > 2 && text.p[0] == '0' && text.p[1] == 'x')
                text = sv_bytes(text.p + 2, text.n - 2);
        for (size_t i = 0; i < text.n; i++)
                if (!isxdigit(text.p[i]))
                        return false;
        return sv_unhex(text, out, "verify.evidence", NULL) == 0;
}

/* Either alphabet, never both. */
static bool read_base64(struct sv_buf *text, struct sv_buf *out)
{
        bool url = memchr(text->p, '-', text->n) || memchr(text->p, '_', text->n);

        if (url && (memchr(text->p, '+', text->n) || memchr(text->p, '/', text->n)))
                return false;
        for (size_t i = 0; i < text->n; i++)
                text->p[i] = text->p[i] == '+' ? '-' : text->p[i] == '/' ? '_' : text->p[i];
        return sv_unbase64url(sv_buf_bytes(text), out, "verify.evidence", NULL) == 0;
}

/* One block, whatever its label, and nothing else. */
static bool read_pem(struct sv_bytes text, struct sv_buf *out)
{
        const char *p = (const char *)text.p, *body, *end;
        SV_BUF copy = SV_BUF_NULL;
        SV_BUF digits = SV_BUF_NULL;

        sv_buf_put(&copy, text);
        p = sv_buf_str(&copy);
        if (strncmp(p, BEGIN, strlen(BEGIN)) || !strncmp(p, CERTIFICATE, strlen(CERTIFICATE)))
                return false;
        body = strchr(p, '\n');
        end = body ? strstr(body, END) : NULL;
        if (!end || strstr(end, BEGIN))
                return false;
        return squeeze_text(sv_bytes(body, (size_t)(end - body)), &digits) &&
               read_base64(&digits, out);
}

static int join_pem(void *arg, const char *name, struct sv_json *value, struct sv_err *err)
{
        const char *text = sv_json_str(value);

        if (text && strstr(text, CERTIFICATE)) {
                sv_buf_puts(arg, text);
                sv_buf_puts(arg, "\n");
        }
        return 0;
}

/* {"quote":"…"}, or what Azure's THIM answers. */
static bool read_json(struct sv_bytes text, struct sv_buf *out)
{
        SV_BUF digits = SV_BUF_NULL;
        SV_JSON *j = NULL;
        const char *quote;

        if (text.p[strspn((const char *)text.p, BLANKS)] != '{' ||
            sv_json_parse(text, "verify.evidence", &j, NULL) < 0)
                return false;
        quote = sv_json_len(j) == 1 ? sv_json_str(sv_json_get(j, "quote")) : NULL;
        if (quote)
                return squeeze_text(sv_bytes_str(quote), &digits) && read_base64(&digits, out);
        return sv_json_get(j, "vcekCert") && sv_json_each(j, join_pem, out, NULL) == 0 && out->n;
}

/* A digit lost, or wrong: as base64 it would be other bytes, and what is wrong with these says
 * nothing. */
static int check_meant_hex(struct sv_bytes digits, struct sv_err *err)
{
        size_t odds = 0, first = 0;

        if (digits.n < MEANT_MIN)
                return 0;
        for (size_t i = digits.p[1] == 'x' ? 2 : 0; i < digits.n && odds <= MEANT_ODDS; i++)
                if (!isxdigit(digits.p[i]) && !odds++)
                        first = i;
        if (odds > MEANT_ODDS)
                return 0;
        if (odds)
                return sv_fail(err, SV_FORMAT, "verify.evidence",
                               "hexadecimal text was expected, its character %zu is \"%c\"",
                               first + 1, digits.p[first]);
        if (digits.n % 2)
                return sv_fail(err, SV_FORMAT, "verify.evidence",
                               "hexadecimal text has two digits a byte, this one has %zu: one is "
                               "missing, or one too many",
                               digits.n);
        return 0;
}

/* *form: NULL when it is none. */
static int read_text(struct sv_bytes text, struct sv_buf *out, const char **form,
                     struct sv_err *err)
{
        SV_BUF digits = SV_BUF_NULL;

        *form = NULL;

        if (read_pem(text, out))
                *form = "a PEM block";
        else if (read_json(text, out))
                *form = "JSON";
        if (*form || memmem(text.p, text.n, DASHES, strlen(DASHES)) || !squeeze_text(text, &digits))
                return 0;
        if (read_hex(sv_buf_bytes(&digits), out))
                *form = "hexadecimal text";
        else if (check_meant_hex(sv_buf_bytes(&digits), err) < 0)
                return -1;
        else if (read_base64(&digits, out))
                *form = "base64 text";
        return 0;
}

int sv_armor_remove(struct sv_buf *file, const char **form, struct sv_err *err)
{
        SV_BUF bytes = SV_BUF_NULL;

        *form = NULL;
        sv_buf_str(file); /* a terminator, for what looks for text */
        if (file->n < TEXT_MIN || memchr(file->p, 0, file->n))
                return 0;
        if (read_text(sv_buf_bytes(file), &bytes, form, err) < 0)
                return -1;
        if (sv_buf_ok(&bytes, "a file's text", err) < 0)
                return -1;
        if (*form) {
                struct sv_buf old = *file;

                *file = bytes;
                bytes = old;
        }
        return 0;
}

void sv_armor_split(struct sv_buf *file, struct sv_buf *rest)
{
        const char *text = sv_buf_str(file), *second = strstr(text, CERTIFICATE);

        second = second ? strstr(second + 1, CERTIFICATE) : NULL;
        if (!second)
                return;
        sv_buf_puts(rest, second);
        file->n = (size_t)(second - text);
}
