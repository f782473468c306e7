/* SPDX-License-Identifier: Apache-2.0 */
/* What the disk of a guest of the hosts holds as /sbin/init: says that it runs, answers at
 * 10.9.0.50, port 7, with what it is sent, rewrites 32 MiB of memory for ever, and the first block
 * of its second disk, where it has one, ten times a second, counting on from boot to boot. Static,
 * so that the disk needs nothing else. With the agent on the disk it reports every three seconds,
 * and goes off when a report is refused. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define AGENT "/usr/bin/secure-vm-agent"
#define LOAD  (32 << 20)

static void configure_card(void)
{
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        struct ifreq card = {.ifr_name = "eth0"};
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr("10.9.0.50")};

        memcpy(&card.ifr_addr, &a, sizeof(a));
        ioctl(fd, SIOCSIFADDR, &card);
        a.sin_addr.s_addr = inet_addr("255.255.255.0");
        memcpy(&card.ifr_netmask, &a, sizeof(a));
        ioctl(fd, SIOCSIFNETMASK, &card);
        card.ifr_flags = IFF_UP | IFF_RUNNING;
        ioctl(fd, SIOCSIFFLAGS, &card);
        close(fd);
}

static void rewrite_memory(void)
{
        unsigned char *m = malloc(LOAD);
        uint32_t seed = 1;

        for (unsigned round = 0;; round++) {
                if (round % 20 == 0)
                        printf("hosts-root: round %u\n", round);
                fflush(stdout);
                for (size_t i = 0; m && i < LOAD; i += 64) {
                        seed = seed * 1664525 + 1013904223;
                        memcpy(m + i, &seed, 4);
                }
                usleep(50000);
        }
}

static void rewrite_disk(void)
{
        static uint64_t block[512] __attribute__((aligned(4096)));
        int fd = open("/dev/vdb", O_RDWR | O_SYNC);

        /* goes on where the boot before has ended */
        if (fd >= 0 && pread(fd, block, sizeof(block), 0) == (ssize_t)sizeof(block))
                block[0]++;
        while (fd >= 0 && pwrite(fd, block, sizeof(block), 0) == (ssize_t)sizeof(block)) {
                block[0]++;
                usleep(100000);
        }
        if (fd >= 0)
                printf("hosts-root: the second disk cannot be written\n");
        fflush(stdout);
        _exit(0);
}

static int report_once(void)
{
        int status = 0;

        if (fork() == 0) {
                execl(AGENT, AGENT, "report", (char *)NULL);
                _exit(99);
        }
        wait(&status);
        return WEXITSTATUS(status);
}

static void report_disk(void)
{
        int status = 0;

        signal(SIGCHLD, SIG_DFL);
        while (access(AGENT, X_OK) == 0 && status != 5) {
                status = report_once();
                printf("hosts-root: report %d\n", status);
                fflush(stdout);
                sleep(3);
        }
        if (status == 5)
                reboot(RB_POWER_OFF);
        _exit(0);
}

static void echo(int peer)
{
        char b[4096];
        ssize_t n;
        int one = 1;

        setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        while ((n = read(peer, b, sizeof(b))) > 0)
                if (write(peer, b, (size_t)n) != n)
                        break;
        _exit(0);
}

static void answer_port(void)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(7)};
        int fd = socket(AF_INET, SOCK_STREAM, 0), peer;

        if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 4) < 0)
                return;
        while ((peer = accept(fd, NULL, NULL)) >= 0) {
                if (fork() == 0)
                        echo(peer);
                close(peer);
        }
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
        fflush(stdout);
        signal(SIGCHLD, SIG_IGN);
        configure_card();
        if (fork() == 0)
                rewrite_memory();
        if (fork() == 0)
                rewrite_disk();
        if (fork() == 0)
                report_disk();
        answer_port();
        for (;;)
                pause();
}
