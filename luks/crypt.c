/* SPDX-License-Identifier: Apache-2.0 */
#include "luks/crypt.h"

#include <errno.h>
#include <fcntl.h>
#include <libcryptsetup.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/core/file.h"

#define KEY_BITS  512
#define SECTORS   (SV_LUKS_DATA_OFFSET / 512)
/* While it works the library needs the room of the header twice: once for the header, once to move
 * the data's beginning to. */
#define WORK_ROOM (2 * (off_t)SV_LUKS_DATA_OFFSET)

static void free_device(struct crypt_device **cd)
{
        crypt_free(*cd);
}
#define CRYPT __attribute__((cleanup(free_device))) struct crypt_device

/* The library reports through a callback; its last message becomes part of the error. */
struct voice {
        char last[256];
};

static void keep_log(int level, const char *msg, void *arg)
{
        struct voice *v = arg;

        if (level == CRYPT_LOG_ERROR)
                snprintf(v->last, sizeof(v->last), "%.*s", (int)strcspn(msg, "\n"), msg);
}

static int fail_crypt(struct sv_err *err, const struct voice *v, int r, const char *what)
{
        return sv_fail(err, SV_SYSTEM, "luks.encrypt", "%s: %s", what,
                       v->last[0] ? v->last : strerror(-r));
}

/* The header is first made apart, over the data as it is. */
static int format_detached(struct crypt_device *cd, const char *data, struct sv_secret *key,
                           const struct voice *v, struct sv_err *err)
{
        const struct crypt_pbkdf_type pbkdf = {.type = CRYPT_KDF_PBKDF2,
                                               .hash = "sha512",
                                               .iterations = 1000,
                                               .flags = CRYPT_PBKDF_NO_BENCHMARK};
        struct crypt_params_luks2 luks2 = {
                .data_device = data, .sector_size = 512, .pbkdf = &pbkdf};
        struct crypt_params_reencrypt move = {
                .mode = CRYPT_REENCRYPT_ENCRYPT,
                .direction = CRYPT_REENCRYPT_BACKWARD,
                .resilience = "datashift",
                .hash = "sha256",
                .data_shift = SECTORS,
                .luks2 = &luks2,
                .flags = CRYPT_REENCRYPT_INITIALIZE_ONLY | CRYPT_REENCRYPT_MOVE_FIRST_SEGMENT,
        };
        const char *pass = (const char *)sv_secret_reveal(key);
        size_t n = sv_secret_size(key);
        int r;

        if ((r = crypt_set_data_offset(cd, SECTORS)) < 0 ||
            (r = crypt_format(cd, CRYPT_LUKS2, "aes", "xts-plain64", NULL, NULL, KEY_BITS / 8,
                              &luks2)) < 0)
                return fail_crypt(err, v, r, "cannot make a LUKS2 header");
        if ((r = crypt_keyslot_add_by_volume_key(cd, CRYPT_ANY_SLOT, NULL, 0, pass, n)) < 0)
                return fail_crypt(err, v, r, "cannot make a key slot");
        if ((r = crypt_reencrypt_init_by_passphrase(cd, NULL, pass, n, CRYPT_ANY_SLOT, 0, "aes",
                                                    "xts-plain64", &move)) < 0)
                return fail_crypt(err, v, r, "cannot begin to encrypt");
        return 0;
}

static int make_header(const char *header, const char *data, struct sv_secret *key,
                       struct sv_err *err)
{
        struct voice v = {""};
        CRYPT *cd = NULL;
        int r = crypt_init(&cd, header);

        if (r < 0)
                return fail_crypt(err, &v, r, "cannot open the new header");
        crypt_set_log_callback(cd, keep_log, &v);
        crypt_set_rng_type(cd, CRYPT_RNG_URANDOM);
        return format_detached(cd, data, key, &v, err);
}

/* Put the header in front of the data and let the library work through it. */
static int encrypt_data(const char *header, const char *data, struct sv_secret *key,
                        struct sv_err *err)
{
        struct crypt_params_reencrypt resume = {.mode = CRYPT_REENCRYPT_ENCRYPT,
                                                .direction = CRYPT_REENCRYPT_BACKWARD,
                                                .resilience = "datashift",
                                                .hash = "sha256",
                                                .data_shift = SECTORS,
                                                .flags = CRYPT_REENCRYPT_RESUME_ONLY};
        struct voice v = {""};
        CRYPT *cd = NULL;
        int r = crypt_init(&cd, data);

        if (r < 0)
                return fail_crypt(err, &v, r, "cannot open the image");
        crypt_set_log_callback(cd, keep_log, &v);
        crypt_set_rng_type(cd, CRYPT_RNG_URANDOM);
        if ((r = crypt_header_restore(cd, CRYPT_LUKS2, header)) < 0 ||
            (r = crypt_load(cd, CRYPT_LUKS2, NULL)) < 0)
                return fail_crypt(err, &v, r, "cannot write the header");
        r = crypt_reencrypt_init_by_passphrase(cd, NULL, (const char *)sv_secret_reveal(key),
                                               sv_secret_size(key), CRYPT_ANY_SLOT, CRYPT_ANY_SLOT,
                                               NULL, NULL, &resume);
        if (r < 0 || (r = crypt_reencrypt_run(cd, NULL, NULL)) < 0)
                return fail_crypt(err, &v, r, "cannot encrypt");
        return 0;
}

/* Room for the header and its key slots; the library does not make files. */
static int make_file(const char *path, off_t size, struct sv_err *err)
{
        SV_FD fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        if (fd < 0 || ftruncate(fd, size) < 0)
                return sv_fail_errno(err, "luks.encrypt", "cannot make %s", path);
        return 0;
}

int sv_luks_encrypt(const char *path, struct sv_secret *key, struct sv_err *err)
{
        SV_STR header = sv_asprintf("%s.header", path);
        struct stat st;
        int r;

        if (stat(path, &st) < 0)
                return sv_fail_errno(err, "luks.encrypt", "cannot look at %s", path);
        if (st.st_size % 4096 || st.st_size < (off_t)SV_LUKS_DATA_OFFSET)
                return sv_fail(err, SV_USAGE, "luks.encrypt",
                               "%s is not whole blocks of 4096 bytes, 16 MiB or more", path);
        if (truncate(path, st.st_size + WORK_ROOM) < 0)
                return sv_fail_errno(err, "luks.encrypt", "cannot grow %s", path);
        if (make_file(header, SV_LUKS_DATA_OFFSET, err) < 0)
                return -1;
        /* The library keeps its locks in a folder that only root may write. No other process uses
         * these two files. */
        crypt_metadata_locking(NULL, 0);
        r = make_header(header, path, key, err);
        if (r == 0)
                r = encrypt_data(header, path, key, err);
        unlink(header);
        /* What lies behind the moved data is free again. */
        if (r == 0 && truncate(path, st.st_size + (off_t)SV_LUKS_DATA_OFFSET) < 0)
                r = sv_fail_errno(err, "luks.encrypt", "cannot size %s", path);
        return r;
}

int sv_luks_try(const char *path, struct sv_secret *key, struct sv_err *err)
{
        struct voice v = {""};
        CRYPT *cd = NULL;
        int r = crypt_init(&cd, path);

        if (r < 0)
                return sv_fail(err, SV_SYSTEM, "luks.open", "cannot open %s: %s", path,
                               strerror(-r));
        crypt_set_log_callback(cd, keep_log, &v);
        if ((r = crypt_load(cd, CRYPT_LUKS2, NULL)) < 0)
                return sv_fail(err, SV_FORMAT, "luks.header", "%s is no LUKS2 volume", path);
        r = crypt_activate_by_passphrase(cd, NULL, CRYPT_ANY_SLOT,
                                         (const char *)sv_secret_reveal(key), sv_secret_size(key),
                                         0);
        if (r == -EPERM)
                return sv_fail(err, SV_PROOF, "luks.key", "the key does not open %s", path);
        if (r < 0)
                return sv_fail(err, SV_SYSTEM, "luks.open", "cannot try the key on %s: %s", path,
                               v.last[0] ? v.last : strerror(-r));
        return 0;
}
