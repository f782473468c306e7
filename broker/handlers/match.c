/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions of a change (RFC 9110 sections 13.1.1 and 13.1.2): If-Match and If-None-Match with the
 * tags that GET answers. A policy's is its SHA-256, a resource's the number of its newest version.
 * What they were compared with stays until the change is made: the store is reserved before it is
 * read. */
#include <stdio.h>
#include <string.h>

#include "base/core/file.h"
#include "base/crypto/crypto.h"
#include "broker/serve/request.h"
#include "broker/versions.h"

static int fail_tag_form(const char *field, const char *value, struct sv_err *err)
{
        return sv_fail(err, SV_FORMAT, "broker.match.form",
                       "%s: expected \"TAG\", several of them, or *, found '%.60s'", field, value);
}

/* Is `tag` (NULL: there is nothing) among them? A weak tag (W/) is none of a change. 1, 0 or -1. */
static int find_tag(const char *field, const char *value, const char *tag, struct sv_err *err)
{
        const char *at = value;
        int found = 0;

        if (!strcmp(value, "*"))
                return tag != NULL;
        for (;;) {
                bool weak;
                size_t n;

                at += strspn(at, " \t");
                weak = !strncmp(at, "W/", 2);
                at += weak ? 2 : 0;
                n = *at == '"' ? strcspn(at + 1, "\"") : 0;
                if (*at != '"' || at[1 + n] != '"')
                        return fail_tag_form(field, value, err);
                if (!weak && tag && n == strlen(tag) && !strncmp(at + 1, tag, n))
                        found = 1;
                at += n + 2;
                at += strspn(at, " \t");
                if (!*at)
                        return found;
                if (*at++ != ',')
                        return fail_tag_form(field, value, err);
        }
}

static int fail_match(struct sv_request *r, const char *field, const char *tag, struct sv_err *err)
{
        r->error = "PreconditionFailed";
        return sv_fail(err, SV_USAGE, "broker.match",
                       "%s does not hold: found %s%s%s; look at what is there, and try again",
                       field, tag ? "\"" : "nothing", tag ? tag : "", tag ? "\"" : "");
}

static int check_conditions(struct sv_request *r, const char *tag, struct sv_err *err)
{
        const char *match = sv_http_field(r->msg, "If-Match");
        const char *none = sv_http_field(r->msg, "If-None-Match");
        int found = match ? find_tag("If-Match", match, tag, err) : 1;

        if (found < 0)
                return -1;
        if (!found)
                return fail_match(r, "If-Match", tag, err);
        found = none ? find_tag("If-None-Match", none, tag, err) : 0;
        if (found < 0)
                return -1;
        return found ? fail_match(r, "If-None-Match", tag, err) : 0;
}

static bool has_condition(const struct sv_request *r)
{
        return sv_http_field(r->msg, "If-Match") || sv_http_field(r->msg, "If-None-Match");
}

int sv_request_read_policy_tag(struct sv_request *r, char tag[SV_TAG_MAX], struct sv_err *err)
{
        const struct sv_store_ops *ops = r->broker->store->ops;
        struct sv_err failed = SV_ERR_NULL;
        SV_BUF text = SV_BUF_NULL;

        *tag = '\0';
        if (ops->reserve(r->broker->store, err) < 0)
                return -1;
        if (ops->get_policy(r->broker->store, r->resource, &text, &failed) == 0)
                return sv_sha256_hex(sv_buf_bytes(&text), tag, err);
        if (!strcmp(failed.check, "broker.policy.absent"))
                return 0;
        *err = failed;
        return -1;
}

int sv_request_match_policy(struct sv_request *r, struct sv_err *err)
{
        char hex[SV_TAG_MAX];

        if (!has_condition(r))
                return 0;
        return sv_request_read_policy_tag(r, hex, err) < 0
                       ? -1
                       : check_conditions(r, *hex ? hex : NULL, err);
}

int sv_request_read_tag(struct sv_request *r, char tag[SV_TAG_MAX], struct sv_err *err)
{
        SV_JSON *rows = sv_json_array();

        *tag = '\0';
        if (r->broker->store->ops->reserve(r->broker->store, err) < 0 ||
            r->broker->store->ops->list_versions(r->broker->store, r->resource, rows, err) < 0)
                return -1;
        if (sv_json_len(rows))
                snprintf(tag, SV_TAG_MAX, "%lld",
                         (long long)sv_json_int(sv_json_get(sv_json_at(rows, 0), "version"), 0));
        return 0;
}

int sv_request_match_resource(struct sv_request *r, struct sv_err *err)
{
        char number[SV_TAG_MAX];

        if (!has_condition(r))
                return 0;
        return sv_request_read_tag(r, number, err) < 0
                       ? -1
                       : check_conditions(r, *number ? number : NULL, err);
}

int sv_request_add_tag(struct sv_request *r, const char *tag, struct sv_err *err)
{
        SV_STR value = sv_asprintf("\"%s\"", tag);

        return sv_http_add(&r->answer, "ETag", value, err);
}
