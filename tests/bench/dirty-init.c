/* SPDX-License-Identifier: Apache-2.0 */
/* What a disk for tests/bench/backup.py holds as /sbin/init: writes the same 20 MiB of its disk
 * again and again, each time with other bytes, and says when all of it is on the disk. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MIB (1 << 20)

int main(void)
{
        static char piece[MIB];
        int console = open("/dev/console", O_RDWR), fd;

        for (int i = 0; console >= 0 && i < 3; i++)
                dup2(console, i);
        fd = open("/data", O_RDWR);
        printf("e2e-root: the disk is open\n");
        for (int round = 1;; round++) {
                memset(piece, round, sizeof(piece));
                for (int i = 0; i < 20; i++)
                        if (pwrite(fd, piece, MIB, (off_t)i * MIB) != MIB)
                                printf("bench: a write failed\n");
                fsync(fd);
                printf("bench: round %d\n", round);
                fflush(stdout);
                sleep(1);
        }
}
