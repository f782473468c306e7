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
#include "tests/bench/broker_turns.h"
#include "tests/bench/operations.h"

#define SHORT 10
#define LONG  110

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
