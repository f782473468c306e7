/* SPDX-License-Identifier: Apache-2.0 */
/* Reports of disks to a broker in this process, by guests that have their keys. */
#pragma once

#include "tests/unit/broker_inside.h"

#include "base/core/encoding.h"
#include "luks/binding.h"
#include "luks/report.h"

#define REPORT  "/secure-vm/v0/disk/" PATH
#define RESTORE "/secure-vm/v0/restore/" PATH
#define END     "/secure-vm/v0/end-lease/" PATH
#define UUID    "00000000-0000-4000-8000-00000000000a"
#define OTHER   "00000000-0000-4000-8000-00000000000b"

static struct sv_err err;
static struct sv_secret *disk_key;
static const struct sv_binding one = {.uuid = UUID, .header_digest = "the first header"};
static const struct sv_binding rekeyed = {.uuid = UUID, .header_digest = "the rekeyed header"};
static const struct sv_binding other = {.uuid = OTHER, .header_digest = "another disk's"};

static inline void puts_key(const struct sv_binding *binding, const char *query)
{
        SV_SECRET *resource = sv_binding_pack(binding, disk_key, &err);
        SV_STR target = sv_asprintf("/kbs/v0/resource/" PATH "%s", query);

        assert_int_equal(administer("POST", target,
                                    sv_bytes(sv_secret_reveal(resource), sv_secret_size(resource))),
                         204);
}

static inline int set_up(void **state)
{
        if (group_setup(state) < 0)
                return -1;
        disk_key = sv_secret_random(SV_DISK_KEY_SIZE, &err);
        return disk_key ? 0 : -1;
}

static inline int tear_down(void **state)
{
        sv_secret_free(disk_key);
        return group_teardown(state);
}

static inline int new_disk(void **state)
{
        administer("DELETE", "/kbs/v0/resource/" PATH "?volume=" UUID, SV_BYTES_NULL);
        administer("DELETE", "/kbs/v0/resource/" PATH "?volume=" OTHER, SV_BYTES_NULL);
        puts_key(&one, "?new");
        return 0;
}

static inline void write_claim(const struct sv_binding *binding, char instance,
                               enum sv_disk_state state, uint64_t generation, struct sv_secret *key,
                               struct sv_buf *out)
{
        SV_SECRET *report_key = sv_disk_report_key(key, &err);
        struct sv_disk_report report = {.generation = generation, .state = state};

        memcpy(report.header, binding->header_digest, sizeof(report.header));
        memset(report.instance, instance, sizeof(report.instance));
        OK(sv_disk_report_write(report_key, PATH, &report, out, &err));
}

static inline void write_report(const struct sv_binding *binding, uint64_t generation,
                                struct sv_secret *key, struct sv_buf *out)
{
        write_claim(binding, 'a', SV_DISK_RUNS, generation, key, out);
}

static inline int claim_at(char instance, enum sv_disk_state state, uint64_t generation,
                           int64_t later)
{
        SV_BUF body = SV_BUF_NULL;
        SV_HTTP answer = {0};

        write_claim(&one, instance, state, generation, disk_key, &body);
        return ask(&(struct ask){"POST", REPORT, NULL, NULL, sv_buf_bytes(&body), later}, &answer);
}

/* Of the first disk, so many seconds from now. */
static inline void claims(const char *check, char instance, enum sv_disk_state state, int64_t later)
{
        int status = claim_at(instance, state, 15, later);

        assert_string_equal(seen_check, check);
        assert_int_equal(status, *check ? 401 : 204);
}

/* The same of a disk whose generation is not known. */
static inline void claims_closed(int status, const char *check, char instance,
                                 enum sv_disk_state state, int64_t later)
{
        int found = claim_at(instance, state, 0, later);

        assert_string_equal(seen_check, check);
        assert_int_equal(found, status);
}

static inline void reports(int status, const char *check, const struct sv_binding *binding,
                           uint64_t generation)
{
        SV_BUF body = SV_BUF_NULL;
        SV_HTTP answer = {0};
        int found;

        write_report(binding, generation, disk_key, &body);
        found = ask(&(struct ask){"POST", REPORT, NULL, NULL, sv_buf_bytes(&body), 0}, &answer);
        assert_string_equal(seen_check, check);
        assert_int_equal(found, status);
        if (status >= 400 && !strcmp(check, "disk.rollback"))
                assert_non_null(memmem(answer.body.p, answer.body.n, "generation", 10));
}

static inline void restores(int status, const char *check, const char *query)
{
        SV_STR target = sv_asprintf("%s%s", RESTORE, query);
        int found = administer("POST", target, SV_BYTES_NULL);

        assert_string_equal(seen_check, check);
        assert_int_equal(found, status);
}

static inline struct sv_json *last_record(void)
{
        SV_JSON *list = sv_json_array();

        OK(b.store->ops->list_audit(b.store, 0, 100000, list, &err));
        return sv_json_ref(sv_json_at(list, sv_json_len(list) - 1));
}

static inline bool was_taken_from(char instance)
{
        SV_JSON *record = last_record();
        const char *from = sv_json_str(sv_json_get(record, "taken_from"));
        char hex[3];

        snprintf(hex, sizeof(hex), "%02x", (unsigned char)instance);
        return from && strlen(from) == 2 * SV_INSTANCE_SIZE && !strncmp(from, hex, 2);
}

static inline void ends_lease(int status, const char *check, const char *query)
{
        SV_STR target = sv_asprintf("%s%s", END, query);
        int found = administer("POST", target, SV_BYTES_NULL);

        assert_string_equal(seen_check, check);
        assert_int_equal(found, status);
}

static inline void put_lease(int64_t lease, int status)
{
        SV_BUF text = SV_BUF_NULL, changed = SV_BUF_NULL;
        SV_JSON *j = NULL;

        write_policy("sev-snp", PATH, &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &j, &err));
        sv_json_set_int(j, "lease", lease);
        sv_json_print(j, &changed);
        assert_int_equal(administer("PUT", "/secure-vm/v0/policy/" PATH, sv_buf_bytes(&changed)),
                         status);
}
