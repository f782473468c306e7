/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's life: every state and every event, and what the worker sends when nobody reads. */
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "launcher/keeper/worker-int.h"
#include "tests/unit/unit.h"

/* One row a state, one column an event: the next state by its letter, then what is to be done with
 * QEMU: "." nothing, "p" press the power button, "e" end it, "s" start it, "h" stop its CPUs, "r"
 * let them go on, "w" that and press. "--" is impossible. */
static const char letters[SV_LIFE_STATES + 1] = "SRUQHFDBPXZK";
static const char actions[] = {
        [SV_LIFE_NOTHING] = '.', [SV_LIFE_SHUT_DOWN] = 'p', [SV_LIFE_END] = 'e',
        [SV_LIFE_START] = 's',   [SV_LIFE_PAUSE] = 'h',     [SV_LIFE_RESUME] = 'r',
        [SV_LIFE_WAKE] = 'w'};
/* clang-format off */
static const char *const expected[SV_LIFE_STATES] = {
        /*          started unlock refuse reset ask-reboot ask-reset stop destroy off lost panic fault abandon orphan pause resume halt go-on */
        [SV_LIFE_STARTING]    = "R. -- -- -- -- -- -- -- -- -- -- Z. -- -- -- -- -- --",
        [SV_LIFE_RUNNING]     = "-- U. F. Be Dp Be Pp Xe X. Z. Z. Z. Z. Z. Hh -- H. R.",
        [SV_LIFE_UNLOCKED]    = "-- U. F. Be Dp Be Pp Xe X. Z. Z. Z. Z. Z. Qh -- Q. U.",
        [SV_LIFE_PAUSED_OPEN] = "-- Q. Fe Be Dw Be Pw Xe X. Z. Z. Z. Z. Z. -- Ur Q. U.",
        [SV_LIFE_PAUSED]      = "-- Q. Fe Be Dw Be Pw Xe X. Z. Z. Z. Z. Z. -- Rr H. R.",
        [SV_LIFE_REFUSED]     = "-- F. F. Be Be Be Fp Ze Z. Z. Z. Z. Z. Z. -- -- F. F.",
        [SV_LIFE_GOING_DOWN]  = "-- D. D. Be Dp Be Pp Xe Bs Bs Z. Z. Z. Z. -- -- D. D.",
        [SV_LIFE_REBOOTING]   = "R. B. B. Be Be Be Pe Xe Bs Bs Z. Z. Z. Z. -- -- B. B.",
        [SV_LIFE_STOPPING]    = "-- P. P. Pe Pe Pe Pp Xe X. X. Z. Z. Z. Z. -- -- P. P.",
        [SV_LIFE_STOPPED]     = "-- -- -- -- X. X. X. X. -- -- -- -- -- -- -- -- -- --",
        [SV_LIFE_FAILED]      = "-- -- -- -- Z. Z. Z. Z. -- -- -- -- -- -- -- -- -- --",
        [SV_LIFE_KILLED]      = "-- -- -- -- -- -- -- -- -- -- -- -- -- -- -- -- -- --",
};
/* clang-format on */

static void every_pair(void **state)
{
        for (int s = 0; s < SV_LIFE_STATES; s++) {
                assert_int_equal(strlen(expected[s]), 3 * SV_LIFE_EVENTS - 1);
                for (int e = 0; e < SV_LIFE_EVENTS; e++) {
                        const char *want = expected[s] + (size_t)(3 * e);
                        enum sv_life life = (enum sv_life)s;
                        enum sv_life_action a = sv_life_follow(&life, (enum sv_life_event)e);
                        char found[3] = "--";

                        if (a != SV_LIFE_IMPOSSIBLE) {
                                found[0] = letters[life];
                                found[1] = actions[a];
                        } else {
                                assert_int_equal(life, s);
                        }
                        if (strncmp(found, want, 2))
                                fail_msg("%s, %s: %s was expected, found %.2s",
                                         sv_life_name((enum sv_life)s),
                                         sv_life_event_name((enum sv_life_event)e), want, found);
                }
        }
}

/* From every state but the final ones a final one is reached when QEMU ends or a step fails; from a
 * final one nothing leads away. */
static void ends(void **state)
{
        for (int s = 0; s < SV_LIFE_STATES; s++) {
                bool final = sv_life_is_final((enum sv_life)s), leaves = false, ends = false;

                for (int e = 0; e < SV_LIFE_EVENTS; e++) {
                        enum sv_life life = (enum sv_life)s;

                        sv_life_follow(&life, (enum sv_life_event)e);
                        leaves |= (int)life != s;
                        ends |= sv_life_is_final(life);
                }
                assert_int_equal(leaves, !final);
                assert_true(ends);
        }
}

/* The words of status.json are what scripts compare. */
static void status_words(void **state)
{
        static const char *const words[SV_LIFE_STATES] = {
                "starting", "running", "unlocked", "paused",  "paused", "failed",
                NULL,       NULL,      NULL,       "stopped", "failed", "killed"};

        for (int s = 0; s < SV_LIFE_STATES; s++) {
                const char *word = sv_life_word((enum sv_life)s);

                assert_int_equal(!word, !words[s]);
                if (!word)
                        continue;
                assert_string_equal(word, words[s]);
                if (s != SV_LIFE_REFUSED && s != SV_LIFE_PAUSED_OPEN)
                        assert_int_equal(sv_life_from_word(word), s);
        }
        assert_int_equal(sv_life_from_word("rebooting"), SV_LIFE_STARTING);
        assert_int_equal(sv_life_from_word("x"), SV_LIFE_STARTING);
        assert_int_equal(sv_life_from_word(NULL), SV_LIFE_STARTING);
}

/* What a command may not ask for in a state is said by that state's name. */
static void wrong_states(void **state)
{
        static const char *const pause[SV_LIFE_STATES] = {
                [SV_LIFE_STARTING] = "state.changing",   [SV_LIFE_PAUSED_OPEN] = "state.paused",
                [SV_LIFE_PAUSED] = "state.paused",       [SV_LIFE_REFUSED] = "state.changing",
                [SV_LIFE_GOING_DOWN] = "state.changing", [SV_LIFE_REBOOTING] = "state.changing",
                [SV_LIFE_STOPPING] = "state.changing",   [SV_LIFE_STOPPED] = "state.off",
                [SV_LIFE_FAILED] = "state.off",          [SV_LIFE_KILLED] = "state.off"};
        struct sv_err err = SV_ERR_NULL;

        for (int s = 0; s < SV_LIFE_STATES; s++) {
                enum sv_life life = (enum sv_life)s;
                bool paused = sv_life_is_paused(life);
                const char *resume = pause[s] ? pause[s] : "state.running";

                if (pause[s])
                        FAILS(sv_life_check(life, SV_LIFE_ASK_PAUSE, "g", &err), SV_SYSTEM,
                              pause[s]);
                else
                        OK(sv_life_check(life, SV_LIFE_ASK_PAUSE, "g", &err));
                if (paused)
                        OK(sv_life_check(life, SV_LIFE_ASK_RESUME, "g", &err));
                else
                        FAILS(sv_life_check(life, SV_LIFE_ASK_RESUME, "g", &err), SV_SYSTEM,
                              resume);
        }
}

/* --- the launcher does not read --- */

static struct sv_json *make_event(size_t n)
{
        struct sv_json *e = sv_json_object();
        SV_BUF text = SV_BUF_NULL;

        while (text.n < n)
                sv_buf_puts(&text, "x");
        sv_json_set_str(e, "event", "step");
        sv_json_set_str(e, "step", sv_buf_str(&text));
        return e;
}

/* Reads to the end; every line but the last must be whole. */
static void check_lines(int fd)
{
        SV_BUF all = SV_BUF_NULL;
        char chunk[4096], *line, *end;
        ssize_t n;

        while ((n = read(fd, chunk, sizeof(chunk))) > 0)
                sv_buf_put(&all, sv_bytes(chunk, (size_t)n));
        assert_int_equal(n, 0); /* it was closed */
        for (line = (char *)all.p; (end = memchr(line, '\n', all.n)); line = end + 1) {
                struct sv_err err = SV_ERR_NULL;
                SV_JSON *e = NULL;

                OK(sv_json_parse(sv_bytes(line, (size_t)(end - line)), "test.event", &e, &err));
                all.n -= (size_t)(end + 1 - line);
        }
}

static void silent_launcher(void **state)
{
        struct sv_worker w = {.reader = SV_READER_NONE, .control = -1};
        struct sv_err err = SV_ERR_NULL;
        int launch[2], guard[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, launch), 0);
        assert_int_equal(pipe(guard), 0);
        for (size_t i = 0; i < SV_CONTROL_CLIENTS_MAX; i++)
                w.clients[i].fd = -1;
        w.launch = launch[1];
        w.guard = guard[0];
        OK(sv_worker_check_wanted(&w, &err));
        for (int i = 0; i < 1000 && w.launch >= 0; i++)
                sv_worker_send_event(&w, make_event(3000));
        /* a line that did not fit is the last: nothing is glued to it */
        assert_int_equal(w.launch, -1);
        for (int i = 0; i < 3; i++)
                sv_worker_send_event(&w, make_event(10));
        FAILS(sv_worker_check_wanted(&w, &err), SV_SYSTEM, "launch.abandoned");
        w.committed = true;
        OK(sv_worker_check_wanted(&w, &err));
        check_lines(launch[0]);
        close(launch[0]);
        close(guard[0]);
        close(guard[1]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_pair),      cmocka_unit_test(ends),
                cmocka_unit_test(status_words),    cmocka_unit_test(wrong_states),
                cmocka_unit_test(silent_launcher),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
