/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/cbor.h"

#include <string.h>

#include "base/core/limits.h"
#include "base/core/visible.h"

/* RFC 8949 section 3: the argument is in the head's low bits, or in the 1, 2, 4 or 8 bytes behind
 * it; 28 to 30 are reserved, 31 is an indefinite length. */
static bool read_cbor_head(struct sv_rd *r, struct sv_cbor *out, uint8_t *size)
{
        uint8_t first = sv_rd_u8(r);

        *size = first & 31;
        out->kind = first >> 5;
        switch (*size) {
        case 24:
                out->value = sv_rd_u8(r);
                break;
        case 25:
                out->value = sv_rd_u16be(r);
                break;
        case 26:
                out->value = sv_rd_u32be(r);
                break;
        case 27:
                out->value = sv_rd_u64be(r);
                break;
        default:
                out->value = *size;
        }
        return !r->bad && *size < 28;
}

struct walk {
        struct sv_rd r;
        size_t items;
        const char *wrong; /* what a message says */
};

static bool fail_walk(struct walk *w, const char *what)
{
        if (!w->wrong)
                w->wrong = what;
        return false;
}

static bool walk_item(struct walk *w, unsigned depth, struct sv_cbor *out);

static bool is_same_map_key(struct sv_bytes a, struct sv_bytes b)
{
        return a.n == b.n && !memcmp(a.p, b.p, a.n);
}

/* Keys as they are written: who writes one number in two ways writes two keys, and sv_cbor_get
 * takes the first. */
static bool walk_map(struct walk *w, uint64_t n, unsigned depth)
{
        struct sv_bytes keys[SV_CBOR_MAP_MAX];
        struct sv_cbor item;

        if (n > SV_CBOR_MAP_MAX)
                return fail_walk(w, "a map of more entries than any that is known");
        for (uint64_t i = 0; i < n; i++) {
                size_t from = w->r.pos;

                if (!walk_item(w, depth, &item))
                        return false;
                keys[i] = sv_bytes(w->r.start + from, w->r.pos - from);
                for (uint64_t k = 0; k < i; k++)
                        if (is_same_map_key(keys[k], keys[i]))
                                return fail_walk(w, "a key that is in its map twice");
                if (!walk_item(w, depth, &item))
                        return false;
        }
        return true;
}

static bool walk_inside(struct walk *w, const struct sv_cbor *head, uint8_t size, unsigned depth)
{
        struct sv_cbor item;

        switch (head->kind) {
        case SV_CBOR_BYTES:
        case SV_CBOR_TEXT:
                if (head->value > sv_rd_left(&w->r))
                        return fail_walk(w, "bytes or a text beyond the end");
                sv_rd_skip(&w->r, head->value);
                return true;
        case SV_CBOR_LIST:
                for (uint64_t i = 0; i < head->value; i++)
                        if (!walk_item(w, depth, &item))
                                return false;
                return true;
        case SV_CBOR_MAP:
                return walk_map(w, head->value, depth);
        case SV_CBOR_TAG:
                return walk_item(w, depth, &item);
        case SV_CBOR_SIMPLE:
                return size != 24 || head->value >= 32 ||
                       fail_walk(w, "a simple value in a form that is reserved");
        default:
                return true;
        }
}

/* And without a NUL, at which what is made of it would end. */
static bool is_utf8(struct sv_bytes text)
{
        while (text.n) {
                size_t n = sv_utf8_length(text);

                if (!n || !*text.p)
                        return false;
                text.p += n;
                text.n -= n;
        }
        return true;
}

static bool walk_item(struct walk *w, unsigned depth, struct sv_cbor *out)
{
        uint8_t size;
        size_t from;

        if (!depth)
                return fail_walk(w, "items inside items, too deep");
        if (++w->items > SV_CBOR_ITEMS_MAX)
                return fail_walk(w, "more items than any that is known");
        if (!read_cbor_head(&w->r, out, &size))
                return fail_walk(w, w->r.bad ? "an item that is cut short"
                                             : "an indefinite length, or a reserved one");
        from = w->r.pos;
        if (!walk_inside(w, out, size, depth - 1))
                return false;
        out->data = sv_bytes(w->r.start + from, w->r.pos - from);
        if (out->kind == SV_CBOR_TEXT && !is_utf8(out->data))
                return fail_walk(w, "a text that is not UTF-8, or has a NUL");
        return true;
}

int sv_cbor_parse(struct sv_bytes text, struct sv_cbor *out, const char *check, struct sv_err *err)
{
        struct walk w = {sv_rd(text), 0, NULL};
        struct sv_cbor item;

        if (!walk_item(&w, SV_CBOR_DEPTH_MAX, &item))
                return sv_fail(err, SV_FORMAT, check, "expected CBOR, found %s at byte %zu",
                               w.wrong, w.r.pos);
        if (sv_rd_left(&w.r))
                return sv_fail(err, SV_FORMAT, check, "%zu bytes are left behind the CBOR item",
                               sv_rd_left(&w.r));
        *out = item;
        return 0;
}

bool sv_cbor_next(struct sv_bytes *rest, struct sv_cbor *out)
{
        struct walk w = {sv_rd(*rest), 0, NULL};

        if (!rest->n || !walk_item(&w, SV_CBOR_DEPTH_MAX, out))
                return false;
        *rest = sv_rd_rest(&w.r);
        return true;
}

bool sv_cbor_int(const struct sv_cbor *item, int64_t *out)
{
        if (item->kind > SV_CBOR_NEGATIVE || item->value > INT64_MAX)
                return false;
        *out = item->kind == SV_CBOR_UINT ? (int64_t)item->value : -1 - (int64_t)item->value;
        return true;
}

bool sv_cbor_get(const struct sv_cbor *map, int64_t key, struct sv_cbor *out)
{
        struct sv_bytes rest = map->data;
        struct sv_cbor name, value;
        int64_t n;

        if (map->kind != SV_CBOR_MAP)
                return false;
        while (sv_cbor_next(&rest, &name) && sv_cbor_next(&rest, &value)) {
                if (!sv_cbor_int(&name, &n) || n != key)
                        continue;
                *out = value;
                return true;
        }
        return false;
}

bool sv_cbor_untag(const struct sv_cbor *item, uint64_t tag, struct sv_cbor *out)
{
        struct sv_bytes inside = item->data;

        return item->kind == SV_CBOR_TAG && item->value == tag && sv_cbor_next(&inside, out);
}

void sv_cbor_put(struct sv_buf *out, enum sv_cbor_kind kind, uint64_t value)
{
        unsigned size = value < 24            ? 0
                        : value <= UINT8_MAX  ? 1
                        : value <= UINT16_MAX ? 2
                        : value <= UINT32_MAX ? 4
                                              : 8;
        static const uint8_t heads[] = {[1] = 24, [2] = 25, [4] = 26, [8] = 27};

        sv_buf_u8(out, (uint8_t)(kind << 5 | (size ? heads[size] : (uint8_t)value)));
        while (size--)
                sv_buf_u8(out, (uint8_t)(value >> 8 * size));
}

void sv_cbor_put_int(struct sv_buf *out, int64_t value)
{
        if (value < 0)
                sv_cbor_put(out, SV_CBOR_NEGATIVE, (uint64_t)(-1 - value));
        else
                sv_cbor_put(out, SV_CBOR_UINT, (uint64_t)value);
}

void sv_cbor_put_bytes(struct sv_buf *out, struct sv_bytes bytes)
{
        sv_cbor_put(out, SV_CBOR_BYTES, bytes.n);
        sv_buf_put(out, bytes);
}

void sv_cbor_put_text(struct sv_buf *out, const char *text)
{
        sv_cbor_put(out, SV_CBOR_TEXT, strlen(text));
        sv_buf_puts(out, text);
}
