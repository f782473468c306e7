/* SPDX-License-Identifier: Apache-2.0 */
/* How many guests a second get their key when many ask at once, each over a connection of its own,
 * and how long each waits at half of that rate: of one broker with a file and, with
 * SV_TEST_DATABASE, of the same one with that server, turn by turn. Beside them the public-key
 * operations of a broker that all processors of the machine do in the same run. The clients are on
 * the same processors, so it is said which part of these each takes. Ends with 1 when a goal is
 * missed.
 *
 *      broker-rate ROUNDS BROKER
 */
#pragma GCC diagnostic ignored "-Wunused-function"
#include <errno.h>
#include <math.h>
#include <sys/mman.h>

#include "tests/bench/broker_turns.h"
#include "tests/bench/operations.h"

#define CLIENTS 16
#define WARM    32     /* releases before it counts */
#define RUN_MS  8000   /* of each measure */
#define SEEN    200000 /* waits that are kept, of all clients */

#define LEAST_RATE   1000 /* where the processors' public-key rate allows twice of it */
#define MOST_WAIT_MS 50   /* for 99 of 100 guests, at half of the rate */
#define LEAST_SHARE  0.5  /* of a file's rate, with a server */

/* One source, and all guests come again and again: what bounds strangers is set aside. */
static const char limits[] = "\"handshakes_per_second\":100000,\"sessions\":1000000,"
                             "\"sessions_per_source\":1000000";

static struct seen {
        _Atomic bool begin;
        _Atomic long released, failed;
        int64_t end_ms;
        double waits[SEEN]; /* ms */
} * seen;

struct load {
        double seconds, rate, p50, p99, worst;
        double clients_ms; /* processor time of a release */
        double idle;       /* part of the processors' time that nobody used */
};

/* From nothing to the key, as a guest that boots. */
static bool take_key(void)
{
        SV_KBS_CLIENT *c = NULL;
        SV_JSON *evidence = NULL;
        SV_SECRET *s = NULL;
        uint8_t binding[48];
        struct sv_err err = SV_ERR_NULL;

        if (sv_kbs_client_new(url, tls, &c, &err) == 0 && sv_kbs_auth(c, "snp", NULL, &err) == 0 &&
            sv_kbs_binding(c, binding, &err) == 0) {
                evidence = platform_evidence(binding);
                if (sv_kbs_attest(c, evidence, &err) == 0)
                        s = sv_kbs_resource(c, PATH, NULL, &err);
        }
        if (s && sv_secret_size(s) == strlen(SECRET) &&
            !memcmp(sv_secret_reveal(s), SECRET, strlen(SECRET)))
                return true;
        fprintf(stderr, "%s [%s]\n", err.msg, err.check);
        return false;
}

static double now_ms(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void wait_until_ms(double when)
{
        struct timespec t = {.tv_sec = (time_t)(when / 1e3)};

        t.tv_nsec = (long)((when - (double)t.tv_sec * 1e3) * 1e6);
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
                ;
}

/* With a rate a guest comes when it is its turn, whether those before it have been served or not,
 * and waits from then on: a broker that stands still makes all of them wait. */
static void be_guests(int number, double per_ms)
{
        struct drand48_data dice;
        double due = now_ms(), chance;

        srand48_r(number, &dice);
        for (;;) {
                long nth;

                if (per_ms > 0) {
                        drand48_r(&dice, &chance);
                        due -= log(1 - chance) / per_ms; /* as independent guests come */
                        if (due >= (double)seen->end_ms)
                                return;
                        wait_until_ms(due);
                } else {
                        due = now_ms();
                        if (due >= (double)seen->end_ms)
                                return;
                }
                if (!take_key()) {
                        seen->failed++;
                        return;
                }
                nth = seen->released++;
                if (nth < SEEN)
                        seen->waits[nth] = now_ms() - due;
        }
}

static void run_client(int number, double per_ms)
{
        while (!seen->begin)
                usleep(1000);
        be_guests(number, per_ms);
        _exit(0);
}

static int compare_waits(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

/* Of all processors, in ticks: what nobody used, and all of it. */
static void read_ticks(double *idle, double *all)
{
        SV_BUF text = SV_BUF_NULL;
        double t[8];

        read_file("/proc/stat", &text);
        assert_int_equal(sscanf(sv_buf_str(&text), "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &t[0],
                                &t[1], &t[2], &t[3], &t[4], &t[5], &t[6], &t[7]),
                         8);
        *idle = t[3] + t[4]; /* waiting for a disk is idle, too */
        *all = 0;
        for (int i = 0; i < 8; i++)
                *all += t[i];
}

/* A second's guests at this rate; 0: as many as can be. */
static struct load measure_load(double rate)
{
        struct load l = {0};
        double before = children_ms(), began, idle[2], all[2];
        long n;

        memset(seen, 0, sizeof(*seen));
        for (int i = 0; i < CLIENTS; i++) {
                pid_t pid = fork();

                assert_true(pid >= 0);
                if (pid == 0)
                        run_client(i, rate / CLIENTS / 1e3);
        }
        read_ticks(&idle[0], &all[0]);
        began = now_ms();
        seen->end_ms = (int64_t)began + RUN_MS;
        seen->begin = true;
        for (int i = 0; i < CLIENTS; i++) {
                int status;
                pid_t pid = wait(&status);

                assert_true(pid > 0);
                assert_int_not_equal(pid, broker);
                assert_int_equal(status, 0);
        }
        read_ticks(&idle[1], &all[1]);
        l.idle = all[1] > all[0] ? (idle[1] - idle[0]) / (all[1] - all[0]) : 0;
        assert_int_equal(seen->failed, 0);
        n = seen->released;
        assert_in_range(n, 1, SEEN);
        l.seconds = (now_ms() - began) / 1e3;
        l.rate = (double)n / l.seconds;
        l.clients_ms = (children_ms() - before) / (double)n;
        qsort(seen->waits, (size_t)n, sizeof(*seen->waits), compare_waits);
        l.p50 = seen->waits[n / 2];
        l.p99 = seen->waits[n * 99 / 100];
        l.worst = seen->waits[n - 1];
        return l;
}

/* --- the machine --- */

static long processors;

/* Releases a second whose public-key operations all processors could do. */
static double measure_public_keys(void)
{
        double began = now_ms();

        for (long i = 0; i < processors; i++) {
                pid_t pid = fork();

                assert_true(pid >= 0);
                if (pid == 0) {
                        measure_operations();
                        _exit(0);
                }
        }
        for (long i = 0; i < processors; i++)
                assert_true(wait(NULL) > 0);
        return (double)(processors * OPERATIONS) / (now_ms() - began) * 1e3;
}

/* --- the measure --- */

static struct best {
        double rate, p50, p99, worst, broker_ms, clients_ms, idle;
} best[PROGRAMS_MAX];

static void measure_broker(int number)
{
        struct best *b = &best[number];
        struct load most, half;
        double used;
        long n;

        take_turn(number);
        configure(limits);
        start_broker_by(serve_program);
        for (int i = 0; i < WARM; i++)
                assert_true(take_key());
        most = measure_load(0);
        n = WARM + seen->released;
        half = measure_load(most.rate / 2);
        n += seen->released;
        used = children_ms();
        assert_int_equal(stop_broker(), 0);
        used = (children_ms() - used) / (double)n;
        if (!b->broker_ms || used < b->broker_ms)
                b->broker_ms = used;
        if (most.rate > b->rate) {
                b->rate = most.rate;
                b->clients_ms = most.clients_ms;
                b->idle = most.idle;
        }
        if (!b->p99 || half.p99 < b->p99) {
                b->p50 = half.p50;
                b->p99 = half.p99;
                b->worst = half.worst;
        }
        print_message("%s: %.0f a second, p50 %.1f ms, p99 %.1f ms, worst %.1f ms at half\n",
                      databases[number] ? "server" : "file", most.rate, half.p50, half.p99,
                      half.worst);
}

static int missed;

static const char *judge(bool holds)
{
        missed += !holds;
        return holds ? "" : "  MISSED";
}

/* What is all but used up when many ask at once. */
static void say_limit(const struct best *b)
{
        double per_second = (double)processors * 1e3;
        double broker_share = b->rate * b->broker_ms / per_second;
        double clients_share = b->rate * b->clients_ms / per_second;

        print_message("  processors (%ld): the broker has %.0f %% (%.2f ms a release), its clients "
                      "%.0f %% (%.2f ms), nobody %.0f %%, the others of this machine the rest; "
                      "the limit is %s\n",
                      processors, 100 * broker_share, b->broker_ms, 100 * clients_share,
                      b->clients_ms, 100 * b->idle,
                      b->idle < 0.15 ? "the processors"
                                     : "not the processors: the disk, or a lock");
        print_message("  of these processors without clients: %.0f a second at most\n",
                      per_second / b->broker_ms);
}

static void say_result(int number, double operations)
{
        const struct best *b = &best[number];
        bool allowed = operations >= 2 * LEAST_RATE;

        print_message("%s: %.0f a second, %.2f of the public-key rate%s\n",
                      databases[number] ? "with a server" : "with a file", b->rate,
                      b->rate / operations, number || !allowed ? "" : judge(b->rate >= LEAST_RATE));
        say_limit(b);
        print_message("  at half of it: p50 %.1f ms, p99 %.1f ms (at most %d), worst %.1f ms%s\n",
                      b->p50, b->p99, MOST_WAIT_MS, b->worst, judge(b->p99 <= MOST_WAIT_MS));
        if (number)
                print_message("  %.2f of the file's rate (at least %.2f)%s\n",
                              b->rate / best[0].rate, LEAST_SHARE,
                              judge(b->rate >= LEAST_SHARE * best[0].rate));
}

static void measure(void **state)
{
        double operations = 0;

        seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert_ptr_not_equal(seen, MAP_FAILED);
        for (int i = 0; i < n_programs; i++)
                make_broker(i);
        for (int round = 0; round < rounds; round++) {
                double rate = measure_public_keys();

                operations = rate > operations ? rate : operations;
                for (int i = 0; i < n_programs; i++)
                        measure_broker(i);
        }
        print_message("%d clients; a broker's public-key operations alone: %.0f releases a "
                      "second\n",
                      CLIENTS, operations);
        for (int i = 0; i < n_programs; i++)
                say_result(i, operations);
        munmap(seen, sizeof(*seen));
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(measure)};
        const char *twice[] = {argc == 3 ? argv[2] : NULL, argc == 3 ? argv[2] : NULL};
        int rc;

        if (argc != 3 || atoi(argv[1]) < 1)
                return 2;
        rounds = atoi(argv[1]);
        processors = sysconf(_SC_NPROCESSORS_ONLN);
        databases[1] = getenv("SV_TEST_DATABASE");
        programs = twice;
        n_programs = databases[1] ? 2 : 1;
        rc = cmocka_run_group_tests(tests, make_platform, remove_all);
        return rc ? rc : missed > 0;
}
