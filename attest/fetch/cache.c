/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/fetch/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/crypto/crypto.h"
#include "base/core/file.h"
#include "base/core/limits.h"

#define ENTRY     ".entry"
#define ENTRY_MAX (2 * SV_COLLATERAL_SIZE_MAX) /* a body, and headers escaped in JSON */

/* <dir>/<SHA-256 of the text, in hex><suffix> */
static char *make_cache_path(const char *dir, const char *text, const char *suffix,
                             struct sv_err *err)
{
        char hex[65];

        return sv_sha256_hex(sv_bytes_str(text), hex, err) < 0
                       ? NULL
                       : sv_asprintf("%s/%s%s", dir, hex, suffix);
}

int sv_cache_open(const char *dir, struct sv_err *err)
{
        return sv_mkdirs(dir, 0700, err) < 0 ? sv_wrap(err, "the cache of collateral") : 0;
}

static int read_entry(const char *path, struct sv_entry *out, struct sv_err *err)
{
        SV_BUF file = SV_BUF_NULL;

        return sv_file_read(path, ENTRY_MAX, &file, "collateral.cache", err) < 0
                       ? -1
                       : sv_entry_parse(sv_buf_bytes(&file), out, err);
}

int sv_cache_get(const char *dir, const char *url, struct sv_entry *out, bool *there,
                 struct sv_err *err)
{
        SV_STR path = make_cache_path(dir, url, ENTRY, err);
        SV_ENTRY e = {0};
        struct sv_err why = SV_ERR_NULL;

        if (!path)
                return -1;
        *there = false;
        if (access(path, F_OK) < 0 && errno == ENOENT)
                return 0;
        if (read_entry(path, &e, &why) < 0) {
                /* Damaged: as if it were not there. Not readable at all: said, or it would be
                 * fetched for ever. */
                if (why.class == SV_FORMAT)
                        return 0;
                if (err)
                        *err = why;
                return -1;
        }
        if (strcmp(e.url, url))
                return 0;
        *out = e;
        e = (struct sv_entry){0};
        *there = true;
        return 0;
}

static bool is_entry_name(const char *name)
{
        return strlen(name) == 64 + strlen(ENTRY) && !strcmp(name + 64, ENTRY);
}

/* Temporary files of a writer that was killed: sv_file_write calls them <entry>.XXXXXX, and with
 * the lock there is no other writer. Returns how many entries the folder has. */
static size_t remove_stale(const char *dir, const char *path)
{
        const char *name = strrchr(path, '/') + 1;
        DIR *d = opendir(dir);
        struct dirent *e;
        size_t n = 0;

        while (d && (e = readdir(d))) {
                n += is_entry_name(e->d_name);
                if (!strncmp(e->d_name, name, strlen(name)) && e->d_name[strlen(name)] == '.')
                        unlinkat(dirfd(d), e->d_name, 0);
        }
        if (d)
                closedir(d);
        return n;
}

int sv_cache_put(const char *dir, const struct sv_entry *e, struct sv_err *err)
{
        SV_STR path = make_cache_path(dir, e->url, ENTRY, err);
        SV_BUF file = SV_BUF_NULL;

        if (!path || sv_entry_write(e, &file, err) < 0)
                return -1;
        if (remove_stale(dir, path) >= SV_CACHE_ENTRIES_MAX && access(path, F_OK) < 0)
                return sv_fail(err, SV_SYSTEM, "collateral.full",
                               "%s has %d entries: remove those of platforms that are gone", dir,
                               SV_CACHE_ENTRIES_MAX);
        return sv_file_write(path, 0600, sv_buf_bytes(&file), err);
}

int sv_cache_drop(const char *dir, const char *url, struct sv_err *err)
{
        SV_STR path = make_cache_path(dir, url, ENTRY, err);

        if (!path)
                return -1;
        remove_stale(dir, path);
        if (unlink(path) < 0 && errno != ENOENT)
                return sv_fail_errno(err, "collateral.drop", "cannot remove %s", path);
        return 0;
}

static int is_entry(const struct dirent *e)
{
        return is_entry_name(e->d_name);
}

int sv_cache_each(const char *dir,
                  int (*fn)(void *arg, const struct sv_entry *e, struct sv_err *err), void *arg,
                  struct sv_err *err)
{
        struct dirent **names = NULL;
        int n = scandir(dir, &names, is_entry, alphasort);
        int r = 0;

        if (n < 0 && errno == ENOENT)
                return 0;
        if (n < 0)
                return sv_fail_errno(err, "collateral.list", "cannot list %s", dir);
        for (int i = 0; i < n; i++) {
                SV_STR path = sv_asprintf("%s/%s", dir, names[i]->d_name);
                SV_ENTRY e = {0};

                if (r == 0 && read_entry(path, &e, NULL) == 0)
                        r = fn(arg, &e, err);
                free(names[i]);
        }
        free(names);
        return r;
}

/* Whoever held the lock has removed the file that this process has locked: then the lock is another
 * file's. */
static bool is_current(int fd, const char *path)
{
        struct stat ours, there;

        return fstat(fd, &ours) == 0 && stat(path, &there) == 0 && ours.st_ino == there.st_ino &&
               ours.st_dev == there.st_dev;
}

int sv_cache_take_lock(const char *dir, const char *url, struct sv_cache_lock *out,
                       struct sv_err *err)
{
        SV_STR path = make_cache_path(dir, url, ".lock", err);

        while (path) {
                SV_FD lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

                if (lock < 0)
                        return sv_fail_errno(err, "collateral.lock", "cannot open %s", path);
                if (flock(lock, LOCK_EX | LOCK_NB) < 0) {
                        if (errno == EWOULDBLOCK || errno == EINTR)
                                return 0;
                        return sv_fail_errno(err, "collateral.lock", "cannot lock %s", path);
                }
                if (!is_current(lock, path))
                        continue;
                *out = (struct sv_cache_lock){lock, path};
                lock = -1;
                path = NULL;
                return 0;
        }
        return -1;
}

void sv_cache_unlock(struct sv_cache_lock *l)
{
        if (l->fd < 0)
                return;
        unlink(l->path);
        close(l->fd);
        free(l->path);
        *l = (struct sv_cache_lock)SV_CACHE_LOCK_NULL;
}

void sv_cache_mark_known(const char *dir, const char *about)
{
        SV_STR path = make_cache_path(dir, about, ".known", NULL);
        SV_FD fd = path ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;

        (void)fd;
}

bool sv_cache_is_known(const char *dir, const char *about)
{
        SV_STR path = make_cache_path(dir, about, ".known", NULL);

        return path && access(path, F_OK) == 0;
}

int64_t sv_cache_busy_until(const char *dir, const char *origin)
{
        SV_STR path = make_cache_path(dir, origin, ".busy", NULL);
        SV_BUF file = SV_BUF_NULL;
        SV_JSON *j = NULL;

        if (!path || sv_file_read(path, 4096, &file, "collateral.cache", NULL) < 0 ||
            sv_json_parse(sv_buf_bytes(&file), "collateral.cache", &j, NULL) < 0)
                return 0;
        return sv_json_int(sv_json_get(j, "until"), 0);
}

int sv_cache_set_busy(const char *dir, const char *origin, int64_t until, struct sv_err *err)
{
        SV_STR path = make_cache_path(dir, origin, ".busy", err);
        SV_JSON *j = sv_json_object();
        SV_BUF file = SV_BUF_NULL;

        if (!path)
                return -1;
        sv_json_set_str(j, "origin", origin);
        sv_json_set_int(j, "until", until);
        sv_json_print(j, &file);
        return sv_file_write(path, 0600, sv_buf_bytes(&file), err);
}
