/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that says what it has of its host, and then walks through memory for ever: each pass
 * writes its number to every page, and finds there that of the pass before. A page that was left
 * behind when the guest moved, because nobody noted the write to it, has an older one. Static, the
 * only program of its initramfs. */
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>

#include "modules.h"

#define PAGE  4096
#define PAGES 4096

static void print_file(const char *what, const char *path)
{
        char text[128] = "none";
        FILE *f = fopen(path, "r");

        if (!f || !fgets(text, sizeof(text), f))
                strcpy(text, "none");
        if (f)
                fclose(f);
        text[strcspn(text, "\n")] = 0;
        printf("inside: %s %s\n", what, text);
}

/* How many names in a folder begin so. */
static void print_count(const char *what, const char *folder, const char *begin)
{
        DIR *d = opendir(folder);
        unsigned n = 0;

        for (struct dirent *e; d && (e = readdir(d));)
                n += *e->d_name != '.' && !strncmp(e->d_name, begin, strlen(begin));
        if (d)
                closedir(d);
        printf("inside: %s %u\n", what, n);
}

/* At the disk's beginning, for whoever sees no console. */
static void note_pass(int disk, unsigned long pass, unsigned long wrong)
{
        static char block[PAGE] __attribute__((aligned(PAGE)));

        printf("inside: pass %lu\n", pass);
        fflush(stdout);
        snprintf(block, sizeof(block), "pass %lu, %lu pages wrong\n", pass, wrong);
        if (disk >= 0 && pwrite(disk, block, sizeof(block), 0) != sizeof(block))
                perror("the disk");
}

static void walk_memory(unsigned char *memory, int disk)
{
        const struct timespec pause = {.tv_nsec = 100000000};
        unsigned long wrong = 0;

        for (unsigned long pass = 1;; pass++) {
                for (size_t i = 0; i < PAGES; i++) {
                        unsigned long *page = (unsigned long *)(memory + i * PAGE);

                        if (*page != pass - 1 && wrong++ < 16)
                                printf("inside: page %zu has %lu in pass %lu\n", i, *page, pass);
                        *page = pass;
                }
                if (pass % 8 == 0)
                        note_pass(disk, pass, wrong);
                nanosleep(&pause, NULL);
        }
}

int main(void)
{
        unsigned char *memory = calloc(PAGES, PAGE);

        load_modules();
        mkdir("/sys", 0755);
        mkdir("/dev", 0755);
        if (mount("sys", "/sys", "sysfs", 0, NULL) < 0 || mount("dev", "/dev", "devtmpfs", 0, NULL))
                perror("/sys or /dev");
        print_file("clock", "/sys/devices/system/clocksource/clocksource0/current_clocksource");
        print_file("processors", "/sys/devices/system/cpu/online");
        print_file("nodes", "/sys/devices/system/node/online");
        print_count("queues of the disk", "/sys/block/vda/mq", "");
        print_count("queues of the card", "/sys/class/net/eth0/queues", "rx-");
        printf("inside: all said\n");
        fflush(stdout);
        if (memory)
                walk_memory(memory, open("/dev/vda", O_RDWR | O_DIRECT | O_DSYNC));
        return 1;
}
