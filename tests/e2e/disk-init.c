/* SPDX-License-Identifier: Apache-2.0 */
/* /sbin/init of the e2e tests' disks with authentication tags: reads every file of /probe and says
 * which could be read; with the agent on the disk, it writes and reports. Static, so that the
 * disk needs nothing else. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <linux/dm-ioctl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define AGENT "/usr/bin/secure-vm-agent"

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

/* As QEMU's user network has it. */
static void bring_network_up(void)
{
        struct ifreq r = {.ifr_name = "eth0"};
        struct sockaddr_in a = {.sin_family = AF_INET};
        int s = socket(AF_INET, SOCK_DGRAM, 0);

        inet_pton(AF_INET, "10.0.2.15", &a.sin_addr);
        memcpy(&r.ifr_addr, &a, sizeof(a));
        if (ioctl(s, SIOCSIFADDR, &r) < 0)
                perror("network: address");
        inet_pton(AF_INET, "255.255.255.0", &a.sin_addr);
        memcpy(&r.ifr_netmask, &a, sizeof(a));
        if (ioctl(s, SIOCSIFNETMASK, &r) < 0)
                perror("network: mask");
        r.ifr_flags = IFF_UP | IFF_RUNNING;
        if (ioctl(s, SIOCSIFFLAGS, &r) < 0)
                perror("network: up");
        close(s);
}

static void write_and_report(int n, const char *option)
{
        int fd = open("/written", O_WRONLY | O_CREAT | O_TRUNC, 0600), status;

        dprintf(fd, "round %d\n", n);
        close(fd);
        if (fork() == 0) {
                execl(AGENT, AGENT, "report", option, (char *)NULL);
                _exit(99);
        }
        wait(&status);
        printf("report %d: status %d\n", n, WEXITSTATUS(status));
}

static void suspend(int control, const char *name, unsigned flags)
{
        struct dm_ioctl io = {.version = {4, 0, 0}, .data_size = sizeof(io), .flags = flags};

        strcpy(io.name, name);
        if (ioctl(control, DM_DEV_SUSPEND, &io) < 0)
                printf("dm %s: %s\n", name, strerror(errno));
}

/* What lies in dm-integrity's journal goes to its place when the device is resumed. */
static void empty_journal(void)
{
        int control = open("/dev/mapper/control", O_RDWR);

        mlockall(MCL_CURRENT | MCL_FUTURE);
        suspend(control, "root", DM_SUSPEND_FLAG);
        suspend(control, "root_dif", DM_SUSPEND_FLAG);
        suspend(control, "root_dif", 0);
        suspend(control, "root", 0);
        close(control);
        printf("journal: empty\n");
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
        if (access(AGENT, X_OK) == 0) {
                bring_network_up();
                write_and_report(1, NULL);
                write_and_report(2, "--end");
                write_and_report(3, NULL);
                empty_journal();
        }
        fflush(stdout);
        for (;;)
                pause();
}
