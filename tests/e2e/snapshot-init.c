/* SPDX-License-Identifier: Apache-2.0 */
/* What a disk with snapshots holds as /sbin/init: says how often it was booted from this state of
 * the disk and how far it had counted then, counts the boot, and goes on counting, every number
 * synced before the next. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static long read_number(int fd)
{
        char text[32] = "";

        return pread(fd, text, sizeof(text) - 1, 0) < 0 ? -1 : strtol(text, NULL, 10);
}

static int write_number(int fd, long n)
{
        char text[32] = "";

        snprintf(text, sizeof(text), "%ld\n", n);
        return pwrite(fd, text, sizeof(text), 0) == sizeof(text) && fsync(fd) == 0 ? 0 : -1;
}

int main(void)
{
        int console = open("/dev/console", O_RDWR), boots, count;
        long n;

        for (int i = 0; console >= 0 && i < 3; i++)
                dup2(console, i);
        boots = open("/boots", O_RDWR);
        count = open("/count", O_RDWR);
        n = read_number(count);
        printf("e2e-root: the disk is open\ne2e-root: %ld boots before, count %ld\n",
               read_number(boots), n);
        if (write_number(boots, read_number(boots) + 1) < 0)
                printf("e2e-root: the root cannot be written to\n");
        printf("e2e-root: counting\n");
        fflush(stdout);
        for (;; n++) {
                if (write_number(count, n) < 0)
                        printf("e2e-root: a write failed\n");
                if (n % 20 == 0)
                        printf("e2e-root: count %ld is on the disk\n", n);
                fflush(stdout);
                usleep(20000);
        }
}
