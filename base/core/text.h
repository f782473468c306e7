/* SPDX-License-Identifier: Apache-2.0 */
/* Values as people write them. Errors are SV_USAGE under the check name given. */
#pragma once

#include "base/core/bytes.h"

/* A limit as part of a text: "at most " SV_STRING(SV_GUEST_DISKS_MAX) " disks". */
#define SV_STRING_(x) #x
#define SV_STRING(x)  SV_STRING_(x)

/* "512", "64KiB", "2GiB", "1.5GiB" is refused; units KiB MiB GiB TiB (powers of 1024) and kB MB GB
 * TB (powers of 1000). Bytes. */
int sv_parse_size(const char *text, uint64_t *bytes, const char *check, struct sv_err *err);
/* Decimal, or hexadecimal after 0x; whole text. */
int sv_parse_u64(const char *text, uint64_t max, uint64_t *value, const char *check,
                 struct sv_err *err);
/* RFC 3339 ("2026-01-31T12:00:00Z"); seconds since 1970. */
int sv_parse_moment(const char *text, int64_t *seconds, const char *check, struct sv_err *err);
/* The same, or "now". */
int sv_parse_time(const char *text, int64_t *seconds, const char *check, struct sv_err *err);
/* RFC 3339 in UTC; out has at least 21 bytes. */
char *sv_format_time(int64_t seconds, char out[32]);
/* "1.5 GiB", to be read by humans; out has at least 16 bytes. */
char *sv_format_size(uint64_t bytes, char out[32]);
/* A guest's or resource part's name: [A-Za-z0-9_-][A-Za-z0-9_.-]*, at most SV_NAME_MAX bytes. */
bool sv_name_ok(const char *name);
/* "repository/type/tag", each a name: nothing that a file system or another broker would read
 * differently. */
bool sv_resource_ok(struct sv_bytes path);
/* True for exactly `digits` lower-case hex digits; false for any other text and for NULL. */
bool sv_is_hex(const char *s, size_t digits);

/* 8-4-4-4-12 lower-case hex of 16 bytes; out has at least 37 bytes. */
char *sv_format_uuid(const uint8_t uuid[16], char out[37]);
int sv_parse_uuid(const char *text, uint8_t uuid[16], const char *check, struct sv_err *err);

/* For "did you mean": *nearest becomes `known` when that is fewer than *best edits away from `word`
 * (a letter added, left out or another; upper case is lower case), and *best that number. Begin
 * with NULL and SV_NEAR_EDITS. To a word of few letters fewer edits are near; names of 32 letters
 * or more are near to nothing. */
#define SV_NEAR_EDITS 4
void sv_keep_nearer(const char *word, const char *known, const char **nearest, unsigned *best);
