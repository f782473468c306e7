/* SPDX-License-Identifier: Apache-2.0 */
/* DER (X.690), an element at a time, with the bounded reader: tags below 31, definite lengths of at
 * most two bytes. No certificate of the TEEs' makers needs more. */
#pragma once

#include "base/core/rd.h"

enum {
        SV_DER_BOOLEAN = 0x01,
        SV_DER_INTEGER = 0x02,
        SV_DER_BITS = 0x03,
        SV_DER_OCTETS = 0x04,
        SV_DER_OID = 0x06,
        SV_DER_SEQUENCE = 0x30,
        SV_DER_SET = 0x31,
};

/* The next element: a reader over its contents; born bad when it is none. */
struct sv_rd sv_der_element(struct sv_rd *r, uint8_t *tag);
/* The contents of the next element, which must be of this tag: else r is bad. */
struct sv_rd sv_der_take(struct sv_rd *r, uint8_t tag);
/* The same, with its tag and length in front. */
struct sv_bytes sv_der_whole(struct sv_rd *r, uint8_t tag);
/* The bytes of the next element, an INTEGER that is not negative, without the zero in front. */
struct sv_bytes sv_der_number(struct sv_rd *r);
