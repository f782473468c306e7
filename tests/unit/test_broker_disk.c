/* SPDX-License-Identifier: Apache-2.0 */
/* How old a disk may be, and who has it: reports of guests that have its key, the floor that only
 * an administrator lowers, and what is to be read of it. */
#include "tests/unit/disk_claims.h"

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
                cmocka_unit_test_setup(restored, new_disk),
                cmocka_unit_test_setup(shown, new_disk),
                cmocka_unit_test_setup(no_disk, new_disk),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
