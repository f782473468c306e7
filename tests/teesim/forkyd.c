/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/teesim/forkyd.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/file.h"
#include "tests/patience.h"
#include "tests/teesim/tdxlauncher.h"

#define CONF                                                                                 \
        "stdio_handler = \"file\"\nmax_core = 0\nnamespaces = []\nuser = \"root\"\ngroup = " \
        "\"root\"\ndynamic_ownership = 0\nsecurity_driver = \"none\"\n"
#define SOCKETS "auth_unix_rw = \"none\"\nauth_unix_ro = \"none\"\n"

static int put(const char *dir, const char *rel, unsigned mode, const char *text)
{
        SV_STR path = sv_asprintf("%s/%s", dir, rel);

        return sv_file_write(path, mode, sv_bytes_str(text), NULL);
}

/* What lies over the machine's own: settings, state, and a "qemu-system-x86_64" that is found first
 * and preloads the simulator. */
static int make_world(const char *dir)
{
        static const char *const folders[] = {
                "run",     "var/lib/libvirt/qemu", "var/log", "var/cache/libvirt/qemu",
                "var/tmp", "etc/libvirt",          "bin"};
        SV_STR copy = sv_asprintf("cp -a '%s/etc/.' '%s/etc/' && ln -s /run '%s/var/run'",
                                  teesim_forky(), dir, dir);
        SV_STR wrapper = sv_asprintf(
                "#!/bin/sh\nexport LD_PRELOAD='%s' TEESIM_STATE='%s/state.json' TEESIM_RUN=block\n"
                "exec /usr/bin/qemu-system-x86_64 \"$@\"\n",
                getenv("TEESIM_SO"), dir);

        for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
                SV_STR path = sv_asprintf("%s/%s", dir, folders[i]);

                if (sv_mkdirs(path, 0755, NULL) < 0)
                        return -1;
        }
        if (system(copy) != 0) /* names of ours, quoted */
                return -1;
        return put(dir, "etc/libvirt/qemu.conf", 0644, CONF) < 0 ||
                               put(dir, "etc/libvirt/libvirtd.conf", 0644, SOCKETS) < 0
                       ? -1
                       : put(dir, "bin/qemu-system-x86_64", 0755, wrapper);
}

static void exec_daemon(const char *dir)
{
        SV_STR log = sv_asprintf("%s/log", dir);
        SV_STR path = sv_asprintf("%s/bin:/usr/sbin:/usr/bin:/sbin:/bin", dir);
        SV_STR here =
                sv_asprintf("%s/tests/teesim", getenv("SV_SOURCE") ? getenv("SV_SOURCE") : ".");
        SV_STR machine = sv_asprintf("%s/dev", here);
        SV_STR runner = sv_asprintf("%s/forky", here);
        int fd = open(log, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);

        dup2(fd, 1);
        dup2(fd, 2);
        setenv("FORKY_STATE", dir, 1);
        setenv("PATH", path, 1);
        /* libvirt itself asks KVM for the type of machine */
        setenv("FORKY_PRELOAD", getenv("TEESIM_SO"), 1);
        execl(machine, "dev", runner, teesim_forky(), "/usr/sbin/libvirtd", (char *)NULL);
        _exit(127);
}

static char *what_it_said(const struct forkyd *d)
{
        SV_STR log = sv_asprintf("%s/log", d->dir);
        SV_BUF text = SV_BUF_NULL;

        return sv_file_read(log, 1 << 20, &text, "test.log", NULL) < 0
                       ? sv_asprintf("nothing")
                       : sv_asprintf("%s", sv_buf_str(&text));
}

int forkyd_start(struct forkyd *d, char **said)
{
        SV_STR socket = NULL;

        *d = (struct forkyd){.dir = "/tmp/fd.XXXXXX"};
        if (!mkdtemp(d->dir) || chmod(d->dir, 0755) < 0 || make_world(d->dir) < 0) {
                *said = sv_asprintf("no folder for it can be made");
                return -1;
        }
        socket = sv_asprintf("%s/run/libvirt/libvirt-sock", d->dir);
        d->uri = sv_asprintf("qemu+unix:///system?socket=%s", socket);
        d->pid = fork();
        if (d->pid == 0)
                exec_daemon(d->dir);
        for (time_t end = patience_end(PATIENCE); patience_lasts(end);) {
                if (access(socket, W_OK) == 0)
                        return 0;
                if (waitpid(d->pid, NULL, WNOHANG) != 0) {
                        d->pid = 0;
                        break;
                }
        }
        *said = what_it_said(d);
        return -1;
}

pid_t forkyd_guest(const struct forkyd *d)
{
        SV_STR path = sv_asprintf("%s/run/libvirt/qemu/g.pid", d->dir);
        SV_BUF text = SV_BUF_NULL;

        return sv_file_read(path, 64, &text, "test.pid", NULL) == 0
                       ? (pid_t)strtol(sv_buf_str(&text), NULL, 10)
                       : 0;
}

void forkyd_stop(struct forkyd *d)
{
        const pid_t guest = forkyd_guest(d);

        if (guest > 1) /* a failed test left it behind */
                kill(guest, SIGKILL);
        if (d->pid > 0) {
                kill(d->pid, SIGTERM);
                waitpid(d->pid, NULL, 0);
        }
        free(d->uri);
        sv_remove_tree(d->dir, NULL);
}
