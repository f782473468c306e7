/* SPDX-License-Identifier: Apache-2.0 */
/* What the e2e tests' disks hold as /sbin/init: says that it runs, which is the proof that the disk
 * was opened, and waits. Of a disk with a folder /files it also says which of them can be read, and
 * whether the root can be written to. To who connects to its port 22 it says so, too. Static, so
 * that the disk needs nothing else. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
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

static void answer_port(void)
{
        static const char words[] = "e2e-root: hello\n";
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(22)};
        int fd = socket(AF_INET, SOCK_STREAM, 0), peer;

        configure_card(fd);
        if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 4) < 0)
                return;
        while ((peer = accept(fd, NULL, NULL)) >= 0) {
                send(peer, words, sizeof(words) - 1, MSG_NOSIGNAL);
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
        try_files();
        fflush(stdout);
        answer_port();
        for (;;)
                pause();
}
