/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"

#define FIRMWARE "/sys/firmware"
#define DMI      "/sys/devices/virtual/dmi" /* where /sys/class/dmi/id leads */
#define ROOM     "/run/secure-vm-firmware"
#define CONSOLES "/sys/class/tty/console/active"

#define PLAIN (MS_NOSUID | MS_NODEV | MS_NOEXEC)

/* The flags of the first processor; all have the same. */
static bool has_flag(FILE *cpuinfo, const char *flag)
{
        char *line = NULL, *save, *word = NULL;
        size_t size = 0;

        while (!word && getline(&line, &size, cpuinfo) > 0)
                if (!strncmp(line, "flags", 5))
                        for (word = strtok_r(line, " \t\n", &save); word && strcmp(word, flag);)
                                word = strtok_r(NULL, " \t\n", &save);
        free(line);
        return word;
}

int sv_host_check_entropy(const struct sv_machine *machine, struct sv_err *err)
{
        SV_STR path = sv_machine_path(sv_machine_of(machine), "/proc/cpuinfo");
        FILE *cpuinfo = fopen(path, "re");
        bool has = cpuinfo && has_flag(cpuinfo, "rdrand");

        if (!cpuinfo)
                return sv_fail_errno(err, "agent.entropy", "cannot open %s", path);
        fclose(cpuinfo);
        return has ? 0
                   : sv_fail(err, SV_SYSTEM, "agent.entropy",
                             "the processor has no RDRAND, so the host could know every key that "
                             "is made here: give the guest a CPU model that has it");
}

static int fail_to_hide(struct sv_err *err, const char *what)
{
        return sv_fail_errno(err, "agent.hide", "cannot hide what the host says in %s", what);
}

/* What else the kernel shows there stays (acpi, efi, memmap). */
static int keep_folder(const struct sv_machine *m, const char *name, struct sv_err *err)
{
        SV_STR from = sv_asprintf(FIRMWARE "/%s", name);
        SV_STR to = sv_asprintf(ROOM "/%s", name);
        SV_STR real_from = sv_machine_path(m, from);
        SV_STR real_to = sv_machine_path(m, to);
        struct stat st;

        if (name[0] == '.' || !strcmp(name, "dmi") || !strcmp(name, "qemu_fw_cfg") ||
            stat(real_from, &st) < 0 || !S_ISDIR(st.st_mode))
                return 0;
        if (mkdir(real_to, 0755) < 0 || m->mount(from, to, NULL, MS_BIND | MS_REC, NULL) < 0)
                return fail_to_hide(err, from);
        return 0;
}

static int keep_folders(const struct sv_machine *m, struct sv_err *err)
{
        SV_STR path = sv_machine_path(m, FIRMWARE);
        DIR *dir = opendir(path);
        int rc = dir ? 0 : fail_to_hide(err, FIRMWARE);

        for (struct dirent *e; rc == 0 && (e = readdir(dir));)
                rc = keep_folder(m, e->d_name, err);
        if (dir)
                closedir(dir);
        return rc;
}

int sv_host_hide_tables(const struct sv_machine *machine, struct sv_err *err)
{
        const struct sv_machine *m = sv_machine_of(machine);
        SV_STR room = sv_machine_path(m, ROOM);

        if (mkdir(room, 0755) < 0 || m->mount("tmpfs", ROOM, "tmpfs", PLAIN, "mode=0755") < 0)
                return fail_to_hide(err, FIRMWARE);
        if (keep_folders(m, err) < 0)
                return -1;
        if (m->mount("tmpfs", ROOM, "tmpfs", MS_REMOUNT | MS_RDONLY | PLAIN, "mode=0755") < 0 ||
            m->mount(ROOM, FIRMWARE, NULL, MS_MOVE, NULL) < 0)
                return fail_to_hide(err, FIRMWARE);
        rmdir(room);
        /* a kernel without CONFIG_DMIID has no such folder */
        if (m->mount("tmpfs", DMI, "tmpfs", MS_RDONLY | PLAIN, "mode=0755") < 0 && errno != ENOENT)
                return fail_to_hide(err, DMI);
        return 0;
}

/* Since Linux 5.8 for serial lines: "N" takes the kernel's console from the line. */
static int leave_line(const struct sv_machine *m, const char *name, struct sv_err *err)
{
        SV_STR file = sv_asprintf("/sys/class/tty/%s/console", name);
        SV_STR path = sv_machine_path(m, file);
        SV_FD fd = open(path, O_WRONLY | O_CLOEXEC);

        if (fd < 0 || write(fd, "N\n", 2) != 2)
                return sv_fail_errno(err, "agent.console",
                                     "cannot take the console %s from the host; use a serial line, "
                                     "or leave it to the host with securevm.console=host",
                                     name);
        return 0;
}

int sv_host_leave_console(const struct sv_machine *machine, struct sv_err *err)
{
        const struct sv_machine *m = sv_machine_of(machine);
        SV_STR path = sv_machine_path(m, CONSOLES);
        SV_BUF text = SV_BUF_NULL;
        char *save = NULL;

        if (sv_file_read(path, 4096, &text, "agent.console", err) < 0)
                return -1;
        sv_buf_u8(&text, 0);
        if (sv_buf_ok(&text, CONSOLES, err) < 0)
                return -1;
        for (char *name = strtok_r((char *)text.p, " \n", &save); name;
             name = strtok_r(NULL, " \n", &save)) {
                bool screen = !strncmp(name, "tty", 3) && name[3] >= '0' && name[3] <= '9';

                if (!screen && leave_line(m, name, err) < 0)
                        return -1;
        }
        return 0;
}
