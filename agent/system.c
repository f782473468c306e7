/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "agent/power.h"
#include "base/core/file.h"

#define MODULES       "/etc/secure-vm/modules"
#define DISK_TRIES    50
#define DISK_PAUSE_MS 100

static int mount_all(const struct sv_machine *m, struct sv_err *err)
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
                if (m->mount(list[i].type, list[i].where, list[i].type, list[i].flags,
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

/* The serial line is the host's: no memory dumps or reboots by a break on it while a key may be in
 * memory. The system that starts later sets what it wants. A kernel without sysrq has no such file.
 */
static int disable_emergency_keys(const struct sv_machine *m, struct sv_err *err)
{
        SV_STR path = sv_machine_path(m, "/proc/sys/kernel/sysrq");
        SV_FD sysrq = open(path, O_WRONLY | O_CLOEXEC);

        if (sysrq >= 0 && write(sysrq, "0\n", 2) != 2)
                return sv_fail_errno(err, "agent.mount", "cannot turn the emergency keys off");
        m->reboot(RB_DISABLE_CAD);
        return 0;
}

int sv_system_mount(const struct sv_machine *machine, struct sv_err *err)
{
        const struct sv_machine *m = sv_machine_of(machine);

        if (mount_all(m, err) < 0)
                return -1;
        find_console();
        return disable_emergency_keys(m, err);
}

static int load_module(const struct sv_machine *m, const char *name, struct sv_err *err)
{
        SV_STR path = sv_machine_path(m, name);
        SV_FD fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                return sv_fail_errno(err, "agent.module", "cannot open %s", name);
        /* ENODEV: a driver for a processor or device that is not here (aesni-intel, sev-guest).
         * EEXIST: built in. */
        if (m->load_module(fd) < 0 && errno != ENODEV && errno != EEXIST)
                return sv_fail_errno(err, "agent.module", "cannot load %s", name);
        return 0;
}

int sv_system_load_modules(const struct sv_machine *machine, struct sv_err *err)
{
        const struct sv_machine *m = sv_machine_of(machine);
        SV_STR path = sv_machine_path(m, MODULES);
        SV_BUF list = SV_BUF_NULL;
        char *save = NULL;

        if (sv_file_read(path, 1u << 20, &list, "agent.module", err) < 0)
                return -1;
        sv_buf_u8(&list, 0);
        if (sv_buf_ok(&list, MODULES, err) < 0)
                return -1;
        for (char *line = strtok_r((char *)list.p, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save))
                if (load_module(m, line, err) < 0)
                        return -1;
        /* configfs is one of the modules: confidential machines give their reports through it,
         * others do not have it. */
        m->mount("configfs", "/sys/kernel/config", "configfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
                 NULL);
        return 0;
}

int sv_system_read_config(struct sv_agent_config *config, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        if (sv_file_read("/proc/cmdline", 2 * SV_CMDLINE_MAX, &text, "agent.cmdline", err) < 0)
                return -1;
        return sv_agent_config_parse(sv_buf_bytes(&text), config, err);
}

static bool has_serial(const struct sv_machine *m, const char *disk, const char *serial)
{
        SV_STR file = sv_asprintf("/sys/block/%s/serial", disk);
        SV_STR path = sv_machine_path(m, file);
        SV_BUF text = SV_BUF_NULL;

        if (sv_file_read(path, 64, &text, "agent.disk", NULL) < 0)
                return false;

        const char *s = sv_buf_str(&text);
        size_t n = strcspn(s, "\n");

        return n == strlen(serial) && strncmp(s, serial, n) == 0;
}

static bool find_serial(const struct sv_machine *m, const char *serial, char path[64])
{
        SV_STR blocks = sv_machine_path(m, "/sys/block");
        DIR *dir = opendir(blocks);

        path[0] = 0;
        for (struct dirent *e; dir && (e = readdir(dir));)
                if (e->d_name[0] != '.' && has_serial(m, e->d_name, serial))
                        snprintf(path, 64, "/dev/%.50s", e->d_name);
        if (dir)
                closedir(dir);
        return path[0];
}

int sv_system_find_disk(const struct sv_machine *machine, const char *serial, char path[64],
                        struct sv_err *err)
{
        const struct sv_machine *m = sv_machine_of(machine);

        for (int i = 0; i < DISK_TRIES; i++) {
                if (find_serial(m, serial, path))
                        return 0;
                m->pause(DISK_PAUSE_MS);
        }
        return sv_fail(err, SV_SYSTEM, "agent.disk",
                       "no disk with the serial \"%s\" appeared in %d s: the guest file's disk id "
                       "must be it",
                       serial, DISK_TRIES * DISK_PAUSE_MS / 1000);
}

int sv_system_read_size(const char *device, uint64_t *size, struct sv_err *err)
{
        SV_FD fd = open(device, O_RDONLY | O_CLOEXEC);
        off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

        if (end < 0)
                return sv_fail_errno(err, "agent.disk", "cannot look at %s", device);
        *size = (uint64_t)end;
        return 0;
}

int sv_system_read_head(const char *device, size_t size, struct sv_buf *head, struct sv_err *err)
{
        SV_FD fd = open(device, O_RDONLY | O_CLOEXEC);
        uint8_t *p = sv_buf_grow(head, size);
        ssize_t n;

        if (sv_buf_ok(head, "the disk's header", err) < 0)
                return -1;
        if (fd < 0)
                return sv_fail_errno(err, "agent.disk", "cannot open %s", device);
        n = sv_fd_read_at(fd, p, size, 0);
        if (n < 0)
                return sv_fail_errno(err, "agent.disk", "cannot read %s", device);
        if ((size_t)n < size)
                return sv_fail(err, SV_FORMAT, "luks.header.short",
                               "%s is too small to be an encrypted disk", device);
        return 0;
}

_Noreturn void sv_system_power_off(void)
{
        sv_power_off(NULL, SV_POWER_OFF_WRITTEN);
        for (;;) /* nothing may follow: pid 1 must not end */
                pause();
}
