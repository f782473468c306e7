/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a resource trusts: the maker's roots or its own policy's anchors, whatever its rules say and
 * whatever other tenants store. */
#include "tests/unit/broker_inside.h"
#include "tests/unit/put_policy.h"

#include <sqlite3.h>

#include "broker/store/sql-mac.h"

#define B_PATH "default/b/root"

/* --- tenants: each made a root, an intermediate key and a platform, all of AMD's names --- */

static struct amd_pki other;                 /* tenant B's */
static const struct amd_pki *runs_on = &pki; /* whose key signs the reports */
static X509 *beside;                         /* a further certificate in the evidence, first */

static void add_der(X509 *x, struct sv_buf *out)
{
        uint8_t *der = NULL;
        int n = i2d_X509(x, &der);

        assert_true(n > 0);
        sv_buf_put(out, sv_bytes(der, (size_t)n));
        OPENSSL_free(der);
}

static void add_pem(X509 *x, struct sv_buf *out)
{
        SV_BUF der = SV_BUF_NULL;
        SV_CERT *c = NULL;
        struct sv_err err;

        add_der(x, &der);
        c = sv_cert_from_der(sv_buf_bytes(&der), "test", &err);
        assert_non_null(c);
        OK(sv_cert_pem(c, out, &err));
}

/* With the platform's own certificates, as a guest brings them. */
static struct sv_json *evidence_with_certs(const uint8_t binding[48])
{
        static const uint8_t none[64];
        struct sv_cert_table t = {.n = 3};
        SV_BUF vcek = SV_BUF_NULL, ask = SV_BUF_NULL, ark = SV_BUF_NULL;
        uint8_t data[64], report[AMD_REPORT];
        struct sv_json *evidence = NULL;
        struct sv_err err;

        memcpy(data, none, sizeof(data));
        memcpy(data, binding, 48);
        amd_report(runs_on, platform_state, data, 3, report);
        add_der(runs_on->vcek, &vcek);
        add_der(runs_on->ask, &ask);
        if (beside)
                add_pem(beside, &ark);
        add_pem(runs_on->ark, &ark);
        t.list[0] = (struct sv_cert_entry){.kind = SV_CERT_VCEK, .data = sv_buf_bytes(&vcek)};
        t.list[1] = (struct sv_cert_entry){.kind = SV_CERT_ASK, .data = sv_buf_bytes(&ask)};
        t.list[2] = (struct sv_cert_entry){.kind = SV_CERT_ARK, .data = sv_buf_bytes(&ark)};
        OK(sv_snp_evidence_write(sv_bytes(report, sizeof(report)), &t, &evidence, &err));
        return evidence;
}

/* A policy whose only rule holds for every guest, with these anchors. */
static int put_policy_with(const char *path, const char *member, const char *anchor)
{
        SV_STR target = sv_asprintf("/secure-vm/v0/policy/%s", path);
        SV_JSON *rules = sv_json_array();
        SV_JSON *trust = sv_json_object();
        SV_BUF text = SV_BUF_NULL;
        struct sv_err err;

        sv_json_set_bool(sv_rule_add(rules, "policy.debug", "/policy_bits/debug", "configuration",
                                     "no debugging"),
                         "equals", false);
        if (anchor)
                sv_json_add(sv_json_set(trust, member, sv_json_array()), sv_json_new_str(anchor));
        OK(sv_policy_write("demo", "sev-snp", path, rules, trust, &text, &err));
        return administer("PUT", target, sv_buf_bytes(&text));
}

static int get(const struct guest *g, const char *path)
{
        SV_STR target = sv_asprintf("/kbs/v0/resource/%s", path);
        SV_HTTP answer = {0};

        return ask(&(struct ask){"GET", target, "Cookie", g->cookie, SV_BYTES_NULL, 0}, &answer);
}

static void store_both(void)
{
        SV_BUF ark = SV_BUF_NULL, ark_b = SV_BUF_NULL;

        add_pem(pki.ark, &ark);
        add_pem(other.ark, &ark_b);
        assert_int_equal(put_policy_with(PATH, "ark_roots", sv_buf_str(&ark)), 204);
        assert_int_equal(put_policy_with(B_PATH, "ark_roots", sv_buf_str(&ark_b)), 204);
        put_secret(PATH);
        put_secret(B_PATH);
}

/* Each gets its own and nobody else's; a policy without anchors is for AMD's processors. */
static void each_its_own(void **state)
{
        GUEST a = begin();
        GUEST b_guest = begin();

        store_both();
        assert_int_equal(put_policy_with("default/amd/root", NULL, NULL), 204);
        put_secret("default/amd/root");
        assert_int_equal(attest(&a), 200);
        assert_int_equal(get(&a, PATH), 200);
        get_refused(&a, B_PATH, 401, "snp.chain.root");
        get_refused(&a, "default/amd/root", 401, "snp.chain.root");
        runs_on = &other;
        assert_int_equal(attest(&b_guest), 200);
        runs_on = &pki;
        assert_int_equal(get(&b_guest, B_PATH), 200);
        get_refused(&b_guest, PATH, 401, "snp.chain.root");
}

/* Tenant A runs a platform of its own making and shows B's public certificate beside its own. */
static void root_confusion(void **state)
{
        GUEST g = begin();

        store_both();
        beside = other.ark;
        assert_int_equal(attest(&g), 401);
        assert_string_equal(seen_check, "snp.chain.surplus");
        beside = NULL;
        get_refused(&g, B_PATH, 401, "broker.session.token");
}

/* What is no certificate is refused where it is put, and what stands in the store all the same
 * concerns its own resource only. */
static void bad_anchors(void **state)
{
        static const char text[] =
                "{\"version\":1,\"guest\":\"demo\",\"tee\":\"sev-snp\",\"resource\":\"default/bad/"
                "root\","
                "\"trust\":{\"ark_roots\":[\"no "
                "certificate\"]},\"rules\":[{\"check\":\"policy.debug\","
                "\"claim\":\"/policy_bits/debug\",\"equals\":false,\"covers\":\"configuration\","
                "\"reason\":\"no debugging\"}]}";
        GUEST g = begin();
        struct sv_err err;

        assert_int_equal(put_policy_with("default/bad/root", "ark_roots", "no certificate"), 400);
        assert_string_equal(seen_check, "snp.root.form");
        assert_int_equal(put_policy_with("default/bad/root", "ek_roots", "no certificate"), 400);
        assert_string_equal(seen_check, "policy.trust.unknown");
        OK(put_policy_text(b.store, "default/bad/root", sv_bytes_str(text), 1, &err));
        store_both();
        assert_int_equal(attest(&g), 200);
        assert_int_equal(get(&g, PATH), 200);
        get_refused(&g, "default/bad/root", 400, "snp.root.form");
}

/* --- who hears what --- */

static bool contains(struct sv_bytes text, const char *what)
{
        return memmem(text.p, text.n, what, strlen(what)) != NULL;
}

/* What the platform's report says (platform_make), and what another tenant's policy wants. */
#define FOUND                                                                                      \
        "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000" \
        "00000001"
#define EXPECTED                                                                                   \
        "5ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7e75ec7" \
        "e75ec7e7"

/* A stranger learns the check's name and no value, the owner has both in the record. */
static void values_are_the_owners(void **state)
{
        SV_JSON *rules = sv_json_array(), *trust = sv_json_object(), *rows = sv_json_array();
        SV_BUF text = SV_BUF_NULL, ark = SV_BUF_NULL, record = SV_BUF_NULL;
        SV_HTTP answer = {0};
        GUEST g = begin();
        struct sv_err err;

        add_pem(pki.ark, &ark);
        sv_json_add(sv_json_set(trust, "ark_roots", sv_json_array()),
                    sv_json_new_str(sv_buf_str(&ark)));
        sv_json_set_str(sv_rule_add(rules, "policy.launch_digest", "/measurement", "executables",
                                    "what runs"),
                        "equals", EXPECTED);
        OK(sv_policy_write("demo", "sev-snp", PATH, rules, trust, &text, &err));
        assert_int_equal(administer("PUT", "/secure-vm/v0/policy/" PATH, sv_buf_bytes(&text)), 204);
        assert_int_equal(attest(&g), 200);
        assert_int_equal(ask(&(struct ask){"GET", "/kbs/v0/resource/" PATH, "Cookie", g.cookie,
                                           SV_BYTES_NULL, 0},
                             &answer),
                         401);
        assert_string_equal(seen_check, "policy.launch_digest");
        assert_false(contains(sv_buf_bytes(&answer.body), EXPECTED));
        assert_false(contains(sv_buf_bytes(&answer.body), FOUND));
        assert_true(contains(sv_buf_bytes(&answer.body), "audit record"));
        OK(b.store->ops->list_audit(b.store, 0, 1000, rows, &err));
        sv_json_print(sv_json_at(rows, sv_json_len(rows) - 1), &record);
        assert_true(contains(sv_buf_bytes(&record), EXPECTED));
        assert_true(contains(sv_buf_bytes(&record), FOUND));
}

/* --- the floor --- */

/* A policy of one rule that every guest satisfies, with this `allow`. */
static void put_loose_policy(const char *allow)
{
        SV_JSON *rules = sv_json_array(), *trust = sv_json_object(), *list = NULL;
        SV_BUF text = SV_BUF_NULL, ark = SV_BUF_NULL;
        struct sv_err err;

        add_pem(pki.ark, &ark);
        sv_json_add(sv_json_set(trust, "ark_roots", sv_json_array()),
                    sv_json_new_str(sv_buf_str(&ark)));
        sv_json_set_bool(sv_rule_add(rules, "policy.any", "/measurement", "executables", "any"),
                         "present", true);
        OK(sv_json_parse(sv_bytes_str(allow), "test", &list, &err));
        OK(sv_policy_write_allowing("demo", "sev-snp", PATH, rules, trust, list, &text, &err));
        assert_int_equal(administer("PUT", "/secure-vm/v0/policy/" PATH, sv_buf_bytes(&text)), 204);
}

/* What nobody thought of when they wrote the policy is refused all the same, and given up by name
 * only; the record then says so. */
static void below_the_floor(void **state)
{
        SV_JSON *rows = sv_json_array();
        const char *grounds = NULL;
        GUEST g = begin();
        struct sv_err err;

        put_secret(PATH);
        put_loose_policy("[]");
        sv_json_set_int(platform_state, "policy", 0xb0000);
        assert_int_equal(attest(&g), 200);
        sv_json_set_int(platform_state, "policy", 0x30000);
        get_refused(&g, PATH, 401, "policy.floor.debug");
        put_loose_policy("[\"tcb\"]");
        get_refused(&g, PATH, 401, "policy.floor.debug");
        put_loose_policy("[\"debug\"]");
        assert_int_equal(get(&g, PATH), 200);
        OK(b.store->ops->list_audit(b.store, 0, 1000, rows, &err));
        for (size_t i = sv_json_len(rows); i--;) {
                grounds = sv_json_str(sv_json_get(sv_json_at(rows, i), "grounds"));
                if (grounds)
                        break;
        }
        assert_non_null(strstr(grounds, "checks hold; policy.floor.debug fails and is lifted"));
        assert_non_null(strstr(grounds, "appraised as warning"));
}

/* Two administrators: the second to put does not undo what the first has put meanwhile. */
static void over_what_was_read(void **state)
{
        static const char *const wrong[] = {"?before=", "?before=12", "?after=1",   "?before",
                                            "?author=", "?author",    "?author=a/b"};
        SV_BUF text = SV_BUF_NULL;
        uint8_t digest[SV_DIGEST_MAX];
        char hex[2 * SV_DIGEST_MAX + 1];
        SV_STR target = NULL;
        struct sv_err err;

        put_loose_policy("[\"debug\"]");
        OK(b.store->ops->get_policy(b.store, PATH, &text, &err));
        OK(sv_digest(SV_SHA256, sv_buf_bytes(&text), digest, &err));
        target = sv_asprintf("/secure-vm/v0/policy/" PATH "?before=%s",
                             sv_hex(sv_bytes(digest, 32), hex));
        put_loose_policy("[]");
        administer("PUT", target, sv_buf_bytes(&text));
        assert_string_equal(seen_check, "broker.policy.changed");
        put_loose_policy("[\"debug\"]");
        assert_int_equal(administer("PUT", target, sv_buf_bytes(&text)), 204);
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                SV_STR asked = sv_asprintf("/secure-vm/v0/policy/" PATH "%s", wrong[i]);

                administer("PUT", asked, sv_buf_bytes(&text));
                assert_string_equal(seen_check, "broker.query");
        }
}

/* --- the work does not grow --- */

static int64_t steps, commits;

static int count_commits(void *arg)
{
        commits++;
        return 0;
}

static int count_steps(unsigned what, void *arg, void *statement, void *time)
{
        steps += sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 1);
        return 0;
}

/* What the database does for one release. */
static int64_t work_of_a_release(sqlite3 *db)
{
        GUEST g = begin();

        /* the same each time: sessions of the source are counted, and a floor rises each second */
        assert_int_equal(sqlite3_exec(db, "DELETE FROM sessions; UPDATE floors SET time = 0", NULL,
                                      NULL, NULL),
                         SQLITE_OK);
        /* statements that are kept remember what they did before */
        for (sqlite3_stmt *q = NULL; (q = sqlite3_next_stmt(db, q));)
                sqlite3_stmt_status(q, SQLITE_STMTSTATUS_VM_STEP, 1);
        steps = commits = 0;
        sqlite3_commit_hook(db, count_commits, NULL);
        assert_int_equal(sqlite3_trace_v2(db, SQLITE_TRACE_PROFILE, count_steps, NULL), SQLITE_OK);
        assert_int_equal(attest(&g), 200);
        assert_int_equal(get(&g, PATH), 200);
        sqlite3_trace_v2(db, 0, NULL, NULL);
        sqlite3_commit_hook(db, NULL, NULL);
        assert_int_equal(commits, 2); /* each request is done with its record */
        return steps;
}

/* In one transaction, and authenticated as others are. */
static void put_many(int n)
{
        struct sv_macs m = {.lock = 0};
        struct sv_err err;

        OK(sv_macs_begin_change(b.store, &m, &err));
        for (int i = 0; i < n; i++) {
                SV_STR path = sv_asprintf("default/many/r%d", i);
                SV_STMT *q = sv_sql_prepare(b.store, "INSERT INTO policies VALUES (?, ?, 1)", &err,
                                            "sb", path, sv_bytes_str("{}"));

                OK(sv_sql_step(b.store, q, &err));
                OK(sv_macs_adopt_row(b.store, &m, SV_ROW_POLICY, path, "", &err));
        }
        OK(sv_macs_end_change(b.store, &m, 0, &err));
        OK(b.store->ops->check(b.store, &err));
}

static void ten_thousand(void **state)
{
        sqlite3 *db = ((struct sv_sql *)b.store)->db;
        int64_t before, after;

        put_policy(PATH);
        put_secret(PATH);
        work_of_a_release(db);
        before = work_of_a_release(db);
        assert_true(before > 0);
        put_many(10000);
        after = work_of_a_release(db);
        print_message("%lld steps with 2 policies, %lld with 10 002\n", (long long)before,
                      (long long)after);
        assert_int_equal(after, before);
}

static int trust_setup(void **state)
{
        make_evidence = evidence_with_certs;
        amd_pki_make(amd_product("Milan"), &other);
        assert_int_equal(group_setup(state), 0);
        /* guests bring all that is needed: the folder has a list of one tenant's root */
        free(b.config.collateral.offline);
        b.config.collateral.offline = NULL;
        return 0;
}

static int trust_teardown(void **state)
{
        amd_pki_free(&other);
        return group_teardown(state);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_its_own),       cmocka_unit_test(root_confusion),
                cmocka_unit_test(bad_anchors),        cmocka_unit_test(below_the_floor),
                cmocka_unit_test(over_what_was_read), cmocka_unit_test(values_are_the_owners),
                cmocka_unit_test(ten_thousand),
        };

        return cmocka_run_group_tests(tests, trust_setup, trust_teardown);
}
