/* SPDX-License-Identifier: Apache-2.0 */
/* A key that wraps ours and never leaves its token (PKCS#11 2.40), found by a URI (RFC 7512) with
 * the token's and the key's attributes, and in its query
 *      module-path    of the token's library; else those that this machine has configured
 *      pin-source     a file with the PIN; no PIN stands in a URI, which commands and logs show
 * The key is AES, and wraps with CKM_AES_GCM: a file that another key wrapped does not open. What
 * is here runs in a process of its own (sv_kek_work_apart). */
#pragma once

#include "base/core/buf.h"
#include "base/core/secret.h"

/* SV_USAGE "broker.kek.uri"; SV_SYSTEM "broker.kek.library" where p11-kit is not. */
int sv_token_check_uri(const char *uri, struct sv_err *err);
/* Appends to *iv and *wrapped. make: the key is made when the token has none of that name, to stay
 * there. SV_USAGE "broker.kek.pin", "broker.kek.object"; SV_SYSTEM "broker.kek.module",
 * "broker.kek.token". */
int sv_token_wrap(const char *uri, bool make, struct sv_bytes key, struct sv_buf *iv,
                  struct sv_buf *wrapped, struct sv_err *err);
/* Beside those SV_PROOF "broker.kek.other": another key has wrapped it. */
struct sv_secret *sv_token_unwrap(const char *uri, struct sv_bytes iv, struct sv_bytes wrapped,
                                  struct sv_err *err);
