/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/keeper/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "launcher/keeper/copying.h"

int sv_backup_read(const char *folder, struct sv_saved *out, struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s/%s", folder, SV_SAVED_FILE);
        SV_BUF text = SV_BUF_NULL;

        if (access(path, F_OK) < 0)
                return sv_fail_errno(err, "copies.absent", "%s", path);
        if (sv_file_read(path, SV_SAVED_SIZE_MAX, &text, "copies.format", err) < 0)
                return -1;
        return sv_saved_parse(sv_buf_bytes(&text), out, err) < 0 ? sv_wrap(err, "%s", path) : 0;
}

static int verify_copy(const char *folder, const struct sv_saved_disk *c, struct sv_err *err)
{
        SV_STR path = sv_asprintf("%s/%s.raw", folder, c->id);
        SV_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        char digest[65];
        struct stat st;

        if (!*c->sha256)
                return sv_fail(err, SV_FORMAT, "backup.digest",
                               "%s says no digest of disk \"%s\": this is a snapshot, no backup",
                               folder, c->id);
        if (sv_copy_check_file(fd, path, c, &st, err) < 0)
                return -1;
        if (sv_copy_digest(fd, path, NULL, digest, err) < 0)
                return -1;
        if (!strcmp(digest, c->sha256))
                return 0;
        return sv_fail(err, SV_PROOF, "copies.changed", "%s: expected SHA-256 %s, found %s", path,
                       c->sha256, digest);
}

int sv_backup_check(const char *folder, struct sv_saved *out, struct sv_progress *progress,
                    struct sv_err *err)
{
        uint64_t total = 0, done = 0;
        struct sv_saved c;

        if (sv_backup_read(folder, &c, err) < 0)
                return -1;
        for (size_t i = 0; i < c.n; i++)
                total += (uint64_t)c.disks[i].bytes;
        for (size_t i = 0; i < c.n; i++) {
                if (verify_copy(folder, &c.disks[i], err) < 0)
                        return -1;
                done += (uint64_t)c.disks[i].bytes;
                sv_progress_seen(progress, done, total);
        }
        *out = c;
        return 0;
}
