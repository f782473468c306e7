/* SPDX-License-Identifier: Apache-2.0 */
#include "luks/crypt.h"

#include <errno.h>
#include <libcryptsetup.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/core/file.h"
#include "base/crypto/crypto.h"
#include "luks/aead.h"
#include "luks/integrity.h"
#include "luks/piece.h"

#define VOLUME_KEY_SIZE 64
#define SECTOR          512u
#define SECTORS         (SV_LUKS_DATA_OFFSET / SECTOR)

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

/* With tags the volume key in the slot is another than the one that the library makes the volume
 * with: luks/aead.h. */
static int add_slot(struct crypt_device *cd, struct sv_secret *volume_key, bool integrity,
                    struct sv_secret *key)
{
        const char *volume = (const char *)sv_secret_reveal(volume_key);
        const char *word = (const char *)sv_secret_reveal(key);

        if (!integrity)
                return crypt_keyslot_add_by_volume_key(cd, CRYPT_ANY_SLOT, volume, VOLUME_KEY_SIZE,
                                                       word, sv_secret_size(key));
        return crypt_keyslot_add_by_key(cd, 0, volume, SV_LUKS_AEAD_KEY_SIZE, word,
                                        sv_secret_size(key), CRYPT_VOLUME_KEY_NO_SEGMENT);
}

static int format_volume(struct crypt_device *cd, struct sv_secret *volume_key, bool integrity,
                         struct sv_secret *key, const struct voice *v, struct sv_err *err)
{
        const struct crypt_pbkdf_type pbkdf = {.type = CRYPT_KDF_PBKDF2,
                                               .hash = "sha512",
                                               .iterations = 1000,
                                               .flags = CRYPT_PBKDF_NO_BENCHMARK};
        struct crypt_params_luks2 luks2 = {.sector_size = integrity ? SV_INTEGRITY_BLOCK : SECTOR,
                                           .pbkdf = &pbkdf};
        const char *volume = (const char *)sv_secret_reveal(volume_key);
        int r;

        if ((r = crypt_set_data_offset(cd, SECTORS)) < 0 ||
            (r = crypt_format(cd, CRYPT_LUKS2, "aes", "xts-plain64", NULL, volume, VOLUME_KEY_SIZE,
                              &luks2)) < 0 ||
            (r = crypt_keyslot_set_encryption(cd, "aes-xts-plain64", 64)) < 0)
                return fail_crypt(err, v, r, "cannot make a LUKS2 header");
        r = add_slot(cd, volume_key, integrity, key);
        return r < 0 ? fail_crypt(err, v, r, "cannot make a key slot") : 0;
}

static int make_header(int fd, struct sv_secret *volume_key, bool integrity, struct sv_secret *key,
                       struct sv_err *err)
{
        SV_STR path = sv_asprintf("/proc/self/fd/%d", fd);
        struct voice v = {""};
        CRYPT *cd = NULL;
        int r;

        /* The library's locks live in a folder of root's. The file is ours alone. */
        crypt_metadata_locking(NULL, 0);
        if ((r = crypt_init(&cd, path)) < 0)
                return fail_crypt(err, &v, r, "cannot open the new image");
        crypt_set_log_callback(cd, keep_log, &v);
        crypt_set_rng_type(cd, CRYPT_RNG_URANDOM);
        return format_volume(cd, volume_key, integrity, key, &v, err);
}

static int encrypt_span(const struct sv_luks_in *in, struct sv_xts *xts, uint8_t *piece,
                        enum sv_span kind, uint64_t at, size_t n, struct sv_err *err)
{
        if (kind == SV_SPAN_ZERO)
                memset(piece, 0, n);
        else if (in->plain.read(&in->plain, at, piece, n, err) < 0)
                return -1;
        if (sv_xts_encrypt(xts, at / SECTOR, piece, n, err) < 0)
                return -1;
        return sv_luks_write_piece(in->out, piece, n, SV_LUKS_DATA_OFFSET + at, err);
}

static int encrypt_pieces(const struct sv_luks_in *in, struct sv_xts *xts, uint8_t *piece,
                          struct sv_err *err)
{
        for (uint64_t at = 0, end; at < in->plain.size; at = end) {
                enum sv_span kind;

                if (in->stop && in->stop())
                        return sv_fail(err, SV_SYSTEM, "image.interrupted", "interrupted");
                if (sv_source_span(&in->plain, at, &kind, &end, err) < 0)
                        return -1;
                if (kind != SV_SPAN_FREE && end - at > SV_LUKS_PIECE)
                        end = at + SV_LUKS_PIECE;
                if (kind != SV_SPAN_FREE &&
                    encrypt_span(in, xts, piece, kind, at, (size_t)(end - at), err) < 0)
                        return -1;
                sv_progress_seen(in->progress, end, in->plain.size);
        }
        return 0;
}

static int encrypt_data(const struct sv_luks_in *in, struct sv_secret *volume_key,
                        struct sv_err *err)
{
        SV_XTS *xts =
                sv_xts_new(sv_bytes(sv_secret_reveal(volume_key), VOLUME_KEY_SIZE), SECTOR, err);
        uint8_t *piece = xts ? malloc(SV_LUKS_PIECE) : NULL;
        int r;

        if (!xts)
                return -1;
        if (!piece)
                return sv_fail_errno(err, "base.memory", "no memory to encrypt in");
        r = encrypt_pieces(in, xts, piece, err);
        free(piece);
        return r;
}

static int encrypt_without_tags(const struct sv_luks_in *in, struct sv_secret *key,
                                struct sv_err *err)
{
        SV_SECRET *volume_key = sv_secret_random(VOLUME_KEY_SIZE, err);

        if (!volume_key)
                return -1;
        if (ftruncate(in->out, (off_t)(SV_LUKS_DATA_OFFSET + in->plain.size)) < 0)
                return sv_fail_errno(err, "luks.encrypt", "cannot size the image");
        if (make_header(in->out, volume_key, false, key, err) < 0)
                return -1;
        return encrypt_data(in, volume_key, err);
}

/* The header last: the contents may lie where it goes. */
static int encrypt_with_tags(const struct sv_luks_in *in, struct sv_secret *key, struct sv_err *err)
{
        SV_SECRET *volume_key = sv_secret_random(SV_LUKS_AEAD_KEY_SIZE, err);
        struct sv_integrity layout;
        uint64_t size = sv_integrity_for(in->plain.size / SV_INTEGRITY_BLOCK, &layout);

        if (!volume_key)
                return -1;
        if (ftruncate(in->out, (off_t)size) < 0)
                return sv_fail_errno(err, "luks.encrypt", "cannot size the image");
        if (sv_luks_aead_encrypt(in, volume_key, err) < 0)
                return -1;
        if (make_header(in->out, volume_key, true, key, err) < 0)
                return -1;
        return sv_luks_aead_header(in->out, in->plain.size, err);
}

int sv_luks_encrypt(const struct sv_luks_in *in, struct sv_secret *key, struct sv_err *err)
{
        if (in->plain.size % 4096 || !in->plain.size)
                return sv_fail(err, SV_USAGE, "luks.encrypt",
                               "expected whole blocks of 4096 bytes to encrypt, found %llu bytes",
                               (unsigned long long)in->plain.size);
        return in->integrity ? encrypt_with_tags(in, key, err) : encrypt_without_tags(in, key, err);
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
