/* SPDX-License-Identifier: Apache-2.0 */
#include "image/import/medium.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/buf.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "image/container.h"
#include "image/import/confine.h"
#include "image/run.h"
#include "image/scratch.h"

/* The format is ours to say: QEMU's own guess can be steered by what a guest wrote into the first
 * sector of a raw disk. It gets the open file whose head was checked, not a name that may mean
 * another file by now, and opens no backing file, whatever the image says when it looks; and it can
 * open no other file, nor a connection. With --fork it returns when the socket is there, or with
 * the reason why the image cannot be opened. */
static int serve_image(int fd, const char *driver, const char *dir, struct sv_err *err)
{
        SV_STR socket = sv_asprintf("--socket=%s/nbd", dir);
        SV_STR pid = sv_asprintf("--pid-file=%s/pid", dir);
        SV_STR image = sv_asprintf("json:{\"driver\":\"%s\",\"backing\":null,\"file\":"
                                   "{\"driver\":\"file\",\"filename\":\"" SV_RUN_FILE "\"}}",
                                   driver);
        const char *const argv[] = {"qemu-nbd", "--fork", "--read-only", socket,
                                    pid,        "--",     image,         NULL};
        struct sv_confine keep = {.program = argv[0], .dir = dir};
        const struct sv_run_rights rights = {sv_confine_enter, &keep};

        return sv_run_with(argv, fd, &rights, "import.nbd", err);
}

/* It ends with the last connection, and there was none. */
static void end_server(const char *dir)
{
        SV_STR path = sv_asprintf("%s/pid", dir);
        SV_BUF text = SV_BUF_NULL;
        struct sv_err ignored;
        long pid;

        if (sv_file_read(path, 32, &text, "import.nbd", &ignored) < 0)
                return; /* it never served */
        pid = strtol(sv_buf_str(&text), NULL, 10);
        if (pid > 1)
                kill((pid_t)pid, SIGTERM);
}

static int open_served(const char *driver, struct sv_medium *m, struct sv_err *err)
{
        SV_STR socket = NULL;
        struct sv_scratch scratch;
        int r;

        if (sv_nbd_load(err) < 0 || sv_scratch_make(NULL, &scratch, err) < 0)
                return -1;
        socket = sv_asprintf("%s/nbd", scratch.dir);
        r = serve_image(m->fd, driver, scratch.dir, err);
        if (r == 0)
                r = sv_nbd_connect(socket, &m->nbd, err);
        if (r == 0)
                m->source = sv_nbd_source(m->nbd);
        else
                end_server(scratch.dir);
        sv_scratch_remove(&scratch);
        return r;
}

static int open_by_format(const char *path, struct sv_bytes head, uint64_t size,
                          struct sv_medium *m, struct sv_err *err)
{
        struct sv_container c = sv_container_of(head);

        if (!c.name) {
                m->format = "raw disk";
                m->source = sv_source_file(m->fd, 0, size);
                return 0;
        }
        if (!c.driver)
                return sv_fail(err, SV_USAGE, "import.format",
                               "%s is a %s: expected a raw disk, or a qcow2, VMDK or VHDX image",
                               path, c.name);
        m->format = c.name;
        if (sv_container_check(&c, head, err) < 0)
                return -1;
        return open_served(c.driver, m, err) < 0 ? sv_wrap(err, "%s", path) : 0;
}

static int open_medium(const char *path, struct sv_medium *m, struct sv_err *err)
{
        uint8_t head[SV_CONTAINER_HEAD];
        struct stat st;
        ssize_t n;

        m->fd = open(path, O_RDONLY | O_CLOEXEC);
        if (m->fd < 0 || fstat(m->fd, &st) < 0)
                return sv_fail_errno(err, "import.disk", "cannot open %s", path);
        if (!S_ISREG(st.st_mode))
                return sv_fail(err, SV_USAGE, "import.disk",
                               "%s is no regular file: expected the image of a disk", path);
        n = pread(m->fd, head, sizeof(head), 0);
        if (n < 0)
                return sv_fail_errno(err, "import.disk", "cannot read %s", path);
        return open_by_format(path, sv_bytes(head, (size_t)n), (uint64_t)st.st_size, m, err);
}

static int check_medium_size(const struct sv_medium *m, struct sv_err *err)
{
        if (m->source.size <= SV_VERITY_SIZE_MAX)
                return 0;
        return sv_fail(err, SV_USAGE, "import.disk",
                       "expected a disk of at most 16 TiB, found %llu bytes",
                       (unsigned long long)m->source.size);
}

int sv_medium_open(const char *path, struct sv_medium *out, struct sv_err *err)
{
        struct sv_medium m = {.fd = -1};

        if (open_medium(path, &m, err) < 0 || check_medium_size(&m, err) < 0) {
                sv_medium_close(&m);
                return -1;
        }
        *out = m;
        return 0;
}

void sv_medium_close(struct sv_medium *m)
{
        sv_closep(&m->fd);
        sv_nbd_free(m->nbd);
        *m = (struct sv_medium){.fd = -1};
}
