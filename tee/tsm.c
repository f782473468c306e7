/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/tsm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/crypto/crypto.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"

#define TRIES    5   /* to get a report that no other process disturbs */
#define BUSY     50  /* times that the kernel or the firmware may be busy with another request */
#define PAUSE_MS 100 /* between these */
#define NAMES    16  /* directory names tried */

void sv_tsm_report_free(struct sv_tsm_report *r)
{
        sv_buf_free(&r->outblob);
        sv_buf_free(&r->auxblob);
        *r = (struct sv_tsm_report){0};
}

/* --- the system's files --- */

static int make_entry_folder(void *arg, const char *dir)
{
        return mkdir(dir, 0700) < 0 ? -errno : 0;
}

static void remove_entry_folder(void *arg, const char *dir)
{
        rmdir(dir); /* removes the attributes too: they are the kernel's */
}

/* configfs takes a binary attribute when the file is closed, and whole: one write. */
static int write_entry_file(void *arg, const char *dir, const char *attribute, struct sv_bytes data)
{
        SV_STR path = sv_asprintf("%s/%s", dir, attribute);
        int fd = open(path, O_WRONLY | O_CLOEXEC), r = 0;
        ssize_t n;

        if (fd < 0)
                return -errno;
        n = write(fd, data.p, data.n);
        if (n < 0)
                r = -errno;
        else if ((size_t)n != data.n)
                r = -EIO;
        if (close(fd) < 0 && r == 0)
                r = -errno;
        return r;
}

static int read_entry_file(void *arg, const char *dir, const char *attribute, struct sv_buf *out)
{
        SV_STR path = sv_asprintf("%s/%s", dir, attribute);
        SV_FD fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                return -errno;
        for (;;) {
                uint8_t piece[4096];
                ssize_t n = read(fd, piece, sizeof(piece));

                if (n < 0)
                        return -errno;
                if (n == 0)
                        return out->bad ? -EFBIG : 0;
                sv_buf_put(out, sv_bytes(piece, (size_t)n));
        }
}

static void pause_entry(void *arg, unsigned ms)
{
        nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

static const struct sv_tsm_ops files = {make_entry_folder, remove_entry_folder, write_entry_file,
                                        read_entry_file,   pause_entry,         NULL};

/* --- one directory --- */

struct entry {
        const struct sv_tsm_ops *ops;
        char *dir;
};

static void end_entry(struct entry *e)
{
        if (e->dir)
                e->ops->remove(e->ops->arg, e->dir);
        sv_strfreep(&e->dir);
}

/* A name that no other process has: two writers of one directory get each other's reports. */
static int make_entry_dir(const struct sv_tsm *tsm, struct entry *e, struct sv_err *err)
{
        const char *root = tsm && tsm->root ? tsm->root : SV_TSM_ROOT;

        e->ops = tsm && tsm->ops ? tsm->ops : &files;
        for (int i = 0, r = -EEXIST; r < 0; i++) {
                SV_STR dir = NULL;
                uint32_t salt;

                if (sv_random(&salt, sizeof(salt), err) < 0)
                        return -1;
                dir = sv_asprintf("%s/secure-vm-%d-%08x", root, (int)getpid(), salt);
                r = e->ops->make(e->ops->arg, dir);
                if (r == 0) {
                        e->dir = dir;
                        dir = NULL;
                } else if (r != -EEXIST || i == NAMES) {
                        errno = -r;
                        return sv_fail_errno(
                                err, "tsm.make",
                                "cannot make %s (is configfs mounted, and root asking?)", dir);
                }
        }
        return 0;
}

/* The kernel and the firmware serve one request at a time. */
static int read_when_ready(const struct entry *e, const char *attribute, const struct sv_bytes *in,
                           struct sv_buf *out, struct sv_err *err)
{
        for (int i = 0;; i++) {
                int r = in ? e->ops->write(e->ops->arg, e->dir, attribute, *in)
                           : e->ops->read(e->ops->arg, e->dir, attribute, out);

                if (r == 0)
                        return 0;
                errno = -r;
                if (r != -EBUSY && r != -EAGAIN && r != -EINTR)
                        return sv_fail_errno(err, in ? "tsm.write" : "tsm.read", "cannot %s %s/%s",
                                             in ? "write" : "read", e->dir, attribute);
                if (i == BUSY)
                        return sv_fail_errno(err, "tsm.busy", "%s/%s was busy %d times", e->dir,
                                             attribute, BUSY);
                if (!in)
                        sv_buf_clear(out);
                e->ops->pause(e->ops->arg, PAUSE_MS);
        }
}

/* The text of an attribute, without its newline. */
static int read_attribute_text(const struct entry *e, const char *attribute, char *out, size_t size,
                               struct sv_err *err)
{
        SV_BUF b = {.max = 4096};
        size_t n;

        if (read_when_ready(e, attribute, NULL, &b, err) < 0)
                return -1;
        n = strcspn(sv_buf_str(&b), "\n");
        if (n >= size || n + 1 < b.n)
                return sv_fail(err, SV_SYSTEM, "tsm.read", "%s/%s is not one short line", e->dir,
                               attribute);
        memcpy(out, sv_buf_str(&b), n);
        out[n] = 0;
        return 0;
}

static int read_provider(const struct entry *e, char out[32], struct sv_err *err)
{
        if (read_attribute_text(e, "provider", out, 32, err) == 0)
                return 0;
        if (err)
                snprintf(err->check, sizeof(err->check), "%s", "tsm.provider");
        return -1;
}

int sv_tsm_provider(const struct sv_tsm *tsm, char out[32], struct sv_err *err)
{
        __attribute__((cleanup(end_entry))) struct entry e = {0};

        return make_entry_dir(tsm, &e, err) < 0 ? -1 : read_provider(&e, out, err);
}

/* --- a report --- */

/* Counts the writes to this directory. */
static int read_generation(const struct entry *e, uint64_t *out, struct sv_err *err)
{
        char number[32];

        if (read_attribute_text(e, "generation", number, sizeof(number), err) < 0)
                return -1;
        return sv_parse_u64(number, UINT64_MAX, out, "tsm.generation", NULL) < 0
                       ? sv_fail(err, SV_SYSTEM, "tsm.generation", "%s/generation is no number: %s",
                                 e->dir, number)
                       : 0;
}

static int write_request(const struct entry *e, int privlevel, struct sv_bytes inblob,
                         unsigned *writes, struct sv_err *err)
{
        char level[16];
        struct sv_bytes text_level =
                sv_bytes(level, (size_t)snprintf(level, sizeof(level), "%d", privlevel));

        *writes = privlevel == SV_TSM_NO_LEVEL ? 1 : 2;
        if (privlevel != SV_TSM_NO_LEVEL &&
            read_when_ready(e, "privlevel", &text_level, NULL, err) < 0)
                return sv_wrap(err, "privilege level %d", privlevel);
        return read_when_ready(e, "inblob", &inblob, NULL, err);
}

/* Not every provider has an auxblob (TDX), and a kernel shows it or not. */
static int read_auxblob(const struct entry *e, struct sv_buf *out, struct sv_err *err)
{
        int r = e->ops->read(e->ops->arg, e->dir, "auxblob", out);

        if (r == 0 || r == -ENOENT)
                return 0;
        sv_buf_clear(out);
        return read_when_ready(e, "auxblob", NULL, out, err);
}

static int read_answer(const struct entry *e, struct sv_tsm_report *out, struct sv_err *err)
{
        sv_tsm_report_free(out);
        out->outblob.max = out->auxblob.max = SV_TSM_BLOB_MAX;
        if (read_when_ready(e, "outblob", NULL, &out->outblob, err) < 0 ||
            read_auxblob(e, &out->auxblob, err) < 0)
                return -1;
        return out->outblob.n ? 0
                              : sv_fail(err, SV_SYSTEM, "tsm.read", "%s/outblob is empty", e->dir);
}

int sv_tsm_get(const struct sv_tsm *tsm, const char *expected, int privlevel,
               struct sv_bytes inblob, struct sv_tsm_report *out, struct sv_err *err)
{
        __attribute__((cleanup(end_entry))) struct entry e = {0};
        SV_TSM_REPORT r = {0};
        char name[32];

        if (make_entry_dir(tsm, &e, err) < 0 || read_provider(&e, name, err) < 0)
                return -1;
        if (strcmp(name, expected))
                return sv_fail(err, SV_SYSTEM, "tsm.provider",
                               "reports come from %s here, expected %s", name, expected);
        for (int i = 0; i < TRIES; i++) {
                uint64_t before, after;
                unsigned writes;

                if (read_generation(&e, &before, err) < 0 ||
                    write_request(&e, privlevel, inblob, &writes, err) < 0 ||
                    read_answer(&e, &r, err) < 0 || read_generation(&e, &after, err) < 0)
                        return -1;
                if (after != before + writes)
                        continue;
                memcpy(r.provider, name, sizeof(name));
                *out = r;
                r = (struct sv_tsm_report){0};
                return 0;
        }
        return sv_fail(err, SV_SYSTEM, "tsm.generation",
                       "somebody else wrote to %s during each of %d reports", e.dir, TRIES);
}
