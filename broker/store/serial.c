/* SPDX-License-Identifier: Apache-2.0 */
/* One line: number, space, MAC in hex. */
#include "broker/store/serial.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/core/text.h"

#define CHECK    "broker.store.serial"
#define TEXT_MAX 128
#define WAIT_US  10000
#define FIRST_US 500  /* and longer each time: who has it is done soon */
#define TRIES    1000 /* ten seconds, as for a locked database */

static int parse_line(char *line, struct sv_serial *out)
{
        char *space = strchr(line, ' ');
        SV_BUF mac = SV_BUF_NULL;
        uint64_t number = 0;

        if (!space)
                return -1;
        *space++ = '\0';
        space[strcspn(space, "\n")] = '\0';
        if (sv_parse_u64(line, INT64_MAX, &number, "", NULL) < 0 ||
            sv_unhex(sv_bytes_str(space), &mac, "", NULL) < 0 || mac.n != SV_MAC_SIZE)
                return -1;
        out->number = (int64_t)number;
        memcpy(out->mac, mac.p, SV_MAC_SIZE);
        return 0;
}

int sv_serial_read(const char *path, struct sv_serial *out, struct sv_err *err)
{
        SV_BUF text = SV_BUF_NULL;

        *out = (struct sv_serial){.number = -1};
        if (access(path, F_OK) < 0 && errno == ENOENT)
                return 0;
        if (sv_file_read(path, TEXT_MAX, &text, CHECK, err) < 0)
                return -1;
        sv_buf_str(&text);
        if (sv_buf_ok(&text, "the serial", err) < 0)
                return -1;
        if (parse_line((char *)text.p, out) == 0)
                return 0;
        return sv_fail(err, SV_SYSTEM, CHECK,
                       "%s is damaged: expected a number and a MAC; remove it, and say which "
                       "database is the right one: \"secure-vm-broker restore --from\" it",
                       path);
}

/* The name is there after a loss of power, too. */
static int sync_folder(const char *path, struct sv_err *err)
{
        const char *slash = strrchr(path, '/');
        SV_STR dir = slash ? sv_asprintf("%.*s/", (int)(slash - path), path) : sv_asprintf(".");
        SV_FD fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        return fd < 0 || fsync(fd) < 0 ? sv_fail_errno(err, CHECK, "cannot sync %s", dir) : 0;
}

int sv_serial_write(const char *path, const struct sv_serial *serial, struct sv_err *err)
{
        char hex[2 * SV_MAC_SIZE + 1];
        SV_STR line = sv_asprintf("%lld %s\n", (long long)serial->number,
                                  sv_hex(sv_bytes(serial->mac, SV_MAC_SIZE), hex));
        struct sv_err why = SV_ERR_NULL;

        if (sv_file_write(path, 0600, sv_bytes_str(line), &why) < 0)
                return sv_fail(err, SV_SYSTEM, CHECK, "the database's serial: %s", why.msg);
        return sync_folder(path, err);
}

/* Another may have taken its name while it was waited for ("kek seal"). */
static bool is_still(int fd, const char *file)
{
        struct stat open_one, named;

        return fstat(fd, &open_one) == 0 && stat(file, &named) == 0 &&
               open_one.st_dev == named.st_dev && open_one.st_ino == named.st_ino;
}

int sv_serial_lock(const char *file, struct sv_err *err)
{
        int fd = -1;

        for (int i = 0; i < TRIES; i++) {
                if (fd < 0)
                        fd = open(file, O_RDONLY | O_CLOEXEC);
                if (fd < 0)
                        return sv_fail_errno(err, "broker.store.lock", "cannot open %s", file);
                if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
                        if (is_still(fd, file))
                                return fd;
                        close(fd);
                        fd = -1;
                        continue;
                }
                if (errno != EWOULDBLOCK && errno != EINTR)
                        break;
                usleep(i < WAIT_US / FIRST_US ? (useconds_t)(i + 1) * FIRST_US : WAIT_US);
        }
        sv_fail_errno(err, "broker.store.lock",
                      "cannot lock %s, which one process does at a time that changes the database",
                      file);
        if (fd >= 0)
                close(fd);
        return -1;
}
