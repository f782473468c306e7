/* SPDX-License-Identifier: Apache-2.0 */
/* The least that an initramfs can do for a root disk that nobody verifies: the same modules, mount,
 * switch. What the agent's verity root is timed beside. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fail_init(const char *what)
{
        fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
        sleep(2);
        return 1;
}

static int load_modules(void)
{
        char path[512];
        FILE *list = fopen("/etc/secure-vm/modules", "r");

        while (list && fgets(path, sizeof(path), list)) {
                int fd;

                path[strcspn(path, "\n")] = 0;
                fd = open(path, O_RDONLY | O_CLOEXEC);
                if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != ENODEV && errno != EEXIST)
                        return -1;
                close(fd);
        }
        return list ? fclose(list) : -1;
}

int main(void)
{
        static const char *const moved[] = {"/dev", "/proc", "/sys"};
        char to[32];

        if (mount("proc", "/proc", "proc", 0, NULL) < 0 ||
            mount("sysfs", "/sys", "sysfs", 0, NULL) < 0 ||
            (mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) < 0 && errno != EBUSY))
                return fail_init("mount");
        if (load_modules() < 0)
                return fail_init("modules");
        for (int i = 0; i < 500 && access("/dev/vda", F_OK) < 0; i++)
                usleep(10000);
        if (mount("/dev/vda", "/sysroot", "ext4", MS_RDONLY, NULL) < 0)
                return fail_init("the root");
        for (int i = 0; i < 3; i++) {
                snprintf(to, sizeof(to), "/sysroot%s", moved[i]);
                if (mount(moved[i], to, NULL, MS_MOVE, NULL) < 0)
                        return fail_init(moved[i]);
        }
        if (chdir("/sysroot") < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0)
                return fail_init("switch");
        execl("/sbin/init", "/sbin/init", NULL);
        return fail_init("/sbin/init");
}
