/* SPDX-License-Identifier: Apache-2.0 */
/* Text forms of bytes. */
#pragma once

#include "base/core/buf.h"

/* Lower-case hex and base64 into text; `out` gets a terminator as well and is returned, for use in
 * messages. Sizes of `out`: 2*n+1 for hex. */
char *sv_hex(struct sv_bytes in, char *out);

/* 0 to 15, or -1 for what is no hex digit. */
int sv_hex_value(int c);

/* Append the decoded bytes to `out`. Strict: whole input, no blanks, canonical padding bits.
 * `what` names the value in the error; check name is "<base>.hex" / ".base64" as given. */
int sv_unhex(struct sv_bytes text, struct sv_buf *out, const char *check, struct sv_err *err);
/* RFC 4648 section 4 (with padding). */
int sv_unbase64(struct sv_bytes text, struct sv_buf *out, const char *check, struct sv_err *err);
/* RFC 4648 section 5 (without padding). */
int sv_unbase64url(struct sv_bytes text, struct sv_buf *out, const char *check, struct sv_err *err);

/* URL-escaped text (RFC 3986 section 2.1): each "%41" becomes its byte, all others stay. */
int sv_unpercent(const char *text, struct sv_buf *out, const char *check, struct sv_err *err);

/* Append the text form to `out` (no terminator is counted; sv_buf_str adds one). */
void sv_put_hex(struct sv_buf *out, struct sv_bytes in);
void sv_put_base64(struct sv_buf *out, struct sv_bytes in);
void sv_put_base64url(struct sv_buf *out, struct sv_bytes in);
