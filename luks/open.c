/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <libcryptsetup.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/core/file.h"
#include "luks/crypt.h"
#include "luks/open.h"

static void drop_log(int level, const char *msg, void *arg)
{
        char *last = arg;

        if (level == CRYPT_LOG_ERROR)
                snprintf(last, 256, "%.*s", (int)strcspn(msg, "\n"), msg);
}

static int activate_volume(struct crypt_device *cd, const char *device, const char *name,
                           uint32_t flags, struct sv_secret *key, struct sv_err *err)
{
        char last[256] = "";
        int r;

        crypt_set_log_callback(cd, drop_log, last);
        /* No other process is running, and there is no /run/cryptsetup for a lock. */
        crypt_metadata_locking(cd, 0);
        if ((r = crypt_load(cd, CRYPT_LUKS2, NULL)) < 0)
                return sv_fail(err, SV_FORMAT, "luks.header", "the header cannot be read: %s",
                               last[0] ? last : strerror(-r));
        if ((r = crypt_set_data_device(cd, device)) < 0)
                return sv_fail(err, SV_SYSTEM, "luks.open", "cannot use %s: %s", device,
                               last[0] ? last : strerror(-r));
        r = crypt_activate_by_passphrase(cd, name, CRYPT_ANY_SLOT,
                                         (const char *)sv_secret_reveal(key), sv_secret_size(key),
                                         flags);
        if (r == -EPERM)
                return sv_fail(err, SV_PROOF, "luks.key", "the key does not open the disk");
        if (r < 0)
                return sv_fail(err, SV_SYSTEM, "luks.open", "cannot open the disk: %s",
                               last[0] ? last : strerror(-r));
        return 0;
}

int sv_luks_open(struct sv_bytes header, const char *device, const char *name, bool discard,
                 struct sv_secret *key, struct sv_err *err)
{
        SV_FD fd = memfd_create("luks-header", MFD_CLOEXEC);
        SV_STR path = NULL;
        struct crypt_device *cd = NULL;
        int r;

        if (fd < 0)
                return sv_fail_errno(err, "luks.open", "cannot make a file in memory");
        if (sv_fd_write(fd, "the header in memory", header, err) < 0)
                return -1;
        /* The library wants to see the whole area of key slots; what was not copied is a hole. */
        if (ftruncate(fd, SV_LUKS_DATA_OFFSET) < 0)
                return sv_fail_errno(err, "luks.open", "cannot size a file in memory");
        path = sv_asprintf("/proc/self/fd/%d", fd);
        r = crypt_init(&cd, path);
        if (r < 0)
                return sv_fail(err, SV_SYSTEM, "luks.open", "cannot open the header in memory: %s",
                               strerror(-r));
        r = activate_volume(cd, device, name, discard ? CRYPT_ACTIVATE_ALLOW_DISCARDS : 0, key,
                            err);
        crypt_free(cd);
        return r;
}

int sv_luks_close(const char *name, struct sv_err *err)
{
        int r = crypt_deactivate(NULL, name);

        return r < 0 && r != -ENODEV /* it never was open */
                       ? sv_fail(err, SV_SYSTEM, "luks.open", "the disk cannot be closed again: %s",
                                 strerror(-r))
                       : 0;
}
