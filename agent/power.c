/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/power.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/reboot.h>
#include <termios.h>
#include <unistd.h>

#include "agent/events.h"
#include "base/core/file.h"

#define KEYS       "/proc/sysrq-trigger"
#define GUARD_MS   15000
#define CONSOLE_MS 500

/* Works whatever /proc/sys/kernel/sysrq says: that is for the keyboard and the serial line. */
static void press_emergency_key(const struct sv_machine *m, char key)
{
        char path[PATH_MAX];
        int fd;

        snprintf(path, sizeof(path), "%s" KEYS, m->files);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return;
        if (write(fd, &key, 1) < 0)
                key = 0; /* there is nobody left to tell */
        close(fd);
}

/* A process of its own, as the other one may never come back from the kernel. */
static _Noreturn void guard_end(const struct sv_machine *m)
{
        static const char keys[] = {'o', 'b'};

        for (size_t i = 0; i < sizeof(keys); i++) {
                m->pause(GUARD_MS);
                press_emergency_key(m, keys[i]);
        }
        _exit(0);
}

void sv_power_off(const struct sv_machine *machine, enum sv_power_off how)
{
        const struct sv_machine *m = sv_machine_of(machine);
        pid_t guard = fork();

        if (guard == 0)
                guard_end(m);
        /* Without a guard nothing is waited for. */
        if (guard > 0 && how == SV_POWER_OFF_WRITTEN)
                m->sync();
        sv_event_flush();
        if (guard > 0)
                tcdrain(STDERR_FILENO);
        /* The last lines are still on their way through the serial line. */
        m->pause(CONSOLE_MS);
        m->reboot(RB_POWER_OFF);
}
