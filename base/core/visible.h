/* SPDX-License-Identifier: Apache-2.0 */
/* Text of others, made fit for a terminal or a log. */
#pragma once

#include <stdbool.h>

#include "base/core/bytes.h"

/* Bytes of the UTF-8 sequence (RFC 3629: no overlong form, no surrogate, at most U+10FFFF) at the
 * start of `b`: 1 to 4, or 0 when there is none. */
size_t sv_utf8_length(struct sv_bytes b);
/* Replaces, byte for byte, all that could steer a terminal by '?': control characters but tab and,
 * when `lines` is true, newline; DEL; the C1 controls U+0080 to U+009F; what is not UTF-8. */
void sv_make_visible(char *text, size_t n, bool lines);
