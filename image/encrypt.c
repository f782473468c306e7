/* SPDX-License-Identifier: Apache-2.0 */
#include "image/encrypt.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"
#include "image/output.h"
#include "image/recovery.h"
#include "image/run.h"
#include "luks/crypt.h"
#include "luks/header.h"
#include "luks/integrity.h"

/* A file system is made where the data go, and encrypted in its place: that is possible only while
 * the file has no name, since what is in it is not encrypted yet. Otherwise it is made in a file
 * that lost its name. */
static int open_scratch(const struct sv_output *o, struct sv_err *err)
{
        SV_STR name = NULL;
        int fd;

        if (!o->temp)
                return fcntl(o->fd, F_DUPFD_CLOEXEC, 0);
        name = sv_asprintf("%s.plain.XXXXXX", o->path);
        fd = mkostemp(name, O_CLOEXEC);
        if (fd < 0 || unlink(name) < 0)
                sv_fail_errno(err, "image.out", "cannot make a file beside %s", o->path);
        return fd;
}

/* What an image of the wanted size has room for; 0: no size is wanted. */
static uint64_t choose_room(const struct sv_encrypt_in *in)
{
        if (!in->size)
                return 0;
        return in->integrity ? sv_integrity_room(in->size) * SV_INTEGRITY_BLOCK
                             : in->size - SV_LUKS_DATA_OFFSET;
}

/* Tags and journal come in steps: the image gets the wanted size all the same. */
static int set_size(const struct sv_encrypt_in *in, int fd, uint64_t *size, struct sv_err *err)
{
        struct stat st;

        if (in->size && ftruncate(fd, (off_t)in->size) < 0)
                return sv_fail_errno(err, "image.out", "cannot size the image");
        if (fstat(fd, &st) < 0)
                return sv_fail_errno(err, "image.out", "cannot look at the image");
        *size = (uint64_t)st.st_size;
        return 0;
}

static int encrypt_contents(const struct sv_encrypt_in *in, const struct sv_output *o,
                            const struct sv_plain *plain, struct sv_secret *key, uint64_t *size,
                            struct sv_err *err)
{
        const struct sv_luks_in luks = {.plain = plain->source,
                                        .out = o->fd,
                                        .stop = sv_run_interrupted,
                                        .integrity = in->integrity,
                                        .progress = in->progress};

        if (in->integrity && (in->kind == SV_DISK_RAW || in->kind == SV_DISK_SOURCE) &&
            sv_filesystem_check_blocks(&plain->source, err) < 0)
                return -1;
        if (sv_luks_encrypt(&luks, key, err) < 0)
                return -1;
        return set_size(in, o->fd, size, err);
}

/* mkfs.btrfs makes a file system at the beginning of a file only; and with tags nothing stays where
 * it was. */
static int encrypt_to(const struct sv_encrypt_in *in, const struct sv_output *o,
                      struct sv_secret *key, uint64_t *size, struct sv_err *err)
{
        const struct sv_disk_in disk = {.from = in->from,
                                        .source = in->source,
                                        .kind = in->kind,
                                        .filesystem = in->filesystem,
                                        .size = choose_room(in)};
        SV_FD scratch = open_scratch(o, err);
        struct sv_plain plain;
        int r;

        if (scratch < 0)
                return -1;
        if (sv_disk_make(&disk, scratch, in->integrity ? 0 : SV_LUKS_DATA_OFFSET, &plain, err) < 0)
                return -1;
        r = encrypt_contents(in, o, &plain, key, size, err);
        sv_closep(&plain.fd);
        return r;
}

static int read_disk_head(int fd, struct sv_buf *head, struct sv_err *err)
{
        uint8_t *p = sv_buf_grow(head, SV_LUKS_HEAD_SIZE);

        if (sv_buf_ok(head, "the new image's header", err) < 0)
                return -1;
        if (pread(fd, p, SV_LUKS_HEAD_SIZE, 0) != SV_LUKS_HEAD_SIZE)
                return sv_fail_errno(err, "image.out", "cannot read back the new image");
        return 0;
}

/* What a guest will do with it. */
static int try_image(int fd, struct sv_secret *key, struct sv_binding *binding, struct sv_err *err)
{
        SV_STR path = sv_asprintf("/proc/self/fd/%d", fd);
        SV_BUF head = SV_BUF_NULL;

        if (sv_luks_try(path, key, err) < 0)
                return -1;
        if (read_disk_head(fd, &head, err) < 0)
                return -1;
        return sv_binding_of(sv_buf_bytes(&head), binding, err);
}

/* It is the key of a disk that did not come to be. */
static int drop_recovery(const struct sv_encrypt_in *in)
{
        if (in->recovery)
                unlink(in->recovery);
        return -1;
}

static int exchange_pair(const struct sv_encrypt_in *in, struct sv_output *o,
                         struct sv_secret *resource, const struct sv_binding *binding,
                         struct sv_err *err)
{
        if (in->deliver(in->arg, resource, binding, err) < 0)
                return drop_recovery(in);
        if (sv_output_publish(o, in->replace, err) < 0) {
                in->withdraw(in->arg);
                return drop_recovery(in);
        }
        /* From here on the new key is that of the disk, and is never withdrawn. */
        if (sv_output_sync_name(o, err) < 0)
                return -1;
        in->settle(in->arg);
        return 0;
}

/* The key exists from here on: in locked memory, until it is in the broker or wiped. */
static int make_pair(const struct sv_encrypt_in *in, struct sv_output *o,
                     struct sv_encrypt_out *out, struct sv_err *err)
{
        SV_SECRET *key = sv_secret_random(SV_DISK_KEY_SIZE, err);
        SV_SECRET *resource = NULL;
        struct sv_binding binding;

        if (!key)
                return -1;
        if (encrypt_to(in, o, key, &out->size, err) < 0)
                return -1;
        if (sv_output_sync(o, err) < 0)
                return -1;
        if (try_image(o->fd, key, &binding, err) < 0)
                return -1;
        resource = sv_binding_pack(&binding, key, err);
        if (!resource)
                return -1;
        memcpy(out->uuid, binding.uuid, sizeof(out->uuid));
        if (sv_run_interrupted())
                return sv_fail(err, SV_SYSTEM, "image.interrupted", "interrupted");
        if (in->recovery && sv_recovery_write(in->recovery, key, err) < 0)
                return -1;
        return exchange_pair(in, o, resource, &binding, err);
}

/* Everything that can be refused is refused here, before anything is written. */
static int check_wanted(const struct sv_encrypt_in *in, char **path, int *lock, struct sv_err *err)
{
        if (in->size && in->size < 2 * (uint64_t)SV_LUKS_DATA_OFFSET)
                return sv_fail(
                        err, SV_USAGE, "image.size",
                        "--size must be 32 MiB or more: the LUKS2 header takes 16 MiB of it");
        if (in->filesystem == SV_BTRFS && !in->integrity)
                return sv_fail(err, SV_USAGE, "image.filesystem",
                               "--filesystem btrfs goes with --integrity: without tags its "
                               "checksums keep nobody from making others");
        if (in->recovery && sv_recovery_check(in->recovery, err) < 0)
                return -1;
        if (sv_output_check(in->out, in->replace, path, err) < 0)
                return -1;
        if (access(*path, F_OK) == 0 && sv_disk_lock(*path, lock, err) < 0)
                return -1;
        return in->prepare(in->arg, err);
}

int sv_encrypt(const struct sv_encrypt_in *in, struct sv_encrypt_out *out, struct sv_err *err)
{
        struct sv_encrypt_out result = {0};
        SV_OUTPUT o = {.fd = -1};
        SV_STR path = NULL;
        SV_FD lock = -1;

        if (check_wanted(in, &path, &lock, err) < 0)
                return -1;
        sv_run_catch_signals();
        if (sv_output_open(path, &o, err) < 0)
                return -1;
        if (make_pair(in, &o, &result, err) < 0)
                return -1;
        *out = result;
        return 0;
}
