/* SPDX-License-Identifier: Apache-2.0 */
/* Resources, as an administrator changes them. A disk's key is the only way into the disk, so
 * nobody replaces or removes one without saying which volume is given up. Putting adds a version
 * and removes none: the disk that is in use stays readable until the new one has taken its place.
 *
 *      POST   PATH               a new version; refused over the key of a disk
 *      POST   PATH?new           only when there is nothing yet
 *      POST   PATH?volume=UUID   beside the key of that volume, the value another disk's key
 *      POST   PATH?releases=N&label=NAME=VALUE   with settings (handlers/settings.c)
 *      DELETE PATH               all versions; refused when one is the key of a disk
 *      DELETE PATH?volume=UUID   all keys of that volume; with &except=N all but version N
 *      DELETE PATH?version=N     that version; of a disk's key only with volume=UUID
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/core/limits.h"
#include "base/core/text.h"
#include "broker/serve/request.h"
#include "broker/versions.h"

#define UUID_MAX 37

static int fail_conflict(struct sv_request *r, struct sv_err *err, const char *check,
                         const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static int fail_conflict(struct sv_request *r, struct sv_err *err, const char *check,
                         const char *fmt, ...)
{
        char text[512];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        r->error = "ResourceConflict";
        return sv_fail(err, SV_USAGE, check, "%s", text);
}

/* A disk's key among the versions; NULL when there is none. */
static const struct sv_version *find_disk(const struct sv_versions *v)
{
        for (size_t i = 0; i < v->n; i++)
                if (v->list[i].disk)
                        return &v->list[i];
        return NULL;
}

static int fail_volume(struct sv_request *r, const struct sv_version *disk, struct sv_err *err)
{
        return fail_conflict(r, err, "broker.resource.volume",
                             "%s is the key of disk volume %s, which nobody could open any more: "
                             "name that volume to give it up, or use another resource",
                             r->resource, disk->binding.uuid);
}

static bool is_disk_key(struct sv_bytes value)
{
        SV_SECRET *copy = sv_secret_copy(value, NULL);
        SV_SECRET *key = NULL;
        struct sv_binding binding;

        return copy && sv_binding_unpack(copy, &binding, &key, NULL) == 0;
}

static int check_put(struct sv_request *r, const struct sv_versions *v, struct sv_bytes value,
                     struct sv_err *err)
{
        const struct sv_version *disk = find_disk(v);
        char text[UUID_MAX];

        if (sv_request_is_first(r) && v->n)
                return fail_conflict(r, err, "broker.resource.exists",
                                     "the broker has a resource %s already", r->resource);
        if (!sv_request_query(r, "volume", text, sizeof(text)))
                return disk ? fail_volume(r, disk, err) : 0;
        if (!sv_versions_by_volume(v, text))
                return fail_conflict(r, err, "broker.resource.volume",
                                     "%s has no key of volume %s that could be given up",
                                     r->resource, text);
        if (!is_disk_key(value))
                return fail_conflict(r, err, "broker.resource.volume",
                                     "%s is the key of a disk: expected another disk's key",
                                     r->resource);
        return 0;
}

int sv_handle_put_resource(struct sv_request *r, struct sv_err *err)
{
        static const char *const names[] = {"new", "volume", "releases", "label", NULL};
        struct sv_bytes plain = sv_buf_bytes(&r->msg->body);
        SV_VERSIONS v = {0};

        if (!plain.n || plain.n > SV_SECRET_MAX)
                return sv_fail(err, SV_FORMAT, "broker.resource.size",
                               "a resource has 1 to %u bytes, found %zu", SV_SECRET_MAX, plain.n);
        if (sv_request_check_query(r, names, err) < 0 || sv_request_match_resource(r, err) < 0)
                return -1;
        if (sv_versions_read(r->broker, r->resource, &v, err) < 0)
                return -1;
        if (check_put(r, &v, plain, err) < 0 || sv_provision_check_put(r, &v, err) < 0)
                return -1;
        if (sv_version_add(r->broker, r->resource, &v, plain, r->now, err) < 0 ||
            sv_request_change_settings(r, err) < 0)
                return -1;
        sv_json_set_int(r->audit, "version", v.n ? v.list[0].number + 1 : 1);
        return 0;
}

/* What a DELETE is about; 0: nothing said. */
struct selection {
        char volume[UUID_MAX];
        uint64_t version, except;
};

/* What is there and cannot be taken never counts as not there: that would select more. */
static int read_selector(const struct sv_request *r, const char *name, char *out, size_t size,
                         struct sv_err *err)
{
        if (sv_request_query(r, name, out, size) && *out)
                return 0;
        *out = 0;
        return strstr(r->query, name) ? sv_fail(err, SV_FORMAT, "broker.query",
                                                "\"%s\" in the query is empty or too long", name)
                                      : 0;
}

static int read_version_number(const struct sv_request *r, const char *name, uint64_t *out,
                               struct sv_err *err)
{
        char number[24];

        if (read_selector(r, name, number, sizeof(number), err) < 0)
                return -1;
        if (!*number)
                return 0;
        if (sv_parse_u64(number, INT64_MAX, out, "broker.query", err) < 0)
                return -1;
        return *out ? 0
                    : sv_fail(err, SV_FORMAT, "broker.query",
                              "expected a number from 1 as \"%s\", found 0", name);
}

static int read_selection(const struct sv_request *r, struct selection *s, struct sv_err *err)
{
        static const char *const names[] = {"volume", "version", "except", NULL};

        if (sv_request_check_query(r, names, err) < 0 ||
            read_selector(r, "volume", s->volume, sizeof(s->volume), err) < 0 ||
            read_version_number(r, "version", &s->version, err) < 0)
                return -1;
        return read_version_number(r, "except", &s->except, err);
}

static bool is_selected(const struct selection *s, const struct sv_version *v)
{
        if (s->version && (uint64_t)v->number != s->version)
                return false;
        if (s->except && (uint64_t)v->number == s->except)
                return false;
        return !s->volume[0] || (v->disk && strcmp(v->binding.uuid, s->volume) == 0);
}

static bool has_version(const struct sv_versions *v, uint64_t number)
{
        for (size_t i = 0; i < v->n; i++)
                if ((uint64_t)v->list[i].number == number)
                        return true;
        return false;
}

/* One that no guest has made yet is what its settings say. */
static int remove_settings(struct sv_request *r, const struct selection *s, struct sv_err *err)
{
        static const struct sv_settings none = {.bytes = 0};
        const struct sv_store_ops *ops = r->broker->store->ops;
        struct sv_settings is;

        if (ops->reserve(r->broker->store, err) < 0 ||
            ops->get_settings(r->broker->store, r->resource, &is, err) < 0)
                return -1;
        if (!is.bytes || s->version || s->except || s->volume[0])
                return sv_fail(err, SV_USAGE, "broker.resource.none",
                               "there is no resource under this path");
        sv_json_set_int(r->audit, "versions", 0);
        return ops->put_settings(r->broker->store, r->resource, &none, err);
}

int sv_handle_delete_resource(struct sv_request *r, struct sv_err *err)
{
        struct sv_store *store = r->broker->store;
        struct selection s = {""};
        SV_VERSIONS v = {0};
        size_t n = 0;

        if (read_selection(r, &s, err) < 0 || sv_request_match_resource(r, err) < 0 ||
            sv_versions_read(r->broker, r->resource, &v, err) < 0)
                return -1;
        if (!v.n)
                return remove_settings(r, &s, err);
        for (size_t i = 0; i < v.n; i++)
                if (is_selected(&s, &v.list[i]) && v.list[i].disk && !s.volume[0])
                        return fail_volume(r, &v.list[i], err);
        if (s.except && !has_version(&v, s.except))
                return sv_fail(err, SV_USAGE, "broker.resource.none",
                               "there is no version %llu of this resource that could be kept",
                               (unsigned long long)s.except);
        for (size_t i = 0; i < v.n; i++) {
                if (!is_selected(&s, &v.list[i]))
                        continue;
                if (store->ops->delete_resource(store, r->resource, v.list[i].number, err) < 0)
                        return -1;
                n++;
        }
        if (!n)
                return sv_fail(err, SV_USAGE, "broker.resource.none",
                               "there is no such version of the resource under this path");
        sv_json_set_int(r->audit, "versions", (int64_t)n);
        if (s.volume[0])
                sv_json_set_str(r->audit, "volume", s.volume);
        return 0;
}

static int add_version(struct sv_request *r, struct sv_json *list, const struct sv_version *v,
                       struct sv_err *err)
{
        struct sv_json *row = sv_json_add(list, sv_json_object());
        struct sv_store *store = r->broker->store;
        struct sv_disk_floor floor;
        struct sv_lease lease;

        sv_json_set_int(row, "version", v->number);
        sv_json_set_int(row, "size", v->size);
        sv_json_set_str(row, "created", v->created);
        if (v->broken)
                sv_json_set_bool(row, "broken", true);
        if (!v->disk)
                return 0;
        sv_json_set_str(row, "volume", v->binding.uuid);
        sv_json_set_hex(row, "header",
                        sv_bytes(v->binding.header_digest, sizeof(v->binding.header_digest)));
        if (store->ops->get_disk(store, r->resource, v->binding.uuid, &floor, err) < 0 ||
            store->ops->get_lease(store, r->resource, v->binding.uuid, &lease, err) < 0)
                return -1;
        if (floor.generation)
                sv_json_set_int(row, "generation", floor.generation);
        if (floor.restored)
                sv_json_set_bool(row, "restored", true);
        if (lease.end > r->now) {
                sv_json_set_str(row, "instance", lease.instance);
                sv_json_set_int(row, "lease", lease.end - r->now);
        }
        return 0;
}

/* An empty list says that there is none. */
int sv_handle_show_resource(struct sv_request *r, struct sv_err *err)
{
        const struct sv_store_ops *ops = r->broker->store->ops;
        SV_JSON *j = sv_json_object();
        SV_VERSIONS v = {0};
        struct sv_settings settings;
        struct sv_json *list;
        char tag[24];

        if (sv_versions_read(r->broker, r->resource, &v, err) < 0 ||
            ops->get_settings(r->broker->store, r->resource, &settings, err) < 0)
                return -1;
        sv_json_set_str(j, "path", r->resource);
        sv_settings_note(&settings, j);
        list = sv_json_set(j, "versions", sv_json_array());
        for (size_t i = 0; i < v.n; i++)
                if (add_version(r, list, &v.list[i], err) < 0)
                        return -1;
        sv_json_print(j, &r->answer.body);
        if (sv_buf_ok(&r->answer.body, "the versions", err) < 0)
                return -1;
        snprintf(tag, sizeof(tag), "%lld", v.n ? (long long)v.list[0].number : 0);
        if (v.n && sv_request_add_tag(r, tag, err) < 0)
                return -1;
        return sv_http_add(&r->answer, "Content-Type", "application/json", err);
}
