/* SPDX-License-Identifier: Apache-2.0 */
#include "luks/rekey.h"

#include <errno.h>
#include <libcryptsetup.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/json/json.h"
#include "luks/crypt.h"
#include "luks/header.h"

static void keep_error(int level, const char *msg, void *arg)
{
        if (level == CRYPT_LOG_ERROR)
                snprintf(arg, 256, "%.*s", (int)strcspn(msg, "\n"), msg);
}

static int fail_rekey(struct sv_err *err, const char *last, int r, const char *what)
{
        return sv_fail(err, SV_SYSTEM, "luks.rekey", "%s: %s", what, last[0] ? last : strerror(-r));
}

/* The copy is ours alone: the old slot may go before the new one is there, and takes its place. */
static int exchange_slot(struct crypt_device *cd, struct sv_secret *from, struct sv_secret *to,
                         char *last, struct sv_err *err)
{
        const struct crypt_pbkdf_type pbkdf = {.type = CRYPT_KDF_PBKDF2,
                                               .hash = "sha512",
                                               .iterations = 1000,
                                               .flags = CRYPT_PBKDF_NO_BENCHMARK};
        const size_t size = (size_t)crypt_get_volume_key_size(cd);
        SV_SECRET *volume = sv_secret_new(size, err);
        size_t n = size;
        char *key = volume ? (char *)sv_secret_reveal(volume) : NULL;
        int r;

        if (!volume)
                return -1;
        r = crypt_volume_key_get(cd, CRYPT_ANY_SLOT, key, &n, (char *)sv_secret_reveal(from),
                                 sv_secret_size(from));
        if (r == -EPERM)
                return sv_fail(err, SV_PROOF, "luks.key", "the key does not open the disk");
        if (r < 0 || n != size)
                return fail_rekey(err, last, r, "cannot open the volume");
        if ((r = crypt_set_pbkdf_type(cd, &pbkdf)) < 0 || (r = crypt_keyslot_destroy(cd, 0)) < 0)
                return fail_rekey(err, last, r, "cannot remove the key slot");
        r = crypt_keyslot_add_by_volume_key(cd, 0, key, n, (char *)sv_secret_reveal(to),
                                            sv_secret_size(to));
        return r < 0 ? fail_rekey(err, last, r, "cannot make a key slot") : 0;
}

static int rekey_copy(const char *path, struct sv_secret *from, struct sv_secret *to,
                      struct sv_err *err)
{
        struct crypt_device *cd = NULL;
        char last[256] = "";
        int r = crypt_init(&cd, path);

        if (r < 0)
                return fail_rekey(err, last, r, "cannot open the header in memory");
        crypt_set_log_callback(cd, keep_error, last);
        crypt_set_rng_type(cd, CRYPT_RNG_URANDOM);
        crypt_metadata_locking(cd, 0);
        if ((r = crypt_load(cd, CRYPT_LUKS2, NULL)) < 0)
                r = fail_rekey(err, last, r, "cannot read the header");
        else
                r = exchange_slot(cd, from, to, last, err);
        crypt_free(cd);
        return r;
}

static int read_back(int fd, size_t n, struct sv_buf *out, struct sv_err *err)
{
        uint8_t *p = sv_buf_grow(out, n);

        if (sv_buf_ok(out, "the new header", err) < 0)
                return -1;
        return pread(fd, p, n, 0) == (ssize_t)n
                       ? 0
                       : sv_fail_errno(err, "luks.rekey", "cannot read the new header");
}

int sv_luks_rekey(struct sv_bytes head, struct sv_secret *from, struct sv_secret *to,
                  struct sv_buf *out, struct sv_err *err)
{
        SV_FD fd = memfd_create("luks-header", MFD_CLOEXEC);
        SV_BUF copy = SV_BUF_NULL;
        SV_BUF made = SV_BUF_NULL;
        SV_STR path = sv_asprintf("/proc/self/fd/%d", fd);
        struct sv_luks_header h;

        if (fd < 0)
                return sv_fail_errno(err, "luks.rekey", "cannot make a file in memory");
        if (sv_luks_header_parse(head, &h, err) < 0 ||
            sv_luks_header_copy(head, &h, &copy, err) < 0 ||
            sv_fd_write(fd, "the header in memory", sv_buf_bytes(&copy), err) < 0)
                return -1;
        if (ftruncate(fd, SV_LUKS_DATA_OFFSET) < 0)
                return sv_fail_errno(err, "luks.rekey", "cannot size a file in memory");
        if (rekey_copy(path, from, to, err) < 0 || sv_luks_try(path, to, err) < 0)
                return -1;
        if (read_back(fd, SV_LUKS_HEAD_SIZE, &made, err) < 0 ||
            sv_luks_same_volume(head, sv_buf_bytes(&made), err) < 0 ||
            sv_luks_header_parse(sv_buf_bytes(&made), &h, err) < 0)
                return -1;
        sv_buf_put(out, sv_bytes(made.p, h.area_offset + h.area_size));
        return sv_buf_ok(out, "the new header", err);
}

static struct sv_json *read_meta(struct sv_bytes head, const struct sv_luks_header *h,
                                 struct sv_err *err)
{
        const char *text = (const char *)head.p + SV_LUKS_BINARY_SIZE;
        struct sv_json *meta = NULL;

        sv_json_parse(sv_bytes(text, strnlen(text, h->size - SV_LUKS_BINARY_SIZE)), "luks.header",
                      &meta, err);
        return meta;
}

int sv_luks_same_volume(struct sv_bytes before, struct sv_bytes after, struct sv_err *err)
{
        struct sv_luks_header old, new;
        SV_JSON *was = NULL;
        SV_JSON *is = NULL;

        if (sv_luks_header_parse(before, &old, err) < 0 ||
            sv_luks_header_parse(after, &new, err) < 0)
                return -1;
        was = read_meta(before, &old, err);
        is = was ? read_meta(after, &new, err) : NULL;
        if (!is)
                return -1;
        /* The digest is that of the volume key, with its salt. */
        if (strcmp(old.uuid, new.uuid) || old.size != new.size ||
            !sv_json_equal(sv_json_get(was, "digests"), sv_json_get(is, "digests")) ||
            !sv_json_equal(sv_json_get(was, "segments"), sv_json_get(is, "segments")))
                return sv_fail(err, SV_PROOF, "luks.rekey.volume",
                               "the new header is not that of volume %s with its volume key",
                               old.uuid);
        return 0;
}
