/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/console-log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"

int sv_console_log_begin(struct sv_console_log *l, const struct sv_state *s, uint64_t limit,
                         struct sv_err *err)
{
        SV_FD fd = -1;

        *l = (struct sv_console_log){.path = sv_state_path(s, "console.log"),
                                     .older = sv_asprintf("%s/console.log.1", s->dir),
                                     .limit = limit,
                                     .watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
        if (unlink(l->older) < 0 && errno != ENOENT)
                return sv_fail_errno(err, "launch.console", "%s", l->older);
        fd = open(l->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0 || l->watch < 0 || inotify_add_watch(l->watch, l->path, IN_MODIFY) < 0)
                return sv_fail_errno(err, "launch.console", "%s", l->path);
        return 0;
}

void sv_console_log_free(struct sv_console_log *l)
{
        free(l->path);
        free(l->older);
        sv_closep(&l->watch);
        *l = (struct sv_console_log){.watch = -1};
}

/* The last bytes become the older file. QEMU's descriptor stays where it is and appends, so the
 * file is copied and emptied, not renamed; what comes between the two steps is lost. */
static void rotate_log(const struct sv_console_log *l, int fd, uint64_t size)
{
        size_t kept = l->limit / 2 < size ? l->limit / 2 : size;
        SV_BUF tail = SV_BUF_NULL;
        uint8_t *at = sv_buf_grow(&tail, kept);

        /* Without memory or space for the older part there is none: the limit counts more. */
        if (!at || pread(fd, at, kept, (off_t)(size - kept)) != (ssize_t)kept ||
            sv_file_write(l->older, 0600, sv_buf_bytes(&tail), NULL) < 0)
                unlink(l->older);
        if (ftruncate(fd, 0) < 0)
                unlink(l->path); /* gone from the disk when QEMU ends */
}

void sv_console_log_look(struct sv_console_log *l)
{
        SV_FD fd = open(l->path, O_RDWR | O_CLOEXEC);
        char events[4096];
        struct stat st;

        while (read(l->watch, events, sizeof(events)) > 0)
                ;
        if (fd >= 0 && fstat(fd, &st) == 0 && (uint64_t)st.st_size > l->limit / 2)
                rotate_log(l, fd, (uint64_t)st.st_size);
}

int sv_console_log_print(const struct sv_state *s,
                         int (*put)(void *arg, struct sv_bytes piece, struct sv_err *err),
                         void *arg, struct sv_err *err)
{
        for (int older = 1; older >= 0; older--) {
                SV_STR path = sv_asprintf("%s/console.log%s", s->dir, older ? ".1" : "");

                if (access(path, F_OK) == 0 &&
                    sv_file_stream(path, put, arg, "console.log", err) < 0)
                        return -1;
        }
        return 0;
}
