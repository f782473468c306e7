/* SPDX-License-Identifier: Apache-2.0 */
/* One kept connection to a broker, and one exchange over it. */
#pragma once

#include "base/net/http.h"

struct sv_http_conn {
        struct sv_url url;
        struct sv_tls_ctx *ctx; /* not owned; NULL: plain */
        struct sv_tls *tls;     /* NULL: not connected */
        bool resent; /* the last request went out twice: the first may have been handled */
};

/* SV_USAGE "http.url" when the URL is not one, or is plain while ctx is not (and the other way
 * round). */
int sv_http_conn_init(struct sv_http_conn *c, const char *url, struct sv_tls_ctx *ctx,
                      struct sv_err *err);
void sv_http_conn_close(struct sv_http_conn *c);
/* A request to prefix + path; connects when needed, and again when a kept connection turns out to
 * be closed. `req` gets Host and User-Agent added; its target is set here. */
int sv_http_conn_call(struct sv_http_conn *c, const char *method, const char *path,
                      struct sv_http_msg *req, struct sv_bytes body, struct sv_http_msg *answer,
                      struct sv_err *err);
