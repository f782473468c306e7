/* SPDX-License-Identifier: Apache-2.0 */
/* What a disk with snapshots holds as /sbin/init: says how often it was booted from this state of
 * the disk and how far it had counted then, counts the boot, and goes on counting, every number
 * synced before the next. Beside it stands what qemu-guest-agent does when the host asks for the
 * file systems to come to rest. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#define PORTS "/sys/class/virtio-ports"

/* The port of that name, or -1. */
static int open_port(const char *wanted)
{
        DIR *ports = opendir(PORTS);
        int fd = -1;

        for (struct dirent *e = ports ? readdir(ports) : NULL; e && fd < 0; e = readdir(ports)) {
                char path[300], name[64] = "";
                int f;

                snprintf(path, sizeof(path), PORTS "/%s/name", e->d_name);
                f = open(path, O_RDONLY);
                if (f < 0 || read(f, name, sizeof(name) - 1) <= 0 ||
                    strncmp(name, wanted, strlen(wanted)))
                        continue;
                snprintf(path, sizeof(path), "/dev/%s", e->d_name);
                fd = open(path, O_RDWR);
        }
        return fd;
}

static void answer_agent(int port, int root, const char *line)
{
        const char *id = strstr(line, "\"id\":");
        char answer[100];
        int r = 0;

        if (strstr(line, "fsfreeze-freeze")) {
                r = ioctl(root, FIFREEZE, 0);
                dprintf(1, "e2e-root: at rest %d\n", r);
        } else if (strstr(line, "fsfreeze-thaw")) {
                r = ioctl(root, FITHAW, 0);
                dprintf(1, "e2e-root: goes on %d\n", r);
        }
        snprintf(answer, sizeof(answer), "%s{\"return\":%ld}\n",
                 strstr(line, "delimited") ? "\xff" : "",
                 id && strstr(line, "guest-sync") ? strtol(id + 5, NULL, 10) : 1);
        if (write(port, answer, strlen(answer)) < 0)
                dprintf(1, "e2e-root: no answer to %s\n", line);
}

/* Nobody may be there yet, and whoever is may go: then a read ends at once. */
static void serve_agent(int port)
{
        int root = open("/", O_RDONLY | O_DIRECTORY);
        char line[1000];
        size_t n = 0;

        for (;;) {
                if (read(port, line + n, 1) != 1) {
                        usleep(50000);
                        continue;
                }
                if (line[n] == '\n' || n == sizeof(line) - 2) {
                        line[n] = 0;
                        answer_agent(port, root, line);
                        n = 0;
                } else if ((unsigned char)line[n] != 0xff) {
                        n++;
                }
        }
}

static void start_agent(void)
{
        int port;

        mount("sysfs", "/sys", "sysfs", 0, NULL);
        port = open_port("org.qemu.guest_agent.0");
        if (port >= 0 && fork() == 0)
                serve_agent(port);
        printf("e2e-root: an agent is %s\n", port >= 0 ? "there" : "not to be had");
}

static long read_number(int fd)
{
        char text[32] = "";

        return pread(fd, text, sizeof(text) - 1, 0) < 0 ? -1 : strtol(text, NULL, 10);
}

static int write_number(int fd, long n)
{
        char text[32] = "";

        snprintf(text, sizeof(text), "%ld\n", n);
        return pwrite(fd, text, sizeof(text), 0) == sizeof(text) && fsync(fd) == 0 ? 0 : -1;
}

int main(void)
{
        int console = open("/dev/console", O_RDWR), boots, count;
        long n;

        for (int i = 0; console >= 0 && i < 3; i++)
                dup2(console, i);
        boots = open("/boots", O_RDWR);
        count = open("/count", O_RDWR);
        n = read_number(count);
        printf("e2e-root: the disk is open\ne2e-root: %ld boots before, count %ld\n",
               read_number(boots), n);
        start_agent();
        if (write_number(boots, read_number(boots) + 1) < 0)
                printf("e2e-root: the root cannot be written to\n");
        printf("e2e-root: counting\n");
        fflush(stdout);
        for (;; n++) {
                if (write_number(count, n) < 0)
                        printf("e2e-root: a write failed\n");
                if (n % 20 == 0)
                        printf("e2e-root: count %ld is on the disk\n", n);
                fflush(stdout);
                usleep(20000);
        }
}
