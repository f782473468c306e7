/* SPDX-License-Identifier: Apache-2.0 */
/* proves: there is one opinion of where a body ends: a head with both a length and a coding, an
 *         answer with neither, a coding that is not chunked and a length that is no number or above
 *         the limit are refused; the length is the number.
 * for:    every Content-Length of up to 8 characters, every Transfer-Encoding of up to 8, both or
 *         none, every status
 * stubs:  texts of errors; the fields of the head
 * unwind: 10
 * fault:  `if (length && coding)` => `if (0)`
 * fault:  `v > max` => `0`
 */
#include "proof.h"
#include "libc.h"
#include "stub_err.h"
#include "stub_buf.h"

#include "base/net/http-body.c"

static const char *length, *coding;

const char *sv_http_field(const struct sv_http_msg *m, const char *name)
{
        return name[0] == 'C' ? length : coding;
}

static uint64_t value_of(const char *text)
{
        uint64_t v = 0;

        for (; *text; text++) {
                PROVE(*text >= '0' && *text <= '9');
                v = 10 * v + (uint64_t)(*text - '0');
        }
        return v;
}

void prove(void)
{
        struct sv_http_msg head = {.status = (int)(nondet_u16() % 600)};
        struct sv_http_body b;
        size_t max;

        head.body.max = nondet_u32();
        max = head.body.max ? head.body.max : SV_HTTP_BODY_MAX;
        length = nondet_bool() ? any_string(8) : NULL;
        coding = nondet_bool() ? any_string(8) : NULL;
        if (sv_http_body_begin(&head, &b, NULL) < 0) {
                PROVE(failed_check);
                return;
        }
        PROVE(!(length && coding) && b.chunked == (coding != NULL));
        if (coding)
                PROVE(strlen(coding) == 7 && (coding[0] | 32) == 'c' && (coding[6] | 32) == 'd');
        if (length)
                PROVE(*length && b.left == value_of(length) && b.left <= max);
        PROVE(length || coding || !head.status || head.status == 204 || head.status == 304);
        PROVE(b.chunked ? !b.done : b.done == !b.left);
}
