/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that says what it has of its host, and then walks through memory for ever: each pass
 * writes its number to every page, and finds there that of the pass before. A page that was left
 * behind when the guest moved, because nobody noted the write to it, has an older one. Static, the
 * only program of its initramfs. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
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

static void print_link(const char *what, const char *path)
{
        char to[256] = "none";
        ssize_t n = readlink(path, to, sizeof(to) - 1);

        if (n > 0)
                to[n] = 0;
        printf("inside: %s %s\n", what, strrchr(to, '/') ? strrchr(to, '/') + 1 : to);
}

/* --- its network card --- */

static int card = -1;
static struct sockaddr_ll to_all = {.sll_family = AF_PACKET, .sll_halen = ETH_ALEN};

static void raise_card(const char *name)
{
        struct ifreq r = {0};
        int fd = socket(AF_PACKET, SOCK_DGRAM, 0);

        strncpy(r.ifr_name, name, sizeof(r.ifr_name) - 1);
        to_all.sll_ifindex = (int)if_nametoindex(name);
        to_all.sll_protocol = htons(0x88b5); /* IEEE 802: local experiment */
        memset(to_all.sll_addr, 0xff, ETH_ALEN);
        if (fd < 0 || !to_all.sll_ifindex || ioctl(fd, SIOCGIFFLAGS, &r) < 0)
                return;
        r.ifr_flags |= IFF_UP;
        if (ioctl(fd, SIOCSIFFLAGS, &r) < 0)
                perror(name);
        card = fd;
}

static void send_frame(void)
{
        static const char frame[64] = "a guest is here";

        if (card >= 0)
                (void)!sendto(card, frame, sizeof(frame), 0, (struct sockaddr *)&to_all,
                              sizeof(to_all));
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
                send_frame();
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
        print_file("address", "/sys/class/net/eth0/address");
        print_link("driver", "/sys/class/net/eth0/device/driver");
        raise_card("eth0");
        printf("inside: all said\n");
        fflush(stdout);
        if (memory)
                walk_memory(memory, open("/dev/vda", O_RDWR | O_DIRECT | O_DSYNC));
        return 1;
}
