/* SPDX-License-Identifier: Apache-2.0 */
/* Signed heads of the audit record, records that were taken out, and those that somebody looks for.
 */
#include <unistd.h>

#include "tests/unit/unit.h"

#include "tests/unit/broker_place.h"

#include "attest/jose/jose.h"
#include "base/core/encoding.h"
#include "broker/audit-search.h"
#include "broker/head.h"
#include "broker/why.h"

#define RECORDS 6

static struct sv_store *store;
static struct sv_audit_link links[RECORDS + 1];
static struct sv_key *head_key, *other;

static int setup(void **state)
{
        struct sv_err err;

        setup_place(state);
        store = open_store();
        head_key = sv_key_generate(SV_KEY_P256, 0, &err);
        other = sv_key_generate(SV_KEY_P256, 0, &err);
        assert_true(head_key && other);
        for (int i = 1; i <= RECORDS; i++) {
                SV_JSON *j = sv_json_object();

                sv_json_set_int(j, "n", i);
                OK(store->ops->put_audit(store, 1000 + i, j, i == 2 ? 100 : 0, &links[i], &err));
        }
        return 0;
}

static int teardown(void **state)
{
        sv_store_free(store);
        store = NULL;
        sv_key_free(head_key);
        sv_key_free(other);
        return teardown_place(state);
}

static void sign(const struct sv_audit_link *at, bool cut, struct sv_buf *out)
{
        const struct sv_head h = {.at = *at, .time = 5000, .cut = cut};
        struct sv_err err;

        OK(sv_head_sign(head_key, &h, out, &err));
}

static void heads(void **state)
{
        SV_BUF text = SV_BUF_NULL, with_blanks = SV_BUF_NULL;
        struct sv_head h = {.time = 0};
        struct sv_audit_chain c;
        struct sv_err err;

        sign(&links[4], false, &text);
        OK(sv_head_read(sv_buf_bytes(&text), head_key, &h, &err));
        assert_int_equal(h.at.id, 4);
        assert_int_equal(h.time, 5000);
        assert_false(h.cut);
        OK(store->ops->check_audit(store, &h.at, &c, &err));
        sv_buf_printf(&with_blanks, " %s\r\n", sv_buf_str(&text));
        OK(sv_head_read(sv_buf_bytes(&with_blanks), head_key, &h, &err));
        FAILS(sv_head_read(sv_buf_bytes(&text), other, &h, &err), SV_PROOF,
              "broker.head.signature");
        text.p[text.n - 3] ^= 1;
        assert_int_equal(sv_head_read(sv_buf_bytes(&text), head_key, &h, &err), -1);
        for (size_t n = 0; n < with_blanks.n - 3; n++)
                assert_int_equal(sv_head_read(sv_bytes(with_blanks.p, n), head_key, &h, &err), -1);
}

/* A token of another kind under the same key is no head, and a head has all its members. */
static void other_tokens(void **state)
{
        static const struct {
                const char *type, *payload, *check;
        } t[] = {{"JWT", "{\"id\":1,\"link\":\"\",\"time\":1}", "broker.head.type"},
                 {"secure-vm-audit-head", "{\"id\":1,\"time\":1}", "broker.head.member"},
                 {"secure-vm-audit-head", "{\"id\":1,\"link\":\"00\",\"time\":1}",
                  "broker.head.member"},
                 {"secure-vm-audit-head", "{\"id\":1,\"link\":\"xy\",\"time\":1}",
                  "broker.head.member"},
                 {"secure-vm-audit-head", "{", "broker.head.json"},
                 {"secure-vm-audit-head", "[]", "broker.head.member"}};

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                SV_JSON *header = sv_json_object();
                SV_BUF text = SV_BUF_NULL;
                struct sv_head h = {.time = 0};
                struct sv_err err;

                sv_json_set_str(header, "typ", t[i].type);
                OK(sv_jws_sign(head_key, header, sv_bytes_str(t[i].payload), &text, &err));
                FAILS(sv_head_read(sv_buf_bytes(&text), head_key, &h, &err), SV_FORMAT, t[i].check);
        }
}

/* What is no token of ours is not even looked at. */
static void other_headers(void **state)
{
        static const struct {
                const char *header, *check;
        } t[] = {{"{\"alg\":\"none\"}", "broker.head.alg"},
                 {"{\"alg\":\"ES256\",\"crit\":[\"x\"]}", "broker.head.crit"},
                 {"{", "broker.head.header.json"}};

        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                static const uint8_t signature[64] = {1};
                SV_BUF text = SV_BUF_NULL;
                struct sv_head h = {.time = 0};
                struct sv_err err;

                sv_put_base64url(&text, sv_bytes_str(t[i].header));
                sv_buf_puts(&text, ".e30.");
                sv_put_base64url(&text, sv_bytes(signature, sizeof(signature)));
                FAILS(sv_head_read(sv_buf_bytes(&text), head_key, &h, &err), SV_FORMAT, t[i].check);
        }
}

static void cut_at(int at, const struct sv_audit_link *signed_for, bool as_cut, int64_t before)
{
        SV_BUF head = SV_BUF_NULL;
        SV_STR text = NULL;
        int64_t removed = 0;
        struct sv_err err;

        sign(signed_for, as_cut, &head);
        text = sv_asprintf("{\"action\":\"cut\",\"head\":\"%s\"}", sv_buf_str(&head));
        OK(store->ops->cut_audit(store, &links[at], text, &removed, &err));
        assert_int_equal(removed, before);
}

static int sync_fails(struct sv_store *s, struct sv_err *err)
{
        return sv_fail(err, SV_SYSTEM, "broker.store", "the disk does not take it");
}

/* What may not be on the disk is not signed. */
static void not_on_the_disk(const char *file)
{
        const struct sv_store_ops *kept = store->ops;
        struct sv_store_ops full = *kept;
        struct sv_err err;

        full.sync = sync_fails;
        store->ops = &full;
        FAILS(sv_head_write(file, head_key, store, 6999, &err), SV_SYSTEM, "broker.store");
        store->ops = kept;
        assert_int_equal(access(file, F_OK), -1);
}

static void written(void **state)
{
        SV_STR file = sv_asprintf("%s/head", dir);
        SV_BUF text = SV_BUF_NULL;
        struct sv_head h = {.time = 0};
        struct sv_err err;

        not_on_the_disk(file);
        OK(sv_head_write(file, head_key, store, 7000, &err));
        OK(sv_file_read(file, 4096, &text, "test", &err));
        OK(sv_head_read(sv_buf_bytes(&text), head_key, &h, &err));
        assert_int_equal(h.at.id, RECORDS);
        assert_int_equal(h.time, 7000);
        cut_at(4, &links[4], true, 3);
        OK(sv_head_write(file, head_key, store, 7001, &err));
        run_sql("UPDATE audit SET link = zeroblob(32) WHERE id = 6");
        FAILS(sv_head_write(file, head_key, store, 7002, &err), SV_SYSTEM, "broker.audit.head");
        run_sql("DELETE FROM audit");
        FAILS(sv_head_write(file, head_key, store, 7003, &err), SV_SYSTEM, "broker.audit.head");
        sv_buf_clear(&text);
        OK(sv_file_read(file, 4096, &text, "test", &err));
        OK(sv_head_read(sv_buf_bytes(&text), head_key, &h, &err));
        assert_int_equal(h.time, 7001);
        assert_int_equal(unlink(file), 0);
        OK(sv_head_write(file, head_key, store, 7000, &err));
        assert_int_equal(access(file, F_OK), -1);
}

/* --- what was taken out --- */

static void cut(void **state)
{
        struct sv_audit_chain c;
        struct sv_audit_link more;
        SV_JSON *j = sv_json_object();
        struct sv_err err;

        cut_at(4, &links[4], true, 3);
        OK(store->ops->check_audit(store, &links[6], &c, &err));
        OK(sv_head_check_cut(&c, head_key, &err));
        assert_int_equal(c.cut.id, 4);
        assert_int_equal(c.linked, 2);
        FAILS(sv_head_check_cut(&c, other, &err), SV_PROOF, "broker.head.signature");
        OK(store->ops->put_audit(store, 3000, j, 0, &more, &err));
        OK(store->ops->check_audit(store, &more, &c, &err));
        /* what is in the place of the cut is known elsewhere as well */
        OK(store->ops->check_audit(store, &links[4], &c, &err));
        FAILS(store->ops->check_audit(store, &links[1], &c, &err), SV_SYSTEM, "broker.audit.head");
        cut_at(6, &links[6], true, 2);
}

/* Not by who has no key: a head of another record, or one that says nothing of a cut. */
static void cut_by_others(void **state)
{
        struct sv_audit_chain c;
        struct sv_err err;

        cut_at(4, &links[3], true, 3);
        OK(store->ops->check_audit(store, NULL, &c, &err));
        FAILS(sv_head_check_cut(&c, head_key, &err), SV_PROOF, "broker.audit.cut");
        teardown(state);
        setup(state);
        cut_at(4, &links[4], false, 3);
        OK(store->ops->check_audit(store, NULL, &c, &err));
        FAILS(sv_head_check_cut(&c, head_key, &err), SV_PROOF, "broker.audit.cut");
}

/* In the middle it stands for nothing, and there is no second one. */
static void cut_elsewhere(void **state)
{
        static const char *const cases[] = {
                "UPDATE audit SET record = (SELECT record FROM audit WHERE id = 4) WHERE id = 5",
                "DELETE FROM audit WHERE id = 5",
                "UPDATE audit SET record = '{\"action\":\"cut\"}' WHERE id = 4",
                "UPDATE audit SET link = zeroblob(32) WHERE id = 4",
        };
        const struct sv_audit_link none = {.id = 3, .linked = true};
        int64_t removed;

        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct sv_audit_chain c;
                struct sv_err err;

                cut_at(4, &links[4], true, 3);
                FAILS(store->ops->cut_audit(store, &none, "{}", &removed, &err), SV_USAGE,
                      "broker.audit.cut");
                run_sql(cases[i]);
                FAILS(store->ops->check_audit(store, NULL, &c, &err), SV_SYSTEM,
                      "broker.audit.chain");
                teardown(state);
                setup(state);
        }
}

static int stop_at_four(void *context, const struct sv_audit_row *row, struct sv_err *err)
{
        int *n = context;

        assert_int_equal(row->link.id, ++*n + 1);
        assert_int_equal(row->time, 1000 + row->link.id);
        assert_int_equal(row->link.linked, row->link.id != 2);
        return row->link.id < 4 ? 0 : sv_fail(err, SV_USAGE, "test.stop", "that is far enough");
}

static void walked(void **state)
{
        int n = 0;
        struct sv_err err;

        OK(store->ops->walk_audit(store, 1, 3, stop_at_four, &n, &err));
        assert_int_equal(n, 2);
        n = 0;
        FAILS(store->ops->walk_audit(store, 1, INT64_MAX, stop_at_four, &n, &err), SV_USAGE,
              "test.stop");
        assert_int_equal(n, 3);
}

/* --- what somebody looks for --- */

#define RECORD                                                                                \
        "{\"time\":\"2026-03-04T05:06:07Z\",\"peer\":\"192.0.2.7:40112\",\"request\":"        \
        "\"abcd1234\","                                                                       \
        "\"action\":\"resource\",\"resource\":\"default/demo/root\",\"outcome\":\"refused\"," \
        "\"warned\":[{\"check\":\"policy.smt\"},{\"check\":\"other.warn\"}],"                 \
        "\"check\":\"policy.pcr.4\",\"platform\":\"c0ffee\",\"session\":\"51d\"}"

static void filters(void **state)
{
        static const struct {
                struct sv_audit_filter f;
                bool taken;
        } t[] = {{{NULL}, true},
                 {{.since = "2026-03-04"}, true},
                 {{.since = "2026-03-04T05:06:07Z"}, true},
                 {{.since = "2026-03-04T05:06:08Z"}, false},
                 {{.until = "2026-03-04"}, true},
                 {{.until = "2026-03-03"}, false},
                 {{.until = "2026"}, true},
                 {{.until = "2026-03-04T05:06:06Z"}, false},
                 {{.resource = "default/demo/root"}, true},
                 {{.resource = "default/demo"}, false},
                 {{.resource = "default/demo/"}, true},
                 {{.resource = "other/"}, false},
                 {{.who = "c0ffee"}, true},
                 {{.who = "51d"}, true},
                 {{.who = "192.0.2.7"}, true},
                 {{.who = "192.0.2.7:40112"}, true},
                 {{.who = "192.0.2"}, false},
                 {{.who = "192.0.2.70"}, false},
                 {{.outcome = "refused"}, true},
                 {{.outcome = "released"}, false},
                 {{.action = "resource"}, true},
                 {{.action = "attest"}, false},
                 {{.check = "policy.pcr.4"}, true},
                 {{.check = "policy.pcr"}, false},
                 {{.check = "other."}, true},
                 {{.check = "other.warn"}, true},
                 {{.check = "policy.smt"}, true},
                 {{.check = "policy."}, true},
                 {{.check = "snp."}, false},
                 {{.request = "abcd1234"}, true},
                 {{.request = "abcd"}, false},
                 {{.who = "c0ffee", .check = "policy.", .outcome = "released"}, false}};
        SV_JSON *record = NULL;
        struct sv_err err;

        OK(sv_json_parse(sv_bytes_str(RECORD), "test", &record, &err));
        for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
                OK(sv_audit_filter_check(&t[i].f, &err));
                if (sv_audit_filter_takes(&t[i].f, record) != t[i].taken)
                        fail_msg("filter %zu", i);
        }
}

static void times(void **state)
{
        static const char *const bad[] = {
                "yesterday", "202", "2026-03-04 05:06:07", "2026-03-04T05:06:07Z0", "26-03-04", ""};
        struct sv_err err;

        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                struct sv_audit_filter since = {.since = bad[i]}, until = {.until = bad[i]};

                FAILS(sv_audit_filter_check(&since, &err), SV_USAGE, "cli.option");
                FAILS(sv_audit_filter_check(&until, &err), SV_USAGE, "cli.option");
        }
}

/* Of each name, and of those that stand for many. */
static void whys(void **state)
{
        assert_non_null(strstr(sv_check_find("policy.pcr.4")->meaning, "PCR"));
        assert_non_null(strstr(sv_check_find("policy.pcr.11")->meaning, "released already"));
        assert_string_equal(sv_check_find("policy.pcr.4")->name, "policy.pcr.<n>");
        assert_string_equal(sv_check_find("broker.audit.cut")->name, "broker.audit.cut");
        assert_string_equal(sv_check_find("policy.reported_tcb.snp")->name,
                            "policy.<tcb>.<component>");
        assert_null(sv_check_find("policy.pcr."));
        assert_null(sv_check_find("nothing.of.that"));
        assert_null(sv_check_find(""));
        for (const struct sv_check_row *r = sv_check_rows; r->name; r++)
                assert_true(*r->meaning);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(heads, setup, teardown),
                cmocka_unit_test_setup_teardown(other_tokens, setup, teardown),
                cmocka_unit_test_setup_teardown(other_headers, setup, teardown),
                cmocka_unit_test_setup_teardown(written, setup, teardown),
                cmocka_unit_test_setup_teardown(cut, setup, teardown),
                cmocka_unit_test_setup_teardown(cut_by_others, setup, teardown),
                cmocka_unit_test_setup_teardown(cut_elsewhere, setup, teardown),
                cmocka_unit_test_setup_teardown(walked, setup, teardown),
                cmocka_unit_test(filters),
                cmocka_unit_test(times),
                cmocka_unit_test(whys),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
