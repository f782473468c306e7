/* SPDX-License-Identifier: Apache-2.0 */
/* Runs commands beside each other, in turn, round after round, and prints a line for each: the
 * least and the median of the seconds of the clock and of the processor, and the most memory (KiB)
 * of the program. It is small itself, because a child's figures begin with its parent's. spawn
 * ROUNDS COMMAND ARGUMENT… , COMMAND ARGUMENT… */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COMMANDS 16

extern char **environ;

struct command {
        char **argv;
        double *wall, *cpu;
        long memory;
};

static double seconds(const struct timeval *t)
{
        return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static int by_value(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return x < y ? -1 : x > y;
}

static void once(struct command *c, int round, const posix_spawn_file_actions_t *quiet)
{
        struct timespec from, to;
        struct rusage used;
        int status;
        pid_t pid;

        clock_gettime(CLOCK_MONOTONIC, &from);
        if (posix_spawnp(&pid, c->argv[0], quiet, NULL, c->argv, environ) ||
            wait4(pid, &status, 0, &used) != pid || status) {
                fprintf(stderr, "spawn: %s failed\n", c->argv[0]);
                exit(3);
        }
        clock_gettime(CLOCK_MONOTONIC, &to);
        c->wall[round] =
                (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
        c->cpu[round] = seconds(&used.ru_utime) + seconds(&used.ru_stime);
        if (used.ru_maxrss > c->memory)
                c->memory = used.ru_maxrss;
}

int main(int argc, char **argv)
{
        struct command commands[COMMANDS] = {{.argv = argv + 2}};
        int rounds = argc > 2 ? atoi(argv[1]) : 0, n = 1;
        posix_spawn_file_actions_t quiet;

        for (int i = 2; i < argc && n < COMMANDS; i++)
                if (!strcmp(argv[i], ",")) {
                        argv[i] = NULL;
                        commands[n++].argv = argv + i + 1;
                }
        if (rounds < 1) {
                fprintf(stderr, "usage: spawn ROUNDS COMMAND ARGUMENT… , COMMAND ARGUMENT…\n");
                return 2;
        }
        posix_spawn_file_actions_init(&quiet);
        posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        for (int i = 0; i < n; i++) {
                commands[i].wall = calloc((size_t)rounds, sizeof(double));
                commands[i].cpu = calloc((size_t)rounds, sizeof(double));
        }
        for (int round = 0; round < rounds; round++)
                for (int i = 0; i < n; i++)
                        once(&commands[i], round, &quiet);
        for (int i = 0; i < n; i++) {
                qsort(commands[i].wall, (size_t)rounds, sizeof(double), by_value);
                qsort(commands[i].cpu, (size_t)rounds, sizeof(double), by_value);
                printf("%.6f %.6f %.6f %.6f %ld\n", commands[i].wall[0],
                       commands[i].wall[rounds / 2], commands[i].cpu[0],
                       commands[i].cpu[rounds / 2], commands[i].memory);
        }
        return 0;
}
