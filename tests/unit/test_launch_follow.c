/* SPDX-License-Identifier: Apache-2.0 */
/* Following a guest: its launch, a reboot (first its shutdown, which has a limit of its own), its
 * end, and what it is already. */
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/keeper/follow.h"
#include "tests/unit/unit.h"

static struct sv_err err;

/* The supervisor says all of this at once, and then nothing more. */
static int follow(const char *events, unsigned down, bool wait, struct sv_follow *f)
{
        int pair[2], r;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        assert_int_equal(write(pair[1], events, strlen(events)), (ssize_t)strlen(events));
        *f = (struct sv_follow){
                .fd = pair[0], .wait = wait, .timeout = 1, .down = down, .quiet = true};
        r = sv_follow_events(f, &err);
        close(pair[0]);
        close(pair[1]);
        return r;
}

#define RUNNING   "{\"event\":\"running\"}\n"
#define REBOOTING "{\"event\":\"rebooting\"}\n"
#define UNLOCKED  "{\"event\":\"unlocked\",\"grounds\":\"g\"}\n"

static void reboots(void **state)
{
        struct sv_follow f;

        OK(follow(REBOOTING RUNNING, 1, false, &f));
        OK(follow(REBOOTING RUNNING UNLOCKED, 1, true, &f));
        assert_string_equal(f.reasons, "g");
        OK(follow(RUNNING, 0, false, &f));
}

/* What is of the run that is over does not count. */
static void not_yet_down(void **state)
{
        struct sv_follow f;

        FAILS(follow(RUNNING UNLOCKED, 1, true, &f), SV_SYSTEM, "reboot.timeout");
        assert_int_equal(f.down, 1);
        assert_int_equal(f.cause, SV_FOLLOW_NOT_DOWN);
        FAILS(follow(REBOOTING RUNNING, 1, true, &f), SV_SYSTEM, "launch.timeout");
        FAILS(follow("{\"event\":\"ended\"}\n", 1, false, &f), SV_SYSTEM, "launch.ended");
        FAILS(follow("nonsense\n", 1, false, &f), SV_FORMAT, "control.event.json");
}

/* A launch: the supervisor's events, the launcher's end of the pair in f->fd. Says what the
 * launcher said. */
static int launch_bound(const char *events, bool wait, bool bound, struct sv_follow *f,
                        char said[16])
{
        int pair[2], r;
        ssize_t n;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        assert_int_equal(write(pair[1], events, strlen(events)), (ssize_t)strlen(events));
        *f = (struct sv_follow){.fd = pair[0],
                                .wait = wait,
                                .commit = true,
                                .bound = bound,
                                .timeout = 1,
                                .quiet = true};
        r = sv_follow_events(f, &err);
        close(pair[0]);
        n = read(pair[1], said, 15);
        said[n > 0 ? n : 0] = 0;
        close(pair[1]);
        return r;
}

static int launch(const char *events, bool wait, struct sv_follow *f, char said[16])
{
        return launch_bound(events, wait, false, f, said);
}

#define COMMITTED "{\"event\":\"committed\"}\n"
#define FAILED    "{\"event\":\"failed\",\"class\":\"policy\",\"check\":\"policy.pcr.9\"}\n"

/* From "running" on the guest lives without its launcher, whatever that waits for. */
static void commits(void **state)
{
        struct sv_follow f;
        char said[16];

        OK(launch(RUNNING COMMITTED, false, &f, said));
        assert_string_equal(said, "commit\n");
        assert_true(f.committed);
        FAILS(launch(RUNNING, false, &f, said), SV_SYSTEM, "launch.timeout");
        OK(launch(RUNNING COMMITTED UNLOCKED, true, &f, said));
        assert_string_equal(said, "commit\n");
        FAILS(launch(RUNNING COMMITTED, true, &f, said), SV_SYSTEM, "launch.timeout");
        assert_true(f.committed);
        FAILS(launch(RUNNING COMMITTED FAILED, true, &f, said), SV_POLICY, "policy.pcr.9");
        FAILS(launch(FAILED, true, &f, said), SV_POLICY, "policy.pcr.9");
        assert_string_equal(said, "");
        assert_false(f.committed);
}

/* Checks that the guest names as this process would: they are its reasons, and no more. */
static void a_guest_names_no_cause(void **state)
{
        static const char *const checks[] = {"launch.interrupted", "launch.supervisor", "state.off",
                                             "reboot.timeout"};

        for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
                SV_STR events = sv_asprintf(RUNNING "{\"event\":\"failed\",\"class\":\"system\","
                                                    "\"check\":\"%s\"}\n",
                                            checks[i]);
                struct sv_follow f;
                char said[16];

                FAILS(launch(events, true, &f, said), SV_SYSTEM, checks[i]);
                assert_int_equal(f.cause, SV_FOLLOW_SAID);
        }
}

static pid_t ask_to_end_soon(int sig)
{
        pid_t parent = getpid(), pid = fork();

        if (pid == 0) {
                usleep(200000);
                kill(parent, sig);
                _exit(0);
        }
        return pid;
}

/* Ctrl-C: the message says whether there is still a guest. */
static void interrupted(void **state)
{
        static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

        for (size_t i = 0; i < 3; i++) {
                void (*before)(int) = signal(signals[i], SIG_DFL); /* nohup's is ignored */
                struct sv_follow f;
                pid_t pid = ask_to_end_soon(signals[i]);
                char said[16];

                FAILS(launch(i ? RUNNING COMMITTED : "", true, &f, said), SV_SYSTEM,
                      "launch.interrupted");
                assert_int_equal(f.committed, i > 0);
                assert_int_equal(f.cause, SV_FOLLOW_INTERRUPTED);
                assert_non_null(strstr(err.msg, i ? "goes on" : "nothing of it is left"));
                waitpid(pid, NULL, 0);
                signal(signals[i], before);
        }
}

/* As under nohup: what was ignored stays ignored. */
static void not_interrupted(void **state)
{
        void (*before)(int) = signal(SIGHUP, SIG_IGN);
        pid_t pid = ask_to_end_soon(SIGHUP);
        struct sv_follow f;
        char said[16];

        FAILS(launch(RUNNING COMMITTED, true, &f, said), SV_SYSTEM, "launch.timeout");
        waitpid(pid, NULL, 0);
        signal(SIGHUP, before);
}

/* Of a service that is stopped while it starts nobody would end the guest. */
static void interrupted_with_its_guest(void **state)
{
        pid_t pid = ask_to_end_soon(SIGTERM);
        struct sv_follow f;
        char said[16];

        FAILS(launch_bound(RUNNING COMMITTED, true, true, &f, said), SV_SYSTEM,
              "launch.interrupted");
        assert_true(f.committed);
        assert_non_null(strstr(err.msg, "it is ended"));
        waitpid(pid, NULL, 0);
}

#define ENDED "{\"event\":\"ended\"}\n"
#define CRASH "{\"event\":\"ended\",\"class\":\"system\",\"check\":\"launch.supervisor\"}\n"

static void until_the_end(void **state)
{
        static const struct {
                const char *events, *check;
        } t[] = {{RUNNING UNLOCKED ENDED, NULL},
                 {FAILED ENDED, NULL},
                 {RUNNING CRASH, "launch.supervisor"},
                 {RUNNING UNLOCKED REBOOTING RUNNING, "launch.timeout"}};

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                int pair[2], r;
                struct sv_follow f = {.end = true, .timeout = 1, .quiet = true};

                assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
                f.fd = pair[0];
                assert_true(write(pair[1], t[i].events, strlen(t[i].events)) > 0);
                r = sv_follow_events(&f, &err);
                assert_int_equal(r, t[i].check ? -1 : 0);
                if (t[i].check)
                        assert_string_equal(err.check, t[i].check);
                sv_json_free(f.timings);
                close(pair[0]);
                close(pair[1]);
        }
}

/* Every state for every goal: there (1), not yet (0), never (the check). */
static void judges(void **state)
{
#define ERROR ",\"error\":{\"class\":\"policy\",\"check\":\"policy.x\",\"message\":\"m\"}"
        static const struct {
                const char *status;
                bool over;
                const char *runs, *unlocked, *ends;
        } t[] = {
                {"{\"state\":\"starting\"}", false, "0", "0", "0"},
                {"{\"state\":\"running\"}", false, "1", "0", "0"},
                {"{\"state\":\"unlocked\",\"grounds\":\"g\"}", false, "1", "1", "0"},
                {"{\"state\":\"failed\"" ERROR "}", false, "policy.x", "policy.x", "0"},
                {"{\"state\":\"stopped\"}", true, "wait.ended", "wait.ended", "1"},
                {"{\"state\":\"killed\"}", true, "wait.ended", "wait.ended", "wait.ended"},
                {"{\"state\":\"failed\"" ERROR "}", true, "policy.x", "policy.x", "policy.x"},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
                for (int goal = 0; goal < 3; goal++) {
                        const char *expected = goal == 0   ? t[i].runs
                                               : goal == 1 ? t[i].unlocked
                                                           : t[i].ends;
                        struct sv_follow f = {.wait = goal == 1, .end = goal == 2};
                        SV_JSON *status = NULL;
                        char found[16];
                        int r;

                        OK(sv_json_parse(sv_bytes_str(t[i].status), "test", &status, &err));
                        r = sv_follow_judge(&f, status, t[i].over, &err);
                        snprintf(found, sizeof(found), "%d", r);
                        assert_string_equal(r < 0 ? err.check : found, expected);
                }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reboots),         cmocka_unit_test(not_yet_down),
                cmocka_unit_test(commits),         cmocka_unit_test(a_guest_names_no_cause),
                cmocka_unit_test(interrupted),     cmocka_unit_test(interrupted_with_its_guest),
                cmocka_unit_test(not_interrupted), cmocka_unit_test(until_the_end),
                cmocka_unit_test(judges),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
