/* SPDX-License-Identifier: Apache-2.0 */
#include "image/encrypt.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "image/run.h"
#include "luks/binding.h"
#include "luks/crypt.h"

/* A private folder beside the image: the file in it is renamed to its name at the end, within one
 * file system. */
static char *make_work_dir(const char *out, struct sv_err *err)
{
        char *dir = sv_asprintf("%s.new.XXXXXX", out);

        if (mkdtemp(dir))
                return dir;
        sv_fail_errno(err, "image.out", "cannot make a folder beside %s", out);
        free(dir);
        return NULL;
}

static int read_disk_head(const char *path, struct sv_buf *head, struct sv_err *err)
{
        SV_FD fd = open(path, O_RDONLY | O_CLOEXEC);
        uint8_t *p = sv_buf_grow(head, SV_LUKS_DATA_OFFSET);

        if (sv_buf_ok(head, "the new image's header", err) < 0)
                return -1;
        if (fd < 0 || pread(fd, p, SV_LUKS_DATA_OFFSET, 0) != SV_LUKS_DATA_OFFSET)
                return sv_fail_errno(err, "image.out", "cannot read back %s", path);
        return 0;
}

/* The key exists from here on: in locked memory, until it is in the broker or wiped. */
static int encrypt_and_deliver(const struct sv_encrypt_in *in, const char *image,
                               struct sv_encrypt_out *out, struct sv_err *err)
{
        SV_SECRET *key = sv_secret_random(SV_DISK_KEY_SIZE, err);
        SV_SECRET *resource = NULL;
        SV_BUF head = SV_BUF_NULL;
        struct sv_binding binding;

        if (!key)
                return -1;
        if (sv_luks_encrypt(image, key, err) < 0)
                return -1;
        if (sv_luks_try(image, key, err) < 0)
                return -1;
        if (read_disk_head(image, &head, err) < 0 ||
            sv_binding_of(sv_buf_bytes(&head), &binding, err) < 0)
                return -1;
        resource = sv_binding_pack(&binding, key, err);
        if (!resource)
                return -1;
        if (sv_run_interrupted())
                return sv_fail(err, SV_SYSTEM, "image.interrupted", "interrupted");
        if (in->deliver(in->arg, resource, err) < 0)
                return -1;
        memcpy(out->uuid, binding.uuid, sizeof(out->uuid));
        return 0;
}

static int sync_file(const char *path, uint64_t *size, struct sv_err *err)
{
        SV_FD fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fsync(fd) < 0 || fstat(fd, &st) < 0)
                return sv_fail_errno(err, "image.out", "cannot sync %s", path);
        *size = (uint64_t)st.st_size;
        return 0;
}

static int place_image(const struct sv_encrypt_in *in, const char *image, struct sv_err *err)
{
        if (rename(image, in->out) == 0)
                return 0;
        sv_fail_errno(err, "image.out", "cannot rename the image to %s", in->out);
        in->withdraw(in->arg);
        return -1;
}

static int encrypt_in(const struct sv_encrypt_in *in, const char *dir, struct sv_encrypt_out *out,
                      struct sv_err *err)
{
        SV_STR image = sv_asprintf("%s/image", dir);
        SV_STR tmp = sv_asprintf("%s/unpacked", dir);
        SV_FD fd = open(image, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        if (fd < 0)
                return sv_fail_errno(err, "image.out", "cannot make %s", image);
        if (sv_mkdirs(tmp, 0700, err) < 0)
                return -1;
        if (sv_disk_make(in->from, in->kind, in->size ? in->size - SV_LUKS_DATA_OFFSET : 0, tmp,
                         image, err) < 0)
                return -1;
        if (encrypt_and_deliver(in, image, out, err) < 0)
                return -1;
        if (sync_file(image, &out->size, err) < 0) {
                in->withdraw(in->arg);
                return -1;
        }
        return place_image(in, image, err);
}

int sv_encrypt(const struct sv_encrypt_in *in, struct sv_encrypt_out *out, struct sv_err *err)
{
        struct sv_encrypt_out result = {0};
        struct sv_err ignored = SV_ERR_NULL;
        SV_STR dir = NULL;
        int r;

        if (!in->replace && access(in->out, F_OK) == 0)
                return sv_fail(err, SV_USAGE, "image.exists",
                               "%s is there already, and its key would be replaced: remove it, or "
                               "give --replace",
                               in->out);
        if (in->size && in->size < 2 * (uint64_t)SV_LUKS_DATA_OFFSET)
                return sv_fail(
                        err, SV_USAGE, "image.size",
                        "--size must be 32 MiB or more: the LUKS2 header takes 16 MiB of it");
        sv_run_catch_signals();
        dir = make_work_dir(in->out, err);
        if (!dir)
                return -1;
        r = encrypt_in(in, dir, &result, err);
        sv_remove_tree(dir, &ignored);
        if (r == 0)
                *out = result;
        return r;
}
