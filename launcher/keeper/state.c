/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/crypto/crypto.h"
#include "base/core/file.h"
#include "base/core/limits.h"
#include "base/core/text.h"

char *sv_state_base(void)
{
        const char *dir = getenv("SECURE_VM_DIR"), *home = getenv("HOME"),
                   *state = getenv("XDG_STATE_HOME");

        if (dir && *dir == '/')
                return sv_asprintf("%s", dir);
        if (geteuid() == 0)
                return sv_asprintf("/var/lib/secure-vm");
        if (state && *state == '/')
                return sv_asprintf("%s/secure-vm", state);
        return sv_asprintf("%s/.local/state/secure-vm", home ? home : "");
}

int sv_state_init(struct sv_state *s, const char *name, struct sv_err *err)
{
        SV_STR base = sv_state_base();
        uint8_t digest[SV_DIGEST_MAX];
        char hex[17];

        *s = (struct sv_state){.lock = -1};
        if (!sv_name_ok(name))
                return sv_fail(
                        err, SV_USAGE, "state.name",
                        "\"%s\" is not a guest's name; \"secure-vm list\" shows those there are",
                        name);
        if (strlen(base) + 1 + strlen(name) <= SV_STATE_DIR_MAX) {
                s->dir = sv_asprintf("%s/%s", base, name);
        } else {
                if (sv_digest(SV_SHA256, sv_bytes_str(name), digest, err) < 0)
                        return -1;
                s->dir = sv_asprintf("%s/%s", base, sv_hex(sv_bytes(digest, 8), hex));
        }
        if (strlen(s->dir) > SV_STATE_DIR_MAX) {
                sv_fail(err, SV_USAGE, "state.path",
                        "%s is too long: sockets below it would exceed the system's limit; set "
                        "SECURE_VM_DIR to a folder of at most %d bytes",
                        base, SV_STATE_DIR_MAX - 17);
                sv_state_free(s);
                return -1;
        }
        s->name = sv_asprintf("%s", name);
        return 0;
}

int sv_state_init_daemon(struct sv_state *s, const char *name, struct sv_err *err)
{
        SV_STR base = sv_state_base();

        *s = (struct sv_state){.lock = -1};
        if (!sv_name_ok(name))
                return sv_fail(
                        err, SV_USAGE, "state.name",
                        "\"%s\" is not a guest's name; \"secure-vm list\" shows those there are",
                        name);
        s->dir = sv_asprintf("%s/.elsewhere/%s", base, name);
        s->name = sv_asprintf("%s", name);
        return 0;
}

void sv_state_free(struct sv_state *s)
{
        free(s->name);
        free(s->dir);
        if (s->lock >= 0)
                close(s->lock);
        *s = (struct sv_state){.lock = -1};
}

char *sv_state_path(const struct sv_state *s, const char *rel)
{
        return sv_asprintf("%s/%s", s->dir, rel);
}

bool sv_state_exists(const struct sv_state *s)
{
        SV_STR lock = sv_state_path(s, "lock");

        return access(lock, F_OK) == 0;
}

int sv_state_lock(struct sv_state *s, unsigned wait_ms, struct sv_err *err)
{
        SV_STR path = sv_state_path(s, "lock");
        int fd;

        /* QEMU runs as another user and must be able to pass, not to look around. */
        if (sv_mkdirs(s->dir, 0711, err) < 0)
                return -1;
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
                return sv_fail_errno(err, "state.lock", "%s", path);
        if (sv_fd_lock(fd, wait_ms) < 0) {
                close(fd);
                return sv_fail(err, SV_SYSTEM, "state.busy",
                               "guest %s is running or being changed; \"secure-vm show %s\" says "
                               "more, \"secure-vm destroy %s\" ends it",
                               s->name, s->name, s->name);
        }
        s->lock = fd;
        return 0;
}

bool sv_state_is_locked(const struct sv_state *s)
{
        SV_STR path = sv_state_path(s, "lock");
        SV_FD fd = open(path, O_RDWR | O_CLOEXEC);

        return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
}

int sv_state_write_status(const struct sv_state *s, const struct sv_json *status,
                          struct sv_err *err)
{
        SV_STR path = sv_state_path(s, "status.json");
        SV_BUF text = SV_BUF_NULL;

        sv_json_print(status, &text);
        sv_buf_puts(&text, "\n");
        return sv_file_write(path, 0644, sv_buf_bytes(&text), err);
}

int sv_state_read_record(const char *path, const char *check, struct sv_json **out,
                         struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        *out = NULL;
        if (access(path, F_OK) < 0 && errno == ENOENT)
                return 0;
        if (sv_file_read(path, SV_STATUS_SIZE_MAX, &text, check, err) < 0)
                return -1;
        return sv_json_parse(sv_buf_bytes(&text), check, out, err) < 0 ? sv_wrap(err, "%s", path)
                                                                       : 1;
}

int sv_state_write_record(const char *path, const char *check, const struct sv_json *record,
                          bool empty, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        if (empty)
                return unlink(path) < 0 && errno != ENOENT ? sv_fail_errno(err, check, "%s", path)
                                                           : 0;
        sv_json_print(record, &text);
        sv_buf_puts(&text, "\n");
        return sv_file_write(path, 0600, sv_buf_bytes(&text), err);
}

int sv_state_read_status(const struct sv_state *s, struct sv_json **status, struct sv_err *err)
{
        SV_STR path = sv_state_path(s, "status.json");
        SV_BUF text = SV_BUF_NULL;

        if (sv_file_read(path, SV_STATUS_SIZE_MAX, &text, "state.status", err) < 0)
                return -1;
        return sv_json_parse(sv_buf_bytes(&text), "state.status", status, err);
}

int sv_state_for_each(int (*fn)(void *arg, const struct sv_state *s, const struct sv_json *status,
                                struct sv_err *err),
                      void *arg, struct sv_err *err)
{
        SV_STR base = sv_state_base();
        struct dirent **list = NULL;
        int n = scandir(base, &list, NULL, alphasort), r = 0;

        for (int i = 0; i < n; i++) {
                struct sv_state found = {.lock = -1,
                                         .dir = sv_asprintf("%s/%s", base, list[i]->d_name)};
                SV_JSON *status = NULL;
                SV_STATE s = {.lock = -1};
                const char *name = NULL;

                if (list[i]->d_name[0] != '.' && sv_state_read_status(&found, &status, NULL) == 0)
                        name = sv_json_str(sv_json_get(status, "name"));
                if (r == 0 && name && sv_state_init(&s, name, NULL) == 0 &&
                    !strcmp(s.dir, found.dir))
                        r = fn(arg, &s, status, err);
                sv_state_free(&found);
                free(list[i]);
        }
        free(list);
        return r;
}
