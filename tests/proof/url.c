/* SPDX-License-Identifier: Apache-2.0 */
/* proves: a URL that is accepted is https, unless http is allowed; its host is not empty and of
 *         characters that host names have, its port is a number from 1 to 65535, its prefix begins
 *         with "/" and holds neither blanks nor "?" or "#" nor a "/" at its end; a refusal writes
 *         nothing.
 * for:    every 7 characters behind "https://" and "http://"
 * stubs:  texts of errors; numbers as C11 has strtoull
 * unwind: 68
 * loops:  read_url_host.0:9 strcspn.0:18 strspn.0:9 strlen.0:18 sv_url_parse.0:9 sv_url_parse.1:9
 *         is_url_host.0:9
 * fault:  `strncmp(text, "http://", 7) || !allow_plain` => `strncmp(text, "http://", 7)`
 * fault:  `if (!port ||` => `if (`
 * fault:  `*c == '#' ||` => ``
 */
#include "proof.h"
#include "libc.h"
#include "stub_err.h"

int snprintf(char *out, size_t n, const char *fmt, ...)
{
        va_list ap;
        const char *s;
        size_t i = 0;

        va_start(ap, fmt);
        s = va_arg(ap, const char *);
        va_end(ap);
        for (; i < 3 && s[i]; i++)
                out[i] = s[i];
        out[i] = 0;
        return (int)i;
}

/* As base/core/text.c promises it. */
int sv_parse_u64(const char *text, unsigned long max, unsigned long *value, const char *check,
                 struct sv_err *err)
{
        unsigned long v = 0;

        for (size_t i = 0; text[i]; i++) {
                if (text[i] < '0' || text[i] > '9')
                        return sv_fail(err, SV_USAGE, check, "a number was expected");
                v = v * 10 + (unsigned long)(text[i] - '0');
        }
        if (v > max || !*text)
                return sv_fail(err, SV_USAGE, check, "at most");
        *value = v;
        return 0;
}

#include "base/core/url.c"

void prove(void)
{
        char text[16] = "https://";
        bool plain = nondet_bool(), allowed = nondet_bool();
        struct sv_url u = {.tls = 1};
        size_t at = plain ? 7 : 8, i;

        if (plain)
                memcpy(text, "http://", 7);
        for (i = 0; i < 7; i++)
                text[at + i] = (char)nondet_u8();
        text[15] = text[at + 7] = 0;
        u.host[0] = 77;
        if (sv_url_parse(text, allowed, &u, NULL) < 0) {
                PROVE(u.host[0] == 77 && failed_check);
                return;
        }
        PROVE(u.tls == !plain && (u.tls || allowed));
        PROVE(u.host[0] && !strchr(u.host, '/') && !strchr(u.host, '@') && !strchr(u.host, ' '));
        PROVE(u.port[0] >= '0' && u.port[0] <= '9' && strlen(u.port) < 6);
        PROVE(strcmp(u.port, "0"));
        if (!u.prefix[0])
                return;
        PROVE(u.prefix[0] == '/' && u.prefix[strlen(u.prefix) - 1] != '/');
        i = any_below(strlen(u.prefix));
        PROVE(u.prefix[i] > ' ' && u.prefix[i] <= '~' && u.prefix[i] != '#' && u.prefix[i] != '?');
}
