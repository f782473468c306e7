/* SPDX-License-Identifier: Apache-2.0 */
/* The pure half of fetching: addresses, forms and times. */
#pragma once

#include "attest/fetch/cache.h"

/* Where to ask for a row: its url, or the mirror's. The caller frees. *mirrored says which.
 * SV_USAGE "collateral.mirror", SV_FORMAT "collateral.needs" (the url is not https). */
char *sv_fetch_url(const struct sv_json *row, const char *const *mirrors, bool *mirrored,
                   struct sv_err *err);
/* "https://host:port" of an address; the caller frees. */
char *sv_fetch_origin(const char *url);

/* What an address is about: all of it but the TCB of an AMD chip ("…SPL=…"), of which a chip has
 * another after an update. The caller frees. */
char *sv_fetch_about(const char *url);

/* The body has the row's form; hexadecimal becomes DER where a CRL is expected. Fills e->until from
 * what it says of itself. SV_FORMAT "collateral.form". */
int sv_fetch_form(const struct sv_json *row, struct sv_entry *e, struct sv_err *err);
/* What the row wants of the response's headers (names in lower case), into e->headers. SV_FORMAT
 * "collateral.header". */
int sv_fetch_headers(const struct sv_json *row, const struct sv_json *headers, struct sv_entry *e,
                     struct sv_err *err);

/* Retry-After (RFC 9110 section 10.2.3): seconds, or an HTTP date; the time meant in seconds since
 * 1970, at least `now` and at most a week later. false: no such value. */
bool sv_fetch_retry_after(const char *value, int64_t now, int64_t *until);
