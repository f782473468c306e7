/* SPDX-License-Identifier: Apache-2.0 */
/* The LUKS2 header as our images have it, and nothing else (LUKS2 On-Disk Format Specification 1.1,
 * sections 2 and 3). A header comes from the host: what the library would accept there (a null
 * cipher, more key slots, tokens, requirements) is not accepted here. */
#pragma once

#include <stdbool.h>

#include "base/core/buf.h"
#include "base/json/json.h"

struct sv_luks_header {
        char uuid[37];
        size_t size;        /* of the binary header with its JSON area, at offset 0 */
        size_t area_offset; /* of the single key slot's area */
        size_t area_size;
        bool integrity;   /* each block has an authentication tag: luks/integrity.h */
        size_t data_size; /* with integrity: bytes of the data, whole blocks; else 0 */
};

#define SV_LUKS_BINARY_SIZE 4096 /* of the binary header; the JSON area follows */
#define SV_LUKS_SUM_AT      448  /* the checksum's place in the binary header */
#define SV_LUKS_SUM_SIZE    64
/* Bytes at the beginning of a volume that hold everything the agent reads: header, second header,
 * the key slot's area. */
#define SV_LUKS_HEAD_SIZE   (512u << 10)

/* `head` is the beginning of the volume, SV_LUKS_HEAD_SIZE bytes or more. SV_FORMAT
 * "luks.header.*", each naming what differs. */
int sv_luks_header_parse(struct sv_bytes head, struct sv_luks_header *out, struct sv_err *err);
/* The checksum of a header with its JSON area, the field itself taken as zeros (section 2.1). */
int sv_luks_header_sum(struct sv_bytes head, uint8_t sum[SV_LUKS_SUM_SIZE], struct sv_err *err);
/* SHA-384 over the primary header (its checksum field excluded) and the key slot's area:
 * docs/FORMATS.md, "Header digest". */
int sv_luks_header_digest(struct sv_bytes head, const struct sv_luks_header *h, uint8_t digest[48],
                          struct sv_err *err);
/* Appends a copy of `head`, up to the end of the key slot's area, in which everything the digest
 * does not cover is zero, so that the library can read nothing else: the secondary header goes too,
 * which the library would otherwise prefer when it claims to be newer. */
int sv_luks_header_copy(struct sv_bytes head, const struct sv_luks_header *h, struct sv_buf *out,
                        struct sv_err *err);

/* --- its parts, for luks/foreign.c --- */

/* The binary header at the beginning of `head`: uuid and size. */
int sv_luks_header_binary(struct sv_bytes head, struct sv_luks_header *h, struct sv_err *err);
/* The JSON area behind it. The caller frees *out. */
int sv_luks_header_json(struct sv_bytes area, struct sv_json **out, struct sv_err *err);
/* A 64-bit number, which LUKS2 writes as a decimal string. SV_FORMAT "luks.header.area". */
int sv_luks_header_decimal(const struct sv_json *meta, const char *pointer, size_t *out,
                           struct sv_err *err);
/* SV_FORMAT "luks.header.checksum" unless it is that of the first `size` bytes. */
int sv_luks_header_check_sum(struct sv_bytes head, size_t size, struct sv_err *err);
