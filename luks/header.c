/* SPDX-License-Identifier: Apache-2.0 */
#include "luks/header.h"

#include <stdlib.h>

#include "base/core/encoding.h"
#include "base/crypto/crypto.h"
#include "base/json/json.h"
#include "base/core/limits.h"
#include "base/core/rd.h"

/* SV_LUKS_DATA_OFFSET of luks/crypt.h; this file does not see the library's pair */
#define DATA_OFFSET (16u << 20)

static int is_terminated(struct sv_rd *r, size_t n, char *out, size_t size, struct sv_err *err)
{
        struct sv_bytes b = sv_rd_bytes(r, n);
        size_t len = b.n ? strnlen((const char *)b.p, b.n) : 0;

        for (size_t i = len; i < b.n; i++)
                if (b.p[i])
                        return sv_fail(err, SV_FORMAT, "luks.header.text",
                                       "a text field is not padded with zeros");
        if (len >= size)
                return sv_fail(err, SV_FORMAT, "luks.header.text", "a text field is too long");
        if (len)
                memcpy(out, b.p, len);
        out[len] = 0;
        return 0;
}

/* Section 2.1 of the specification. */
int sv_luks_header_binary(struct sv_bytes head, struct sv_luks_header *h, struct sv_err *err)
{
        struct sv_rd r = sv_rd(head);
        const uint8_t *magic = sv_rd_take(&r, 6);
        unsigned version = sv_rd_u16be(&r);
        uint64_t size = sv_rd_u64be(&r);
        char label[48], alg[32], subsystem[48];

        if (sv_rd_ok(&r, "luks.header.short", "LUKS2 header", err) < 0)
                return -1;
        if (memcmp(magic, "LUKS\xba\xbe", 6) != 0)
                return sv_fail(err, SV_FORMAT, "luks.header.magic", "not a LUKS volume");
        if (version != 2)
                return sv_fail(err, SV_FORMAT, "luks.header.version",
                               "expected LUKS version 2, found %u", version);
        if (size < 2 * SV_LUKS_BINARY_SIZE || size > SV_LUKS_JSON_MAX || size % SV_LUKS_BINARY_SIZE)
                return sv_fail(err, SV_FORMAT, "luks.header.size",
                               "a header of %llu bytes is not one of ours",
                               (unsigned long long)size);
        sv_rd_skip(&r, 8); /* sequence number: covered by the digest */
        if (is_terminated(&r, 48, label, sizeof(label), err) < 0 ||
            is_terminated(&r, 32, alg, sizeof(alg), err) < 0)
                return -1;
        sv_rd_skip(&r, 64); /* salt */
        if (is_terminated(&r, 40, h->uuid, sizeof(h->uuid), err) < 0 ||
            is_terminated(&r, 48, subsystem, sizeof(subsystem), err) < 0)
                return -1;

        uint64_t offset = sv_rd_u64be(&r);

        if (sv_rd_ok(&r, "luks.header.short", "LUKS2 header", err) < 0)
                return -1;
        if (head.n < size)
                return sv_fail(err, SV_FORMAT, "luks.header.short", "the header is cut short");
        if (offset != 0)
                return sv_fail(err, SV_FORMAT, "luks.header.offset",
                               "the header says that it is at %llu", (unsigned long long)offset);
        if (strcmp(alg, "sha256") != 0 || strlen(h->uuid) != 36)
                return sv_fail(err, SV_FORMAT, "luks.header.text",
                               "expected checksum sha256 and a UUID");
        h->size = (size_t)size;
        return 0;
}

/* Two kinds of volumes: plain ones, and those whose segment has "integrity". */
enum kind { EITHER, PLAIN, AEAD };

/* What our images' metadata say, value by value. A number in the text is written as the JSON has
 * it. */
static const struct row {
        const char *pointer;
        const char *expect; /* a string; or with number set, a decimal number */
        bool number;
        const char *check;
        enum kind kind;
} profile[] = {
        {"/segments/0/encryption", "aes-xts-plain64", false, "luks.header.cipher"},
        {"/segments/0/type", "crypt", false, "luks.header.segment"},
        {"/segments/0/offset", "16777216", false, "luks.header.segment"},
        {"/segments/0/size", "dynamic", false, "luks.header.segment", PLAIN},
        {"/segments/0/iv_tweak", "0", false, "luks.header.segment"},
        {"/segments/0/sector_size", "512", true, "luks.header.segment", PLAIN},
        {"/segments/0/sector_size", "4096", true, "luks.header.segment", AEAD},
        {"/segments/0/integrity/type", "hmac(sha256)", false, "luks.header.integrity", AEAD},
        {"/segments/0/integrity/journal_encryption", "none", false, "luks.header.integrity", AEAD},
        {"/segments/0/integrity/journal_integrity", "none", false, "luks.header.integrity", AEAD},
        {"/keyslots/0/type", "luks2", false, "luks.header.keyslot"},
        {"/keyslots/0/key_size", "64", true, "luks.header.key-size", PLAIN},
        {"/keyslots/0/key_size", "96", true, "luks.header.key-size", AEAD},
        {"/keyslots/0/af/type", "luks1", false, "luks.header.keyslot"},
        {"/keyslots/0/af/stripes", "4000", true, "luks.header.keyslot"},
        {"/keyslots/0/af/hash", "sha512", false, "luks.header.keyslot"},
        {"/keyslots/0/area/type", "raw", false, "luks.header.keyslot"},
        /* 4000 stripes of the key, whole blocks */
        {"/keyslots/0/area/size", "258048", false, "luks.header.area", PLAIN},
        {"/keyslots/0/area/size", "385024", false, "luks.header.area", AEAD},
        {"/keyslots/0/area/encryption", "aes-xts-plain64", false, "luks.header.cipher"},
        {"/keyslots/0/area/key_size", "64", true, "luks.header.key-size"},
        {"/keyslots/0/kdf/type", "pbkdf2", false, "luks.header.kdf"},
        {"/keyslots/0/kdf/hash", "sha512", false, "luks.header.kdf"},
        {"/keyslots/0/kdf/iterations", "1000", true, "luks.header.kdf"},
        {"/digests/0/type", "pbkdf2", false, "luks.header.digest"},
        {"/digests/0/keyslots/0", "0", false, "luks.header.digest"},
        {"/digests/0/segments/0", "0", false, "luks.header.digest"},
        {"/digests/0/hash", "sha512", false, "luks.header.digest"},
        {"/digests/0/iterations", "1000", true, "luks.header.digest"},
};

/* Objects and lists that hold these members and no other. */
static const struct {
        const char *pointer;
        const char *members[9];
        enum kind kind;
} shapes[] = {
        {"", {"keyslots", "tokens", "segments", "digests", "config"}},
        {"/keyslots", {"0"}},
        {"/keyslots/0", {"type", "key_size", "af", "area", "kdf"}},
        {"/keyslots/0/af", {"type", "stripes", "hash"}},
        {"/keyslots/0/area", {"type", "offset", "size", "encryption", "key_size"}},
        {"/keyslots/0/kdf", {"type", "hash", "iterations", "salt"}},
        {"/tokens", {NULL}},
        {"/segments", {"0"}},
        {"/segments/0", {"type", "offset", "size", "iv_tweak", "encryption", "sector_size"}, PLAIN},
        {"/segments/0",
         {"type", "offset", "size", "iv_tweak", "encryption", "sector_size", "integrity"},
         AEAD},
        {"/segments/0/integrity", {"type", "journal_encryption", "journal_integrity"}, AEAD},
        {"/digests", {"0"}},
        {"/digests/0", {"type", "keyslots", "segments", "hash", "iterations", "salt", "digest"}},
        {"/config", {"json_size", "keyslots_size"}},
};

static int check_row(const struct sv_json *meta, const struct row *row, struct sv_err *err)
{
        const struct sv_json *value = sv_json_pointer(meta, row->pointer);
        const char *text = sv_json_str(value);
        SV_BUF number = SV_BUF_NULL;

        if (row->number ? sv_json_type(value) == SV_JSON_INT &&
                                  sv_json_int(value, -1) == strtoll(row->expect, NULL, 10)
                        : text && strcmp(text, row->expect) == 0)
                return 0;
        if (sv_json_type(value) == SV_JSON_INT) {
                sv_json_print(value, &number);
                text = sv_buf_str(&number);
        }
        return sv_fail(err, SV_FORMAT, row->check, "%s: expected \"%s\", found \"%.60s\"",
                       row->pointer, row->expect,
                       text ? text : sv_json_type_name(sv_json_type(value)));
}

static bool is_of_kind(enum kind row, bool integrity)
{
        return row == EITHER || (row == AEAD) == integrity;
}

static int check_shapes(const struct sv_json *meta, bool integrity, struct sv_err *err)
{
        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
                const struct sv_json *obj = sv_json_pointer(meta, shapes[i].pointer);

                if (!is_of_kind(shapes[i].kind, integrity))
                        continue;
                if (sv_json_type(obj) != SV_JSON_OBJECT)
                        return sv_fail(err, SV_FORMAT, "luks.header.member",
                                       "%s is missing from the metadata", shapes[i].pointer);
                if (sv_json_only(obj, shapes[i].members, "luks.header", err) < 0)
                        return sv_wrap(err, "%s", shapes[i].pointer);
        }
        return 0;
}

static int check_profile(const struct sv_json *meta, bool integrity, struct sv_err *err)
{
        if (check_shapes(meta, integrity, err) < 0)
                return -1;
        for (size_t i = 0; i < sizeof(profile) / sizeof(profile[0]); i++)
                if (is_of_kind(profile[i].kind, integrity) && check_row(meta, &profile[i], err) < 0)
                        return -1;
        if (sv_json_len(sv_json_pointer(meta, "/digests/0/keyslots")) != 1 ||
            sv_json_len(sv_json_pointer(meta, "/digests/0/segments")) != 1)
                return sv_fail(err, SV_FORMAT, "luks.header.digest",
                               "the digest is for more than the one key slot and segment");
        return 0;
}

/* Salts and the volume key's digest are base64 of a known length. */
static int check_bytes(const struct sv_json *meta, const char *pointer, size_t n, const char *check,
                       struct sv_err *err)
{
        const char *text = sv_json_str(sv_json_pointer(meta, pointer));
        SV_BUF b = SV_BUF_NULL;

        if (!text || sv_unbase64(sv_bytes_str(text), &b, check, NULL) < 0 || b.n != n)
                return sv_fail(err, SV_FORMAT, check, "%s: expected base64 of %zu bytes", pointer,
                               n);
        return 0;
}

/* LUKS2 writes 64-bit numbers as decimal strings. */
int sv_luks_header_decimal(const struct sv_json *meta, const char *pointer, size_t *out,
                           struct sv_err *err)
{
        const char *text = sv_json_str(sv_json_pointer(meta, pointer));
        size_t v = 0, n = text ? strlen(text) : 0;

        if (n < 1 || n > 18 || strspn(text, "0123456789") != n)
                return sv_fail(err, SV_FORMAT, "luks.header.area", "%s is not a number of bytes",
                               pointer);
        for (size_t i = 0; i < n; i++)
                v = 10 * v + (size_t)(text[i] - '0');
        *out = v;
        return 0;
}

/* A plain volume takes what the disk has. One with tags has its size in the header: it says where
 * they lie, and the host cannot change it. */
static int parse_data_size(const struct sv_json *meta, struct sv_luks_header *h, struct sv_err *err)
{
        if (!h->integrity)
                return 0;
        if (sv_luks_header_decimal(meta, "/segments/0/size", &h->data_size, err) < 0)
                return -1;
        if (!h->data_size || h->data_size % 4096)
                return sv_fail(err, SV_FORMAT, "luks.header.segment",
                               "/segments/0/size: expected whole blocks of 4096 bytes, found %zu",
                               h->data_size);
        return 0;
}

int sv_luks_header_json(struct sv_bytes area, struct sv_json **out, struct sv_err *err)
{
        size_t n = strnlen((const char *)area.p, area.n);

        for (size_t i = n; i < area.n; i++)
                if (area.p[i])
                        return sv_fail(err, SV_FORMAT, "luks.header.trailing",
                                       "bytes follow the metadata");
        return sv_json_parse(sv_bytes(area.p, n), "luks.header", out, err);
}

static int parse_json(struct sv_bytes area, struct sv_luks_header *h, struct sv_err *err)
{
        size_t json_size, keyslots_size;
        SV_JSON *meta = NULL;

        if (sv_luks_header_json(area, &meta, err) < 0)
                return -1;
        h->integrity = sv_json_pointer(meta, "/segments/0/integrity") != NULL;
        if (check_profile(meta, h->integrity, err) < 0)
                return -1;
        if (check_bytes(meta, "/keyslots/0/kdf/salt", 32, "luks.header.kdf", err) < 0)
                return -1;
        if (check_bytes(meta, "/digests/0/salt", 32, "luks.header.digest", err) < 0)
                return -1;
        if (check_bytes(meta, "/digests/0/digest", 64, "luks.header.digest", err) < 0)
                return -1;
        if (sv_luks_header_decimal(meta, "/config/json_size", &json_size, err) < 0)
                return -1;
        if (sv_luks_header_decimal(meta, "/config/keyslots_size", &keyslots_size, err) < 0)
                return -1;
        if (sv_luks_header_decimal(meta, "/keyslots/0/area/offset", &h->area_offset, err) < 0)
                return -1;
        if (sv_luks_header_decimal(meta, "/keyslots/0/area/size", &h->area_size, err) < 0)
                return -1;
        if (parse_data_size(meta, h, err) < 0)
                return -1;
        if (json_size != area.n || keyslots_size != DATA_OFFSET - 2 * h->size)
                return sv_fail(err, SV_FORMAT, "luks.header.config",
                               "the metadata's sizes are not those of the header");
        if (h->area_offset < 2 * h->size || h->area_size > DATA_OFFSET ||
            h->area_offset > DATA_OFFSET - h->area_size)
                return sv_fail(err, SV_FORMAT, "luks.header.area",
                               "the key slot's area is not between the headers and the data");
        return 0;
}

int sv_luks_header_sum(struct sv_bytes head, uint8_t sum[SV_LUKS_SUM_SIZE], struct sv_err *err)
{
        static const uint8_t zeros[SV_LUKS_SUM_SIZE];
        const size_t behind = SV_LUKS_SUM_AT + SV_LUKS_SUM_SIZE;
        uint8_t digest[SV_DIGEST_MAX] = {0};
        SV_HASH *hash = sv_hash_new(SV_SHA256, err);

        if (!hash)
                return -1;
        if (sv_hash_put(hash, sv_bytes(head.p, SV_LUKS_SUM_AT), err) < 0)
                return -1;
        if (sv_hash_put(hash, sv_bytes(zeros, sizeof(zeros)), err) < 0)
                return -1;
        if (sv_hash_put(hash, sv_bytes(head.p + behind, head.n - behind), err) < 0)
                return -1;
        if (sv_hash_end(hash, digest, err) < 0)
                return -1;
        memcpy(sum, digest, SV_LUKS_SUM_SIZE);
        return 0;
}

/* It protects from accidents only and comes last, so that a changed header is refused for what was
 * changed in it. */
int sv_luks_header_check_sum(struct sv_bytes head, size_t size, struct sv_err *err)
{
        uint8_t sum[SV_LUKS_SUM_SIZE];

        if (sv_luks_header_sum(sv_bytes(head.p, size), sum, err) < 0)
                return -1;
        if (!sv_bytes_eq(sv_bytes(sum, sizeof(sum)),
                         sv_bytes(head.p + SV_LUKS_SUM_AT, sizeof(sum))))
                return sv_fail(err, SV_FORMAT, "luks.header.checksum",
                               "the header's checksum is not that of the header");
        return 0;
}

int sv_luks_header_parse(struct sv_bytes head, struct sv_luks_header *out, struct sv_err *err)
{
        struct sv_luks_header h = {0};

        if (sv_luks_header_binary(head, &h, err) < 0)
                return -1;
        if (parse_json(sv_bytes(head.p + SV_LUKS_BINARY_SIZE, h.size - SV_LUKS_BINARY_SIZE), &h,
                       err) < 0)
                return -1;
        if (head.n < h.area_offset + h.area_size)
                return sv_fail(err, SV_FORMAT, "luks.header.short",
                               "the key slot's area is cut short");
        if (sv_luks_header_check_sum(head, h.size, err) < 0)
                return -1;
        *out = h;
        return 0;
}

int sv_luks_header_digest(struct sv_bytes head, const struct sv_luks_header *h, uint8_t digest[48],
                          struct sv_err *err)
{
        SV_HASH *hash = sv_hash_new(SV_SHA384, err);

        if (!hash || sv_hash_put(hash, sv_bytes(head.p, SV_LUKS_SUM_AT), err) < 0)
                return -1;
        if (sv_hash_put(hash,
                        sv_bytes(head.p + SV_LUKS_SUM_AT + SV_LUKS_SUM_SIZE,
                                 h->size - SV_LUKS_SUM_AT - SV_LUKS_SUM_SIZE),
                        err) < 0)
                return -1;
        if (sv_hash_put(hash, sv_bytes(head.p + h->area_offset, h->area_size), err) < 0)
                return -1;
        return sv_hash_end(hash, digest, err);
}

int sv_luks_header_copy(struct sv_bytes head, const struct sv_luks_header *h, struct sv_buf *out,
                        struct sv_err *err)
{
        uint8_t *p = sv_buf_grow(out, h->area_offset + h->area_size);

        if (p) {
                memcpy(p, head.p, h->size);
                memcpy(p + h->area_offset, head.p + h->area_offset, h->area_size);
        }
        return sv_buf_ok(out, "the copy of the LUKS2 header", err);
}
