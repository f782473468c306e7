/* SPDX-License-Identifier: Apache-2.0 */
/* One GET over HTTPS against the web's certificate authorities. The only file pair that sees
 * libcurl: the project's own client (base/net/http.h) connects to brokers with pinned keys; the
 * makers' servers need proxies, redirects, IPv4 as well as IPv6, and the system's list of CAs. */
#pragma once

#include "base/json/json.h"

struct sv_get {
        const char *url;
        bool plain;          /* http:// may be asked; redirects go to https:// even then */
        const char *ca_file; /* PEM: trusted instead of the system's CAs; NULL: those */
        size_t max;          /* bytes of the body */
        int64_t timeout_ms;
};

struct sv_got {
        int status; /* 200 */
        struct sv_buf body;
        /* of the last response: names in lower case; of one that is there twice, the first */
        struct sv_json *headers;
};
void sv_got_free(struct sv_got *g);
#define SV_GOT __attribute__((cleanup(sv_got_free))) struct sv_got

/* Any status is an answer. *out must be zeroed. SV_SYSTEM "collateral.connect" (no answer, or none
 * in time), "collateral.truncated" (it ended early), "collateral.tls" (not the server it should
 * be), "collateral.redirect" (too many, or not to https); SV_FORMAT "collateral.size" (more than
 * max). */
int sv_curl_get(const struct sv_get *get, struct sv_got *out, struct sv_err *err);
