/* SPDX-License-Identifier: Apache-2.0 */
/* How old a disk may be, and who has it: reports of guests that have its key, the floor that only
 * an administrator lowers, the lease of one instance at a time, and what is to be read of it. */
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

static void puts_key(const struct sv_binding *binding, const char *query)
{
        SV_SECRET *resource = sv_binding_pack(binding, disk_key, &err);
        SV_STR target = sv_asprintf("/kbs/v0/resource/" PATH "%s", query);

        assert_int_equal(administer("POST", target,
                                    sv_bytes(sv_secret_reveal(resource), sv_secret_size(resource))),
                         204);
}

static int set_up(void **state)
{
        if (group_setup(state) < 0)
                return -1;
        disk_key = sv_secret_random(SV_DISK_KEY_SIZE, &err);
        return disk_key ? 0 : -1;
}

static int tear_down(void **state)
{
        sv_secret_free(disk_key);
        return group_teardown(state);
}

static int new_disk(void **state)
{
        administer("DELETE", "/kbs/v0/resource/" PATH "?volume=" UUID, SV_BYTES_NULL);
        administer("DELETE", "/kbs/v0/resource/" PATH "?volume=" OTHER, SV_BYTES_NULL);
        puts_key(&one, "?new");
        return 0;
}

static void write_claim(const struct sv_binding *binding, char instance, enum sv_disk_state state,
                        uint64_t generation, struct sv_secret *key, struct sv_buf *out)
{
        SV_SECRET *report_key = sv_disk_report_key(key, &err);
        struct sv_disk_report report = {.generation = generation, .state = state};

        memcpy(report.header, binding->header_digest, sizeof(report.header));
        memset(report.instance, instance, sizeof(report.instance));
        OK(sv_disk_report_write(report_key, PATH, &report, out, &err));
}

static void write_report(const struct sv_binding *binding, uint64_t generation,
                         struct sv_secret *key, struct sv_buf *out)
{
        write_claim(binding, 'a', SV_DISK_RUNS, generation, key, out);
}

static int claim_at(char instance, enum sv_disk_state state, uint64_t generation, int64_t later)
{
        SV_BUF body = SV_BUF_NULL;
        SV_HTTP answer = {0};

        write_claim(&one, instance, state, generation, disk_key, &body);
        return ask(&(struct ask){"POST", REPORT, NULL, NULL, sv_buf_bytes(&body), later}, &answer);
}

/* Of the first disk, so many seconds from now. */
static void claims(const char *check, char instance, enum sv_disk_state state, int64_t later)
{
        int status = claim_at(instance, state, 15, later);

        assert_string_equal(seen_check, check);
        assert_int_equal(status, *check ? 401 : 204);
}

/* The same of a disk whose generation is not known. */
static void claims_closed(int status, const char *check, char instance, enum sv_disk_state state,
                          int64_t later)
{
        int found = claim_at(instance, state, 0, later);

        assert_string_equal(seen_check, check);
        assert_int_equal(found, status);
}

static void reports(int status, const char *check, const struct sv_binding *binding,
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

static void restores(int status, const char *check, const char *query)
{
        SV_STR target = sv_asprintf("%s%s", RESTORE, query);
        int found = administer("POST", target, SV_BYTES_NULL);

        assert_string_equal(seen_check, check);
        assert_int_equal(found, status);
}

static void only_grows(void **state)
{
        reports(204, "", &one, 11);
        reports(204, "", &one, 11);
        reports(204, "", &one, 15);
        reports(401, "disk.rollback", &one, 11);
        reports(401, "disk.rollback", &one, 14);
        reports(204, "", &one, 15);
        reports(204, "", &one, INT64_MAX);
        reports(401, "disk.rollback", &one, 15);
}

static void both_numbers(void **state)
{
        SV_BUF body = SV_BUF_NULL;
        SV_HTTP answer = {0};

        reports(204, "", &one, 15);
        write_report(&one, 11, disk_key, &body);
        ask(&(struct ask){"POST", REPORT, NULL, NULL, sv_buf_bytes(&body), 0}, &answer);
        assert_non_null(memmem(answer.body.p, answer.body.n, "at generation 11", 16));
        assert_non_null(memmem(answer.body.p, answer.body.n, "been at 15", 10));
}

/* The floor is the volume's: another key for the disk does not make it younger. */
static void outlives_a_rekey(void **state)
{
        reports(204, "", &one, 15);
        puts_key(&rekeyed, "?volume=" UUID);
        reports(401, "disk.rollback", &rekeyed, 14);
        reports(204, "", &rekeyed, 16);
        reports(401, "disk.rollback", &one, 15);
        /* another disk has its own */
        puts_key(&other, "?volume=" UUID);
        reports(204, "", &other, 3);
        reports(204, "", &one, 16);
}

static void gone_with_its_keys(void **state)
{
        reports(204, "", &one, 15);
        new_disk(state);
        reports(204, "", &one, 3);
}

static void forged(void **state)
{
        SV_SECRET *stranger = sv_secret_random(SV_DISK_KEY_SIZE, &err);
        SV_BUF body = SV_BUF_NULL;
        static const char elsewhere[] = "/secure-vm/v0/disk/default/other/root";

        write_report(&one, 20, stranger, &body);
        refuses(&(struct ask){"POST", REPORT, NULL, NULL, sv_buf_bytes(&body), 0}, 401,
                "disk.report");
        reports(401, "disk.report", &other, 20);
        sv_buf_clear(&body);
        write_report(&one, 20, disk_key, &body);
        refuses(&(struct ask){"POST", elsewhere, NULL, NULL, sv_buf_bytes(&body), 0}, 401,
                "disk.report");
        /* another number under the same MAC */
        uint8_t *p = memmem(body.p, body.n, "\"generation\":20", 15);

        assert_non_null(p);
        p[14] = '1';
        refuses(&(struct ask){"POST", REPORT, NULL, NULL, sv_buf_bytes(&body), 0}, 401,
                "disk.report");
        reports(204, "", &one, 1); /* none of them counted */
}

static void malformed(void **state)
{
        static const struct {
                const char *body, *check;
        } cases[] = {
                {"x", "disk.report.json"},
                {"{}", "disk.report.member"},
                {"{\"header\":\"00\",\"generation\":1,\"mac\":\"00\"}", "disk.report.member"},
                {"{\"header\":\"00\",\"generation\":0,\"mac\":\"00\"}", "disk.report.member"},
                {"{\"header\":\"00\",\"generation\":-1,\"mac\":\"00\"}", "disk.report.member"},
                {"{\"header\":\"00\",\"state\":\"runs\",\"generation\":1,\"mac\":\"00\"}",
                 "disk.report.member"},
                {"{\"header\":\"00\",\"generation\":1,\"mac\":\"00\",\"more\":1}",
                 "disk.report.unknown"},
        };
        SV_BUF body = SV_BUF_NULL;
        uint8_t *p;

        write_report(&one, 1, disk_key, &body);
        p = memmem(body.p, body.n, "runs", 4);
        assert_non_null(p);
        memcpy(p, "uses", 4);
        refuses(&(struct ask){"POST", REPORT, NULL, NULL, sv_buf_bytes(&body), 0}, 400,
                "disk.report.member");
        /* another state under the same MAC */
        memcpy(p, "ends", 4);
        refuses(&(struct ask){"POST", REPORT, NULL, NULL, sv_buf_bytes(&body), 0}, 401,
                "disk.report");

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                refuses(&(struct ask){"POST", REPORT, NULL, NULL, sv_bytes_str(cases[i].body), 0},
                        400, cases[i].check);
}

static struct sv_json *last_record(void)
{
        SV_JSON *list = sv_json_array();

        OK(b.store->ops->list_audit(b.store, 0, 100000, list, &err));
        return sv_json_ref(sv_json_at(list, sv_json_len(list) - 1));
}

static bool was_taken_from(char instance)
{
        SV_JSON *record = last_record();
        const char *from = sv_json_str(sv_json_get(record, "taken_from"));
        char hex[3];

        snprintf(hex, sizeof(hex), "%02x", (unsigned char)instance);
        return from && strlen(from) == 2 * SV_INSTANCE_SIZE && !strncmp(from, hex, 2);
}

static void ends_lease(int status, const char *check, const char *query)
{
        SV_STR target = sv_asprintf("%s%s", END, query);
        int found = administer("POST", target, SV_BYTES_NULL);

        assert_string_equal(seen_check, check);
        assert_int_equal(found, status);
}

static void put_lease(int64_t lease, int status)
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

/* The second gets the disk when the first one's lease is over, and the first never gets it back. */
static void one_instance(void **state)
{
        SV_JSON *refused = NULL;

        claims("", 'a', SV_DISK_OPENS, 0);
        claims("", 'a', SV_DISK_OPENS, 1); /* its answer was lost */
        claims("disk.in-use", 'b', SV_DISK_OPENS, 2);
        refused = last_record();
        assert_string_equal(sv_json_str(sv_json_get(refused, "state")), "opens");
        assert_non_null(strstr(sv_json_str(sv_json_get(refused, "message")), "61616161"));
        claims("", 'a', SV_DISK_RUNS, 170);
        claims("disk.in-use", 'b', SV_DISK_OPENS, 170 + SV_LEASE_S - 3);
        claims("", 'a', SV_DISK_RUNS, 170 + SV_LEASE_S + 3); /* late, but nobody took it */
        claims("", 'b', SV_DISK_OPENS, 170 + 2 * SV_LEASE_S + 6);
        assert_true(was_taken_from('a'));
        claims("disk.superseded", 'a', SV_DISK_RUNS, 170 + 2 * SV_LEASE_S + 7);
        claims("disk.superseded", 'a', SV_DISK_ENDS, 170 + 2 * SV_LEASE_S + 7);
        claims("disk.in-use", 'c', SV_DISK_OPENS, 170 + 2 * SV_LEASE_S + 8);
        claims("disk.superseded", 'a', SV_DISK_RUNS, 10 * SV_LEASE_S);
        claims("", 'b', SV_DISK_RUNS, 10 * SV_LEASE_S);
}

/* A guest that makes no reports of its own keeps the next one off for a short time only. */
static void first_lease(void **state)
{
        claims("", 'a', SV_DISK_OPENS, 0);
        claims("disk.in-use", 'b', SV_DISK_OPENS, SV_LEASE_OPEN_S - 3);
        claims("", 'b', SV_DISK_OPENS, SV_LEASE_OPEN_S + 3);
}

/* A guest that ends still writes: the next one gets the disk when it had the time to unmount it. */
static void given_back(void **state)
{
        claims("", 'a', SV_DISK_OPENS, 0);
        claims("", 'a', SV_DISK_ENDS, 1);
        claims("", 'a', SV_DISK_RUNS, 2); /* it did not end */
        claims("disk.in-use", 'b', SV_DISK_OPENS, 2 + SV_LEASE_END_S + 3);
        claims("", 'a', SV_DISK_ENDS, 130);
        claims("disk.in-use", 'b', SV_DISK_OPENS, 131);
        claims("disk.in-use", 'b', SV_DISK_OPENS, 130 + SV_LEASE_END_S - 3);
        claims("", 'b', SV_DISK_OPENS, 130 + SV_LEASE_END_S + 3);
        claims("disk.superseded", 'a', SV_DISK_RUNS, 130 + SV_LEASE_END_S + 4);
}

/* Who ends gets no more time than it had, and none at all once an administrator said that it is
 * gone. */
static void end_is_no_renewal(void **state)
{
        claims("", 'a', SV_DISK_OPENS, 0);
        claims("", 'a', SV_DISK_ENDS, SV_LEASE_OPEN_S - 20);
        claims("disk.in-use", 'b', SV_DISK_OPENS, SV_LEASE_OPEN_S - 3);
        claims("", 'a', SV_DISK_ENDS, SV_LEASE_OPEN_S + 3);
        claims("", 'b', SV_DISK_OPENS, SV_LEASE_OPEN_S + 3);
        ends_lease(204, "", "");
        claims("", 'b', SV_DISK_ENDS, SV_LEASE_OPEN_S + 4);
        claims("", 'c', SV_DISK_OPENS, SV_LEASE_OPEN_S + 4);
}

/* Before the disk is opened it is had already, whatever its generation is; and it can be given back
 * by who was refused for that. The floor stays. */
static void before_it_is_open(void **state)
{
        SV_JSON *record = NULL;

        claims_closed(204, "", 'a', SV_DISK_OPENS, 0);
        record = last_record();
        assert_null(sv_json_get(record, "generation"));
        claims_closed(401, "disk.in-use", 'b', SV_DISK_OPENS, 1);
        claims("disk.in-use", 'b', SV_DISK_OPENS, 1);
        claims("", 'a', SV_DISK_OPENS, 2);
        claims_closed(401, "disk.in-use", 'b', SV_DISK_OPENS, SV_LEASE_OPEN_S);
        claims("", 'a', SV_DISK_CLOSED, SV_LEASE_OPEN_S);
        claims_closed(204, "", 'b', SV_DISK_OPENS, SV_LEASE_OPEN_S + 1);
        assert_int_equal(claim_at('b', SV_DISK_OPENS, 14, SV_LEASE_OPEN_S + 2), 401);
        assert_string_equal(seen_check, "disk.rollback");
        claims_closed(401, "disk.superseded", 'a', SV_DISK_CLOSED, SV_LEASE_OPEN_S + 3);
        claims_closed(204, "", 'b', SV_DISK_CLOSED, SV_LEASE_OPEN_S + 3);
        claims("", 'c', SV_DISK_OPENS, SV_LEASE_OPEN_S + 4);
        claims_closed(400, "disk.report.member", 'c', SV_DISK_RUNS, SV_LEASE_OPEN_S + 5);
        claims_closed(400, "disk.report.member", 'c', SV_DISK_ENDS, SV_LEASE_OPEN_S + 5);
}

/* A disk that became no root is closed: the next guest gets it at once. */
static void closed(void **state)
{
        claims("", 'a', SV_DISK_OPENS, 0);
        claims("disk.in-use", 'b', SV_DISK_OPENS, 1);
        claims("disk.superseded", 'b', SV_DISK_CLOSED, 1); /* it is not b's to give back */
        claims("disk.in-use", 'b', SV_DISK_OPENS, 1);
        claims("", 'a', SV_DISK_CLOSED, 2);
        claims("", 'b', SV_DISK_OPENS, 2);
        assert_false(was_taken_from('a'));
}

/* As an agent of before leases writes it, byte by byte (docs/FORMATS.md). */
static void write_unnamed(uint64_t generation, struct sv_buf *out)
{
        SV_SECRET *key = sv_disk_report_key(disk_key, &err);
        char header[2 * sizeof(one.header_digest) + 1], mac[2 * SV_REPORT_MAC_SIZE + 1];
        uint8_t digest[SV_DIGEST_MAX];
        SV_BUF in = SV_BUF_NULL;

        sv_buf_puts(&in, "secure-vm disk report v1");
        sv_buf_u16le(&in, strlen(PATH));
        sv_buf_puts(&in, PATH);
        sv_buf_put(&in, sv_bytes(one.header_digest, sizeof(one.header_digest)));
        sv_buf_u64le(&in, generation);
        OK(sv_hmac(SV_SHA256, sv_bytes(sv_secret_reveal(key), SV_REPORT_KEY_SIZE),
                   sv_buf_bytes(&in), digest, &err));
        sv_hex(sv_bytes(one.header_digest, sizeof(one.header_digest)), header);
        sv_hex(sv_bytes(digest, SV_REPORT_MAC_SIZE), mac);
        sv_buf_printf(out, "{\"header\":\"%s\",\"generation\":%llu,\"mac\":\"%s\"}", header,
                      (unsigned long long)generation, mac);
}

static void claims_unnamed(const char *check, uint64_t generation, int64_t later)
{
        SV_BUF body = SV_BUF_NULL;
        SV_HTTP answer = {0};

        write_unnamed(generation, &body);
        ask(&(struct ask){"POST", REPORT, NULL, NULL, sv_buf_bytes(&body), later}, &answer);
        assert_string_equal(seen_check, check);
        assert_int_equal(answer.status, *check ? 401 : 204);
}

/* The floor holds for an older agent too; of who has the disk its report changes nothing, and it is
 * refused while somebody has a lease. */
static void older_agent(void **state)
{
        SV_JSON *record = NULL, *refused = NULL;

        claims_unnamed("", 14, 0);
        record = last_record();
        assert_string_equal(sv_json_str(sv_json_get(record, "outcome")), "confirmed");
        assert_string_equal(sv_json_str(sv_json_get(record, "volume")), UUID);
        assert_int_equal(sv_json_int(sv_json_get(record, "generation"), 0), 14);
        assert_true(!sv_json_get(record, "instance") && !sv_json_get(record, "state"));
        claims_unnamed("disk.rollback", 13, 0);
        ends_lease(404, "disk.lease", ""); /* it took none */
        claims("", 'a', SV_DISK_OPENS, 0);
        claims_unnamed("disk.rollback", 14, 1); /* no reason to wait */
        claims_unnamed("disk.in-use", 16, SV_LEASE_OPEN_S - 3);
        refused = last_record();
        assert_non_null(strstr(sv_json_str(sv_json_get(refused, "message")), "61616161"));
        claims("", 'a', SV_DISK_RUNS, SV_LEASE_OPEN_S - 2); /* at 15: that one was not counted */
        claims("", 'b', SV_DISK_OPENS, 2 * SV_LEASE_S);
        claims_unnamed("", 15, 4 * SV_LEASE_S);
        claims("disk.superseded", 'a', SV_DISK_RUNS, 4 * SV_LEASE_S); /* it is not heard again */
        claims("", 'b', SV_DISK_RUNS, 4 * SV_LEASE_S);
        claims("", 'b', SV_DISK_ENDS, 4 * SV_LEASE_S + 1);
        claims_unnamed("disk.in-use", 15, 4 * SV_LEASE_S + SV_LEASE_END_S - 3);
        claims_unnamed("", 15, 4 * SV_LEASE_S + SV_LEASE_END_S + 4);
        claims("", 'b', SV_DISK_RUNS, 4 * SV_LEASE_S + SV_LEASE_END_S + 5);
        put_lease(0, 204); /* several at a time, on purpose */
        claims_unnamed("", 15, 4 * SV_LEASE_S + SV_LEASE_END_S + 6);
        administer("DELETE", "/secure-vm/v0/policy/" PATH, SV_BYTES_NULL);
}

/* Neither form passes for the other under its MAC. */
static void forms_are_apart(void **state)
{
        static const char half[] = ",\"state\":\"runs\"}";
        static const char other_half[] = ",\"instance\":\"61616161616161616161616161616161\"}";
        SV_BUF body = SV_BUF_NULL, cut = SV_BUF_NULL;
        SV_JSON *j = NULL;

        write_unnamed(15, &body);
        body.n--;
        sv_buf_puts(&body, half);
        refuses(&(struct ask){"POST", REPORT, NULL, NULL, sv_buf_bytes(&body), 0}, 400,
                "disk.report.member");
        body.n--;
        sv_buf_puts(&body, other_half);
        refuses(&(struct ask){"POST", REPORT, NULL, NULL, sv_buf_bytes(&body), 0}, 401,
                "disk.report");
        sv_buf_clear(&body);
        write_report(&one, 15, disk_key, &body);
        OK(sv_json_parse(sv_buf_bytes(&body), "test", &j, &err));
        sv_buf_printf(&cut, "{\"header\":\"%s\",\"generation\":15,\"mac\":\"%s\"}",
                      sv_json_str(sv_json_get(j, "header")), sv_json_str(sv_json_get(j, "mac")));
        refuses(&(struct ask){"POST", REPORT, NULL, NULL, sv_buf_bytes(&cut), 0}, 401,
                "disk.report");
}

/* What is older need not wait to hear so. */
static void older_or_other(void **state)
{
        SV_BUF body = SV_BUF_NULL;

        claims("", 'a', SV_DISK_OPENS, 0);
        write_claim(&one, 'b', SV_DISK_OPENS, 14, disk_key, &body);
        refuses(&(struct ask){"POST", REPORT, NULL, NULL, sv_buf_bytes(&body), 0}, 401,
                "disk.rollback");
        sv_buf_clear(&body);
        write_claim(&one, 'b', SV_DISK_RUNS, 14, disk_key, &body);
        refuses(&(struct ask){"POST", REPORT, NULL, NULL, sv_buf_bytes(&body), 0}, 401,
                "disk.superseded");
}

static void ended_by_administrator(void **state)
{
        SV_JSON *record = NULL;

        ends_lease(404, "disk.lease", "");
        claims("", 'a', SV_DISK_OPENS, 0);
        refuses(&(struct ask){"POST", END, NULL, NULL, SV_BYTES_NULL, 0}, 401,
                "broker.admin.token");
        ends_lease(400, "broker.query", "?other=1");
        ends_lease(404, "disk.lease", "?volume=" OTHER);
        ends_lease(204, "", "");
        record = last_record();
        assert_string_equal(sv_json_str(sv_json_get(record, "action")), "admin-end-lease");
        assert_string_equal(sv_json_str(sv_json_get(record, "volume")), UUID);
        assert_non_null(strstr(sv_json_str(sv_json_get(record, "instance")), "61616161"));
        claims("", 'b', SV_DISK_OPENS, 1);
        claims("disk.superseded", 'a', SV_DISK_RUNS, 2);
        ends_lease(204, "", "?volume=" UUID);
        claims("", 'b', SV_DISK_RUNS, 3); /* it lives after all */
        claims("disk.in-use", 'c', SV_DISK_OPENS, 4);
        restores(204, "", "?generation=11");
        claims("", 'c', SV_DISK_OPENS, 5);
}

static void lease_of_policy(void **state)
{
        put_lease(SV_LEASE_MAX_S + 1, 400);
        put_lease(SV_LEASE_MIN_S - 1, 400);
        put_lease(SV_LEASE_MIN_S, 204);
        claims("", 'a', SV_DISK_OPENS, 0);
        claims("disk.in-use", 'b', SV_DISK_OPENS, SV_LEASE_MIN_S - 3);
        claims("", 'b', SV_DISK_OPENS, SV_LEASE_MIN_S + 3);
        put_lease(SV_LEASE_MAX_S, 204);
        claims("", 'b', SV_DISK_RUNS, SV_LEASE_MIN_S + 4);
        claims("disk.in-use", 'a', SV_DISK_OPENS, SV_LEASE_MAX_S - 3);
        /* several at a time, on purpose: then it is among the grounds of each release */
        put_lease(0, 204);
        claims("", 'a', SV_DISK_RUNS, SV_LEASE_MIN_S + 5);
        claims("", 'b', SV_DISK_RUNS, SV_LEASE_MIN_S + 6);
        claims("", 'c', SV_DISK_OPENS, SV_LEASE_MIN_S + 7);
        for (int64_t lease = 0; lease <= SV_LEASE_MIN_S; lease += SV_LEASE_MIN_S) {
                SV_HTTP answer = {0};
                GUEST g = begin();

                put_lease(lease, 204);
                assert_int_equal(attest(&g), 200);
                assert_int_equal(ask(&(struct ask){"GET", "/kbs/v0/resource/" PATH, "Cookie",
                                                   g.cookie, SV_BYTES_NULL, 0},
                                     &answer),
                                 200);
                assert_true((strstr(sv_http_field(&answer, SV_KBS_GROUNDS), "disk.shared") !=
                             NULL) == (lease == 0));
        }
        claims("", 'c', SV_DISK_OPENS, SV_LEASE_MIN_S + 7);
        claims("disk.in-use", 'a', SV_DISK_OPENS, SV_LEASE_MIN_S + 8);
        administer("DELETE", "/secure-vm/v0/policy/" PATH, SV_BYTES_NULL);
}

/* Accepted once, written down, and said with each release until the next report. */
static void restored(void **state)
{
        SV_JSON *record = NULL;
        SV_JSON *after = NULL;

        put_policy(PATH);
        reports(204, "", &one, 15);
        refuses(&(struct ask){"POST", RESTORE "?generation=11", NULL, NULL, SV_BYTES_NULL, 0}, 401,
                "broker.admin.token");
        restores(400, "broker.query", "");
        restores(400, "broker.query", "?generation=0");
        restores(400, "broker.query", "?generation=11&other=1");
        restores(404, "disk.restore", "?generation=15");
        restores(404, "disk.restore", "?generation=11&volume=" OTHER);
        reports(401, "disk.rollback", &one, 11);
        restores(204, "", "?generation=11");
        record = last_record();
        assert_string_equal(sv_json_str(sv_json_get(record, "action")), "admin-accept-restore");
        assert_string_equal(sv_json_str(sv_json_get(record, "volume")), UUID);
        assert_int_equal(sv_json_int(sv_json_get(record, "generation"), 0), 11);
        assert_int_equal(sv_json_int(sv_json_get(record, "before"), 0), 15);
        for (int round = 0; round < 2; round++) {
                SV_HTTP answer = {0};
                GUEST g = begin();
                const char *grounds;

                get_refused(&g, PATH, 401, "broker.session.token"); /* a restore lets nobody in */
                assert_int_equal(attest(&g), 200);
                assert_int_equal(ask(&(struct ask){"GET", "/kbs/v0/resource/" PATH, "Cookie",
                                                   g.cookie, SV_BYTES_NULL, 0},
                                     &answer),
                                 200);
                grounds = sv_http_field(&answer, SV_KBS_GROUNDS);
                assert_true((strstr(grounds, "disk.restored") != NULL) == (round == 0));
                if (round == 0)
                        reports(204, "", &one, 12);
        }
        reports(401, "disk.rollback", &one, 11);
        after = last_record();
        assert_string_equal(sv_json_str(sv_json_get(after, "outcome")), "refused");
        assert_string_equal(sv_json_str(sv_json_get(after, "check")), "disk.rollback");
}

static void shown(void **state)
{
        SV_STR value = admin_value("GET", "/secure-vm/v0/resource/" PATH, SV_BYTES_NULL);
        SV_HTTP answer = {0}, with = {0};
        SV_JSON *j = NULL;
        SV_JSON *lease = NULL;

        reports(204, "", &one, 15);
        restores(204, "", "?generation=11&volume=" UUID);
        ask(&(struct ask){"GET", "/secure-vm/v0/resource/" PATH, "Authorization", value,
                          SV_BYTES_NULL, 0},
            &answer);
        OK(sv_json_parse(sv_buf_bytes(&answer.body), "test", &j, &err));
        assert_int_equal(sv_json_int(sv_json_pointer(j, "/versions/0/generation"), 0), 11);
        assert_true(sv_json_bool(sv_json_pointer(j, "/versions/0/restored"), false));
        assert_null(sv_json_pointer(j, "/versions/0/lease"));
        claims("", 'b', SV_DISK_OPENS, 0);
        free(value);
        value = admin_value("GET", "/secure-vm/v0/resource/" PATH, SV_BYTES_NULL);
        ask(&(struct ask){"GET", "/secure-vm/v0/resource/" PATH, "Authorization", value,
                          SV_BYTES_NULL, 2},
            &with);
        OK(sv_json_parse(sv_buf_bytes(&with.body), "test", &lease, &err));
        assert_string_equal(sv_json_str(sv_json_pointer(lease, "/versions/0/instance")),
                            "62626262626262626262626262626262");
        assert_in_range(sv_json_int(sv_json_pointer(lease, "/versions/0/lease"), 0),
                        SV_LEASE_OPEN_S - 5, SV_LEASE_OPEN_S - 1);
}

/* A resource that is no disk's key has nothing to restore. */
static void no_disk(void **state)
{
        administer("DELETE", "/kbs/v0/resource/" PATH "?volume=" UUID, SV_BYTES_NULL);
        put_secret(PATH);
        restores(404, "disk.restore", "?generation=11");
        ends_lease(404, "disk.lease", "");
        assert_int_equal(administer("DELETE", "/kbs/v0/resource/" PATH, SV_BYTES_NULL), 204);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(only_grows, new_disk),
                cmocka_unit_test_setup(both_numbers, new_disk),
                cmocka_unit_test_setup(outlives_a_rekey, new_disk),
                cmocka_unit_test_setup(gone_with_its_keys, new_disk),
                cmocka_unit_test_setup(forged, new_disk),
                cmocka_unit_test_setup(malformed, new_disk),
                cmocka_unit_test_setup(one_instance, new_disk),
                cmocka_unit_test_setup(first_lease, new_disk),
                cmocka_unit_test_setup(given_back, new_disk),
                cmocka_unit_test_setup(end_is_no_renewal, new_disk),
                cmocka_unit_test_setup(closed, new_disk),
                cmocka_unit_test_setup(before_it_is_open, new_disk),
                cmocka_unit_test_setup(older_agent, new_disk),
                cmocka_unit_test_setup(forms_are_apart, new_disk),
                cmocka_unit_test_setup(older_or_other, new_disk),
                cmocka_unit_test_setup(ended_by_administrator, new_disk),
                cmocka_unit_test_setup(lease_of_policy, new_disk),
                cmocka_unit_test_setup(restored, new_disk),
                cmocka_unit_test_setup(shown, new_disk),
                cmocka_unit_test_setup(no_disk, new_disk),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
