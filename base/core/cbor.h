/* SPDX-License-Identifier: Apache-2.0 */
/* CBOR (RFC 8949) as others send it, read in place over struct sv_rd, and written.
 *
 *   item   = head and what belongs to it; head = 3 bits of kind, 5 bits of size, 0 to 8 bytes
 *   kinds    0 number, 1 negative number, 2 bytes, 3 text (UTF-8), 4 list, 5 map, 6 tag, 7 simple
 *
 * Lengths are definite, the same key is not twice in a map, nesting and number of items are bounded
 * (base/core/limits.h); nothing is allocated by a length that somebody claims. Longer heads than
 * needed are taken: not every encoder is deterministic. */
#pragma once

#include "base/core/buf.h"
#include "base/core/rd.h"

enum sv_cbor_kind {
        SV_CBOR_UINT,
        SV_CBOR_NEGATIVE,
        SV_CBOR_BYTES,
        SV_CBOR_TEXT,
        SV_CBOR_LIST,
        SV_CBOR_MAP,
        SV_CBOR_TAG,
        SV_CBOR_SIMPLE, /* false, true, null, floats */
};

struct sv_cbor {
        enum sv_cbor_kind kind;
        uint64_t value;       /* the number (-1 - value of a negative one), count, tag */
        struct sv_bytes data; /* bytes and texts: theirs; others: the items inside */
};

/* Exactly one item, well formed, and nothing behind it: *out, which points into `text`. SV_FORMAT
 * `check`. All other functions are for what came from here. */
int sv_cbor_parse(struct sv_bytes text, struct sv_cbor *out, const char *check, struct sv_err *err);

/* The next of the items in `rest` (a list's or map's data), which it takes off; false: none. */
bool sv_cbor_next(struct sv_bytes *rest, struct sv_cbor *out);
/* A map's value under a number; false: there is none, or it is no map. */
bool sv_cbor_get(const struct sv_cbor *map, int64_t key, struct sv_cbor *out);
/* What a tag stands before; false: it is another tag, or none. */
bool sv_cbor_untag(const struct sv_cbor *item, uint64_t tag, struct sv_cbor *out);
/* A number that 64 bits with a sign hold. */
bool sv_cbor_int(const struct sv_cbor *item, int64_t *out);

/* --- writing; what follows the head of a list, map or tag is the caller's next --- */
void sv_cbor_put(struct sv_buf *out, enum sv_cbor_kind kind, uint64_t value);
void sv_cbor_put_int(struct sv_buf *out, int64_t value);
void sv_cbor_put_bytes(struct sv_buf *out, struct sv_bytes bytes);
void sv_cbor_put_text(struct sv_buf *out, const char *text);
