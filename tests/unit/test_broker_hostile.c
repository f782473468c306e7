/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile code in the place of the broker's processes that meet strangers: it runs where the
 * broker's own code would, with all that this has, and tries to get at 1 000 keys of others. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/broker_process.h"
#include "tests/unit/put_policy.h"
#include "tests/unit/hostile.h"

#include "attest/jose/token.h"
#include "attest/kbs/http-conn.h"
#include "attest/kbs/kbs.h"
#include "base/core/clock.h"
#include "base/core/encoding.h"
#include "base/net/tls.h"
#include "broker/process/channel.h"
#include "broker/process/verifier.h"
#include "broker/process/wire.h"
#include "broker/serve/connection.h"
#include "broker/serve/forward.h"
#include "broker/serve/held.h"
#include "broker/serve/peer.h"
#include "broker/serve/request.h"
#include "broker/versions.h"
#include "policy/policy.h"
#include "policy/rule.h"
#include "tee/measure.h"

#define KEYS 1000
#define MARK "KEY-OF-OTHERS-"

enum place { NOWHERE, VERIFIER, NETWORK, CONNECTION, WORKER };

/* What hostile code reports; shared with all processes. */
static struct report {
        volatile enum place hostile;
        volatile pid_t pid; /* set when it waits to be looked at */
        volatile bool go_on, done;
        volatile int tries, opened, sockets, started, peeked;
        volatile int asked, answered, released;
} * report;

static uint8_t pin[32];
static struct sv_tls_ctx *tls;

/* --- hostile code --- */

static void try_files(const struct sv_broker *b)
{
        const char *const paths[] = {b->config.kek,      b->config.token_key, b->config.tls_key,
                                     b->config.database, b->config.admin_pub, "/etc/passwd",
                                     "/proc/self/mem"};

        for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
                report->tries += 2;
                report->opened += open(paths[i], O_RDONLY) >= 0;
                report->opened += open(paths[i], O_RDWR) >= 0;
        }
        report->opened += syscall(SYS_memfd_create, "x", 0) >= 0;
}

static void try_processes(void)
{
        void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        report->tries += HOSTILE_PROCESS_TRIES + 1;
        report->peeked += reach_process(broker);
        report->peeked += mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
}

static void try_system(void)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        report->tries += 2 + HOSTILE_PROGRAM_TRIES;
        report->sockets += fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
        report->sockets += fd >= 0;
        report->started += start_program();
}

static void try_all(const struct sv_broker *b)
{
        try_files(b);
        try_processes();
        try_system();
        /* The test looks at this process's memory now. */
        report->pid = getpid();
        for (int i = 0; i < 60000 && !report->go_on; i++)
                usleep(1000);
}

static void ask_keeper(int keeper, const char *method, const char *target, const char *field,
                       const char *value)
{
        SV_HTTP msg = {.method = sv_asprintf("%s", method), .target = sv_asprintf("%s", target)};
        SV_HTTP answer = {0};
        struct sv_err err;

        if (field && sv_http_add(&msg, field, value, &err) == 0 && *value == '!')
                *msg.fields[0].value = '\n'; /* what no head of HTTP holds */
        report->asked++;
        if (sv_forward_request(keeper, &msg, 30000, &answer, &err) < 0)
                return;
        report->answered++;
        report->released += answer.status < 300;
}

/* A token of the own hand over claims that every policy likes, and an administrator's. */
static void forge_tokens(char **guest, char **admin)
{
        SV_KEY *key = sv_key_generate(SV_KEY_P256, 0, NULL);
        SV_JSON *claims = sv_json_object(), *runtime = sv_json_object(), *said = sv_json_object();
        const struct sv_ear ear = {.iat = time(NULL),
                                   .exp = time(NULL) + 300,
                                   .issuer = "secure-vm-broker",
                                   .tee = "snp",
                                   .policy_id = "none",
                                   .verdict = said,
                                   .claims = claims,
                                   .runtime_data = runtime};
        const struct sv_admin_request what = {pin, "GET", "/secure-vm/v0/resources", SV_BYTES_NULL};
        SV_BUF g = SV_BUF_NULL, a = SV_BUF_NULL;
        struct sv_err err;

        sv_buf_puts(&g, "Bearer ");
        sv_buf_puts(&a, "Bearer ");
        (void)!sv_ear_sign(&ear, key, NULL, &g, &err);
        (void)!sv_admin_token_sign(key, &what, time(NULL), &a, &err);
        *guest = sv_asprintf("%s", sv_buf_str(&g));
        *admin = sv_asprintf("%s", sv_buf_str(&a));
}

static void attack_keeper(int keeper)
{
        static const char cookie[] = "kbs-session-id=00000000000000000000000000000000";
        SV_STR guest = NULL;
        SV_STR admin = NULL;

        forge_tokens(&guest, &admin);
        for (int i = 0; i < KEYS; i++) {
                SV_STR target = sv_asprintf("/kbs/v0/resource/default/others/k%d", i);
                const char *const values[] = {NULL, cookie, guest, admin};
                const char *value = values[i % 4];

                ask_keeper(keeper, "GET", target,
                           !value               ? NULL
                           : value == values[1] ? "Cookie"
                                                : "Authorization",
                           value);
        }
        ask_keeper(keeper, "GET", "/secure-vm/v0/resources", "Authorization", admin);
        ask_keeper(keeper, "DELETE", "/kbs/v0/resource/default/others/k1", NULL, NULL);
        ask_keeper(keeper, "PUT", "/secure-vm/v0/policy/default/others/k1", "Authorization", guest);
        ask_keeper(keeper, "GET", "/kbs/v0/resource/default/others/../k1", "Cookie", "!");
}

void __real_sv_verifier_serve(struct sv_broker *b, int channel);
void __wrap_sv_verifier_serve(struct sv_broker *b, int channel);
void __wrap_sv_verifier_serve(struct sv_broker *b, int channel)
{
        if (report->hostile != VERIFIER) {
                __real_sv_verifier_serve(b, channel);
                return;
        }
        try_all(b);
        /* then no answer of any form: more than was asked for, and no end */
        (void)!send(channel, "\x01\xff\xff\xff\xff", 5, MSG_NOSIGNAL);
        report->done = true;
}

void __real_sv_connection_serve(struct sv_broker *b, int control);
void __wrap_sv_connection_serve(struct sv_broker *b, int control);
void __wrap_sv_connection_serve(struct sv_broker *b, int control)
{
        struct sv_connection c;

        if (report->hostile != CONNECTION) {
                __real_sv_connection_serve(b, control);
                return;
        }
        /* as the broker's own code does before the first byte of a stranger's */
        if (sv_connection_take(control, &c, NULL) < 0 || sv_connection_enter(&c, NULL) < 0)
                return;
        try_all(b);
        attack_keeper(c.keeper);
        (void)!send(c.keeper, "\x0d\xff\xff\xff\x7f", 5, MSG_NOSIGNAL);
        report->done = true;
}

/* The network's process makes channels to the keeper as it likes, and says whose they are. */
void __real_sv_held_step(struct sv_held *h);
void __wrap_sv_held_step(struct sv_held *h);
void __wrap_sv_held_step(struct sv_held *h)
{
        const struct sv_net_peer peer = {.name = "127.0.0.1:1", .source = 1, .local = 1};
        char text[SV_NET_PEER_SIZE];
        int keeper[2];

        if (report->hostile == NETWORK && !report->done && sv_channel_pair(keeper, NULL) == 0) {
                sv_net_write_peer(&peer, text);
                try_all(h->b);
                if (sv_control_pass(h->keeper, text, keeper[1], NULL) == 0)
                        attack_keeper(keeper[0]);
                close(keeper[0]);
                close(keeper[1]);
                report->done = true;
        }
        __real_sv_held_step(h);
}

/* It has died of a request before an answer. */
void __real_sv_broker_handle(struct sv_request *r);
void __wrap_sv_broker_handle(struct sv_request *r);
void __wrap_sv_broker_handle(struct sv_request *r)
{
        if (report->hostile == WORKER) {
                report->done = true;
                kill(getpid(), SIGKILL);
        }
        __real_sv_broker_handle(r);
}

/* --- the broker --- */

static void make_policy(const char *path, struct sv_buf *out)
{
        SV_JSON *rules = sv_json_array(), *trust = sv_json_object();
        struct sv_json *rule = sv_rule_add(rules, "policy.debug", "/policy_bits/debug",
                                           "configuration", "no debugging");
        struct sv_err err;

        sv_json_set_bool(rule, "equals", false);
        OK(sv_policy_write("demo", "sev-snp", path, rules, trust, out, &err));
}

/* Written by this process, which opens the store when the broker has long been forked from it. */
static void store_keys(void)
{
        SV_BROKER own = {.audit_fd = -1};
        char config[256];
        struct sv_err err;

        in_dir(config, "config.json");
        OK(sv_broker_open(config, &own, &err));
        OK(sv_broker_enter(&own, &err));
        for (int i = 0; i < KEYS; i++) {
                SV_STR path = sv_asprintf("default/others/k%d", i);
                SV_STR value = sv_asprintf(MARK "%04d-0123456789abcdef", i);
                struct sv_versions none = {0};
                SV_BUF policy = SV_BUF_NULL;

                make_policy(path, &policy);
                OK(put_policy_text(own.store, path, sv_buf_bytes(&policy), 1, &err));
                OK(sv_version_add(&own, path, &none, sv_bytes_str(value), 1, &err));
        }
}

static int group_setup(void **state)
{
        report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0);
        assert_ptr_not_equal(report, MAP_FAILED);
        start_new_broker(pin, &tls);
        store_keys();
        return 0;
}

static int group_teardown(void **state)
{
        return end_new_broker(tls);
}

static int ask_broker(const char *method, const char *path, const char *body)
{
        struct sv_http_conn conn;
        SV_HTTP req = {0};
        SV_HTTP answer = {0};
        struct sv_err err;
        int rc;

        OK(sv_http_conn_init(&conn, url, tls, &err));
        rc = sv_http_conn_call(&conn, method, path, &req, sv_bytes_str(body), &answer, &err);
        sv_http_conn_close(&conn);
        return rc < 0 ? -1 : answer.status;
}

/* --- memory --- */

struct needle {
        const uint8_t *p;
        size_t n;
};

static bool holds(const uint8_t *p, size_t n, const struct needle *what)
{
        return n && memmem(p, n, what->p, what->n);
}

/* How many of the needles stand in the memory of another process; -1: it cannot be looked at. */
static int look_into(pid_t pid, const struct needle *what, size_t n)
{
        SV_STR maps = sv_asprintf("/proc/%d/maps", (int)pid);
        SV_STR mem = sv_asprintf("/proc/%d/mem", (int)pid);
        SV_FD fd = open(mem, O_RDONLY);
        FILE *f = fopen(maps, "r");
        char line[512];
        int found = 0;

        while (fd >= 0 && f && fgets(line, sizeof(line), f)) {
                unsigned long a = strtoul(line, NULL, 16),
                              z = strtoul(strchr(line, '-') + 1, NULL, 16);
                SV_BUF copy = SV_BUF_NULL;

                if (!strstr(line, " rw-p")) /* what is not written is the program's own */
                        continue;
                if (z - a > (64 << 20) || !sv_buf_grow(&copy, z - a) ||
                    pread(fd, copy.p, z - a, (off_t)a) != (ssize_t)(z - a))
                        continue;
                for (size_t i = 0; i < n; i++)
                        found += holds(copy.p, copy.n, &what[i]);
        }
        if (f)
                fclose(f);
        return fd >= 0 && f ? found : -1;
}

static void look_for_keys(pid_t pid)
{
        SV_BUF kek = SV_BUF_NULL, pem = SV_BUF_NULL;
        char path[256];
        struct needle what[3] = {{(const uint8_t *)MARK "0", sizeof(MARK)}};

        in_dir(path, "kek");
        read_file(path, &kek);
        in_dir(path, "token.key");
        read_file(path, &pem);
        what[1] = (struct needle){kek.p, kek.n};
        what[2] = (struct needle){pem.p + 30, 60}; /* of its base64 */
        if (geteuid() == 0)                        /* others may not look */
                assert_int_equal(look_into(pid, what, 3), 0);
}

/* Does the way of looking find what is there? */
static void looking_finds(void **state)
{
        SV_STR there = sv_asprintf("%s", "this text stands in the memory of this process");
        const struct needle what = {(const uint8_t *)there, strlen(there)};

        if (geteuid() == 0)
                assert_true(look_into(getpid(), &what, 1) > 0);
}

/* --- tests --- */

static void begin_attack(enum place place)
{
        memset((void *)(uintptr_t)report, 0, sizeof(*report));
        report->hostile = place;
}

static void end_attack(void)
{
        report->go_on = true;
        WAIT_UNTIL(report->done, PATIENCE,
                   "the hostile code has not come to its end: %d asked, %d answered", report->asked,
                   report->answered);
        report->hostile = NOWHERE;
        assert_int_equal(report->opened, 0);
        assert_int_equal(report->sockets, 0);
        assert_int_equal(report->started, 0);
        assert_int_equal(report->peeked, 0);
        assert_true(report->tries > 20);
        /* and the broker serves as before */
        assert_int_equal(ask_broker("GET", "/secure-vm/v0/health", ""), 200);
}

static void in_the_verifier(void **state)
{
        pid_t client;
        int status;

        begin_attack(VERIFIER);
        client = fork();
        if (client == 0) {
                status =
                        ask_broker("POST", "/kbs/v0/auth",
                                   "{\"version\":\"0.4.0\",\"tee\":\"snp\",\"extra-params\":\"\"}");
                _exit(status == 503 ? 0 : 1);
        }
        WAIT_UNTIL(report->pid, PATIENCE, "%s", "no hostile verifier runs");
        look_for_keys(report->pid);
        end_attack();
        assert_int_equal(waitpid(client, &status, 0), client);
        assert_int_equal(status, 0); /* the answer without a form was refused as such */
}

static void must_have_no_key(int forms)
{
        assert_int_equal(report->released, 0);
        assert_int_equal(report->asked, KEYS + 4);
        assert_true(report->answered >= forms);
        print_message("%d of %d keys\n", (int)report->released, KEYS);
}

/* A stranger with a connection, and a byte of a request. */
static struct sv_tls *send_a_byte(void)
{
        struct sv_url u;
        struct sv_err err;
        struct sv_tls *t;
        int fd;

        OK(sv_url_parse(url, false, &u, &err));
        fd = sv_tcp_connect(u.host, u.port, 2000, &err);
        assert_true(fd >= 0);
        t = sv_tls_connect(tls, fd, u.host, &err);
        assert_non_null(t);
        OK(sv_tls_write(t, sv_bytes_str("x"), &err));
        return t;
}

static void in_a_connection(void **state)
{
        SV_TLS *t = NULL;

        begin_attack(CONNECTION);
        t = send_a_byte();
        WAIT_UNTIL(report->pid, PATIENCE, "no hostile connection runs after %d tries",
                   report->tries);
        look_for_keys(report->pid);
        end_attack();
        must_have_no_key(KEYS + 3); /* one had no form of HTTP */
}

static void in_the_network(void **state)
{
        SV_TLS *t = send_a_byte(); /* its process comes to its end later */

        begin_attack(NETWORK);
        (void)!sv_tls_write(t, sv_bytes_str("y"), NULL);
        WAIT_UNTIL(report->pid, PATIENCE, "no hostile network runs after %d tries", report->tries);
        look_for_keys(report->pid);
        end_attack();
        must_have_no_key(KEYS + 3);
}

/* Its connection ends with it, long before that one's process stops waiting for an answer (after
 * 30 s), and no other. */
static void a_worker_dies(void **state)
{
        int64_t began = sv_clock_ms();

        begin_attack(WORKER);
        assert_int_equal(ask_broker("GET", "/secure-vm/v0/health", ""), -1);
        assert_true(report->done);
        assert_true(sv_clock_ms() - began < 20000);
        report->hostile = NOWHERE;
        assert_int_equal(ask_broker("GET", "/secure-vm/v0/health", ""), 200);
}

/* Nothing is served without it, and nothing makes it anew beside the keys: all end. */
static void without_a_verifier(void **state)
{
        pid_t pid = find_broker_child("sv-verifier");
        int status;

        assert_true(pid > 0);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(broker, &status, 0), broker);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
        broker = 0;
}

/* The same code with nothing that holds it: what the counts above would be. */
static void without_a_sandbox(void **state)
{
        SV_BROKER_CONFIG config = {0};
        char path[256];
        struct sv_broker b = {.audit_fd = -1};
        struct sv_err err;

        begin_attack(NOWHERE);
        in_dir(path, "config.json");
        OK(sv_broker_config_read(path, &config, &err));
        b.config = config;
        try_files(&b);
        assert_true(report->opened >= 10);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(looking_finds),      cmocka_unit_test(in_the_verifier),
                cmocka_unit_test(in_a_connection),    cmocka_unit_test(in_the_network),
                cmocka_unit_test(without_a_sandbox),  cmocka_unit_test(a_worker_dies),
                cmocka_unit_test(without_a_verifier),
        };

        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
