/* SPDX-License-Identifier: Apache-2.0 */
/* The session cookie of a request. What it holds is broker/challenge.h's. */
#pragma once

#include "broker/challenge.h"
#include "broker/serve/request.h"

#define SV_SESSION_COOKIE     "kbs-session-id"
#define SV_SESSION_COOKIE_MAX 240 /* bytes of its value */

/* The request's session; its id goes into the audit record. SV_PROOF "broker.session.cookie" when
 * the request has no cookie, "broker.session.unknown". *out must be zeroed. */
int sv_session_open(struct sv_request *r, struct sv_challenge *out, struct sv_err *err);
