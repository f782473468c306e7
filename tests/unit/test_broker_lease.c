/* SPDX-License-Identifier: Apache-2.0 */
/* Who has a disk: of several instances one at a time, for as long as its lease lasts. */
#include "tests/unit/disk_claims.h"

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

int main(void)
{
        const struct CMUnitTest tests[] = {
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
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
