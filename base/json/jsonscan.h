/* SPDX-License-Identifier: Apache-2.0 */
/* Checks JSON text against RFC 8259 to the letter (json-c lets some forms pass), counts what is in
 * it, and finds where a value stands. */
#pragma once

#include "base/core/bytes.h"

struct sv_jsonscan {
        size_t members; /* object members in the whole text, duplicates counted */
        size_t values;  /* all values but null */
        /* bytes of all texts and names without their escapes; of code points beyond U+FFFF that are
         * written in halves, at least */
        size_t text_bytes;
        /* offset of the value at the pointer asked for; SIZE_MAX when it is not there */
        size_t found;
        size_t found_end;    /* and where it ends: the raw bytes that a signature may cover */
        size_t error_at;     /* where the first fault is */
        const char *problem; /* what was expected there; NULL when the text is well formed */
};

/* pointer: RFC 6901, or NULL. Returns 0 when the text is one well-formed value within the limits.
 */
int sv_jsonscan(struct sv_bytes text, const char *pointer, struct sv_jsonscan *out);

/* The first name that its object has already had, within a well-formed text of so many members; as
 * it is written, so that one of two is not found when an escape hides it. Or nothing. */
struct sv_bytes sv_jsonscan_twice(struct sv_bytes text, size_t members);

/* Line and column (from 1) of an offset. */
void sv_text_position(struct sv_bytes text, size_t at, unsigned *line, unsigned *column);
