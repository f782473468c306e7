/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of a resource, as an administrator changes them, with a value or without one:
 *
 *      POST /secure-vm/v0/resource/PATH?ITEM&ITEM...
 *
 *      releases=N           it may be released N times from now on; "none": any number of times
 *      label=NAME=VALUE     this label, in place of one of that name
 *      unlabel=NAME         none of that name
 */
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "broker/serve/request.h"

static int read_releases(const struct sv_request *r, struct sv_settings *s, struct sv_err *err)
{
        char text[24] = "";
        uint64_t most;

        if (!sv_request_has(r, "releases"))
                return 0;
        if (sv_request_query(r, "releases", text, sizeof(text)) && !strcmp(text, "none")) {
                sv_settings_count(s, 0);
                return 0;
        }
        if (sv_parse_u64(text, SV_RELEASES_MAX, &most, "", NULL) < 0 || !most)
                return sv_fail(err, SV_FORMAT, "broker.query",
                               "expected a number from 1 to %d as \"releases\", or \"none\"",
                               SV_RELEASES_MAX);
        sv_settings_count(s, (int64_t)most);
        return 0;
}

static int change_labels(struct sv_request *r, struct sv_settings *s, struct sv_err *err)
{
        const char *item;
        size_t n;

        for (size_t i = 0; (item = sv_request_query_nth(r, "unlabel", i, &n)); i++) {
                SV_STR name = sv_asprintf("%.*s", (int)n, item);

                if (!sv_name_ok(name))
                        return sv_fail(err, SV_FORMAT, "broker.label",
                                       "expected the name of a label as \"unlabel\", found '%.80s'",
                                       name);
                sv_settings_remove_label(s, name);
        }
        for (size_t i = 0; (item = sv_request_query_nth(r, "label", i, &n)); i++) {
                SV_STR label = sv_asprintf("%.*s", (int)n, item);

                if (sv_label_check(label, err) < 0)
                        return -1;
                if (sv_settings_add_label(s, label, err) < 0) {
                        r->error = "ResourceConflict";
                        return -1;
                }
        }
        return 0;
}

int sv_request_change_settings(struct sv_request *r, struct sv_err *err)
{
        const struct sv_store_ops *ops = r->broker->store->ops;
        struct sv_settings s;

        if (!sv_request_has(r, "releases") && !sv_request_has(r, "label") &&
            !sv_request_has(r, "unlabel"))
                return 0;
        if (ops->reserve(r->broker->store, err) < 0 ||
            ops->get_settings(r->broker->store, r->resource, &s, err) < 0 ||
            read_releases(r, &s, err) < 0 || change_labels(r, &s, err) < 0)
                return -1;
        sv_settings_note(&s, r->audit);
        return ops->put_settings(r->broker->store, r->resource, &s, err);
}

int sv_handle_set_resource(struct sv_request *r, struct sv_err *err)
{
        static const char *const names[] = {"releases", "label", "unlabel", NULL};
        const struct sv_store_ops *ops = r->broker->store->ops;
        SV_JSON *versions = sv_json_array();
        struct sv_settings s;

        if (sv_request_check_query(r, names, err) < 0)
                return -1;
        if (!*r->query)
                return sv_fail(err, SV_FORMAT, "broker.query",
                               "expected \"releases\", \"label\" or \"unlabel\" behind '?'");
        if (sv_request_match_resource(r, err) < 0 || ops->reserve(r->broker->store, err) < 0 ||
            ops->list_versions(r->broker->store, r->resource, versions, err) < 0 ||
            ops->get_settings(r->broker->store, r->resource, &s, err) < 0)
                return -1;
        if (!sv_json_len(versions) && !s.bytes)
                return sv_fail(err, SV_USAGE, "broker.resource.none",
                               "there is no resource under this path");
        return sv_request_change_settings(r, err);
}
