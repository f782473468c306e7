/* SPDX-License-Identifier: Apache-2.0 */
/* Processor time of a broker for one release, connection and processes included, beside that of its
 * public-key operations done with OpenSSL alone: of several programs in one run, turn by turn, each
 * with a folder that it has made itself. What starting costs is left out: it is the difference
 * between a long run and a short one.
 *
 *      broker-cpu [ROUNDS] BROKER [BROKER...]
 *      broker-cpu scale BROKER         one program, with more and more policies and resources
 */
#pragma GCC diagnostic ignored "-Wunused-function"
#include "tests/conformance/floods.h"

#include <openssl/ec.h>
#include <openssl/evp.h>

#define SHORT        10
#define LONG         110
#define PROGRAMS_MAX 4

static const char *program; /* whose turn it is */

static int make_platform(void **state)
{
        snprintf(dir, sizeof(dir), "/tmp/sv-broker-cpu-XXXXXX");
        assert_non_null(mkdtemp(dir));
        platform_make(dir);
        return 0;
}

static int serve_program(const char *config)
{
        execl(program, program, "serve", "--config", config, NULL);
        return 9;
}

static double children_ms(void)
{
        struct rusage r;

        getrusage(RUSAGE_CHILDREN, &r);
        return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000 +
               (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1000;
}

static const char *const *programs;
static int n_programs, rounds = 3;
static struct sv_tls_ctx *their_tls[PROGRAMS_MAX];

/* dir/b is the folder of the program whose turn it is, and tls knows its server. */
static void take_turn(int number)
{
        SV_STR own = sv_asprintf("%s/b%d", dir, number);
        SV_STR link = sv_asprintf("%s/b", dir);

        unlink(link);
        assert_int_equal(symlink(own, link), 0);
        program = programs[number];
        tls = their_tls[number];
}

static void read_pin(const char *said)
{
        struct sv_err err = SV_ERR_NULL;
        SV_BUF text = SV_BUF_NULL, bytes = SV_BUF_NULL;
        SV_JSON *json = NULL;

        read_file(said, &text);
        OK(sv_json_parse(sv_buf_bytes(&text), "test", &json, &err));
        OK(sv_unhex(sv_bytes_str(sv_json_text(json, "pin", "") + strlen("sha256:")), &bytes, "test",
                    &err));
        assert_int_equal(bytes.n, sizeof(pin));
        memcpy(pin, bytes.p, sizeof(pin));
}

/* A folder as this program makes it, with the resource and its policy. */
static void make_broker(int number)
{
        SV_STR said = sv_asprintf("%s/init.json", dir);
        SV_STR init = sv_asprintf("'%s' init --dir %s/b%d --listen 127.0.0.1:0 --json >%s",
                                  programs[number], dir, number, said);
        char config[256], kept[256], key[256], hex[65], pin_text[80];
        struct sv_err err;

        take_turn(number);
        assert_int_equal(system(init), 0);
        read_pin(said);
        tls = their_tls[number] = sv_tls_client(sv_bytes(pin, 32), NULL, &err);
        assert_non_null(tls);
        in_dir(config, "config.json");
        in_dir(kept, "config.json.init");
        assert_int_equal(rename(config, kept), 0);
        configure("");
        start_broker_by(serve_program);
        in_dir(key, "admin.key");
        snprintf(pin_text, sizeof(pin_text), "sha256:%s", sv_hex(sv_bytes(pin, 32), hex));
        OK(sv_admin_open(url, pin_text, key, &admin, &err));
        put_resource();
        assert_int_equal(stop(NULL), 0);
}

static double run_ms(int number, int releases)
{
        double before = children_ms();

        take_turn(number);
        start_broker_by(serve_program);
        for (int i = 0; i < releases; i++)
                release();
        assert_int_equal(stop_broker(), 0);
        return children_ms() - before;
}

static int remove_all(void **state)
{
        for (int i = 0; i < n_programs; i++)
                sv_tls_ctx_free(their_tls[i]);
        platform_free();
        return sv_remove_tree(dir, NULL);
}

/* --- the public-key operations alone --- */

#define OPERATIONS 200

static double own_ms(void)
{
        struct rusage r;

        getrusage(RUSAGE_SELF, &r);
        return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000 +
               (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1000;
}

static EVP_PKEY *make_key(const char *curve)
{
        EVP_PKEY *k = !strcmp(curve, "X25519") ? EVP_PKEY_Q_keygen(NULL, NULL, "X25519")
                                               : EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve);

        assert_non_null(k);
        return k;
}

static void sign_once(EVP_PKEY *k, const EVP_MD *md, uint8_t *sig, size_t *n)
{
        uint8_t data[672] = {0};
        EVP_MD_CTX *c = EVP_MD_CTX_new();

        assert_int_equal(EVP_DigestSignInit(c, NULL, md, NULL, k), 1);
        assert_int_equal(EVP_DigestSign(c, sig, n, data, sizeof(data)), 1);
        EVP_MD_CTX_free(c);
}

static void verify_once(EVP_PKEY *k, const EVP_MD *md, const uint8_t *sig, size_t n)
{
        uint8_t data[672] = {0};
        EVP_MD_CTX *c = EVP_MD_CTX_new();

        assert_int_equal(EVP_DigestVerifyInit(c, NULL, md, NULL, k), 1);
        assert_int_equal(EVP_DigestVerify(c, sig, n, data, sizeof(data)), 1);
        EVP_MD_CTX_free(c);
}

/* A new key, and what it agrees on with another's. */
static void agree_once(const char *curve, EVP_PKEY *peer)
{
        EVP_PKEY *own = make_key(curve);
        EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(own, NULL);
        uint8_t out[64];
        size_t n = sizeof(out);

        assert_int_equal(EVP_PKEY_derive_init(c), 1);
        assert_int_equal(EVP_PKEY_derive_set_peer_ex(c, peer, 0), 1);
        assert_int_equal(EVP_PKEY_derive(c, out, &n), 1);
        EVP_PKEY_CTX_free(c);
        EVP_PKEY_free(own);
}

/* As a release has them whose certificates were verified before: the handshake (X25519, a signature
 * with the server's P-256), the report's signature (P-384), the token's twice (P-256: made,
 * verified), and the key's wrapping (P-256). */
static double measure_operations(void)
{
        EVP_PKEY *p256 = make_key("P-256"), *p384 = make_key("P-384"), *x = make_key("X25519");
        uint8_t token[128], report[128];
        size_t n_token = sizeof(token), n_report = sizeof(report);
        double before;

        sign_once(p256, EVP_sha256(), token, &n_token);
        sign_once(p384, EVP_sha384(), report, &n_report);
        before = own_ms();
        for (int i = 0; i < OPERATIONS; i++) {
                uint8_t sig[128];
                size_t n = sizeof(sig);

                agree_once("X25519", x);
                sign_once(p256, EVP_sha256(), sig, &n);
                verify_once(p384, EVP_sha384(), report, n_report);
                n = sizeof(sig);
                sign_once(p256, EVP_sha256(), sig, &n);
                verify_once(p256, EVP_sha256(), token, n_token);
                agree_once("P-256", p256);
        }
        before = own_ms() - before;
        EVP_PKEY_free(p256);
        EVP_PKEY_free(p384);
        EVP_PKEY_free(x);
        return before / OPERATIONS;
}

static void measure(void **state)
{
        double operations = 0;
        double best[PROGRAMS_MAX] = {0};

        for (int i = 0; i < n_programs; i++)
                make_broker(i);
        for (int round = 0; round < rounds; round++) {
                double alone = measure_operations();

                if (!operations || alone < operations)
                        operations = alone;
                for (int i = 0; i < n_programs; i++) {
                        double least = run_ms(i, SHORT);
                        double ms = (run_ms(i, LONG) - least) / (LONG - SHORT);

                        if (!best[i] || ms < best[i])
                                best[i] = ms;
                        print_message("%s: %.2f ms\n", programs[i], ms);
                }
        }
        print_message("its public-key operations alone: %.2f ms\n", operations);
        for (int i = 0; i < n_programs; i++)
                print_message(
                        "least of %d: %.2f ms a release, %.2f times these operations, %.2f of "
                        "the first: %s\n",
                        rounds, best[i], best[i] / operations, best[i] / best[0], programs[i]);
}

/* --- many policies and resources --- */

/* Policies and resources beside that of the guest, in one change: until there are n of each. */
static void fill_store(int number, int from, int n)
{
        SV_BROKER b = {.audit_fd = -1};
        SV_BUF text = SV_BUF_NULL;
        char config[256];
        struct sv_err err;

        take_turn(number);
        in_dir(config, "config.json");
        OK(sv_broker_open(config, &b, &err));
        OK(sv_broker_enter(&b, &err));
        write_policy("sev-snp", PATH, &text);
        OK(b.store->ops->hold(b.store, false, &err));
        OK(b.store->ops->reserve(b.store, &err));
        for (int i = from; i < n; i++) {
                SV_STR path = sv_asprintf("default/guests/g%06d", i);
                const struct sv_policy_put put = {.text = sv_buf_bytes(&text), .author = "bench"};

                OK(b.store->ops->put_policy(b.store, path, &put, &err));
                OK(b.store->ops->put_resource(b.store, path, 1, sv_bytes_str(SECRET), 64, 0, &err));
        }
        OK(b.store->ops->settle(b.store, true, &err));
        OK(b.store->ops->sync(b.store, &err));
}

static double least_ms(int number)
{
        double best = 0;

        for (int round = 0; round < rounds; round++) {
                double least = run_ms(number, SHORT);
                double ms = (run_ms(number, LONG) - least) / (LONG - SHORT);

                if (!best || ms < best)
                        best = ms;
        }
        return best;
}

static void measure_scale(void **state)
{
        static const int sizes[] = {1, 10000, 100000};
        double first = 0;

        make_broker(0);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
                double ms;

                fill_store(0, i ? sizes[i - 1] : 1, sizes[i]);
                ms = least_ms(0);
                first = i ? first : ms;
                print_message("%d policies and resources: %.2f ms a release, %.2f of one's\n",
                              sizes[i], ms, ms / first);
        }
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(measure)};
        const struct CMUnitTest scale[] = {cmocka_unit_test(measure_scale)};
        char *end = NULL;
        int first = 1;

        if (argc > 1 && strtol(argv[1], &end, 10) > 0 && !*end) {
                rounds = (int)strtol(argv[1], NULL, 10);
                first = 2;
        }
        if (argc == 3 && !strcmp(argv[1], "scale")) {
                programs = (const char *const *)argv + 2;
                n_programs = 1;
                return cmocka_run_group_tests(scale, make_platform, remove_all);
        }
        programs = (const char *const *)argv + first;
        n_programs = argc - first;
        if (n_programs < 1 || n_programs > PROGRAMS_MAX)
                return 2;
        return cmocka_run_group_tests(tests, make_platform, remove_all);
}
