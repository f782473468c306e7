/* SPDX-License-Identifier: Apache-2.0 */
/* Following a reboot: first the guest's shutdown, which has a limit of its own, then its launch. */
#include <sys/socket.h>
#include <unistd.h>

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
        FAILS(follow(REBOOTING RUNNING, 1, true, &f), SV_SYSTEM, "launch.timeout");
        FAILS(follow("{\"event\":\"ended\"}\n", 1, false, &f), SV_SYSTEM, "launch.ended");
        FAILS(follow("nonsense\n", 1, false, &f), SV_FORMAT, "control.event.json");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(reboots),
                cmocka_unit_test(not_yet_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
