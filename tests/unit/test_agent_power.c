/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's end, on a machine of the test's: its emergency keys are a pipe, its pauses end when
 * the test says so. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#include "agent/power.h"
#include "base/core/file.h"

static char dir[64];
static int keys = -1;      /* what is pressed, and 's' and 'r' for a sync and a reboot */
static int time_goes = -1; /* a byte for each pause of the guard's that is over */
static int time_ends = -1;
static pid_t tested;
static bool sync_hangs, reboot_hangs;

static void press(char key)
{
        SV_STR path = sv_asprintf("%s/proc/sysrq-trigger", dir);
        SV_FD fd = open(path, O_WRONLY | O_CLOEXEC);

        assert_int_equal(write(fd, &key, 1), 1);
}

static void hang(void)
{
        for (;;)
                pause();
}

static void play_sync(void)
{
        press('s');
        if (sync_hangs)
                hang();
}

static int play_reboot(int how)
{
        assert_int_equal(how, RB_POWER_OFF);
        press('r');
        if (reboot_hangs)
                hang();
        return -1;
}

/* The one who ends the machine waits for its lines only; its guard until the test lets time go. */
static void play_pause(unsigned ms)
{
        char byte;

        if (ms < 1000)
                return;
        assert_int_not_equal(getpid(), tested);
        if (read(time_goes, &byte, 1) != 1)
                _exit(0);
}

static const struct sv_machine machine = {
        .files = dir, .reboot = play_reboot, .sync = play_sync, .pause = play_pause};

static int set_up(void **state)
{
        SV_STR proc = NULL;
        SV_STR path = NULL;
        int p[2];

        snprintf(dir, sizeof(dir), "/tmp/sv-power-XXXXXX");
        assert_non_null(mkdtemp(dir));
        proc = sv_asprintf("%s/proc", dir);
        path = sv_asprintf("%s/proc/sysrq-trigger", dir);
        assert_int_equal(mkdir(proc, 0700), 0);
        assert_int_equal(mkfifo(path, 0600), 0);
        keys = open(path, O_RDWR | O_CLOEXEC);
        assert_int_equal(pipe2(p, O_CLOEXEC), 0);
        time_goes = p[0];
        time_ends = p[1];
        sync_hangs = reboot_hangs = false;
        return 0;
}

static int tear_down(void **state)
{
        close(keys);
        close(time_goes);
        close(time_ends);
        return sv_remove_tree(dir, NULL);
}

static char next_key(void)
{
        struct pollfd p = {.fd = keys, .events = POLLIN};
        char key = 0;

        if (poll(&p, 1, (int)test_patience(10) * 1000) == 1)
                assert_int_equal(read(keys, &key, 1), 1);
        return key;
}

/* In a process of its own, which is not seen to end. */
static pid_t end_machine(enum sv_power_off how)
{
        pid_t pid = fork();

        if (pid)
                return pid;
        tested = getpid();
        close(time_ends); /* a guard that is left when the test is over ends */
        sv_power_off(&machine, how);
        _exit(0);
}

static void let_time_go(void)
{
        assert_int_equal(write(time_ends, "", 1), 1);
}

static void must_have_ended(pid_t pid)
{
        int status;

        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

/* Whatever hangs, the emergency keys follow, each after its time. */
static void must_end_hanging(enum sv_power_off how, char hangs_at)
{
        pid_t pid = end_machine(how);

        assert_int_equal(next_key(), hangs_at);
        let_time_go();
        assert_int_equal(next_key(), 'o');
        let_time_go();
        assert_int_equal(next_key(), 'b');
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void written_and_off(void **state)
{
        pid_t pid = end_machine(SV_POWER_OFF_WRITTEN);

        assert_int_equal(next_key(), 's');
        assert_int_equal(next_key(), 'r');
        must_have_ended(pid);
}

static void off_at_once(void **state)
{
        pid_t pid = end_machine(SV_POWER_OFF_NOW);

        assert_int_equal(next_key(), 'r');
        must_have_ended(pid);
}

static void disk_takes_nothing(void **state)
{
        sync_hangs = true;
        must_end_hanging(SV_POWER_OFF_WRITTEN, 's');
}

static void kernel_does_not_end(void **state)
{
        reboot_hangs = true;
        must_end_hanging(SV_POWER_OFF_NOW, 'r');
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(written_and_off, set_up, tear_down),
                cmocka_unit_test_setup_teardown(off_at_once, set_up, tear_down),
                cmocka_unit_test_setup_teardown(disk_takes_nothing, set_up, tear_down),
                cmocka_unit_test_setup_teardown(kernel_does_not_end, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
