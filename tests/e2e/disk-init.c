/* SPDX-License-Identifier: Apache-2.0 */
/* /sbin/init of the e2e tests' disks with authentication tags: reads every file of /probe and says
 * which could be read; with the agent on the disk, it writes and reports. "e2e=end" on the command
 * line: it ends as a system does. "e2e=runs": it reports until it has lost the disk, and the agent
 * powers it off, as the agent's unit asks. Static, so that the disk needs nothing else. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define AGENT "/usr/bin/secure-vm-agent"

static int is_told(const char *word)
{
        static char line[4096];
        int fd = open("/proc/cmdline", O_RDONLY);
        ssize_t n = fd < 0 ? 0 : read(fd, line, sizeof(line) - 1);

        close(fd);
        line[n < 0 ? 0 : n] = 0;
        return strstr(line, word) != NULL;
}

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

static int report(int n, const char *option)
{
        int status;

        fflush(stdout);
        if (fork() == 0) {
                execl(AGENT, AGENT, "report", option, (char *)NULL);
                _exit(99);
        }
        wait(&status);
        printf("report %d: status %d\n", n, WEXITSTATUS(status));
        fflush(stdout);
        return WEXITSTATUS(status);
}

static void write_and_report(int n, const char *option)
{
        int fd = open("/written", O_WRONLY | O_CREAT | O_TRUNC, 0600);

        dprintf(fd, "round %d\n", n);
        close(fd);
        report(n, option);
}

static void report_until_superseded(void)
{
        for (int n = 2; report(n, "--power-off") != 5; n++)
                sleep(1);
}

/* What an earlier start of the system has written. */
static void look_for_written(void)
{
        char text[32] = "nothing";
        int fd = open("/written", O_RDONLY);

        if (fd >= 0)
                text[read(fd, text, sizeof(text) - 1)] = 0;
        close(fd);
        printf("found: %s\n", text);
}

/* As a system does: nothing can be written any more, and there is no network. */
static void end_system(void)
{
        struct ifreq r = {.ifr_name = "eth0"};
        int s = socket(AF_INET, SOCK_DGRAM, 0);

        if (mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
                perror("read-only");
        mount(NULL, "/run/initramfs/data", NULL, MS_REMOUNT | MS_RDONLY, NULL); /* where it is */
        ioctl(s, SIOCSIFADDR, &(struct ifreq){.ifr_name = "eth0", .ifr_addr.sa_family = AF_INET});
        if (ioctl(s, SIOCSIFFLAGS, &r) < 0)
                perror("network: down");
        close(s);
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
                look_for_written();
                bring_network_up();
                write_and_report(1, NULL);
                if (is_told("e2e=runs"))
                        report_until_superseded();
                write_and_report(2, "--end");
                if (is_told("e2e=end")) {
                        end_system();
                        report(3, "--end");
                } else {
                        write_and_report(3, NULL);
                        empty_journal();
                }
        }
        fflush(stdout);
        for (;;)
                pause();
}
