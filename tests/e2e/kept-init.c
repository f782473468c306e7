/* SPDX-License-Identifier: Apache-2.0 */
/* /sbin/init of a disk whose host kills it (killed.py): says what it finds, and keeps numbers, each
 * said once it is synced. A number has a file of its own, which takes the place of an older one's
 * whole. Static, so that the disk needs nothing else. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 64
#define WORDS 8192

static unsigned piece[WORDS];

static void must(int ok, const char *what)
{
        if (ok)
                return;
        printf("kept: %s: %m\n", what);
        fflush(stdout);
        for (;;)
                pause();
}

/* What a file keeps; 0: it is not there. All of its words are the same. */
static unsigned find_number(int slot)
{
        char path[32];
        int fd;

        snprintf(path, sizeof(path), "/kept/%d", slot);
        fd = open(path, O_RDONLY);
        if (fd < 0)
                return 0;
        must(read(fd, piece, sizeof(piece)) == sizeof(piece), "a file cannot be read");
        close(fd);
        for (int i = 1; i < WORDS; i++)
                must(piece[i] == piece[0], "a file is of two numbers");
        return piece[0];
}

static unsigned find_newest(void)
{
        unsigned found[FILES], newest = 0;

        for (int i = 0; i < FILES; i++) {
                found[i] = find_number(i);
                if (found[i] > newest)
                        newest = found[i];
        }
        for (unsigned n = newest; n > 0 && newest - n < FILES; n--)
                must(found[n % FILES] == n, "a number before the newest is lost");
        return newest;
}

static void keep_number(int dir, unsigned n)
{
        char path[32];
        int fd = openat(dir, "new", O_WRONLY | O_CREAT | O_TRUNC, 0600);

        for (int i = 0; i < WORDS; i++)
                piece[i] = n;
        must(write(fd, piece, sizeof(piece)) == sizeof(piece) && fsync(fd) == 0, "cannot write");
        close(fd);
        snprintf(path, sizeof(path), "%u", n % FILES);
        must(renameat(dir, "new", dir, path) == 0 && fsync(dir) == 0, "cannot rename");
}

int main(void)
{
        unsigned n;
        int dir;

        mkdir("/kept", 0700);
        dir = open("/kept", O_RDONLY | O_DIRECTORY);
        must(dir >= 0, "there is no folder");
        n = find_newest();
        printf("e2e-root: the disk is open\nkept: found %u\n", n);
        for (;;) {
                keep_number(dir, ++n);
                printf("kept: %u\n", n);
                fflush(stdout);
        }
}
