/* SPDX-License-Identifier: Apache-2.0 */
/* The session cookie. The database and the audit record know its SHA-256 only: who reads them
 * cannot take a session over. */
#pragma once

#include "base/net/http.h"

#define SV_SESSION_COOKIE      "kbs-session-id"
#define SV_SESSION_COOKIE_SIZE 32 /* hex digits */

/* A fresh cookie, its hash (64 hex digits) and a fresh nonce (base64 of 32 bytes; the caller
 * frees). */
int sv_session_new(char cookie[SV_SESSION_COOKIE_SIZE + 1], char id[65], char **nonce,
                   struct sv_err *err);
/* The hash of the request's cookie. SV_PROOF "broker.session.cookie" when it has none. */
int sv_session_id(const struct sv_http_msg *msg, char id[65], struct sv_err *err);
