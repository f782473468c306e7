/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/serve/request.h"

#include <stdio.h>
#include <strings.h>

#include "attest/kbs/kbs.h"
#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/crypto/crypto.h"

const char *sv_request_bearer(const struct sv_request *r)
{
        const char *v = sv_http_field(r->msg, "Authorization");

        return v && !strncasecmp(v, "Bearer ", 7) && v[7] ? v + 7 : NULL;
}

const char *sv_request_note_who(struct sv_request *r, const struct sv_tee_verify *tee,
                                const struct sv_json *claims)
{
        const char *ek_cn = sv_json_str(sv_json_pointer(claims, "/ek/subject_cn"));
        const char *platform =
                tee->platform ? sv_json_str(sv_json_pointer(claims, tee->platform)) : NULL;

        if (platform)
                sv_json_set_str(r->audit, "platform", platform);
        if (ek_cn)
                sv_json_set_str(r->audit, "ek_cn", ek_cn);
        return ek_cn;
}

#define ID_MIN 8

int sv_request_take_id(struct sv_request *r, struct sv_err *err)
{
        const char *v = sv_http_field(r->msg, SV_KBS_REQUEST_ID);
        size_t n = v ? strlen(v) : 0;
        uint8_t random[16];
        char hex[2 * sizeof(random) + 1];

        if (n >= ID_MIN && n <= SV_REQUEST_ID_MAX &&
            strspn(v, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == n) {
                memcpy(r->id, v, n + 1);
                return 0;
        }
        if (sv_random(random, sizeof(random), err) < 0)
                return -1;
        snprintf(r->id, sizeof(r->id), "%s", sv_hex(sv_bytes(random, sizeof(random)), hex));
        return 0;
}

static bool is_named(const char *item, size_t n, const char *name)
{
        size_t len = strlen(name);

        return n >= len && !memcmp(item, name, len) && (n == len || item[len] == '=');
}

/* The item that begins at *at; steps behind it. NULL at the end. */
static const char *next_item(const char **at, size_t *n)
{
        const char *item = *at;

        if (!*item)
                return NULL;
        *n = strcspn(item, "&");
        *at = item + *n + (item[*n] == '&');
        return item;
}

int sv_request_check_query(const struct sv_request *r, const char *const *names, struct sv_err *err)
{
        const char *at = r->query, *item;
        size_t n;

        while ((item = next_item(&at, &n))) {
                const char *const *name = names;

                while (*name && !is_named(item, n, *name))
                        name++;
                if (!*name)
                        return sv_fail(err, SV_FORMAT, "broker.query",
                                       "'%.*s' is not expected behind '?' here",
                                       n < 40 ? (int)n : 40, item);
        }
        return 0;
}

static const char *find_item(const struct sv_request *r, const char *name, size_t i, size_t *n)
{
        const char *at = r->query, *item;

        while ((item = next_item(&at, n)))
                if (is_named(item, *n, name) && i-- == 0)
                        return item;
        return NULL;
}

const char *sv_request_query_nth(const struct sv_request *r, const char *name, size_t i, size_t *n)
{
        const char *item = find_item(r, name, i, n);
        size_t len = strlen(name);

        if (!item)
                return NULL;
        len += *n > len; /* the sign between them */
        *n -= len;
        return item + len;
}

bool sv_request_has(const struct sv_request *r, const char *name)
{
        size_t n;

        return find_item(r, name, 0, &n) != NULL;
}

bool sv_request_query(const struct sv_request *r, const char *name, char *out, size_t size)
{
        size_t n;
        const char *value = sv_request_query_nth(r, name, 0, &n);

        if (!value || n >= size)
                return false;
        memcpy(out, value, n);
        out[n] = '\0';
        return true;
}

void sv_request_note_digest(struct sv_request *r, const char *member, struct sv_bytes of)
{
        uint8_t digest[SV_DIGEST_MAX];
        char hex[2 * SV_DIGEST_MAX + 1];

        if (sv_digest(SV_SHA256, of, digest, NULL) == 0)
                sv_json_set_str(r->audit, member, sv_hex(sv_bytes(digest, 32), hex));
}

void sv_request_note_warning(struct sv_request *r, const struct sv_json *reason)
{
        static const char *const members[] = {"check", "expected", "found"};
        struct sv_json *list, *row;

        if (!sv_json_bool(sv_json_get(reason, "warned"), false))
                return;
        list = sv_json_get(r->audit, "warned");
        if (!list)
                list = sv_json_set(r->audit, "warned", sv_json_array());
        row = sv_json_add(list, sv_json_object());
        for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
                SV_STR text = sv_asprintf("%.300s", sv_json_text(reason, members[i], ""));

                sv_json_set_str(row, members[i], text);
        }
}

const char *sv_request_counted_check(const struct sv_request *r)
{
        const struct sv_json *warned = sv_json_get(r->audit, "warned");

        if (*r->check || !r->outcome || strcmp(r->outcome, "released"))
                return r->check;
        return sv_json_text(sv_json_at(warned, 0), "check", "");
}

bool sv_request_is_first(const struct sv_request *r)
{
        char text[40];

        return sv_request_query(r, "new", text, sizeof(text));
}

void sv_request_free(struct sv_request *r)
{
        sv_http_msg_free(&r->answer);
        sv_json_free(r->audit);
        r->audit = NULL;
}
