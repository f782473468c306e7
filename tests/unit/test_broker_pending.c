/* SPDX-License-Identifier: Apache-2.0 */
/* Two persons: what is marked changes by the word of two, and by exactly the bytes that the first
 * has signed. With SV_TEST_DATABASE the broker's database is that one. */
#include <sys/wait.h>

#include "tests/unit/broker_inside.h"

#define MARKED "tenant/demo/root"
#define FREE   "default/demo/free"
#define POLICY "/secure-vm/v0/policy/" MARKED
#define VALUE  "/kbs/v0/resource/" MARKED
#define RACERS 8

static struct sv_err err;
static struct sv_key *owner; /* of admin_pub: nobody has said whose */
static struct sv_key *alice, *alice_too, *ben, *carol, *dora;
static char last_id[SV_PENDING_ID + 1];
static int64_t shift; /* seconds by which it is later than it is */

/* --- administrators --- */

static struct sv_key *add_person(const char *name, unsigned roles, char *const *paths)
{
        struct sv_admin_key *a = &b.admins.list[b.admins.n++];

        *a = (struct sv_admin_key){.key = sv_key_generate(SV_KEY_P256, 0, &err),
                                   .name = name,
                                   .roles = roles,
                                   .paths = paths};
        assert_non_null(a->key);
        return a->key;
}

static struct sv_admin_key *find_person(const struct sv_key *key)
{
        for (size_t i = 0; i < b.admins.n; i++)
                if (b.admins.list[i].key == key)
                        return &b.admins.list[i];
        fail_msg("this key is no administrator's");
        return NULL;
}

/* What stood in the answer as the change that waits is kept in last_id. */
static int ask_as(const struct sv_key *key, const struct ask *what, struct sv_http_msg *answer)
{
        const struct sv_admin_request r = {b.pin, what->method, what->target, what->body};
        SV_BUF value = SV_BUF_NULL;
        struct ask a = *what;
        SV_JSON *j = NULL;
        const char *at;
        int status;

        sv_buf_puts(&value, "Bearer ");
        a.later += shift;
        OK(sv_admin_token_sign(key, &r, time(NULL) + a.later, &value, &err));
        a.also = a.field;
        a.also_value = a.value;
        a.field = "Authorization";
        a.value = sv_buf_str(&value);
        status = ask(&a, answer);
        if (status != 202)
                return status;
        OK(sv_json_parse(sv_buf_bytes(&answer->body), "test", &j, &err));
        assert_string_equal(sv_json_text(j, "check", ""), "broker.pending");
        at = strstr(sv_json_text(j, "detail", ""), "approve ");
        assert_non_null(at);
        snprintf(last_id, sizeof(last_id), "%s", at + strlen("approve "));
        return status;
}

static int change_as(const struct sv_key *key, const char *method, const char *target,
                     struct sv_bytes body)
{
        SV_HTTP answer = {0};

        return ask_as(key, &(struct ask){.method = method, .target = target, .body = body},
                      &answer);
}

static int decide(const struct sv_key *key, const char *word, const char *id)
{
        SV_STR target = sv_asprintf("/secure-vm/v0/%s?id=%s", word, id);
        SV_HTTP answer = {0};

        return ask_as(key, &(struct ask){.method = "POST", .target = target}, &answer);
}

static void refuse_decision(const struct sv_key *key, const char *word, int status,
                            const char *check)
{
        int got = decide(key, word, last_id);

        assert_string_equal(seen_check, check);
        assert_int_equal(got, status);
}

/* --- what is there --- */

static void write_marked(const char *guest, struct sv_buf *out)
{
        SV_BUF text = SV_BUF_NULL;
        const char *at;

        write_policy("sev-snp", MARKED, &text);
        at = strstr(sv_buf_str(&text), "\"demo\"");
        assert_non_null(at);
        sv_buf_put(out, sv_bytes(text.p, (size_t)(at - (char *)text.p)));
        sv_buf_printf(out, "\"%s\"%s", guest, at + strlen("\"demo\""));
}

static int put_marked(const struct sv_key *key, const char *guest)
{
        SV_BUF text = SV_BUF_NULL;

        write_marked(guest, &text);
        return change_as(key, "PUT", POLICY, sv_buf_bytes(&text));
}

static void policy_is(const char *guest)
{
        SV_BUF expected = SV_BUF_NULL, text = SV_BUF_NULL;
        int rc = b.store->ops->get_policy(b.store, MARKED, &text, &err);

        if (!guest) {
                assert_int_equal(rc, -1);
                assert_string_equal(err.check, "broker.policy.absent");
                return;
        }
        write_marked(guest, &expected);
        assert_int_equal(rc, 0);
        assert_true(sv_bytes_eq(sv_buf_bytes(&expected), sv_buf_bytes(&text)));
}

static size_t count_versions(void)
{
        SV_JSON *list = sv_json_array();

        OK(b.store->ops->list_versions(b.store, MARKED, list, &err));
        return sv_json_len(list);
}

static size_t count_pending(const struct sv_key *key)
{
        SV_HTTP answer = {0};
        SV_JSON *j = NULL;

        assert_int_equal(ask_as(key,
                                &(struct ask){.method = "GET", .target = "/secure-vm/v0/pending"},
                                &answer),
                         200);
        OK(sv_json_parse(sv_buf_bytes(&answer.body), "test", &j, &err));
        return sv_json_len(sv_json_get(j, "pending"));
}

/* The newest record. The caller frees. */
static struct sv_json *newest_record(void)
{
        SV_JSON *list = sv_json_array();
        struct sv_audit_link newest;
        int64_t when;

        OK(b.store->ops->get_newest_audit(b.store, &newest, &when, &err));
        OK(b.store->ops->list_audit(b.store, newest.id - 1, 1, list, &err));
        return sv_json_ref(sv_json_at(list, 0));
}

static void record_says(const char *const *members)
{
        SV_JSON *record = newest_record();

        for (; *members; members += 2)
                assert_string_equal(sv_json_text(record, members[0], "(none)"), members[1]);
}

/* --- cases --- */

static void by_two(void **state)
{
        assert_int_equal(put_marked(alice, "one"), 202);
        policy_is(NULL);
        record_says((const char *const[]){"action", "admin-put-policy", "outcome", "pending",
                                          "resource", MARKED, "person", "alice", "pending", last_id,
                                          NULL});
        assert_int_equal(count_pending(carol), 1);
        refuse_decision(alice, "approve", 403, "broker.pending.person");
        refuse_decision(alice_too, "approve", 403, "broker.pending.person");
        policy_is(NULL);
        assert_int_equal(decide(ben, "approve", last_id), 204);
        record_says((const char *const[]){"action", "admin-put-policy", "outcome", "done",
                                          "resource", MARKED, "person", "ben", "proposed_by",
                                          "alice", "pending", last_id, NULL});
        policy_is("one");
        refuse_decision(carol, "approve", 404, "broker.pending.none");
        assert_int_equal(count_pending(ben), 0);
        /* elsewhere, one is enough */
        put_policy(FREE);
}

/* Of each kind of change: nothing is done by the first word, and all of it by the second. */
static void each_change(void **state)
{
        static const char target[] = "/secure-vm/v0/resource/" MARKED "?label=a=b";
        SV_JSON *j = NULL;
        SV_HTTP answer = {0};

        /* where nothing is, the first value takes nothing away */
        assert_int_equal(change_as(alice, "POST", VALUE "?new", sv_bytes_str(SECRET)), 204);
        assert_int_equal(change_as(alice, "POST", VALUE "?new", sv_bytes_str(SECRET)), 409);
        assert_int_equal(count_versions(), 1);
        /* what says so only nearly is none */
        assert_int_equal(change_as(alice, "POST",
                                   VALUE "?new=a-word-that-is-longer-than-any-that-is-looked-at",
                                   sv_bytes_str("x")),
                         202);
        assert_int_equal(decide(ben, "reject", last_id), 204);
        assert_int_equal(change_as(alice, "POST", "/secure-vm/v0/resource/" MARKED "?label=a=b&new",
                                   SV_BYTES_NULL),
                         400);
        assert_int_equal(change_as(alice, "POST", VALUE, sv_bytes_str("second")), 202);
        assert_int_equal(count_versions(), 1);
        assert_int_equal(decide(ben, "approve", last_id), 204);
        assert_int_equal(count_versions(), 2);
        record_says((const char *const[]){"action", "admin-put-resource", "outcome", "done", NULL});
        assert_int_equal(change_as(ben, "POST", target, SV_BYTES_NULL), 202);
        assert_int_equal(decide(carol, "approve", last_id), 204);
        assert_int_equal(
                ask_as(ben,
                       &(struct ask){.method = "GET", .target = "/secure-vm/v0/resource/" MARKED},
                       &answer),
                200);
        OK(sv_json_parse(sv_buf_bytes(&answer.body), "test", &j, &err));
        assert_string_equal(sv_json_text(sv_json_get(j, "labels"), "a", ""), "b");
        assert_int_equal(change_as(ben, "DELETE", VALUE, SV_BYTES_NULL), 202);
        assert_int_equal(count_versions(), 2);
        assert_int_equal(decide(alice, "approve", last_id), 204);
        assert_int_equal(count_versions(), 0);
        assert_int_equal(change_as(alice, "DELETE", POLICY, SV_BYTES_NULL), 202);
        policy_is("one");
        assert_int_equal(decide(ben, "approve", last_id), 204);
        policy_is(NULL);
        /* a disk is accepted in an older state */
        assert_int_equal(change_as(alice, "POST", "/secure-vm/v0/restore/" MARKED "?generation=1",
                                   SV_BYTES_NULL),
                         404);
        assert_int_equal(count_pending(ben), 0);
}

/* What would be refused is refused at once, and waits for nobody. */
static void tried_before(void **state)
{
        assert_int_equal(change_as(alice, "PUT", POLICY, sv_bytes_str("{")), 400);
        assert_int_equal(change_as(alice, "DELETE", POLICY, SV_BYTES_NULL), 404);
        assert_int_equal(change_as(alice, "POST", VALUE "?what", sv_bytes_str("x")), 400);
        assert_int_equal(put_marked(owner, "x"), 403);
        assert_string_equal(seen_check, "broker.pending.person");
        assert_int_equal(put_marked(dora, "x"), 403);
        assert_string_equal(seen_check, "broker.admin.role");
        assert_int_equal(count_pending(ben), 0);
}

/* Who has not the role, or not the path, decides nothing, and who has no name is nobody's second.
 */
static void who_may_decide(void **state)
{
        static char elsewhere[] = "other";
        static char *const paths[] = {elsewhere, NULL};

        assert_int_equal(put_marked(alice, "two"), 202);
        refuse_decision(owner, "approve", 403, "broker.pending.person");
        refuse_decision(dora, "approve", 403, "broker.admin.role");
        find_person(ben)->roles = SV_ROLE_OPERATOR;
        refuse_decision(ben, "approve", 403, "broker.admin.role");
        refuse_decision(ben, "reject", 403, "broker.admin.role");
        find_person(ben)->roles = SV_ROLES_ALL;
        find_person(ben)->paths = paths;
        refuse_decision(ben, "approve", 404, "broker.pending.none");
        refuse_decision(ben, "reject", 404, "broker.pending.none");
        assert_int_equal(count_pending(ben), 0);
        find_person(ben)->paths = NULL;
        /* Who asked has lost the role, or is none any more. */
        find_person(alice)->roles = SV_ROLE_OPERATOR;
        refuse_decision(ben, "approve", 403, "broker.admin.role");
        find_person(alice)->roles = SV_ROLES_ALL;
        {
                struct sv_key *other = sv_key_generate(SV_KEY_P256, 0, &err);
                struct sv_admin_key *entry = find_person(alice);

                entry->key = other;
                refuse_decision(ben, "approve", 401, "broker.pending.signature");
                entry->key = alice;
                sv_key_free(other);
        }
        /* One who has the name of who asked, by now. */
        find_person(ben)->name = "alice";
        refuse_decision(ben, "approve", 403, "broker.pending.person");
        find_person(ben)->name = "ben";
        policy_is(NULL);
        assert_int_equal(decide(alice, "reject", last_id), 204);
        record_says((const char *const[]){"action", "admin-reject", "outcome", "rejected", "person",
                                          "alice", "proposed_by", "alice", "change",
                                          "admin-put-policy", NULL});
        refuse_decision(ben, "approve", 404, "broker.pending.none");
        assert_int_equal(put_marked(alice, "two"), 202);
        assert_int_equal(decide(carol, "reject", last_id), 204);
        policy_is(NULL);
}

static void what_is_shown(void **state)
{
        SV_HTTP answer = {0};
        SV_JSON *j = NULL;
        SV_BUF text = SV_BUF_NULL;
        SV_STR target = NULL;

        assert_int_equal(put_marked(alice, "shown"), 202);
        target = sv_asprintf("/secure-vm/v0/pending?id=%s", last_id);
        assert_int_equal(ask_as(dora, &(struct ask){.method = "GET", .target = target}, &answer),
                         200);
        OK(sv_json_parse(sv_buf_bytes(&answer.body), "test", &j, &err));
        write_marked("shown", &text);
        assert_string_equal(sv_json_text(j, "text", ""), sv_buf_str(&text));
        assert_string_equal(sv_json_text(j, "person", ""), "alice");
        assert_string_equal(sv_json_text(j, "change", ""), "admin-put-policy");
        assert_int_equal(decide(ben, "reject", last_id), 204);
        /* a key is not */
        assert_int_equal(change_as(alice, "POST", VALUE, sv_bytes_str(SECRET)), 202);
        free(target);
        target = sv_asprintf("/secure-vm/v0/pending?id=%s", last_id);
        sv_http_msg_free(&answer);
        assert_int_equal(ask_as(ben, &(struct ask){.method = "GET", .target = target}, &answer),
                         200);
        assert_null(memmem(answer.body.p, answer.body.n, SECRET, strlen(SECRET)));
        assert_non_null(memmem(answer.body.p, answer.body.n, "\"size\":20", 9));
        assert_int_equal(decide(ben, "reject", last_id), 204);
        assert_int_equal(decide(ben, "reject", "0"), 400);
        assert_string_equal(seen_check, "broker.query");
}

/* What alice asked for last waits, and carol's policy comes in between. */
static void comes_between(const char *guest)
{
        SV_STR waits = sv_asprintf("%s", last_id);

        assert_int_equal(put_marked(carol, guest), 202);
        assert_int_equal(decide(ben, "approve", last_id), 204);
        snprintf(last_id, sizeof(last_id), "%s", waits);
        refuse_decision(ben, "approve", 412, "broker.match");
        policy_is(guest);
        assert_int_equal(decide(ben, "reject", last_id), 204);
}

/* Its conditions are those of who asked, and are looked at when it is done. Without any, what it
 * changes is the policy that was there then: the other person has looked at that. */
static void policies_of_then(void **state)
{
        SV_BUF text = SV_BUF_NULL;
        SV_HTTP answer = {0};
        struct ask put = {
                .method = "PUT", .target = POLICY, .field = "If-None-Match", .value = "*"};

        write_marked("first", &text);
        put.body = sv_buf_bytes(&text);
        assert_int_equal(ask_as(alice, &put, &answer), 202);
        comes_between("between");
        assert_int_equal(change_as(alice, "PUT", POLICY, put.body), 202);
        comes_between("again");
        assert_int_equal(change_as(alice, "DELETE", POLICY, SV_BYTES_NULL), 202);
        comes_between("later");
        assert_int_equal(change_as(alice, "DELETE", POLICY, SV_BYTES_NULL), 202);
        assert_int_equal(decide(ben, "approve", last_id), 204);
        policy_is(NULL);
}

/* A removal is of what was there when it was asked for: of a key that comes while it waits, by
 * which a disk is opened by then, nobody has spoken. */
static void removals_of_then(void **state)
{
        static const char *const targets[] = {VALUE, VALUE "?except=1", VALUE "?version=1"};
        SV_HTTP answer = {0};

        assert_int_equal(change_as(alice, "POST", VALUE "?new", sv_bytes_str("1")), 204);
        for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
                size_t n = count_versions();
                SV_STR waits = NULL;

                if (i == 1) { /* there is something to remove */
                        assert_int_equal(change_as(alice, "POST", VALUE, sv_bytes_str("x")), 202);
                        assert_int_equal(decide(ben, "approve", last_id), 204);
                        n++;
                }
                assert_int_equal(ask_as(alice,
                                        &(struct ask){.method = "DELETE",
                                                      .target = targets[i],
                                                      .field = "If-Match",
                                                      .value = "*"},
                                        &answer),
                                 202);
                waits = sv_asprintf("%s", last_id);
                assert_int_equal(change_as(alice, "POST", VALUE, sv_bytes_str("y")), 202);
                assert_int_equal(decide(ben, "approve", last_id), 204);
                snprintf(last_id, sizeof(last_id), "%s", waits);
                refuse_decision(ben, "approve", 412, "broker.match");
                assert_int_equal(count_versions(), n + 1);
                assert_int_equal(decide(ben, "reject", last_id), 204);
                sv_http_msg_free(&answer);
        }
        assert_int_equal(change_as(alice, "DELETE", VALUE, SV_BYTES_NULL), 202);
        assert_int_equal(decide(ben, "approve", last_id), 204);
        assert_int_equal(count_versions(), 0);
        /* what a guest was to make, and has made */
        assert_int_equal(change_as(alice, "POST", "/secure-vm/v0/provision/" MARKED "?bytes=32",
                                   SV_BYTES_NULL),
                         204);
        assert_int_equal(change_as(alice, "DELETE", VALUE, SV_BYTES_NULL), 202);
        OK(b.store->ops->hold(b.store, true, &err));
        OK(b.store->ops->put_resource(b.store, MARKED, 1, sv_bytes_str("x"), 32, time(NULL), &err));
        OK(b.store->ops->settle(b.store, true, &err));
        refuse_decision(ben, "approve", 412, "broker.match");
        assert_int_equal(count_versions(), 1);
        assert_int_equal(decide(ben, "reject", last_id), 204);
        assert_int_equal(change_as(alice, "DELETE", VALUE, SV_BYTES_NULL), 202);
        assert_int_equal(decide(ben, "approve", last_id), 204);
}

/* As many wait as may, of one repository; those whose time is over make room. */
static void limit_of_pending(void **state)
{
        struct sv_pending p = {.path = MARKED, .expires = time(NULL) + 100};

        sv_buf_puts(&p.head, "x");
        OK(b.store->ops->hold(b.store, true, &err));
        for (int i = 1; i < SV_PENDING_MAX; i++) {
                snprintf(p.id, sizeof(p.id), "%032d", i);
                OK(b.store->ops->put_pending(b.store, &p, time(NULL), &err));
        }
        OK(b.store->ops->settle(b.store, true, &err));
        sv_pending_free(&p);
        assert_int_equal(put_marked(alice, "last"), 202);
        assert_int_equal(put_marked(alice, "many"), 404);
        assert_string_equal(seen_check, "broker.pending.limit");
        /* elsewhere there is room */
        snprintf(p.path, sizeof(p.path), "tenants/demo/root");
        snprintf(p.id, sizeof(p.id), "%032d", 0);
        p.expires = time(NULL) + 100;
        sv_buf_puts(&p.head, "x");
        OK(b.store->ops->put_pending(b.store, &p, time(NULL), &err));
        OK(b.store->ops->delete_pending(b.store, p.id, &err));
        sv_pending_free(&p);
        assert_int_equal(decide(ben, "reject", last_id), 204);
        assert_int_equal(put_marked(alice, "last"), 202);
        shift += 100;
        assert_int_equal(put_marked(alice, "more"), 202);
        assert_int_equal(count_pending(ben), 2);
        assert_int_equal(decide(ben, "reject", last_id), 204);
        OK(b.store->ops->check(b.store, &err));
}

static void their_time_ends(void **state)
{
        assert_int_equal(put_marked(alice, "late"), 202);
        shift += b.config.pending_seconds - 2;
        assert_int_equal(decide(ben, "approve", last_id), 204);
        policy_is("late");
        assert_int_equal(put_marked(alice, "too-late"), 202);
        shift += b.config.pending_seconds;
        refuse_decision(ben, "approve", 404, "broker.pending.none");
        assert_int_equal(count_pending(ben), 0);
        policy_is("late");
}

/* Who writes the database makes no change wait that nobody has asked for. */
static void rows_of_others(void **state)
{
        struct sv_pending p = {.path = MARKED, .expires = time(NULL) + 1000};
        SV_STR waits = NULL;

        assert_int_equal(put_marked(alice, "real"), 202);
        waits = sv_asprintf("%s", last_id);
        OK(b.store->ops->get_pending(b.store, last_id, time(NULL), &p, &err));
        /* another's id: head and body open under their own only */
        p.id[0] = p.id[0] == '0' ? '1' : '0';
        OK(b.store->ops->put_pending(b.store, &p, time(NULL), &err));
        snprintf(last_id, sizeof(last_id), "%s", p.id);
        refuse_decision(ben, "approve", 503, "broker.sealed");
        OK(b.store->ops->delete_pending(b.store, p.id, &err));
        FAILS(b.store->ops->delete_pending(b.store, p.id, &err), SV_USAGE, "broker.pending.none");
        sv_pending_free(&p);
        assert_int_equal(decide(ben, "reject", waits), 204);
}

/* It is there after a restart, by another process, and in a backup. */
static void stays(void **state)
{
        SV_STR copy = sv_asprintf("%s/copy.db", dir);
        const struct sv_store_place place = {.path = copy, .key = b.store_key};
        SV_STORE *backup = NULL;
        SV_JSON *ids = sv_json_array();

        assert_int_equal(put_marked(alice, "kept"), 202);
        sv_store_free(b.store);
        b.store = NULL;
        b.store_ino = 0;
        OK(sv_broker_follow_store(&b, &err));
        assert_int_equal(count_pending(ben), 1);
        OK(b.store->ops->copy(b.store, copy, &err));
        OK(sv_store_open(&place, &backup, &err));
        OK(backup->ops->list_pending(backup, time(NULL), ids, &err));
        assert_int_equal(sv_json_len(ids), 1);
        assert_string_equal(sv_json_str(sv_json_at(ids, 0)), last_id);
        OK(backup->ops->check(backup, &err));
        assert_int_equal(decide(ben, "approve", last_id), 204);
        policy_is("kept");
}

/* Several brokers are asked at one moment: one does it, once. */
static void one_winner(void **state)
{
        int gate[2], won = 0;
        pid_t pids[RACERS];

        assert_int_equal(change_as(alice, "POST", VALUE, sv_bytes_str("raced")), 202);
        OK(pipe(gate));
        for (int i = 0; i < RACERS; i++) {
                pids[i] = fork();
                if (pids[i] == 0) {
                        char byte;

                        close(gate[1]);
                        b.store = NULL; /* the parent's */
                        b.store_ino = 0;
                        if (sv_broker_follow_store(&b, &err) < 0 || read(gate[0], &byte, 1) != 0)
                                _exit(9);
                        switch (decide(i % 2 ? ben : carol, "approve", last_id)) {
                        case 204:
                                _exit(1);
                        case 404:
                                _exit(0);
                        default:
                                fprintf(stderr, "refused: %s\n", seen_check);
                                _exit(2);
                        }
                }
        }
        close(gate[0]);
        close(gate[1]);
        for (int i = 0; i < RACERS; i++) {
                int status;

                assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
                assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
                won += WEXITSTATUS(status);
        }
        assert_int_equal(won, 1);
        assert_int_equal(count_versions(), 1);
        assert_int_equal(count_pending(ben), 0);
        OK(b.store->ops->check(b.store, &err));
}

static int set_up(void **state)
{
        int rc = group_setup(state);

        owner = NULL;
        if (rc)
                return rc;
        {
                SV_STR path = sv_asprintf("%s/b/admin.key", dir);

                owner = sv_key_open(path, &err);
        }
        alice = add_person("alice", SV_ROLES_ALL, NULL);
        alice_too = add_person("alice", SV_ROLES_ALL, NULL);
        ben = add_person("ben", SV_ROLES_ALL, NULL);
        carol = add_person("carol", SV_ROLES_ALL, NULL);
        dora = add_person("dora", SV_ROLE_AUDITOR, NULL);
        b.config.two_persons = calloc(2, sizeof(char *));
        b.config.two_persons[0] = sv_asprintf("tenant");
        return owner ? 0 : -1;
}

static int tear_down(void **state)
{
        sv_key_free(owner);
        return group_teardown(state);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(by_two),           cmocka_unit_test(each_change),
                cmocka_unit_test(tried_before),     cmocka_unit_test(who_may_decide),
                cmocka_unit_test(what_is_shown),    cmocka_unit_test(policies_of_then),
                cmocka_unit_test(removals_of_then), cmocka_unit_test(rows_of_others),
                cmocka_unit_test(one_winner),       cmocka_unit_test(stays),
                cmocka_unit_test(limit_of_pending), cmocka_unit_test(their_time_ends),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
