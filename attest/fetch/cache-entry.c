/* SPDX-License-Identifier: Apache-2.0 */
/* One entry as a file: SHA-256 of all that follows in hex, a line of JSON, the body as it came. */
#include <stdio.h>
#include <stdlib.h>

#include "attest/fetch/cache.h"
#include "base/core/encoding.h"
#include "base/crypto/crypto.h"
#include "base/core/file.h"

#define CHECK       "collateral.cache"
#define DIGEST_LINE 65 /* 64 digits and a newline */

void sv_entry_free(struct sv_entry *e)
{
        free(e->url);
        sv_json_free(e->headers);
        sv_buf_free(&e->body);
        *e = (struct sv_entry){0};
}

static int fail_entry(struct sv_err *err, const char *what)
{
        return sv_fail(err, SV_FORMAT, CHECK, "an entry of the cache %s", what);
}

static int take_members(const struct sv_json *j, struct sv_entry *e, struct sv_err *err)
{
        static const char *const names[] = {"url",   "kind",     "fetched", "refresh",
                                            "until", "verified", "headers", NULL};
        const char *url, *kind;

        if (sv_json_only(j, names, CHECK, err) < 0 ||
            sv_json_need_str(j, "url", &url, CHECK, err) < 0 ||
            sv_json_need_str(j, "kind", &kind, CHECK, err) < 0 ||
            sv_json_need_int(j, "fetched", 0, SV_NEVER - 1, &e->fetched, CHECK, err) < 0)
                return -1;
        if (strlen(kind) >= sizeof(e->kind))
                return fail_entry(err, "has a kind that is too long");
        snprintf(e->kind, sizeof(e->kind), "%s", kind);
        e->refresh = sv_json_int(sv_json_get(j, "refresh"), SV_NEVER);
        e->until = sv_json_int(sv_json_get(j, "until"), SV_NEVER);
        e->verified = sv_json_bool(sv_json_get(j, "verified"), false);
        e->url = sv_asprintf("%s", url);
        if (sv_json_get(j, "headers"))
                e->headers = sv_json_ref(sv_json_get(j, "headers"));
        return 0;
}

int sv_entry_parse(struct sv_bytes file, struct sv_entry *out, struct sv_err *err)
{
        struct sv_bytes rest = file.n > DIGEST_LINE
                                       ? sv_bytes(file.p + DIGEST_LINE, file.n - DIGEST_LINE)
                                       : SV_BYTES_NULL;
        const uint8_t *newline = rest.n ? memchr(rest.p, '\n', rest.n) : NULL;
        SV_ENTRY e = {0};
        SV_JSON *j = NULL;
        char digest[DIGEST_LINE];

        if (!newline || file.p[DIGEST_LINE - 1] != '\n')
                return fail_entry(err, "does not begin with two lines");
        if (sv_sha256_hex(rest, digest, err) < 0)
                return -1;
        if (!sv_bytes_eq(sv_bytes(file.p, DIGEST_LINE - 1), sv_bytes(digest, DIGEST_LINE - 1)))
                return fail_entry(err, "is damaged: its digest is another");
        if (sv_json_parse(sv_bytes(rest.p, (size_t)(newline - rest.p)), CHECK, &j, err) < 0 ||
            take_members(j, &e, err) < 0)
                return -1;
        sv_buf_put(&e.body, sv_bytes(newline + 1, (size_t)(rest.p + rest.n - newline) - 1));
        if (sv_buf_ok(&e.body, "an entry of the cache", err) < 0)
                return -1;
        *out = e;
        e = (struct sv_entry){0};
        return 0;
}

int sv_entry_write(const struct sv_entry *e, struct sv_buf *out, struct sv_err *err)
{
        SV_JSON *j = sv_json_object();
        SV_BUF rest = SV_BUF_NULL;
        char digest[DIGEST_LINE];

        sv_json_set_str(j, "url", e->url);
        sv_json_set_str(j, "kind", e->kind);
        sv_json_set_int(j, "fetched", e->fetched);
        if (e->refresh != SV_NEVER)
                sv_json_set_int(j, "refresh", e->refresh);
        if (e->until != SV_NEVER)
                sv_json_set_int(j, "until", e->until);
        sv_json_set_bool(j, "verified", e->verified);
        if (e->headers)
                sv_json_set(j, "headers", sv_json_ref(e->headers));
        sv_json_print(j, &rest);
        sv_buf_u8(&rest, '\n');
        sv_buf_put(&rest, sv_buf_bytes(&e->body));
        if (sv_buf_ok(&rest, "an entry of the cache", err) < 0 ||
            sv_sha256_hex(sv_buf_bytes(&rest), digest, err) < 0)
                return -1;
        sv_buf_printf(out, "%s\n", digest);
        sv_buf_put(out, sv_buf_bytes(&rest));
        return sv_buf_ok(out, "an entry of the cache", err);
}
