/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "agent/events.h"
#include "base/core/file.h"

#define MODULES "/etc/secure-vm/modules"

static int mount_all(struct sv_err *err)
{
        static const struct {
                const char *type, *where, *options;
                unsigned long flags;
        } list[] = {
                {"proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
                {"sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
                {"devtmpfs", "/dev", "mode=0755", MS_NOSUID},
                {"tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV},
                {"securityfs", "/sys/kernel/security", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC},
        };

        for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
                if (mount(list[i].type, list[i].where, list[i].type, list[i].flags,
                          list[i].options) < 0 &&
                    errno != EBUSY)
                        return sv_fail_errno(err, "agent.mount", "cannot mount %s", list[i].where);
        return 0;
}

/* The kernel opens /dev/console for its first process only where the initramfs has one. */
static void find_console(void)
{
        int fd;

        if (fcntl(2, F_GETFD) >= 0)
                return;
        fd = open("/dev/console", O_RDWR | O_NOCTTY);
        for (int i = 0; fd >= 0 && i < 3; i++)
                if (fd != i)
                        dup2(fd, i);
        if (fd > 2)
                close(fd);
}

int sv_system_mount(struct sv_err *err)
{
        SV_FD sysrq = -1;

        if (mount_all(err) < 0)
                return -1;
        find_console();
        /* The serial line is the host's: no memory dumps or reboots by a break on it while a key
         * may be in memory. The system that starts later sets what it wants. A kernel without sysrq
         * has no such file. */
        sysrq = open("/proc/sys/kernel/sysrq", O_WRONLY | O_CLOEXEC);
        if (sysrq >= 0 && write(sysrq, "0\n", 2) != 2)
                return sv_fail_errno(err, "agent.mount", "cannot turn the emergency keys off");
        reboot(RB_DISABLE_CAD);
        return 0;
}

static int load_module(const char *path, struct sv_err *err)
{
        SV_FD fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                return sv_fail_errno(err, "agent.module", "cannot open %s", path);
        /* ENODEV: a driver for a processor or device that is not here (aesni-intel, sev-guest).
         * EEXIST: built in. */
        if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != ENODEV && errno != EEXIST)
                return sv_fail_errno(err, "agent.module", "cannot load %s", path);
        return 0;
}

/* Here configfs is a module too, loaded for the reports of confidential machines; others have none.
 */
static void mount_configfs(void)
{
        mount("configfs", "/sys/kernel/config", "configfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

int sv_system_load_modules(struct sv_err *err)
{
        SV_BUF list = SV_BUF_NULL;
        char *save = NULL;

        if (sv_file_read(MODULES, 1u << 20, &list, "agent.module", err) < 0)
                return -1;
        sv_buf_u8(&list, 0);
        if (sv_buf_ok(&list, MODULES, err) < 0)
                return -1;
        for (char *line = strtok_r((char *)list.p, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save))
                if (load_module(line, err) < 0)
                        return -1;
        mount_configfs();
        return 0;
}

static bool has_serial(const char *disk, const char *serial)
{
        SV_STR path = sv_asprintf("/sys/block/%s/serial", disk);
        SV_BUF text = SV_BUF_NULL;

        if (sv_file_read(path, 64, &text, "agent.disk", NULL) < 0)
                return false;

        const char *s = sv_buf_str(&text);
        size_t n = strcspn(s, "\n");

        return n == strlen(serial) && strncmp(s, serial, n) == 0;
}

int sv_system_find_disk(const char *serial, char path[64], struct sv_err *err)
{
        for (int i = 0; i < 50; i++) {
                DIR *dir = opendir("/sys/block");

                path[0] = 0;
                for (struct dirent *e; dir && (e = readdir(dir));)
                        if (e->d_name[0] != '.' && has_serial(e->d_name, serial))
                                snprintf(path, 64, "/dev/%.50s", e->d_name);
                if (dir)
                        closedir(dir);
                if (path[0])
                        return 0;
                nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
        }
        return sv_fail(err, SV_SYSTEM, "agent.disk",
                       "no disk with the serial \"%s\" appeared in 5 s: the guest file's disk id "
                       "must be it",
                       serial);
}

_Noreturn void sv_system_power_off(void)
{
        sync();
        sv_event_flush();
        /* The last lines are still on their way through the serial line. */
        tcdrain(2);
        nanosleep(&(struct timespec){.tv_nsec = 500 * 1000 * 1000}, NULL);
        reboot(RB_POWER_OFF);
        for (;;) /* nothing may follow: pid 1 must not end */
                pause();
}
