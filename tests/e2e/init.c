/* SPDX-License-Identifier: Apache-2.0 */
/* What the e2e tests' encrypted disk holds as /sbin/init: says that it runs, which is the proof
 * that the disk was opened, and waits. Static, so that the disk needs nothing else. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
        int fd = open("/dev/console", O_RDWR);

        if (fd >= 0) {
                dup2(fd, 0);
                dup2(fd, 1);
                dup2(fd, 2);
        }
        printf("e2e-root: the disk is open, pid %d\n", (int)getpid());
        fflush(stdout);
        for (;;)
                pause();
}
