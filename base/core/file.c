/* SPDX-License-Identifier: Apache-2.0 */
#include "base/core/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/fs.h>

#include "base/core/clock.h"

#define PIECE         65536u
#define LOCK_PAUSE_US 10000

void sv_closep(int *fd)
{
        if (*fd >= 0)
                close(*fd);
        *fd = -1;
}

void sv_strfreep(char **s)
{
        free(*s);
        *s = NULL;
}

char *sv_asprintf(const char *fmt, ...)
{
        char *s = NULL;
        va_list ap;

        va_start(ap, fmt);
        if (vasprintf(&s, fmt, ap) < 0)
                abort(); /* no memory for a line of text: nothing sensible can follow */
        va_end(ap);
        return s;
}

static ssize_t read_uninterrupted(int fd, void *p, size_t n)
{
        ssize_t got;

        do
                got = read(fd, p, n);
        while (got < 0 && errno == EINTR);
        return got;
}

int sv_fd_read(int fd, const char *name, size_t max, struct sv_buf *out, const char *check,
               struct sv_err *err)
{
        size_t total = 0;
        struct stat st;

        if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uintmax_t)st.st_size <= max)
                sv_buf_room(out, (size_t)st.st_size + PIECE); /* the last piece finds the end */
        for (;;) {
                /* one more tells "larger" from "just fits" */
                size_t room = max - total < PIECE ? max - total + 1 : PIECE;
                uint8_t *at = sv_buf_grow(out, room);
                ssize_t got;

                if (!at)
                        return sv_buf_ok(out, name, err);
                got = read_uninterrupted(fd, at, room);
                if (got < 0)
                        return sv_fail_errno(err, check, "cannot read %s", name);
                out->n -= room - (size_t)got;
                total += (size_t)got;
                if (total > max)
                        return sv_fail(err, SV_FORMAT, check,
                                       "%s is larger than the %zu bytes allowed for it", name, max);
                if (!got)
                        return 0;
        }
}

static int open_regular_file(const char *path, const char *check, struct sv_err *err)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat st;

        if (fd < 0)
                return sv_fail_errno(err, check, "cannot open %s", path);
        if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
                close(fd);
                return sv_fail(err, SV_SYSTEM, check, "%s is a directory; a file was expected",
                               path);
        }
        return fd;
}

int sv_file_read(const char *path, size_t max, struct sv_buf *out, const char *check,
                 struct sv_err *err)
{
        SV_FD fd = open_regular_file(path, check, err);

        return fd < 0 ? -1 : sv_fd_read(fd, path, max, out, check, err);
}

int sv_file_read_private(const char *path, size_t max, struct sv_buf *out, const char *check,
                         const char *mode_check, struct sv_err *err)
{
        SV_FD fd = open_regular_file(path, check, err);
        struct stat st;

        if (fd < 0)
                return -1;
        if (fstat(fd, &st) < 0)
                return sv_fail_errno(err, check, "%s", path);
        if (S_ISREG(st.st_mode) && (st.st_mode & 077))
                return sv_fail(err, SV_SYSTEM, mode_check,
                               "%s has the mode %04o: others than its owner can use it; \"chmod "
                               "600\" it, and replace the key when others had the time to read it",
                               path, (unsigned)st.st_mode & 07777);
        out->locked = true;
        return sv_fd_read(fd, path, max, out, check, err);
}

int sv_file_map(const char *path, size_t max, struct sv_map *out, const char *check,
                struct sv_err *err)
{
        SV_FD fd = open_regular_file(path, check, err);
        struct stat st;
        void *p;

        *out = (struct sv_map){.mapped = 0};
        if (fd < 0)
                return -1;
        if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
            (uintmax_t)st.st_size <= max) {
                p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
                if (p != MAP_FAILED) {
                        out->bytes = sv_bytes(p, (size_t)st.st_size);
                        out->mapped = (size_t)st.st_size;
                        return 0;
                }
        }
        if (sv_fd_read(fd, path, max, &out->copy, check, err) < 0) {
                sv_map_free(out);
                return -1;
        }
        out->bytes = sv_buf_bytes(&out->copy);
        return 0;
}

void sv_map_free(struct sv_map *m)
{
        if (m->mapped)
                munmap((void *)(uintptr_t)m->bytes.p, m->mapped);
        sv_buf_free(&m->copy);
        *m = (struct sv_map){.mapped = 0};
}

int sv_fd_write(int fd, const char *name, struct sv_bytes data, struct sv_err *err)
{
        while (data.n) {
                ssize_t done = write(fd, data.p, data.n);

                if (done < 0 && errno == EINTR)
                        continue;
                if (done < 0)
                        return sv_fail_errno(err, "file.write", "cannot write %s", name);
                data.p += done;
                data.n -= (size_t)done;
        }
        return 0;
}

int sv_fd_lock(int fd, unsigned wait_ms)
{
        int64_t end = sv_clock_ms() + wait_ms;

        while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                if (errno != EWOULDBLOCK || sv_clock_ms() >= end)
                        return -1;
                usleep(LOCK_PAUSE_US);
        }
        return 0;
}

char *sv_path_folder(const char *path)
{
        const char *slash = strrchr(path, '/');

        if (!slash)
                return sv_asprintf(".");
        return slash == path ? sv_asprintf("/") : sv_asprintf("%.*s", (int)(slash - path), path);
}

const char *sv_path_name(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

int sv_folder_sync(const char *path)
{
        SV_STR folder = sv_path_folder(path);
        SV_FD fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 || fsync(fd) < 0 ? -1 : 0;
}

int sv_fd_write_at(int fd, struct sv_bytes data, uint64_t at)
{
        while (data.n) {
                ssize_t done = pwrite(fd, data.p, data.n, (off_t)at);

                if (done < 0 && errno == EINTR)
                        continue;
                if (done < 0)
                        return -1;
                data.p += done;
                data.n -= (size_t)done;
                at += (uint64_t)done;
        }
        return 0;
}

ssize_t sv_fd_read_at(int fd, void *out, size_t n, uint64_t at)
{
        size_t got = 0;

        while (got < n) {
                ssize_t r = pread(fd, (uint8_t *)out + got, n - got, (off_t)(at + got));

                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0)
                        return -1;
                if (r == 0)
                        break;
                got += (size_t)r;
        }
        return (ssize_t)got;
}

int sv_file_write(const char *path, unsigned mode, struct sv_bytes data, struct sv_err *err)
{
        SV_STR temp = sv_asprintf("%s.XXXXXX", path);
        SV_FD fd = mkostemp(temp, O_CLOEXEC);

        if (fd < 0)
                return sv_fail_errno(err, "file.write", "cannot make a file beside %s", path);
        if (sv_fd_write(fd, temp, data, err) < 0)
                goto undo;
        if (fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(temp, path) < 0) {
                sv_fail_errno(err, "file.write", "cannot write %s", path);
                goto undo;
        }
        return 0;
undo:
        unlink(temp);
        return -1;
}

static int write_through(const char *path, struct sv_bytes data, struct sv_err *err)
{
        SV_FD fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);

        return fd < 0 ? sv_fail_errno(err, "file.write", "cannot write %s", path)
                      : sv_fd_write(fd, path, data, err);
}

/* Without a moment in which another thread's files are made too open. */
static mode_t find_umask(void)
{
        mode_t mask = umask(0177);

        umask(mask);
        return mask;
}

int sv_output_write(const char *path, unsigned mode, struct sv_bytes data, struct sv_err *err)
{
        SV_STR behind = NULL;
        struct stat st;

        if (stat(path, &st) < 0)
                return sv_file_write(path, mode & ~find_umask(), data, err);
        if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
                return write_through(path, data, err);
        behind = realpath(path, NULL);
        if (!behind)
                return sv_fail_errno(err, "file.write", "cannot write %s", path);
        return sv_file_write(behind, mode & ~find_umask(), data, err);
}

static int stream_fd(int fd, const char *path,
                     int (*fn)(void *arg, struct sv_bytes piece, struct sv_err *err), void *arg,
                     const char *check, struct sv_err *err)
{
        uint8_t piece[PIECE];
        ssize_t got;

        while ((got = read_uninterrupted(fd, piece, sizeof(piece))) > 0)
                if (fn(arg, sv_bytes(piece, (size_t)got), err) < 0)
                        return -1;
        return got < 0 ? sv_fail_errno(err, check, "cannot read %s", path) : 0;
}

int sv_file_stream(const char *path,
                   int (*fn)(void *arg, struct sv_bytes piece, struct sv_err *err), void *arg,
                   const char *check, struct sv_err *err)
{
        SV_FD fd = open_regular_file(path, check, err);

        return fd < 0 ? -1 : stream_fd(fd, path, fn, arg, check, err);
}

static int write_piece(void *arg, struct sv_bytes piece, struct sv_err *err)
{
        return sv_fd_write(*(int *)arg, "the copy", piece, err);
}

int sv_fd_copy(int in, const char *from, const char *to, unsigned mode, struct sv_err *err)
{
        SV_FD out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

        if (out < 0)
                return sv_fail_errno(err, "file.copy", "cannot make %s", to);
        if (fchmod(out, mode) < 0)
                return sv_fail_errno(err, "file.copy", "cannot set the mode of %s", to);
        if (ioctl(out, FICLONE, in) == 0)
                return 0;
        if (stream_fd(in, from, write_piece, &out, "file.copy", err) < 0) {
                unlink(to);
                return -1;
        }
        return 0;
}

int sv_file_copy(const char *from, const char *to, unsigned mode, struct sv_err *err)
{
        SV_FD in = open_regular_file(from, "file.copy", err);

        return in < 0 ? -1 : sv_fd_copy(in, from, to, mode, err);
}

int sv_mkdirs(const char *path, unsigned mode, struct sv_err *err)
{
        SV_STR copy = sv_asprintf("%s", path);

        for (char *slash = copy + 1;; slash++) {
                char kept = *slash;

                if (kept && kept != '/')
                        continue;
                *slash = 0;
                if (mkdir(copy, mode) < 0 && errno != EEXIST)
                        return sv_fail_errno(err, "file.mkdir", "cannot make the directory %s",
                                             copy);
                *slash = kept;
                if (!kept)
                        return 0;
        }
}

static int remove_entry(int dirfd, const char *name)
{
        int fd;
        DIR *dir;
        struct dirent *e;
        int r = 0;

        if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
                return 0;
        if (errno != EISDIR && errno != EPERM)
                return -1;
        fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -1;
        dir = fdopendir(fd);
        if (!dir) {
                close(fd);
                return -1;
        }
        while (r == 0 && (e = readdir(dir)))
                if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
                        r = remove_entry(fd, e->d_name);
        closedir(dir);
        return r < 0 ? -1 : unlinkat(dirfd, name, AT_REMOVEDIR);
}

int sv_remove_tree(const char *path, struct sv_err *err)
{
        if (remove_entry(AT_FDCWD, path) < 0)
                return sv_fail_errno(err, "file.remove", "cannot remove %s", path);
        return 0;
}
