/* SPDX-License-Identifier: Apache-2.0 */
/* /sbin/init of bench disk: writes and reads a file past the cache, in large pieces one after the
 * other and in single blocks here and there, and says how long each took. Static. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

#define PIECE  (1 << 20)
#define PIECES 16
#define BLOCK  4096
#define BLOCKS 200

static unsigned char *data;
static int file;

static int64_t now_us(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int run_pieces(int write)
{
        for (int i = 0; i < PIECES; i++)
                if ((write ? pwrite(file, data, PIECE, (off_t)i * PIECE)
                           : pread(file, data, PIECE, (off_t)i * PIECE)) != PIECE)
                        return -1;
        return fsync(file);
}

/* The same places each time. */
static int run_blocks(int write)
{
        uint32_t at = 1;

        for (int i = 0; i < BLOCKS; i++) {
                off_t where =
                        (off_t)((at = at * 1664525 + 1013904223) >> 8) % (PIECE / BLOCK * PIECES);

                if ((write ? pwrite(file, data, BLOCK, where * BLOCK)
                           : pread(file, data, BLOCK, where * BLOCK)) != BLOCK)
                        return -1;
                if (write && fdatasync(file) < 0)
                        return -1;
        }
        return 0;
}

static void measure(const char *name, int (*run)(int write), int write)
{
        int64_t began = now_us();

        if (run(write) < 0)
                perror(name);
        else
                printf("speed %s %lld\n", name, (long long)(now_us() - began));
}

int main(void)
{
        printf("e2e-root: the disk is open, pid %d\n", (int)getpid());
        fflush(stdout);
        if (posix_memalign((void **)&data, BLOCK, PIECE))
                return 1;
        for (int i = 0; i < PIECE; i++)
                data[i] = (unsigned char)(i * 31 ^ i >> 8);
        file = open("/speed", O_RDWR | O_CREAT | O_DIRECT, 0600);
        if (file < 0 || run_pieces(1) < 0)
                perror("speed: its file");
        measure("write", run_pieces, 1);
        measure("read", run_pieces, 0);
        measure("write4k", run_blocks, 1);
        measure("read4k", run_blocks, 0);
        printf("speed: done\n");
        fflush(stdout);
        sync();
        reboot(RB_POWER_OFF);
        for (;;)
                pause();
}
