/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/buf.h"
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/json/json.h"
#include "luks/aead.h"
#include "luks/header.h"
#include "luks/piece.h"

#define HEADER_SIZE                                                                   \
        16384u /* of each of the two, as the library makes them unless told otherwise \
                */

static void set_segment(struct sv_json *segment, uint64_t data_size)
{
        SV_STR size = sv_asprintf("%llu", (unsigned long long)data_size);
        struct sv_json *integrity = sv_json_object();

        sv_json_set_str(integrity, "type", "hmac(sha256)");
        sv_json_set_str(integrity, "journal_encryption", "none");
        sv_json_set_str(integrity, "journal_integrity", "none");
        sv_json_set(segment, "integrity", integrity);
        sv_json_set_str(segment, "size", size);
}

/* The digest of the key in the slot becomes the only one, and the segment's. */
static void set_digest(struct sv_json *meta, struct sv_json *digest)
{
        struct sv_json *segments = sv_json_array();
        struct sv_json *digests = sv_json_object();

        sv_json_add(segments, sv_json_new_str("0"));
        sv_json_set(digest, "segments", segments);
        sv_json_set(digests, "0", sv_json_ref(digest));
        sv_json_set(meta, "digests", digests);
}

static int rewrite_json(struct sv_bytes area, uint64_t data_size, struct sv_buf *out,
                        struct sv_err *err)
{
        struct sv_json *segment, *digest;
        SV_JSON *meta = NULL;

        if (sv_json_parse(sv_bytes(area.p, strnlen((const char *)area.p, area.n)), "luks.header",
                          &meta, err) < 0)
                return -1;
        segment = sv_json_pointer(meta, "/segments/0");
        digest = sv_json_pointer(meta, "/digests/1");
        if (!segment || !digest)
                return sv_fail(err, SV_SYSTEM, "luks.encrypt",
                               "libcryptsetup made a header without a key of its own in the slot");
        set_segment(segment, data_size);
        set_digest(meta, digest);
        sv_json_print(meta, out);
        if (sv_buf_ok(out, "the LUKS2 metadata", err) < 0)
                return -1;
        return out->n < area.n ? 0
                               : sv_fail(err, SV_SYSTEM, "luks.encrypt",
                                         "the LUKS2 metadata have %zu bytes, room is for %zu",
                                         out->n, area.n);
}

static int rewrite_header(uint8_t *head, uint64_t data_size, struct sv_err *err)
{
        uint8_t *area = head + SV_LUKS_BINARY_SIZE;
        const size_t room = HEADER_SIZE - SV_LUKS_BINARY_SIZE;
        SV_BUF json = SV_BUF_NULL;

        if (rewrite_json(sv_bytes(area, room), data_size, &json, err) < 0)
                return -1;
        memset(area, 0, room);
        memcpy(area, json.p, json.n);
        return sv_luks_header_sum(sv_bytes(head, HEADER_SIZE), head + SV_LUKS_SUM_AT, err);
}

int sv_luks_aead_header(int fd, uint64_t data_size, struct sv_err *err)
{
        const struct sv_source whole = sv_source_file(fd, 0, data_size);
        uint8_t heads[2 * HEADER_SIZE];

        if (whole.read(&whole, 0, heads, sizeof(heads), err) < 0 ||
            rewrite_header(heads, data_size, err) < 0 ||
            rewrite_header(heads + HEADER_SIZE, data_size, err) < 0)
                return -1;
        return sv_luks_write_piece(fd, heads, sizeof(heads), 0, err);
}
