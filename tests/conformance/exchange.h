/* SPDX-License-Identifier: Apache-2.0 */
/* One request to a broker and its answer, byte by byte as HTTP has them. */
#pragma once

#include "tests/unit/unit.h"

#include "base/core/file.h"
#include "base/net/http.h"

/* The answer's status; 0 when the connection was closed instead, -1 when it failed. */
static inline int exchange_message(struct sv_tls *t, const char *method, const char *target,
                                   const char *cookie, struct sv_bytes body,
                                   struct sv_http_msg *answer, struct sv_err *err)
{
        SV_HTTP req = {.method = sv_asprintf("%s", method), .target = sv_asprintf("%s", target)};
        bool closed;

        if (sv_http_add(&req, "Host", "127.0.0.1", err) < 0 ||
            (cookie && sv_http_add(&req, "Cookie", cookie, err) < 0) ||
            sv_http_write_body(t, &req, body, err) < 0 ||
            sv_http_read(t, false, answer, &closed, err) < 0)
                return -1;
        return closed ? 0 : answer->status;
}
