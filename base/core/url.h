/* SPDX-License-Identifier: Apache-2.0 */
/* URLs (RFC 3986), as far as brokers and makers of collateral have them. */
#pragma once

#include <stdbool.h>

#include "base/core/err.h"
#include "base/core/limits.h"

/* "https://host[:port][/prefix]" taken apart; https only unless allow_plain. SV_USAGE "http.url".
 */
struct sv_url {
        bool tls;
        char host[SV_URL_PART_MAX + 1];
        char port[6];
        char prefix[SV_URL_PART_MAX + 1]; /* without trailing slash; may be empty */
};
int sv_url_parse(const char *text, bool allow_plain, struct sv_url *out, struct sv_err *err);
