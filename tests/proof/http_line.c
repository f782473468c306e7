/* SPDX-License-Identifier: Apache-2.0 */
/* proves: a line of a head ends in CR LF and holds neither before them; name and value of a field
 *         that is accepted are of the bytes that RFC 9110 allows, without blanks around the value;
 *         a line that goes on from the one before is refused.
 * for:    every rest of a head of 7 bytes
 * stubs:  texts of errors; copies of names and values are looked at instead of made
 * unwind: 8
 * loops:  strchr.0:17
 * fault:  `n + 1 >= rest.n ||` => ``
 * fault:  `!is_token(name) ||` => ``
 * fault:  `b.p[i] > 0x7e` => `b.p[i] > 0x7f`
 */
#include "proof.h"
#include "libc.h"
#include "stub_err.h"

#include "base/core/rd.c"

/* What would be copied. */
static struct sv_bytes copied[2];
static unsigned n_copied;

char *sv_asprintf(const char *fmt, ...);

#include "base/net/http.c"

char *sv_asprintf(const char *fmt, ...)
{
        va_list ap;
        struct sv_bytes b;

        va_start(ap, fmt);
        b.n = (size_t)va_arg(ap, int);
        b.p = va_arg(ap, const uint8_t *);
        va_end(ap);
        copied[n_copied++ % 2] = b;
        return NULL;
}

void prove(void)
{
        struct sv_bytes raw = any_exactly(7), line, name, value;
        struct sv_rd r = sv_rd(raw);
        static struct sv_http_msg m;
        size_t i;

        if (read_crlf_line(&r, &line, NULL) < 0)
                return;
        PROVE(line.n + 2 <= raw.n && r.pos == line.n + 2);
        PROVE(raw.p[line.n] == '\r' && raw.p[line.n + 1] == '\n');
        if (!line.n)
                return;
        i = any_below(line.n);
        PROVE(line.p == raw.p && line.p[i] != '\r' && line.p[i] != '\n');
        if (parse_field_line(line, &m, NULL) < 0)
                return;
        name = copied[0];
        value = copied[1];
        PROVE(n_copied == 2 && name.p == line.p && name.n && line.p[name.n] == ':');
        i = any_below(name.n);
        PROVE(name.p[i] > 0x20 && name.p[i] < 0x7f && name.p[i] != ':');
        if (!value.n)
                return;
        PROVE(lies_within(value, line) && value.p > line.p + name.n);
        PROVE(value.p[0] != ' ' && value.p[value.n - 1] != ' ');
        i = any_below(value.n);
        PROVE((value.p[i] >= 0x20 && value.p[i] < 0x7f) || value.p[i] == '\t');
}
