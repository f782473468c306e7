/* SPDX-License-Identifier: Apache-2.0 */
/* /sbin/init of a guest in which the kernel makes a disk with authentication tags: /dev/vdb is what
 * it is to hold, /dev/vdc becomes the disk, /dev/vdd begins with the volume key. cryptsetup and its
 * libraries are beside this on the root. Static. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEY_SIZE 96

static int run(const char *const *argv)
{
        int status = -1;

        fflush(stdout);
        if (fork() == 0) {
                execv("/usr/sbin/cryptsetup", (char *const *)argv);
                _exit(99);
        }
        wait(&status);
        printf("format: %s: status %d\n", argv[1], WEXITSTATUS(status));
        return status;
}

static long copy(const char *from, const char *to, long most)
{
        static char piece[1 << 20];
        int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT, 0600);
        long total = 0;

        while (total < most) {
                long want = most - total < (long)sizeof(piece) ? most - total : (long)sizeof(piece);
                ssize_t n = read(in, piece, (size_t)want);

                if (n <= 0)
                        break;
                if (write(out, piece, (size_t)n) != n) {
                        perror("format: write");
                        break;
                }
                total += n;
        }
        if (fsync(out) < 0)
                perror("format: sync");
        close(in);
        close(out);
        return total;
}

static void make_disk(void)
{
        static const char *const format[] = {"cryptsetup",
                                             "luksFormat",
                                             "--batch-mode",
                                             "--type",
                                             "luks2",
                                             "--cipher",
                                             "aes-xts-plain64",
                                             "--integrity",
                                             "hmac-sha256",
                                             "--sector-size",
                                             "4096",
                                             "--key-size",
                                             "512",
                                             "--volume-key-file",
                                             "/run/key",
                                             "--pbkdf",
                                             "pbkdf2",
                                             "--pbkdf-force-iterations",
                                             "1000",
                                             "--integrity-no-wipe",
                                             "/dev/vdc",
                                             "/run/key",
                                             NULL};
        static const char *const open_it[] = {"cryptsetup", "open", "--key-file", "/run/key",
                                              "/dev/vdc",   "made", NULL};
        static const char *const close_it[] = {"cryptsetup", "close", "made", NULL};

        if (copy("/dev/vdd", "/run/key", KEY_SIZE) != KEY_SIZE || run(format) || run(open_it))
                return;
        printf("format: %ld bytes\n", copy("/dev/vdb", "/dev/mapper/made", 1L << 40));
        run(close_it);
        sync();
        printf("format: done\n");
}

int main(void)
{
        int fd = open("/dev/console", O_RDWR);

        for (int i = 0; fd >= 0 && i < 3; i++)
                dup2(fd, i);
        printf("e2e-root: the disk is open, pid %d\n", (int)getpid());
        make_disk();
        printf("format: ended\n");
        fflush(stdout);
        for (;;)
                pause();
}
