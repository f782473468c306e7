/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 messages (RFC 9112), the part that the KBS protocol needs: one codec for client and
 * server, Content-Length and chunked bodies, requests of HTTP/1.0 as well, no trailers, no upgrade,
 * no obs-fold. Head and body bounded by base/core/limits.h. Parsing is pure and has fuzz targets.
 */
#pragma once

#include "base/core/limits.h"
#include "base/core/url.h"
#include "base/net/tls.h"

struct sv_http_field {
        char *name; /* as received; compared without case */
        char *value;
};

struct sv_http_msg {
        /* request */
        char *method; /* "GET"; NULL in a response */
        char *target; /* origin form, "/kbs/v0/auth" */
        bool old;     /* HTTP/1.0: the connection ends with the answer */
        /* response */
        int status; /* 200; 0 in a request */
        char *reason;
        bool head_only; /* the answer to HEAD: its body is not sent, its length is */
        struct sv_http_field fields[SV_HTTP_FIELDS_MAX];
        size_t n_fields;
        struct sv_buf body; /* at most SV_HTTP_BODY_MAX */
};

void sv_http_msg_free(struct sv_http_msg *m);
#define SV_HTTP __attribute__((cleanup(sv_http_msg_free))) struct sv_http_msg
/* NULL when absent. A field that appears twice where that has no meaning (Content-Length, Host,
 * Authorization) is refused at parsing. */
const char *sv_http_field(const struct sv_http_msg *m, const char *name);
int sv_http_add(struct sv_http_msg *m, const char *name, const char *value, struct sv_err *err);

/* Parse a complete head (through the blank line). SV_FORMAT "http.head". */
int sv_http_parse_head(struct sv_bytes head, bool request, struct sv_http_msg *out,
                       struct sv_err *err);
/* Read one message. *closed is set (and 0 returned) when the peer closed before the first byte.
 * What is read passes through locked memory only, the body as far as m->body.locked says. */
int sv_http_read(struct sv_tls *t, bool request, struct sv_http_msg *out, bool *closed,
                 struct sv_err *err);
/* The same for a request: who waits for leave to send its body (Expect: 100-continue) gets it, when
 * the body is one that is taken. `prepare` sees its head before the body is read and may change
 * m->body.locked and lower m->body.max. */
int sv_http_read_request(struct sv_tls *t, void (*prepare)(struct sv_http_msg *m),
                         struct sv_http_msg *out, bool *closed, struct sv_err *err);
/* Write one message with a Content-Length. */
int sv_http_write(struct sv_tls *t, const struct sv_http_msg *m, struct sv_err *err);
/* The same with a body that lives elsewhere (a secret in its own memory). */
int sv_http_write_body(struct sv_tls *t, const struct sv_http_msg *m, struct sv_bytes body,
                       struct sv_err *err);

/* A body as it arrives, piece by piece (RFC 9112 sections 6 and 7.1). Pure. */
struct sv_http_body {
        bool chunked;
        bool done;
        int state;       /* of the chunked form, base/net/http-body.c */
        uint64_t left;   /* bytes still to come of the body or of this chunk */
        unsigned digits; /* of this chunk's size */
};
/* How the body of this head is framed. SV_FORMAT "http.length" when that is not said or said twice,
 * "http.limit" when it is longer than head->body.max. */
int sv_http_body_begin(const struct sv_http_msg *head, struct sv_http_body *b, struct sv_err *err);
/* Takes from `in` what belongs to the body and appends it to `out`; *used says how much was taken.
 * SV_FORMAT "http.chunk", "http.limit" when `out` takes no more. */
int sv_http_body_feed(struct sv_http_body *b, struct sv_bytes in, size_t *used, struct sv_buf *out,
                      struct sv_err *err);
