/* SPDX-License-Identifier: Apache-2.0 */
#include "luks/token/token.h"

#include <stdio.h>

#include "base/core/text.h"

#define CHECK "luks.token"
#define HTTPS "https://"
#define PIN   "sha256:"

static const char *const members[] = {"type", "keyslots", "url", "pin", "resource", NULL};

static int take_token_text(const struct sv_json *token, const char *member, char *out, size_t size,
                           struct sv_err *err)
{
        const char *text;

        if (sv_json_need_str(token, member, &text, CHECK, err) < 0)
                return -1;
        if ((size_t)snprintf(out, size, "%s", text) >= size)
                return sv_fail(err, SV_FORMAT, "luks.token.member",
                               "member \"%s\": at most %zu bytes were expected, found %zu", member,
                               size - 1, strlen(text));
        return 0;
}

static bool has_control(const char *text)
{
        for (; *text; text++)
                if ((unsigned char)*text <= ' ' || *text == 0x7f)
                        return true;
        return false;
}

int sv_token_parse(struct sv_bytes text, struct sv_token *out, struct sv_err *err)
{
        struct sv_token t;
        SV_JSON *token = NULL;
        char type[32];

        if (sv_json_parse(text, CHECK, &token, err) < 0 ||
            sv_json_only(token, members, CHECK, err) < 0 ||
            take_token_text(token, "type", type, sizeof(type), err) < 0 ||
            take_token_text(token, "url", t.url, sizeof(t.url), err) < 0 ||
            take_token_text(token, "pin", t.pin, sizeof(t.pin), err) < 0 ||
            take_token_text(token, "resource", t.resource, sizeof(t.resource), err) < 0)
                return -1;
        if (strcmp(type, SV_TOKEN_TYPE))
                return sv_fail(err, SV_FORMAT, "luks.token.type",
                               "a token of type " SV_TOKEN_TYPE " was expected, found \"%s\"",
                               type);
        if (strncmp(t.url, HTTPS, strlen(HTTPS)) || !t.url[strlen(HTTPS)] || has_control(t.url))
                return sv_fail(err, SV_FORMAT, "luks.token.url",
                               "the broker's URL was expected, https://…, found \"%s\"", t.url);
        if (strncmp(t.pin, PIN, strlen(PIN)) || !sv_is_hex(t.pin + strlen(PIN), 64))
                return sv_fail(err, SV_FORMAT, "luks.token.pin",
                               "the pin of the broker's key was expected, sha256: and 64 "
                               "hexadecimal digits, found \"%s\"",
                               t.pin);
        if (!sv_resource_ok(sv_bytes_str(t.resource)))
                return sv_fail(err, SV_FORMAT, "luks.token.resource",
                               "repository/type/tag was expected, found \"%s\"", t.resource);
        *out = t;
        return 0;
}
