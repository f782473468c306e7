/* SPDX-License-Identifier: Apache-2.0 */
#include "luks/foreign.h"

#include "base/core/encoding.h"
#include "base/core/limits.h"
#include "luks/header.h"

#define DIGEST_MIN 20 /* bytes of the volume key's digest that make it one */
#define KEY_MIN    32 /* bytes of a key of XTS */

struct foreign {
        const struct sv_token *token;
        size_t tokens; /* of our type */
        size_t size;
};

static int hold_text(const struct sv_json *o, const char *pointer, const char *const *list,
                     const char *check, const char *at, struct sv_err *err)
{
        const char *text = sv_json_str(sv_json_pointer(o, pointer));

        for (size_t i = 0; text && list[i]; i++)
                if (!strcmp(text, list[i]))
                        return 0;
        return sv_fail(err, SV_FORMAT, check, "%s%s: expected %s%s%s, found \"%.60s\"", at, pointer,
                       list[0], list[1] ? " or " : "", list[1] ? list[1] : "",
                       text ? text : "nothing");
}

static const char *const ciphers[] = {"aes-xts-plain64", NULL};

static int check_area(const struct sv_json *slot, const char *name, const struct foreign *f,
                      struct sv_err *err)
{
        size_t offset, size;

        if (sv_luks_header_decimal(slot, "/area/offset", &offset, err) < 0 ||
            sv_luks_header_decimal(slot, "/area/size", &size, err) < 0)
                return sv_wrap(err, "key slot %s", name);
        if (size > f->size || offset > f->size - size)
                return sv_fail(err, SV_FORMAT, "luks.header.area",
                               "key slot %s: its area is not between the headers and the data",
                               name);
        return 0;
}

static int check_key_sizes(const struct sv_json *slot, const char *name, struct sv_err *err)
{
        if (sv_json_int(sv_json_pointer(slot, "/key_size"), 0) >= KEY_MIN &&
            sv_json_int(sv_json_pointer(slot, "/area/key_size"), 0) >= KEY_MIN)
                return 0;
        return sv_fail(err, SV_FORMAT, "luks.header.key-size",
                       "key slot %s: keys of %d bytes or more were expected", name, KEY_MIN);
}

static int check_slot(void *arg, const char *name, struct sv_json *slot, struct sv_err *err)
{
        static const char *const types[] = {"luks2", NULL}, *const areas[] = {"raw", NULL};
        static const char *const kdfs[] = {"argon2id", "pbkdf2", "argon2i", NULL};
        static const char *const splits[] = {"luks1", NULL};

        if (hold_text(slot, "/type", types, "luks.header.keyslot", name, err) < 0 ||
            hold_text(slot, "/area/type", areas, "luks.header.keyslot", name, err) < 0 ||
            hold_text(slot, "/af/type", splits, "luks.header.keyslot", name, err) < 0 ||
            hold_text(slot, "/kdf/type", kdfs, "luks.header.kdf", name, err) < 0 ||
            hold_text(slot, "/area/encryption", ciphers, "luks.header.cipher", name, err) < 0)
                return -1;
        if (check_key_sizes(slot, name, err) < 0)
                return -1;
        return check_area(slot, name, arg, err);
}

static int check_digest(void *arg, const char *name, struct sv_json *digest, struct sv_err *err)
{
        static const char *const types[] = {"pbkdf2", NULL};
        const char *text = sv_json_str(sv_json_get(digest, "digest"));
        SV_BUF b = SV_BUF_NULL;

        (void)arg;
        if (hold_text(digest, "/type", types, "luks.header.digest", name, err) < 0)
                return -1;
        if (!text || sv_unbase64(sv_bytes_str(text), &b, "luks.header.digest", NULL) < 0 ||
            b.n < DIGEST_MIN)
                return sv_fail(err, SV_FORMAT, "luks.header.digest",
                               "digest %s: base64 of %d bytes or more was expected", name,
                               DIGEST_MIN);
        return 0;
}

static bool is_same_token(const struct sv_token *a, const struct sv_token *b)
{
        return !strcmp(a->url, b->url) && !strcmp(a->pin, b->pin) &&
               !strcmp(a->resource, b->resource);
}

/* Tokens of other types are not asked (cryptsetup --token-type). */
static int check_token(void *arg, const char *name, struct sv_json *token, struct sv_err *err)
{
        const char *type = sv_json_str(sv_json_get(token, "type"));
        struct foreign *f = arg;
        SV_BUF text = SV_BUF_NULL;
        struct sv_token found;

        if (!type || strcmp(type, SV_TOKEN_TYPE))
                return 0;
        f->tokens++;
        sv_json_print(token, &text);
        if (sv_buf_ok(&text, "the token", err) < 0 ||
            sv_token_parse(sv_buf_bytes(&text), &found, err) < 0)
                return -1;
        if (is_same_token(&found, f->token))
                return 0;
        return sv_fail(err, SV_PROOF, "luks.foreign.token",
                       "token %s: %s of %s was expected, as this machine was told, found %s of %s: "
                       "whoever wrote that may have exchanged the disk",
                       name, f->token->resource, f->token->url, found.resource, found.url);
}

/* What there is one of: data that are encrypted, from the end of the key slots on. */
static int check_segment(const struct sv_json *meta, const struct foreign *f, struct sv_err *err)
{
        static const char *const types[] = {"crypt", NULL}, *const tags[] = {"hmac(sha256)", NULL};
        const struct sv_json *segments = sv_json_get(meta, "segments");
        size_t offset;

        if (sv_json_len(segments) != 1 || sv_json_pointer(meta, "/segments/0/flags"))
                return sv_fail(err, SV_FORMAT, "luks.header.segment",
                               "one segment was expected, and no re-encryption that has begun: "
                               "end it with cryptsetup reencrypt");
        if (hold_text(meta, "/segments/0/type", types, "luks.header.segment", "", err) < 0 ||
            hold_text(meta, "/segments/0/encryption", ciphers, "luks.header.cipher", "", err) < 0)
                return -1;
        if (sv_json_pointer(meta, "/segments/0/integrity") &&
            hold_text(meta, "/segments/0/integrity/type", tags, "luks.header.integrity", "", err) <
                    0)
                return -1;
        if (sv_luks_header_decimal(meta, "/segments/0/offset", &offset, err) < 0)
                return -1;
        return offset >= f->size ? 0
                                 : sv_fail(err, SV_FORMAT, "luks.header.segment",
                                           "the data begin before the key slots end");
}

static int check_metadata(const struct sv_json *meta, struct foreign *f, struct sv_err *err)
{
        struct sv_json *slots, *digests, *tokens;

        if (sv_json_pointer(meta, "/config/requirements"))
                return sv_fail(err, SV_FORMAT, "luks.header.unknown",
                               "the volume asks for more than it was made with (requirements): end "
                               "its re-encryption");
        if (sv_json_need_obj(meta, "keyslots", &slots, "luks.header", err) < 0 ||
            sv_json_need_obj(meta, "digests", &digests, "luks.header", err) < 0 ||
            sv_json_need_obj(meta, "tokens", &tokens, "luks.header", err) < 0)
                return -1;
        if (sv_json_each(slots, check_slot, f, err) < 0 ||
            sv_json_each(digests, check_digest, f, err) < 0 || check_segment(meta, f, err) < 0 ||
            sv_json_each(tokens, check_token, f, err) < 0)
                return -1;
        if (f->tokens != 1)
                return sv_fail(err, SV_PROOF, "luks.foreign.token",
                               "one token of type " SV_TOKEN_TYPE " was expected, found %zu: "
                               "whoever wrote the header may have exchanged the disk",
                               f->tokens);
        return 0;
}

static int read_metadata(struct sv_bytes head, struct sv_luks_header *h, struct sv_json **meta,
                         size_t *size, struct sv_err *err)
{
        size_t slots;

        if (sv_luks_header_binary(head, h, err) < 0 ||
            sv_luks_header_json(
                    sv_bytes(head.p + SV_LUKS_BINARY_SIZE, h->size - SV_LUKS_BINARY_SIZE), meta,
                    err) < 0 ||
            sv_luks_header_decimal(*meta, "/config/keyslots_size", &slots, err) < 0)
                return -1;
        if (slots > SV_LUKS_HEADER_MAX - 2 * h->size)
                return sv_fail(err, SV_FORMAT, "luks.header.size",
                               "headers and key slots of %zu bytes: at most %u were expected",
                               slots + 2 * h->size, SV_LUKS_HEADER_MAX);
        *size = slots + 2 * h->size;
        return 0;
}

int sv_luks_foreign_size(struct sv_bytes head, size_t *size, struct sv_err *err)
{
        struct sv_luks_header h = {0};
        SV_JSON *meta = NULL;

        return read_metadata(head, &h, &meta, size, err);
}

int sv_luks_foreign_copy(struct sv_bytes head, const struct sv_token *token, struct sv_buf *out,
                         struct sv_err *err)
{
        struct foreign f = {.token = token};
        struct sv_luks_header h = {0};
        SV_JSON *meta = NULL;

        if (read_metadata(head, &h, &meta, &f.size, err) < 0)
                return -1;
        if (check_metadata(meta, &f, err) < 0 || sv_luks_header_check_sum(head, h.size, err) < 0)
                return -1;
        if (head.n < f.size)
                return sv_fail(err, SV_FORMAT, "luks.header.short",
                               "the key slots are cut short: %zu bytes of %zu", head.n, f.size);
        /* The areas of all key slots. */
        h.area_offset = 2 * h.size;
        h.area_size = f.size - h.area_offset;
        return sv_luks_header_copy(head, &h, out, err);
}
