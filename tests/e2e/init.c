/* SPDX-License-Identifier: Apache-2.0 */
/* What the e2e tests' disks hold as /sbin/init: says that it runs, which is the proof that the disk
 * was opened, and waits. Of a disk with a folder /files it also says which of them can be read, and
 * whether the root can be written to. To who connects to its port 22 it says so, too, and to who
 * connects to its port 23, what it has: "vda 50331648 vdb 0 cpus 1 memory 468000". It loads what
 * lies in a folder /modules, and takes CPUs and memory that come, as udev's rules do. Static, so
 * that the disk needs nothing else. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int try_file(int folder, const char *name)
{
        static char chunk[65536];
        int fd = openat(folder, name, O_RDONLY);
        ssize_t n;

        if (fd < 0)
                return errno;
        while ((n = read(fd, chunk, sizeof(chunk))) > 0)
                ;
        n = n < 0 ? errno : 0;
        close(fd);
        return (int)n;
}

static void try_files(void)
{
        DIR *dir = opendir("/files");

        if (!dir)
                return;
        for (struct dirent *e; (e = readdir(dir));) {
                int error = e->d_name[0] == '.' ? -1 : try_file(dirfd(dir), e->d_name);

                if (error >= 0)
                        printf("e2e-root: /files/%s: %s\n", e->d_name,
                               error == EIO ? "EIO"
                               : error      ? "another error"
                                            : "read");
        }
        closedir(dir);
        printf("e2e-root: the root %s be written to\n",
               open("/files/new", O_WRONLY | O_CREAT, 0600) < 0 ? "cannot" : "can");
        printf("e2e-root: that is all\n");
}

/* The address that QEMU's user network gives to its first guest, and leads forwarded ports to. */
static void configure_card(int fd)
{
        struct ifreq card = {.ifr_name = "eth0"};
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr("10.0.2.15")};

        memcpy(&card.ifr_addr, &a, sizeof(a));
        ioctl(fd, SIOCSIFADDR, &card);
        card.ifr_flags = IFF_UP | IFF_RUNNING;
        ioctl(fd, SIOCSIFFLAGS, &card);
}

static unsigned long long measure_disk(const char *path)
{
        int fd = open(path, O_RDONLY);
        unsigned long long bytes = 0;

        if (fd >= 0 && ioctl(fd, BLKGETSIZE64, &bytes) < 0)
                bytes = 0;
        close(fd);
        return bytes;
}

/* In KiB. */
static long read_memory(void)
{
        FILE *f = fopen("/proc/meminfo", "r");
        long total = 0;

        if (f && fscanf(f, "MemTotal: %ld", &total) != 1)
                total = 0;
        if (f)
                fclose(f);
        return total;
}

static void load_modules(void)
{
        DIR *dir = opendir("/modules");

        for (struct dirent *e; dir && (e = readdir(dir));) {
                int fd = openat(dirfd(dir), e->d_name, O_RDONLY);

                if (e->d_name[0] != '.' && syscall(SYS_finit_module, fd, "", 0) < 0)
                        printf("e2e-root: %s: %s\n", e->d_name, strerror(errno));
                close(fd);
        }
        if (dir)
                closedir(dir);
}

static void write_setting(const char *path, const char *value)
{
        int fd = open(path, O_WRONLY);

        if (fd >= 0 && write(fd, value, strlen(value)) < 0)
                printf("e2e-root: %s: %s\n", path, strerror(errno));
        close(fd);
}

/* CPU 0 has no such file. */
static void take_cpus(void)
{
        for (int i = 1; i < 8; i++) {
                char path[64];

                snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", i);
                if (access(path, W_OK) == 0)
                        write_setting(path, "1");
        }
}

static void say_what_there_is(char *text, size_t size)
{
        snprintf(text, size, "vda %llu vdb %llu cpus %ld memory %ld\n", measure_disk("/dev/vda"),
                 measure_disk("/dev/vdb"), sysconf(_SC_NPROCESSORS_ONLN), read_memory());
}

static int listen_on(int port)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        return bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 4) < 0 ? -1 : fd;
}

static void answer_ports(void)
{
        struct pollfd p[] = {{listen_on(22), POLLIN, 0}, {listen_on(23), POLLIN, 0}};

        configure_card(p[0].fd);
        while (poll(p, 2, -1) > 0)
                for (int i = 0; i < 2; i++) {
                        char words[128] = "e2e-root: hello\n";
                        int peer = p[i].revents ? accept(p[i].fd, NULL, NULL) : -1;

                        if (peer < 0)
                                continue;
                        if (i == 1) {
                                take_cpus();
                                say_what_there_is(words, sizeof(words));
                        }
                        send(peer, words, strlen(words), MSG_NOSIGNAL);
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
        write_setting("/sys/devices/system/memory/auto_online_blocks", "online_movable");
        load_modules();
        try_files();
        fflush(stdout);
        answer_ports();
        for (;;)
                pause();
}
