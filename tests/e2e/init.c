/* SPDX-License-Identifier: Apache-2.0 */
/* What the e2e tests' disks hold as /sbin/init: says that it runs, which is the proof that the disk
 * was opened, and waits. Of a disk with a folder /files it also says which of them can be read, and
 * whether the root can be written to. Static, so that the disk needs nothing else. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static int try_file(int folder, const char *name)
{
        static char chunk[65536];
        int fd = openat(folder, name, O_RDONLY);
        ssize_t n;

        if (fd < 0)
                return errno;
        while ((n = read(fd, chunk, sizeof(chunk))) > 0)
                ;
        n = n < 0 ? errno : 0;
        close(fd);
        return (int)n;
}

static void try_files(void)
{
        DIR *dir = opendir("/files");

        if (!dir)
                return;
        for (struct dirent *e; (e = readdir(dir));) {
                int error = e->d_name[0] == '.' ? -1 : try_file(dirfd(dir), e->d_name);

                if (error >= 0)
                        printf("e2e-root: /files/%s: %s\n", e->d_name,
                               error == EIO ? "EIO"
                               : error      ? "another error"
                                            : "read");
        }
        closedir(dir);
        printf("e2e-root: the root %s be written to\n",
               open("/files/new", O_WRONLY | O_CREAT, 0600) < 0 ? "cannot" : "can");
        printf("e2e-root: that is all\n");
}

int main(void)
{
        int fd = open("/dev/console", O_RDWR);

        if (fd >= 0) {
                dup2(fd, 0);
                dup2(fd, 1);
                dup2(fd, 2);
        }
        printf("e2e-root: the disk is open, pid %d\n", (int)getpid());
        try_files();
        fflush(stdout);
        for (;;)
                pause();
}
