/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that does nothing but write: a number that grows by one, to the beginning of its first
 * disk, each on the disk before the next. Whoever reads the disk's other end sees whether it goes
 * on. Static, the only program of its initramfs. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "modules.h"

int main(void)
{
        const struct timespec pause = {.tv_nsec = 20000000};
        static char block[4096] __attribute__((aligned(4096)));
        unsigned long n = 0;
        int fd;

        load_modules();
        mkdir("/dev", 0755);
        if (mount("dev", "/dev", "devtmpfs", 0, NULL) < 0)
                perror("/dev");
        while ((fd = open("/dev/vda", O_RDWR | O_DIRECT | O_DSYNC)) < 0)
                nanosleep(&pause, NULL);
        for (;;) {
                snprintf(block, sizeof(block), "written %lu\n", ++n);
                if (pwrite(fd, block, sizeof(block), 0) != sizeof(block)) {
                        perror("the disk");
                        for (;;)
                                nanosleep(&pause, NULL);
                }
                nanosleep(&pause, NULL);
        }
}
