/* SPDX-License-Identifier: Apache-2.0 */
/* proves: a security patch level is read from a DER INTEGER from 0 to 255 in its only encoding, and
 *         from nothing else; a text is 1 to 127 bytes without NUL that fill their extension, and is
 *         terminated within its room.
 * for:    every value of an extension of up to 6 bytes; 4 bytes of room for the text
 * stubs:  texts of errors; the extension that a certificate has (any, or none)
 * unwind: 8
 * fault:  `first > 127 ? 1 : 0` => `1`
 * fault:  `|| n >= size ||` => `||`
 */
#include "proof.h"
#include "libc.h"
#include "stub_err.h"

#include "base/core/rd.c"
#include "sev/verify/vek.c"

static struct sv_bytes extension;
static bool has;

bool sv_signed_cert_ext(const struct sv_signed_cert *c, struct sv_bytes oid, struct sv_bytes *value)
{
        *value = extension;
        return has;
}

static void level(void)
{
        const uint8_t *p = extension.p;
        uint8_t v = 77;

        if (read_spl(NULL, "3.1", "blSPL", &v, NULL) < 0) {
                PROVE(v == 77 && failed_check);
                return;
        }
        PROVE(has && p[0] == 2);
        if (p[1] == 1)
                PROVE(extension.n == 3 && v == p[2] && v < 128);
        else
                PROVE(p[1] == 2 && extension.n == 4 && p[2] == 0 && v == p[3] && v >= 128);
}

static void name(void)
{
        char out[4] = {77, 0, 0, 0};

        if (read_product_text(NULL, "2", "productName", out, sizeof(out), NULL) < 0) {
                PROVE(out[0] == 77 && failed_check);
                return;
        }
        PROVE(has && (extension.p[0] == 0x16 || extension.p[0] == 0x0c));
        PROVE(extension.n == 2u + extension.p[1] && strlen(out) == extension.p[1]);
        PROVE(out[0] == (char)extension.p[2]);
}

void prove(void)
{
        extension = any_bytes(6);
        has = nondet_bool();
        if (nondet_bool())
                level();
        else
                name();
}
