/* SPDX-License-Identifier: Apache-2.0 */
/* /sbin/init of the e2e tests' disks with authentication tags: reads every file of /probe and says
 * which could be read. Static, so that the disk needs nothing else. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void read_file(int dir, const char *name)
{
        static char piece[65536];
        int fd = openat(dir, name, O_RDONLY);
        long total = 0, n;

        while (fd >= 0 && (n = read(fd, piece, sizeof(piece))) > 0)
                total += n;
        if (fd < 0 || n < 0)
                printf("probe %s: %s\n", name, strerror(errno));
        else
                printf("probe %s: %ld bytes\n", name, total);
        if (fd >= 0)
                close(fd);
}

int main(void)
{
        int fd = open("/dev/console", O_RDWR);
        DIR *dir = opendir("/probe");

        for (int i = 0; fd >= 0 && i < 3; i++)
                dup2(fd, i);
        printf("e2e-root: the disk is open, pid %d\n", (int)getpid());
        for (struct dirent *e; dir && (e = readdir(dir));)
                if (e->d_name[0] != '.')
                        read_file(dirfd(dir), e->d_name);
        printf("probes: done\n");
        fflush(stdout);
        for (;;)
                pause();
}
