/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence and collateral as people have them in hand: as text that a tool printed or a service
 * answered. Pure. */
#pragma once

#include "base/core/buf.h"

/* Replaces what `file` holds by the bytes that it stands for, when all of it is one of these:
 *   - hexadecimal digits (also behind "0x"), with blanks and line ends between them;
 *   - base64 or base64url (RFC 4648 sections 4 and 5), with or without padding and line ends;
 *   - one PEM block (RFC 7468) of other than certificates, which all readers take as PEM;
 *   - a JSON object with PEM texts among its members, as a service answers them: these, in order;
 *     or with the one member "quote", in base64.
 * Everything else stays as it is. Text of fewer than 16 bytes is never taken for any of them. The
 * answer names the form, for messages ("hexadecimal text"), or is NULL. SV_FORMAT
 * "verify.evidence": long hexadecimal text with a digit lost or wrong. SV_SYSTEM "base.memory". */
int sv_armor_remove(struct sv_buf *file, const char **form, struct sv_err *err);
/* Of two certificates or more as PEM, the first stays in `file` and the others go to the end of
 * `rest`; with fewer nothing is done. */
void sv_armor_split(struct sv_buf *file, struct sv_buf *rest);
