/* SPDX-License-Identifier: Apache-2.0 */
/* Processor time of a broker for one release, connection and processes included: of several
 * programs in one run, turn by turn. What starting costs is left out: it is the difference between
 * a long run and a short one.
 *
 *      broker-cpu [ROUNDS] BROKER [BROKER...]
 */
#pragma GCC diagnostic ignored "-Wunused-function"
#include "tests/conformance/floods.h"

#define SHORT        10
#define LONG         110
#define PROGRAMS_MAX 4

static const char *program; /* whose turn it is */

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

static double run_ms(const char *of, int releases)
{
        double before = children_ms();

        program = of;
        start_broker_by(serve_program);
        for (int i = 0; i < releases; i++)
                release();
        assert_int_equal(stop_broker(), 0);
        return children_ms() - before;
}

static const char *const *programs;
static int n_programs, rounds = 3;

static void measure(void **state)
{
        double best[PROGRAMS_MAX] = {0};

        configure("");
        for (int round = 0; round < rounds; round++)
                for (int i = 0; i < n_programs; i++) {
                        double least = run_ms(programs[i], SHORT);
                        double ms = (run_ms(programs[i], LONG) - least) / (LONG - SHORT);

                        if (!best[i] || ms < best[i])
                                best[i] = ms;
                        print_message("%s: %.2f ms\n", programs[i], ms);
                }
        for (int i = 0; i < n_programs; i++)
                print_message("least of %d: %.2f ms a release, %.2f of the first: %s\n", rounds,
                              best[i], best[i] / best[0], programs[i]);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(measure)};
        char *end = NULL;
        int first = 1;

        if (argc > 1 && strtol(argv[1], &end, 10) > 0 && !*end) {
                rounds = (int)strtol(argv[1], NULL, 10);
                first = 2;
        }
        programs = (const char *const *)argv + first;
        n_programs = argc - first;
        if (n_programs < 1 || n_programs > PROGRAMS_MAX)
                return 2;
        return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
