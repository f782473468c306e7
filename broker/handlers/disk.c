/* SPDX-License-Identifier: Apache-2.0 */
/* How old a disk may be, and who has it. A guest reports the generation of its disk's file system,
 * first before it mounts it, and later when it has written; a disk that comes back with a lower one
 * is an older state of it. With each report the instance that makes it has the disk for a while
 * (lease); another one, on the disk or on a copy of it, gets none before that is over. The guest is
 * known by the disk's key: whoever can make a report has been given it.
 *
 *      POST /secure-vm/v0/disk/PATH       a report (luks/report.h)
 *      POST /secure-vm/v0/restore/PATH?generation=N[&volume=UUID]   an administrator's: a disk came
 *                                         back from a backup on purpose
 *      POST /secure-vm/v0/end-lease/PATH[?volume=UUID]              likewise: the guest that has
 *                                         the disk is gone
 */
#include "broker/serve/request.h"

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"
#include "broker/versions.h"
#include "luks/report.h"
#include "policy/policy.h"

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

static int find_lease(struct sv_request *r, struct sv_err *err)
{
        struct sv_store *store = r->broker->store;
        struct sv_err absent = SV_ERR_NULL;
        SV_BUF text = SV_BUF_NULL;
        SV_POLICY_DOC *policy = NULL;

        r->lease = SV_LEASE_S;
        if (store->ops->get_policy(store, r->resource, &text, &absent) < 0) {
                if (absent.class == SV_USAGE)
                        return 0;
                *err = absent;
                return -1;
        }
        if (sv_policy_parse(sv_buf_bytes(&text), &policy, err) < 0)
                return -1;
        r->lease = sv_policy_lease(policy);
        return 0;
}

/* The first lease is for the way from the mount to the system's own reports: a guest that makes
 * none is soon forgotten. One that ends writes until its disk is unmounted: its lease becomes
 * shorter, and not longer. Only a disk that is closed is the next one's at once. */
static int64_t choose_lease_end(const struct sv_request *r, enum sv_disk_state state,
                                const struct sv_lease *has)
{
        int64_t lease = r->lease;

        if (state == SV_DISK_CLOSED || !lease)
                return 0;
        if (state == SV_DISK_OPENS && lease > SV_LEASE_OPEN_S)
                lease = SV_LEASE_OPEN_S;
        if (state != SV_DISK_ENDS)
                return r->now + lease;
        return has->end < r->now + SV_LEASE_END_S ? has->end : r->now + SV_LEASE_END_S;
}

/* Which instance makes it is not known: it may be any but the one that has a lease, as agents that
 * make such reports get none. So it changes nothing of who has the disk. */
static int check_unnamed(const struct sv_request *r, const struct sv_lease *has, struct sv_err *err)
{
        if (!r->lease || has->end <= r->now)
                return 0;
        return sv_fail(err, SV_PROOF, "disk.in-use",
                       "an instance of the disk (%.8s) has it for %lld s more, and this report is "
                       "of an older agent that names none: end that guest, or wait (when it is "
                       "gone: \"key end-lease\")",
                       has->instance, (long long)(has->end - r->now));
}

static int claim_lease(struct sv_request *r, const char *volume,
                       const struct sv_disk_report *report, struct sv_err *err)
{
        struct sv_store *store = r->broker->store;
        bool opens = report->state == SV_DISK_OPENS;
        struct sv_lease wants = {.time = r->now}, before;

        if (store->ops->get_lease(store, r->resource, volume, &before, err) < 0)
                return -1;
        if (report->unnamed)
                return check_unnamed(r, &before, err);
        if (r->lease)
                sv_hex(sv_bytes(report->instance, sizeof(report->instance)), wants.instance);
        wants.end = choose_lease_end(r, report->state, &before);
        if (store->ops->take_lease(store, r->resource, volume, &wants, opens, &before, err) < 0)
                return -1;
        if (before.end && strcmp(before.instance, wants.instance))
                sv_json_set_str(r->audit, "taken_from", before.instance);
        return 0;
}

/* Before the disk is opened, which writes to it where it has a journal, nobody knows its
 * generation: only who has it is asked. Otherwise an older disk is no reason to wait for anybody.
 */
static int claim_disk(struct sv_request *r, const char *volume, const struct sv_disk_report *report,
                      struct sv_err *err)
{
        struct sv_store *store = r->broker->store;
        bool opens = report->unnamed || report->state == SV_DISK_OPENS;
        struct sv_disk_floor floor;

        if (find_lease(r, err) < 0)
                return -1;
        if (!report->generation)
                return claim_lease(r, volume, report, err);
        if (store->ops->get_disk(store, r->resource, volume, &floor, err) < 0)
                return -1;
        if ((!opens || (int64_t)report->generation >= floor.generation) &&
            claim_lease(r, volume, report, err) < 0)
                return -1;
        return store->ops->raise_disk(store, r->resource, volume, (int64_t)report->generation,
                                      r->now, err);
}

static void record_report(struct sv_request *r, const char *volume,
                          const struct sv_disk_report *report)
{
        sv_json_set_str(r->audit, "volume", volume);
        if (report->generation)
                sv_json_set_int(r->audit, "generation", (int64_t)report->generation);
        if (report->unnamed)
                return;
        sv_json_set_hex(r->audit, "instance", sv_bytes(report->instance, sizeof(report->instance)));
        sv_json_set_str(r->audit, "state", sv_disk_state_name(report->state));
}

int sv_handle_disk(struct sv_request *r, struct sv_err *err)
{
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
        record_report(r, found->binding.uuid, &report);
        if (claim_disk(r, found->binding.uuid, &report, err) < 0)
                return -1;
        r->outcome = "confirmed";
        return 0;
}

/* The volume that is named, or the one of the newest key. */
static const char *choose_volume(struct sv_request *r, const struct sv_versions *v, char uuid[37],
                                 const char *check, struct sv_err *err)
{
        if (sv_request_query(r, "volume", uuid, 37))
                return uuid;
        for (size_t i = 0; i < v->n; i++)
                if (v->list[i].disk)
                        return v->list[i].binding.uuid;
        sv_fail(err, SV_USAGE, check, "%s is not the key of a disk", r->resource);
        return NULL;
}

int sv_handle_end_lease(struct sv_request *r, struct sv_err *err)
{
        static const char *const names[] = {"volume", NULL};
        struct sv_store *store = r->broker->store;
        struct sv_lease has;
        const char *volume;
        char uuid[37];
        SV_VERSIONS v = {0};

        if (sv_request_check_query(r, names, err) < 0 ||
            sv_versions_read(r->broker, r->resource, &v, err) < 0)
                return -1;
        volume = choose_volume(r, &v, uuid, "disk.lease", err);
        if (!volume || store->ops->get_lease(store, r->resource, volume, &has, err) < 0)
                return -1;
        sv_json_set_str(r->audit, "volume", volume);
        sv_json_set_str(r->audit, "instance", has.instance);
        return store->ops->end_lease(store, r->resource, volume, r->now, err);
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
        volume = choose_volume(r, &v, uuid, "disk.restore", err);
        if (!volume || store->ops->get_disk(store, r->resource, volume, &before, err) < 0)
                return -1;
        sv_json_set_str(r->audit, "volume", volume);
        sv_json_set_int(r->audit, "generation", (int64_t)generation);
        sv_json_set_int(r->audit, "before", before.generation);
        if (store->ops->restore_disk(store, r->resource, volume, (int64_t)generation, r->now, err) <
            0)
                return -1;
        store->ops->end_lease(store, r->resource, volume, r->now, NULL); /* nobody may have it */
        return 0;
}

static void add_grounds(struct sv_request *r, const char *note)
{
        const char *grounds = sv_json_str(sv_json_get(r->audit, "grounds"));
        SV_STR text = sv_asprintf("%s; %s", note, grounds ? grounds : "");

        sv_json_set_str(r->audit, "grounds", text);
}

/* Whoever reads why a key was released reads what an administrator lets pass. */
int sv_disk_note_state(struct sv_request *r, const char *volume, struct sv_err *err)
{
        struct sv_disk_floor floor;
        SV_STR text = NULL;

        if (r->broker->store->ops->get_disk(r->broker->store, r->resource, volume, &floor, err) < 0)
                return -1;
        if (!r->lease)
                add_grounds(r, "disk.shared: the policy lets several guests have copies of the "
                               "disk at a time");
        if (!floor.restored)
                return 0;
        text = sv_asprintf("disk.restored: an administrator accepts generation %lld",
                           (long long)floor.generation);
        add_grounds(r, text);
        return 0;
}
