/* SPDX-License-Identifier: Apache-2.0 */
/* Three brokers with one PostgreSQL database (tests/conformance/postgres.py starts it): a guest
 * asks another one at each step, brokers are killed in the middle of steps, and the database's
 * standby takes over. What was acknowledged is there, a nonce counts once, and no guest is refused.
 */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/unit/guest_policy.h"

#include "tests/conformance/exchange.h"
#include "tests/conformance/fleet_guest.h"
#include "tests/conformance/fleet_server.h"
#include "tests/unit/broker_process.h"

#include "attest/kbs/admin-client.h"
#include "attest/jose/jose.h"
#include "base/core/clock.h"
#include "base/core/encoding.h"
#include "base/net/tls.h"
#include "broker/backup.h"
#include "broker/health.h"
#include "tee/measure.h"

#define BROKERS 3
#define ROUNDS  5  /* of four steps each, a broker killed in each step */
#define TRIES   60 /* of one step, a second apart: as long as a standby takes */
#define PATH    "default/demo/root"
#define SECRET  "TOPSECRET-0123456789"

static uint8_t pin[32];
static struct sv_tls_ctx *tls;
static struct one {
        char folder[128], url[64];
        pid_t pid;
} brokers[BROKERS];
static int acknowledged; /* resources whose put was answered with success */

/* --- brokers --- */

/* With the processes that it makes, to be killed at once. */
static int serve_in_group(const char *config)
{
        setpgid(0, 0);
        return serve_here(config);
}

static void start_one(struct one *o)
{
        start_broker_in(o->folder, serve_in_group, &o->pid, o->url);
}

static void end_one(struct one *o, int number)
{
        int status;

        if (!o->pid)
                return;
        kill(number == SIGKILL ? -o->pid : o->pid, number);
        assert_int_equal(waitpid(o->pid, &status, 0), o->pid);
        o->pid = 0;
        must_be_sound(o->folder);
}

/* As README says it: the folder is copied, another port is its own. */
static void make_one(int i)
{
        struct one *o = &brokers[i];
        SV_STR config = sv_asprintf("%s/b%d/config.json", dir, i);
        SV_STR offline = sv_asprintf("%s/folder", dir);
        SV_STR first = sv_asprintf("%s/b0", dir);
        SV_BUF text = SV_BUF_NULL;
        SV_JSON *j = NULL;
        struct sv_err err;

        snprintf(o->folder, sizeof(o->folder), "%s/b%d", dir, i);
        if (i) {
                SV_STR copy = sv_asprintf("cp -a %s %s", first, o->folder);

                assert_int_equal(system(copy), 0);
                return;
        }
        OK(sv_broker_init(o->folder, "127.0.0.1:0", getenv("SV_TEST_DATABASE"), NULL, pin, &err));
        OK(sv_file_read(config, 1 << 16, &text, "test", &err));
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &j, &err));
        sv_json_set_str(sv_json_set(j, "collateral", sv_json_object()), "offline", offline);
        sv_buf_clear(&text);
        sv_json_print(j, &text);
        OK(sv_file_write(config, 0600, sv_buf_bytes(&text), &err));
}

static struct sv_admin *administer_at(int i)
{
        SV_STR key = sv_asprintf("%s/admin.key", brokers[0].folder);
        char hex[65];
        SV_STR said = sv_asprintf("sha256:%s", sv_hex(sv_bytes(pin, 32), hex));
        struct sv_admin *a = NULL;
        struct sv_err err;

        OK(sv_admin_open(brokers[i].url, said, key, &a, &err));
        return a;
}

static void put_guest_policy(void)
{
        SV_ADMIN *a = administer_at(0);
        SV_SECRET *secret = sv_secret_copy(sv_bytes_str(SECRET), NULL);
        SV_BUF text = SV_BUF_NULL;
        struct sv_err err;

        write_policy("sev-snp", PATH, &text);
        OK(sv_admin_put_policy(a, PATH, sv_buf_bytes(&text), &err));
        OK(sv_admin_put_resource(a, PATH, secret, &err));
}

/* --- one request to one broker, on a connection of its own --- */

/* The answer's status; 0: there was none. */
static int call_one(int i, const char *method, const char *target, const char *cookie,
                    struct sv_bytes body, struct sv_http_msg *answer)
{
        int fd = sv_tcp_connect("127.0.0.1", strrchr(brokers[i].url, 58) + 1, 5000, NULL);
        struct sv_tls *t = fd < 0 ? NULL : sv_tls_connect(tls, fd, "127.0.0.1", NULL);
        int status;

        if (!t)
                return 0;
        status = exchange_message(t, method, target, cookie, body, answer, NULL);
        sv_tls_free(t);
        return status < 0 ? 0 : status;
}

/* At whichever broker answers, `first` first; a broker that cannot now is no refusal. */
static int call_any(int first, const char *method, const char *target, const char *cookie,
                    struct sv_bytes body, struct sv_http_msg *answer)
{
        for (int i = 0; i < TRIES * BROKERS; i++) {
                int status = call_one((first + i) % BROKERS, method, target, cookie, body, answer);

                if (status && status != 503)
                        return status;
                sv_http_msg_free(answer);
                memset(answer, 0, sizeof(*answer));
                if (i % BROKERS == BROKERS - 1)
                        usleep(1000000);
        }
        return 0;
}

/* --- a guest --- */

static int begin_at(struct guest *g, int first)
{
        SV_BUF body = SV_BUF_NULL;
        SV_HTTP answer = {0};
        struct sv_kbs_challenge challenge = {0};
        uint8_t digest[48];
        SV_JSON *evidence = NULL;
        const char *set;
        struct sv_err err;
        int status;

        end_guest(g);
        memset(g, 0, sizeof(*g));
        g->key = sv_key_generate(SV_KEY_P256, 0, &err);
        assert_non_null(g->key);
        OK(sv_kbs_pubkey_from_key(g->key, &g->pubkey, &err));
        sv_kbs_write_request(sv_tee_sev_snp.kbs_name, NULL, &body);
        status = call_any(first, "POST", "/kbs/v0/auth", NULL, sv_buf_bytes(&body), &answer);
        if (status != 200)
                return status;
        OK(sv_kbs_parse_challenge(sv_buf_bytes(&answer.body), &challenge, &err));
        set = sv_http_field(&answer, "Set-Cookie");
        assert_non_null(set);
        g->cookie = sv_asprintf("%.*s", (int)strcspn(set, ";"), set);
        OK(sv_kbs_binding_digest("", challenge.nonce, &g->pubkey, digest, &err));
        evidence = platform_evidence(digest);
        sv_kbs_write_attestation(challenge.nonce, &g->pubkey, evidence, &g->message);
        sv_kbs_challenge_free(&challenge);
        return status;
}

static int attest_at(struct guest *g, int first, char check[64])
{
        SV_HTTP answer = {0};
        SV_JSON *j = NULL;
        int status = call_any(first, "POST", "/kbs/v0/attest", g->cookie, sv_buf_bytes(&g->message),
                              &answer);

        *check = '\0';
        if (status >= 400 && sv_json_parse(sv_buf_bytes(&answer.body), "test", &j, NULL) == 0)
                snprintf(check, 64, "%s", sv_json_text(j, "check", ""));
        return status;
}

/* The broker that was to answer dies within the step, or just before or behind it. */
static pid_t kill_meanwhile(int i)
{
        pid_t killer = fork();

        if (killer == 0) {
                usleep((useconds_t)(random() % 12000));
                kill(-brokers[i].pid, SIGKILL);
                _exit(0);
        }
        return killer;
}

static void after_kill(pid_t killer, int i)
{
        int status;

        if (!killer)
                return;
        assert_int_equal(waitpid(killer, &status, 0), killer);
        assert_int_equal(waitpid(brokers[i].pid, &status, 0), brokers[i].pid);
        start_one(&brokers[i]);
}

/* The whole way; the broker of step `killed` is killed in it (-1: none). When a broker has taken
 * the evidence and could not say so, the guest begins again, as the agent does. */
static void release_once(int first, int killed)
{
        GUEST g = {0};
        SV_SECRET *plain = NULL;
        SV_HTTP answer = {0};
        char check[64];
        pid_t killer;
        int status;

        for (int again = 0;; again++) {
                int at = (first + again) % BROKERS;

                killer = killed == 0 && !again ? kill_meanwhile(at) : 0;
                assert_int_equal(begin_at(&g, at), 200);
                after_kill(killer, at);
                at = (at + 1) % BROKERS;
                killer = killed == 1 && !again ? kill_meanwhile(at) : 0;
                status = attest_at(&g, at, check);
                after_kill(killer, at);
                if (status == 200)
                        break;
                assert_string_equal(check, "broker.session.used");
                assert_true(killed == 1 && !again);
        }
        first = (first + 2) % BROKERS;
        killer = killed == 2 ? kill_meanwhile(first) : 0;
        status = call_any(first, "GET", "/kbs/v0/resource/" PATH, g.cookie, SV_BYTES_NULL, &answer);
        after_kill(killer, first);
        assert_int_equal(status, 200);
        plain = sv_jwe_open(g.key, sv_buf_bytes(&answer.body), NULL);
        assert_non_null(plain);
        assert_memory_equal(sv_secret_reveal(plain), SECRET, strlen(SECRET));
}

/* --- what was acknowledged --- */

static void put_next(int i, bool kill_it)
{
        SV_ADMIN *a = administer_at(i);
        SV_STR path = sv_asprintf("default/put/r%d", acknowledged);
        SV_SECRET *secret = sv_secret_copy(sv_bytes_str("x"), NULL);
        pid_t killer = kill_it ? kill_meanwhile(i) : 0;
        int rc = sv_admin_put_resource(a, path, secret, NULL);

        after_kill(killer, i);
        assert_true(rc == 0 || kill_it);
        if (rc == 0)
                acknowledged++;
}

static void all_is_there(void)
{
        SV_ADMIN *a = administer_at(1);
        SV_JSON *answer = NULL;
        const struct sv_json *list;
        int found = 0;
        struct sv_err err;

        OK(sv_admin_list_resources(a, NULL, NULL, &answer, &err));
        list = sv_json_get(answer, "resources");
        for (size_t i = 0; i < sv_json_len(list); i++) {
                const char *path = sv_json_text(sv_json_at(list, i), "path", "");

                if (!strncmp(path, "default/put/r", 13) && atoi(path + 13) < acknowledged)
                        found++;
        }
        assert_int_equal(found, acknowledged);
}

/* As a command of an administrator does. */
static void enter_one(int i, struct sv_broker *b)
{
        SV_STR config = sv_asprintf("%s/config.json", brokers[i].folder);
        struct sv_err err;

        OK(sv_broker_open(config, b, &err));
        OK(sv_broker_enter(b, &err));
}

/* Rows, MACs and the audit record's chain. */
static void database_is_sound(void)
{
        SV_BROKER b = {.audit_fd = -1};
        struct sv_audit_chain chain;
        struct sv_err err;

        enter_one(2, &b);
        OK(b.store->ops->check(b.store, &err));
        OK(b.store->ops->check_audit(b.store, NULL, &chain, &err));
        assert_true(chain.linked > acknowledged);
}

/* --- tests --- */

static void another_at_each_step(void **state)
{
        for (int i = 0; i < BROKERS; i++)
                release_once(i, -1);
        for (int i = 0; i < BROKERS; i++)
                put_next(i, false);
        assert_int_equal(acknowledged, BROKERS);
        all_is_there();
        database_is_sound();
}

/* The same message at another broker. */
static void nonce_counts_once(void **state)
{
        GUEST g = {0};
        char check[64];

        assert_int_equal(begin_at(&g, 0), 200);
        assert_int_equal(attest_at(&g, 1, check), 200);
        for (int i = 0; i < BROKERS; i++) {
                assert_int_equal(attest_at(&g, i, check), 401);
                assert_string_equal(check, "broker.session.used");
        }
}

static void killed_in_each_step(void **state)
{
        for (int round = 0; round < ROUNDS; round++) {
                for (int step = 0; step < 3; step++)
                        release_once(round + step, step);
                put_next(round % BROKERS, true);
        }
        print_message("%d rounds: %d puts acknowledged\n", ROUNDS, acknowledged);
        all_is_there();
        database_is_sound();
}

static bool is_well(int i)
{
        SV_HTTP answer = {0};

        return call_one(i, "GET", "/secure-vm/v0/health", NULL, SV_BYTES_NULL, &answer) == 200;
}

/* The primary dies, its standby takes over; brokers find it by themselves. */
static void standby_takes_over(void **state)
{
        const char *promote = getenv("SV_TEST_PROMOTE");

        assert_non_null(promote);
        put_next(0, false);
        assert_int_equal(system(promote), 0);
        release_once(0, -1);
        WAIT_UNTIL(is_well(1), PATIENCE, "a broker does not find the standby");
        all_is_there();
        put_next(2, false);
        all_is_there();
        database_is_sound();
}

/* A program in the database that puts something else in place of what is written. */
static void liar_in_the_database(void **state)
{
        SV_ADMIN *a = administer_at(0);
        SV_BUF before = SV_BUF_NULL, after = SV_BUF_NULL;
        struct sv_err err;

        OK(sv_admin_get_policy(a, PATH, &before, &err));
        run_on_server(fleet_lie);
        FAILS(sv_admin_put_policy(a, PATH, sv_buf_bytes(&before), &err), SV_SYSTEM,
              "broker.store.mac");
        run_on_server("DROP TRIGGER lie ON policies; DROP FUNCTION lie()");
        OK(sv_admin_get_policy(a, PATH, &after, &err));
        assert_true(sv_bytes_eq(sv_buf_bytes(&before), sv_buf_bytes(&after)));
        release_once(0, -1);
        database_is_sound();
}

/* By the server, as when it is told to end: whoever asks next notices nothing. */
static void connections_cut(void **state)
{
        for (int round = 0; round < 2; round++) {
                /* each is gone before anybody asks: a request in whose middle it goes is refused */
                run_on_server("SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE "
                              "pid <> pg_backend_pid() AND datname = current_database()");
                for (int i = 0; i < BROKERS; i++) {
                        SV_ADMIN *a = administer_at(i);
                        SV_JSON *answer = NULL;
                        struct sv_err err;

                        OK(sv_admin_list_resources(a, NULL, NULL, &answer, &err));
                }
        }
}

/* A broker that has released under a state believes no older one, whoever has made it. */
static void each_remembers(void **state)
{
        int64_t newest;

        for (int i = 0; i < 3; i++)
                put_next(0, false);
        newest = read_fleet_serial(brokers[0].folder);
        assert_true(read_fleet_serial(brokers[1].folder) < newest);
        release_once(2, -1); /* by broker 1 */
        assert_int_equal(read_fleet_serial(brokers[1].folder), newest);
}

/* From the server into a file, and back into it. */
static void there_and_back(void **state)
{
        SV_STR file = sv_asprintf("%s/backup", dir);
        SV_BROKER b = {.audit_fd = -1};
        struct sv_backup_count count = {0};
        struct sv_restore r = {.from = file, .replace = true};
        SV_ADMIN *a = administer_at(1);
        struct sv_err err;

        enter_one(0, &b);
        OK(sv_backup_make(&b, file, &count, &err));
        assert_true(count.resources > acknowledged);
        OK(sv_admin_delete_resource(a, "default/put/r0", NULL, &err));
        for (int i = 0; i < 3; i++)
                put_next(2, false); /* broker 0 has not seen these */
        OK(sv_backup_restore(&b, &r, &err));
        for (int i = 0; i < BROKERS; i++)
                assert_true(is_well(i)); /* the state is newer than what each has seen */
        acknowledged -= 3;
        all_is_there();
        put_next(2, false);
        all_is_there();
        release_once(1, -1);
        database_is_sound();
}

/* A change that waits for a standby that nobody is, and has the lock of who changes something. A
 * broker that reads its configuration anew meanwhile waits beside what it serves. */
static void no_answer_at_commit(void **state)
{
        SV_BROKER b = {.audit_fd = -1};
        SV_HTTP answer = {0};
        struct sv_err err;
        int64_t begun;

        enter_one(0, &b);
        OK(sv_health_check(&b, time(NULL), &err));
        FAILS(sv_health_check(&b, time(NULL) - 90, &err), SV_SYSTEM, "broker.store.clock");
        stop_commits();
        OK(b.store->ops->hold(b.store, true, &err));
        OK(b.store->ops->put_resource(b.store, "default/unsure/r", 1, sv_bytes_str("x"), 1, 1,
                                      &err));
        FAILS(b.store->ops->settle(b.store, true, &err), SV_SYSTEM, "broker.store.unsure");
        kill(brokers[1].pid, SIGHUP);
        usleep(500000);
        begun = sv_clock_ms();
        assert_int_equal(call_one(1, "GET", "/secure-vm/v0/health", NULL, SV_BYTES_NULL, &answer),
                         200);
        assert_true(sv_clock_ms() - begun < 5000 * (int64_t)test_patience(1));
        set_standby("");
        put_next(0, false);
        all_is_there();
}

/* An own key, put while a restore has looked already at what would be lost. */
static void put_during_restore(void **state)
{
        SV_STR other = sv_asprintf("%s/config.json", brokers[1].folder);
        SV_STR file = sv_asprintf("%s/earlier", dir);
        SV_BROKER b = {.audit_fd = -1}, c = {.audit_fd = -1};
        struct sv_backup_count count = {0};
        struct sv_restore r = {.from = file};
        struct sv_err err;
        pid_t child;
        int status;

        enter_one(0, &b);
        OK(sv_backup_make(&b, file, &count, &err));
        OK(b.store->ops->hold(b.store, true, &err));
        OK(b.store->ops->put_resource(b.store, "default/late/r", 1, sv_bytes_str("x"), 1, 1, &err));
        child = fork();
        if (child == 0) {
                _exit(sv_broker_open(other, &c, &err) < 0 || sv_broker_read_keys(&c, &err) < 0 ||
                      sv_backup_restore(&c, &r, &err) == 0 ||
                      strcmp(err.check, "broker.restore.loses") != 0);
        }
        WAIT_UNTIL(is_lock_wanted(), PATIENCE, "the restore does not wait for who changes it");
        OK(b.store->ops->settle(b.store, true, &err));
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        OK(b.store->ops->delete_resource(b.store, "default/late/r", 1, &err));
        all_is_there();
}

/* Without the serial outside nothing is read; what the server has is taken on purpose. */
static void server_is_accepted(void **state)
{
        SV_STR config = sv_asprintf("%s/config.json", brokers[0].folder);
        struct sv_restore r = {.from = getenv("SV_TEST_DATABASE")};
        SV_BROKER b = {.audit_fd = -1}, c = {.audit_fd = -1};
        struct sv_err err;

        OK(sv_broker_open(config, &b, &err));
        assert_int_equal(unlink(b.config.serial), 0);
        FAILS(sv_broker_enter(&b, &err), SV_SYSTEM, "broker.store.serial");
        OK(sv_broker_open(config, &c, &err));
        OK(sv_broker_read_keys(&c, &err));
        OK(sv_backup_restore(&c, &r, &err));
        put_next(0, false);
        database_is_sound();
}

static int fleet_setup(void **state)
{
        struct sv_err err;

        snprintf(dir, sizeof(dir), "/tmp/sv-fleet-XXXXXX");
        assert_non_null(mkdtemp(dir));
        platform_make(dir);
        for (int i = 0; i < BROKERS; i++)
                make_one(i);
        for (int i = 0; i < BROKERS; i++)
                start_one(&brokers[i]);
        tls = sv_tls_client(sv_bytes(pin, 32), NULL, &err);
        assert_non_null(tls);
        put_guest_policy();
        return 0;
}

static int fleet_teardown(void **state)
{
        for (int i = 0; i < BROKERS; i++)
                end_one(&brokers[i], SIGTERM);
        sv_tls_ctx_free(tls);
        platform_free();
        return sv_remove_tree(dir, NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(another_at_each_step), cmocka_unit_test(nonce_counts_once),
                cmocka_unit_test(killed_in_each_step),  cmocka_unit_test(connections_cut),
                cmocka_unit_test(each_remembers),       cmocka_unit_test(liar_in_the_database),
                cmocka_unit_test(standby_takes_over),   cmocka_unit_test(there_and_back),
                cmocka_unit_test(put_during_restore),   cmocka_unit_test(server_is_accepted),
                cmocka_unit_test(no_answer_at_commit),
        };

        return cmocka_run_group_tests(tests, fleet_setup, fleet_teardown);
}
