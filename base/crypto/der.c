/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto/der.h"

struct sv_rd sv_der_element(struct sv_rd *r, uint8_t *tag)
{
        size_t n;

        *tag = sv_rd_u8(r);
        n = sv_rd_u8(r);
        if (n == 0x81)
                n = sv_rd_u8(r);
        else if (n == 0x82)
                n = sv_rd_u16be(r);
        else if (n > 0x7f)
                r->bad = true;
        return sv_rd_sub(r, n);
}

struct sv_rd sv_der_take(struct sv_rd *r, uint8_t tag)
{
        uint8_t found;
        struct sv_rd contents = sv_der_element(r, &found);

        if (found != tag)
                r->bad = contents.bad = true;
        return contents;
}

struct sv_bytes sv_der_whole(struct sv_rd *r, uint8_t tag)
{
        size_t at = r->pos;

        sv_der_take(r, tag);
        return r->bad ? SV_BYTES_NULL : sv_bytes(r->start + at, r->pos - at);
}

struct sv_bytes sv_der_number(struct sv_rd *r)
{
        struct sv_rd contents = sv_der_take(r, SV_DER_INTEGER);
        struct sv_bytes b = sv_rd_rest(&contents);

        if (!b.n || b.p[0] & 0x80)
                r->bad = true;
        else if (b.n > 1 && !b.p[0])
                b = sv_bytes(b.p + 1, b.n - 1);
        return r->bad ? SV_BYTES_NULL : b;
}
