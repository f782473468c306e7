/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets that nobody brings: an administrator says how many bytes a resource has, and the first
 * guest for which its policy holds gets that many random ones, which later guests get too. No
 * administrator, and no machine of theirs, has ever seen it.
 *
 *      POST /secure-vm/v0/provision/PATH?bytes=N[&releases=N][&label=NAME=VALUE...]
 */
#include "base/core/limits.h"
#include "base/core/text.h"
#include "broker/serve/request.h"
#include "broker/versions.h"

static int read_size(const struct sv_request *r, int64_t *out, struct sv_err *err)
{
        char text[24] = "";
        uint64_t n = 0;

        if (!sv_request_query(r, "bytes", text, sizeof(text)) ||
            sv_parse_u64(text, SV_PROVISION_MAX, &n, "", NULL) < 0 || n < SV_PROVISION_MIN)
                return sv_fail(err, SV_FORMAT, "broker.query",
                               "expected a number from %d to %d as \"bytes\"", SV_PROVISION_MIN,
                               SV_PROVISION_MAX);
        *out = (int64_t)n;
        return 0;
}

int sv_handle_provision(struct sv_request *r, struct sv_err *err)
{
        static const char *const names[] = {"bytes", "releases", "label", NULL};
        const struct sv_store_ops *ops = r->broker->store->ops;
        SV_JSON *versions = sv_json_array();
        struct sv_settings s;
        int64_t bytes;

        if (sv_request_check_query(r, names, err) < 0 || read_size(r, &bytes, err) < 0 ||
            sv_request_match_resource(r, err) < 0 || ops->reserve(r->broker->store, err) < 0 ||
            ops->list_versions(r->broker->store, r->resource, versions, err) < 0 ||
            ops->get_settings(r->broker->store, r->resource, &s, err) < 0)
                return -1;
        if (sv_json_len(versions) || s.bytes) {
                r->error = "ResourceConflict";
                return sv_fail(err, SV_USAGE, "broker.resource.exists",
                               "the broker has a resource %s already%s", r->resource,
                               s.bytes && !sv_json_len(versions) ? ", which its first guest makes"
                                                                 : "");
        }
        s.bytes = bytes;
        sv_json_set_int(r->audit, "provision", bytes);
        return ops->put_settings(r->broker->store, r->resource, &s, err) < 0
                       ? -1
                       : sv_request_change_settings(r, err);
}

int sv_provision_value(struct sv_request *r, struct sv_versions *v, struct sv_err *err)
{
        const struct sv_store_ops *ops = r->broker->store->ops;
        SV_SECRET *value = NULL;
        struct sv_settings s;

        if (ops->reserve(r->broker->store, err) < 0)
                return -1;
        sv_versions_free(v);
        if (sv_versions_read(r->broker, r->resource, v, err) < 0)
                return -1;
        if (v->n) /* of another guest, at the same moment */
                return 0;
        if (ops->get_settings(r->broker->store, r->resource, &s, err) < 0)
                return -1;
        if (!s.bytes)
                return sv_fail(err, SV_USAGE, "broker.resource.none",
                               "there is no resource under this path");
        value = sv_secret_random((size_t)s.bytes, err);
        if (!value || sv_version_add(r->broker, r->resource, v,
                                     sv_bytes(sv_secret_reveal(value), sv_secret_size(value)),
                                     r->now, err) < 0)
                return -1;
        sv_json_set_bool(r->audit, "made", true);
        sv_versions_free(v);
        return sv_versions_read(r->broker, r->resource, v, err);
}

int sv_provision_check_put(struct sv_request *r, const struct sv_versions *v, struct sv_err *err)
{
        const struct sv_store_ops *ops = r->broker->store->ops;
        struct sv_settings s;

        if (ops->reserve(r->broker->store, err) < 0 ||
            ops->get_settings(r->broker->store, r->resource, &s, err) < 0)
                return -1;
        if (!s.bytes)
                return 0;
        if (!v->n) {
                r->error = "ResourceConflict";
                return sv_fail(err, SV_USAGE, "broker.resource.provision",
                               "the first guest that gets %s makes its value: remove it first "
                               "(\"key rm\"), when another value is meant",
                               r->resource);
        }
        s.bytes = 0;
        return ops->put_settings(r->broker->store, r->resource, &s, err);
}
