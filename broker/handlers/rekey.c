/* SPDX-License-Identifier: Apache-2.0 */
/* Another key for a disk. The key that is there leaves the broker for guests only, so the broker
 * makes the new one too: the administrator sends the header of the disk and gets it back for the
 * new key, which is a further version of the resource. The disk is readable with whichever of the
 * two headers it has, until the administrator gives the older version up. */
#include "base/core/limits.h"
#include "broker/serve/request.h"
#include "broker/versions.h"
#include "luks/header.h"
#include "luks/rekey.h"

/* what "image rekey" sends */
_Static_assert(SV_REKEY_SIZE_MAX == SV_LUKS_HEAD_SIZE, "the route takes a header");

static int find_key(struct sv_request *r, const struct sv_versions *v, struct sv_bytes head,
                    struct sv_secret **key, struct sv_err *err)
{
        const struct sv_version *found;
        SV_SECRET *value = NULL;
        struct sv_binding binding;

        if (sv_binding_of(head, &binding, err) < 0)
                return -1;
        found = sv_versions_by_header(v, binding.header_digest);
        if (!found)
                return sv_fail(err, SV_USAGE, "broker.rekey.none",
                               "%s has no key for this header of volume %s", r->resource,
                               binding.uuid);
        value = sv_version_open(r->broker, r->resource, found->number, err);
        return value ? sv_binding_unpack(value, &binding, key, err) : -1;
}

/* The new header, and the resource that goes with it. */
static int make_key(struct sv_bytes head, struct sv_secret *old, struct sv_buf *made,
                    struct sv_secret **resource, struct sv_err *err)
{
        SV_SECRET *key = sv_secret_random(SV_DISK_KEY_SIZE, err);
        struct sv_binding binding;

        if (!key)
                return -1;
        if (sv_luks_rekey(head, old, key, made, err) < 0)
                return -1;
        if (sv_binding_of(sv_buf_bytes(made), &binding, err) < 0)
                return -1;
        *resource = sv_binding_pack(&binding, key, err);
        return *resource ? 0 : -1;
}

int sv_handle_rekey(struct sv_request *r, struct sv_err *err)
{
        struct sv_bytes head = sv_buf_bytes(&r->msg->body);
        SV_SECRET *old = NULL;
        SV_SECRET *resource = NULL;
        SV_BUF made = SV_BUF_NULL;
        SV_VERSIONS v = {0};

        if (sv_versions_read(r->broker, r->resource, &v, err) < 0)
                return -1;
        if (find_key(r, &v, head, &old, err) < 0)
                return -1;
        if (make_key(head, old, &made, &resource, err) < 0)
                return -1;
        if (sv_version_add(r->broker, r->resource, &v,
                           sv_bytes(sv_secret_reveal(resource), sv_secret_size(resource)), r->now,
                           err) < 0)
                return -1;
        sv_json_set_int(r->audit, "version", v.list[0].number + 1);
        sv_buf_put(&r->answer.body, sv_buf_bytes(&made));
        if (sv_buf_ok(&r->answer.body, "the new header", err) < 0)
                return -1;
        return sv_http_add(&r->answer, "Content-Type", "application/octet-stream", err);
}
