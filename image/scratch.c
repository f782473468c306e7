/* SPDX-License-Identifier: Apache-2.0 */
#include "image/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/core/file.h"

#define TRIES    600
#define PAUSE_US 50000

static const char *choose_place(void)
{
        const char *tmp = getenv("TMPDIR");

        if (tmp && *tmp)
                return tmp;
        return access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp";
}

/* In a session of its own, deaf to the signals of the terminal. A program that this process had
 * started may still be filling the folder: it is removed until it stays away. */
static _Noreturn void guard_folder(const char *dir, int fd)
{
        struct sv_err err = SV_ERR_NULL;
        char byte;

        for (int i = 0; i < 3; i++)
                close(i); /* whoever reads our output does not wait for this process */
        setsid();
        signal(SIGHUP, SIG_IGN);
        signal(SIGINT, SIG_IGN);
        signal(SIGTERM, SIG_IGN);
        while (read(fd, &byte, 1) < 0 && errno == EINTR)
                ;
        for (int i = 0; i < TRIES && sv_remove_tree(dir, &err) < 0; i++)
                usleep(PAUSE_US);
        _exit(0);
}

int sv_scratch_make(const char *place, struct sv_scratch *out, struct sv_err *err)
{
        struct sv_scratch s = {
                .dir = sv_asprintf("%s/secure-vm-image.XXXXXX", place ? place : choose_place())};
        int p[2];

        if (!mkdtemp(s.dir)) {
                sv_fail_errno(err, "image.scratch", "cannot make %s (TMPDIR names another place)",
                              s.dir);
                free(s.dir);
                return -1;
        }
        if (pipe2(p, O_CLOEXEC) == 0) {
                s.pid = fork();
                if (s.pid == 0) {
                        close(p[1]);
                        guard_folder(s.dir, p[0]);
                }
                close(p[0]);
                s.alive = p[1];
                *out = s;
                if (s.pid > 0)
                        return 0;
                close(p[1]);
        }
        sv_fail_errno(err, "image.scratch", "cannot start who removes %s", s.dir);
        rmdir(s.dir);
        free(s.dir);
        return -1;
}

void sv_scratch_remove(struct sv_scratch *s)
{
        close(s->alive);
        while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        free(s->dir);
}
