/* SPDX-License-Identifier: Apache-2.0 */
/* A request on its way from the network to the keeper, and the answer back. What the keeper reads
 * may be written by who took the connection's process over, so its form is looked at again. */
#pragma once

#include "base/net/http.h"

/* In the connection's process. */
int sv_forward_request(int keeper, const struct sv_http_msg *msg, int ms,
                       struct sv_http_msg *answer, struct sv_err *err);
/* In the keeper. *closed: there are no more. */
int sv_forward_read(int connection, int ms, struct sv_http_msg *msg, bool *closed,
                    struct sv_err *err);
int sv_forward_answer(int connection, const struct sv_http_msg *answer, struct sv_err *err);
