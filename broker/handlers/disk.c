/* SPDX-License-Identifier: Apache-2.0 */
/* How old a disk may be. A guest reports the generation of its disk's file system, first before it
 * mounts it, and later when it has written; a disk that comes back with a lower one is an older
 * state of it. The guest is known by the disk's key: whoever can make a report has been given it.
 *
 *      POST /secure-vm/v0/disk/PATH       a report (luks/report.h)
 *      POST /secure-vm/v0/restore/PATH?generation=N[&volume=UUID]   an administrator's: a disk came
 *                                         back from a backup on purpose
 */
#include "broker/serve/request.h"

#include "base/core/file.h"
#include "base/core/text.h"
#include "broker/versions.h"
#include "luks/report.h"

static int fail_report(struct sv_err *err)
{
        return sv_fail(err, SV_PROOF, "disk.report",
                       "the report is not of a guest that has the key of this disk");
}

static int check_mac(struct sv_request *r, const struct sv_version *v,
                     const struct sv_disk_report *report, const uint8_t mac[SV_REPORT_MAC_SIZE],
                     struct sv_err *err)
{
        SV_SECRET *value = sv_version_open(r->broker, r->resource, v->number, err);
        SV_SECRET *disk_key = NULL;
        SV_SECRET *key = NULL;
        struct sv_binding binding;
        uint8_t expected[SV_REPORT_MAC_SIZE];

        if (!value || sv_binding_unpack(value, &binding, &disk_key, err) < 0)
                return -1;
        key = sv_disk_report_key(disk_key, err);
        if (!key || sv_disk_report_mac(key, r->resource, report, expected, err) < 0)
                return -1;
        if (!sv_bytes_eq(sv_bytes(mac, SV_REPORT_MAC_SIZE), sv_bytes(expected, sizeof(expected))))
                return fail_report(err);
        return 0;
}

int sv_handle_disk(struct sv_request *r, struct sv_err *err)
{
        struct sv_store *store = r->broker->store;
        const struct sv_version *found;
        struct sv_disk_report report;
        uint8_t mac[SV_REPORT_MAC_SIZE];
        SV_VERSIONS v = {0};

        if (sv_disk_report_parse(sv_buf_bytes(&r->msg->body), &report, mac, err) < 0 ||
            sv_versions_read(r->broker, r->resource, &v, err) < 0)
                return -1;
        found = sv_versions_by_header(&v, report.header);
        if (!found)
                return fail_report(err);
        if (check_mac(r, found, &report, mac, err) < 0)
                return -1;
        r->known = true;
        sv_json_set_str(r->audit, "volume", found->binding.uuid);
        sv_json_set_int(r->audit, "generation", (int64_t)report.generation);
        if (store->ops->raise_disk(store, r->resource, found->binding.uuid,
                                   (int64_t)report.generation, r->now, err) < 0)
                return -1;
        r->outcome = "confirmed";
        return 0;
}

/* The volume that is named, or the one of the newest key. */
static const char *choose_volume(struct sv_request *r, const struct sv_versions *v, char uuid[37],
                                 struct sv_err *err)
{
        if (sv_request_query(r, "volume", uuid, 37))
                return uuid;
        for (size_t i = 0; i < v->n; i++)
                if (v->list[i].disk)
                        return v->list[i].binding.uuid;
        sv_fail(err, SV_USAGE, "disk.restore", "%s is not the key of a disk", r->resource);
        return NULL;
}

int sv_handle_restore(struct sv_request *r, struct sv_err *err)
{
        static const char *const names[] = {"generation", "volume", NULL};
        struct sv_store *store = r->broker->store;
        char text[24] = "", uuid[37];
        struct sv_disk_floor before;
        const char *volume;
        uint64_t generation = 0;
        SV_VERSIONS v = {0};

        if (sv_request_check_query(r, names, err) < 0)
                return -1;
        if (!sv_request_query(r, "generation", text, sizeof(text)) ||
            sv_parse_u64(text, INT64_MAX, &generation, "", NULL) < 0 || !generation)
                return sv_fail(err, SV_FORMAT, "broker.query",
                               "expected generation=N, a number from 1, found '%.20s'", text);
        if (sv_versions_read(r->broker, r->resource, &v, err) < 0)
                return -1;
        volume = choose_volume(r, &v, uuid, err);
        if (!volume || store->ops->get_disk(store, r->resource, volume, &before, err) < 0)
                return -1;
        sv_json_set_str(r->audit, "volume", volume);
        sv_json_set_int(r->audit, "generation", (int64_t)generation);
        sv_json_set_int(r->audit, "before", before.generation);
        return store->ops->restore_disk(store, r->resource, volume, (int64_t)generation, r->now,
                                        err);
}

/* Whoever reads why a key was released reads that an administrator let an older state pass. */
int sv_disk_note_restore(struct sv_request *r, const char *volume, struct sv_err *err)
{
        const char *grounds = sv_json_str(sv_json_get(r->audit, "grounds"));
        struct sv_disk_floor floor;
        SV_STR text = NULL;

        if (r->broker->store->ops->get_disk(r->broker->store, r->resource, volume, &floor, err) < 0)
                return -1;
        if (!floor.restored)
                return 0;
        text = sv_asprintf("disk.restored: an administrator accepts generation %lld; %s",
                           (long long)floor.generation, grounds ? grounds : "");
        sv_json_set_str(r->audit, "grounds", text);
        return 0;
}
