/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/versions.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/core/file.h"
#include "base/core/limits.h"

void sv_versions_free(struct sv_versions *v)
{
        free(v->list);
        *v = (struct sv_versions){0};
}

/* What a version is sealed for. The first is sealed for the path alone, as it was when there were
 * no versions; '#' is in no path. */
static char *name_version(const char *path, int64_t number)
{
        return number == 1 ? sv_asprintf("%s", path)
                           : sv_asprintf("%s#%lld", path, (long long)number);
}

struct sv_secret *sv_version_open(const struct sv_broker *b, const char *path, int64_t number,
                                  struct sv_err *err)
{
        SV_STR name = name_version(path, number);
        SV_BUF sealed = SV_BUF_NULL;

        if (b->store->ops->get_resource(b->store, path, number, &sealed, err) < 0)
                return NULL;
        return sv_broker_unseal(b, name, sv_buf_bytes(&sealed), err);
}

static int fill_version(const struct sv_broker *b, const char *path, const struct sv_json *row,
                        struct sv_version *v, struct sv_err *err)
{
        const char *created = sv_json_str(sv_json_get(row, "created"));
        struct sv_err why = SV_ERR_NULL;
        SV_SECRET *value = NULL;
        SV_SECRET *key = NULL;

        v->number = sv_json_int(sv_json_get(row, "version"), 0);
        v->size = sv_json_int(sv_json_get(row, "size"), 0);
        snprintf(v->created, sizeof(v->created), "%s", created ? created : "");
        value = sv_version_open(b, path, v->number, &why);
        v->broken = !value &&
                    (!strcmp(why.check, "broker.sealed") || !strcmp(why.check, "broker.store.mac"));
        if (!value && !v->broken) {
                if (err)
                        *err = why;
                return -1;
        }
        v->disk = value && sv_binding_unpack(value, &v->binding, &key, NULL) == 0;
        return 0;
}

int sv_versions_read(const struct sv_broker *b, const char *path, struct sv_versions *out,
                     struct sv_err *err)
{
        SV_JSON *rows = sv_json_array();
        SV_VERSIONS v = {0};

        if (b->store->ops->list_versions(b->store, path, rows, err) < 0)
                return -1;
        v.list = calloc(sv_json_len(rows) + 1, sizeof(*v.list));
        if (!v.list)
                return sv_fail_errno(err, "base.memory", "no memory for the versions of %s", path);
        for (; v.n < sv_json_len(rows); v.n++)
                if (fill_version(b, path, sv_json_at(rows, v.n), &v.list[v.n], err) < 0)
                        return -1;
        *out = v;
        v = (struct sv_versions){0};
        return 0;
}

int sv_version_add(const struct sv_broker *b, const char *path, const struct sv_versions *v,
                   struct sv_bytes value, int64_t now, struct sv_err *err)
{
        int64_t number = v->n ? v->list[0].number + 1 : 1;
        SV_STR name = name_version(path, number);
        SV_BUF sealed = SV_BUF_NULL;

        if (v->n >= SV_VERSIONS_MAX)
                return sv_fail(err, SV_USAGE, "broker.resource.versions",
                               "%s has %zu versions, more are not kept: remove some, \"key rm "
                               "--version\"",
                               path, v->n);
        if (sv_broker_seal(b, name, value, &sealed, err) < 0)
                return -1;
        return b->store->ops->put_resource(b->store, path, number, sv_buf_bytes(&sealed),
                                           (int64_t)value.n, now, err);
}

const struct sv_version *sv_versions_by_header(const struct sv_versions *v,
                                               const uint8_t digest[48])
{
        for (size_t i = 0; i < v->n; i++)
                if (v->list[i].disk && memcmp(v->list[i].binding.header_digest, digest, 48) == 0)
                        return &v->list[i];
        return NULL;
}

const struct sv_version *sv_versions_by_volume(const struct sv_versions *v, const char *uuid)
{
        for (size_t i = 0; i < v->n; i++)
                if (v->list[i].disk && strcmp(v->list[i].binding.uuid, uuid) == 0)
                        return &v->list[i];
        return NULL;
}
