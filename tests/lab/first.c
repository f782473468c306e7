/* SPDX-License-Identifier: Apache-2.0 */
/* The first program of the lab machine's small initramfs: loads the modules that /modules names,
 * mounts the disk and becomes /lab/init there, which it takes from the second disk, a tar. Static,
 * so that the initramfs needs nothing else. */
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "modules.h"

#define PATIENCE 6000 /* of 10 ms: the disk is found in its own time */

static _Noreturn void fail(const char *what)
{
        perror(what);
        for (;;)
                pause();
}

static void unpack(void)
{
        int status = 0;
        pid_t pid = fork();

        if (pid == 0) {
                execl("/bin/tar", "tar", "-xf", "/dev/vdb", "-C", "/", "--keep-directory-symlink",
                      (char *)NULL);
                _exit(1);
        }
        if (waitpid(pid, &status, 0) < 0 || status)
                fail("/dev/vdb");
}

int main(void)
{
        const struct timespec pause = {.tv_nsec = 10000000};
        char *const argv[] = {"/lab/init", NULL};
        int n = 0;

        if (!load_modules())
                fail("/modules");
        mkdir("/dev", 0755);
        mkdir("/root", 0755);
        if (mount("dev", "/dev", "devtmpfs", 0, NULL) < 0)
                fail("/dev");
        while (access("/dev/vda", F_OK) < 0 && n++ < PATIENCE)
                nanosleep(&pause, NULL);
        if (mount("/dev/vda", "/root", "ext4", MS_NOATIME, NULL) < 0)
                fail("/dev/vda");
        if (mount("/dev", "/root/dev", NULL, MS_MOVE, NULL) < 0 || chdir("/root") < 0 ||
            mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0)
                fail("the new root");
        unpack();
        execv(argv[0], argv);
        fail(argv[0]);
}
