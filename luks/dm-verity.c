/* SPDX-License-Identifier: Apache-2.0 */
#include "luks/dm-verity.h"

#include <errno.h>
#include <libcryptsetup.h>
#include <stdio.h>
#include <string.h>

#include "base/core/text.h"

static void end_device(struct crypt_device **cd)
{
        crypt_free(*cd);
}
#define CRYPT __attribute__((cleanup(end_device))) struct crypt_device

/* The library reports through a callback; its last message becomes part of the error. */
static void keep_message(int level, const char *msg, void *arg)
{
        if (level == CRYPT_LOG_ERROR)
                snprintf(arg, 256, "%.*s", (int)strcspn(msg, "\n"), msg);
}

static void drop_message(int level, const char *msg, void *arg)
{
}

/* Nothing goes to standard output, where the library writes unless told otherwise. */
static int init_device(const char *path, struct crypt_device **cd, char last[256])
{
        int r;

        crypt_set_log_callback(NULL, drop_message, NULL);
        r = crypt_init(cd, path);
        if (r == 0)
                crypt_set_log_callback(*cd, keep_message, last);
        return r;
}

static const char *get_reason(const char *last, int r)
{
        return last[0] ? last : strerror(-r);
}

static struct crypt_params_verity get_params(const char *path, const struct sv_verity *v)
{
        return (struct crypt_params_verity){
                .hash_name = SV_VERITY_HASH,
                .data_device = path,
                .salt = (const char *)v->salt,
                .salt_size = sizeof(v->salt),
                .hash_type = 1,
                .data_block_size = v->data_block,
                .hash_block_size = SV_VERITY_HASH_BLOCK,
                .data_size = v->data_blocks,
        };
}

int sv_dm_verity_create(const char *path, struct sv_verity *v, struct sv_err *err)
{
        struct crypt_params_verity params = get_params(path, v);
        char last[256] = "", uuid[37];
        size_t n = sizeof(v->root);
        CRYPT *cd = NULL;
        int r;

        params.flags = CRYPT_VERITY_CREATE_HASH;
        params.hash_area_offset = v->tree - SV_VERITY_SUPERBLOCK;
        /* Not a random one: equal inputs give equal bytes. */
        sv_format_uuid(v->salt, uuid);
        r = init_device(path, &cd, last);
        if (r == 0)
                r = crypt_format(cd, CRYPT_VERITY, NULL, NULL, uuid, NULL, 0, &params);
        if (r == 0)
                r = crypt_volume_key_get(cd, CRYPT_ANY_SLOT, (char *)v->root, &n, NULL, 0);
        if (r < 0 || n != sizeof(v->root))
                return sv_fail(err, SV_SYSTEM, "verity.create", "cannot make the hash tree: %s",
                               get_reason(last, r));
        return 0;
}

/* The parameters are ours alone: nothing of the disk is read for them. */
static int set_up_device(struct crypt_device *cd, const char *path, const struct sv_verity *v,
                         uint32_t flags)
{
        struct crypt_params_verity params = get_params(path, v);

        params.flags = CRYPT_VERITY_NO_HEADER | flags;
        params.hash_area_offset = v->tree;
        return crypt_format(cd, CRYPT_VERITY, NULL, NULL, NULL, NULL, 0, &params);
}

int sv_dm_verity_try(const char *path, const struct sv_verity *v, struct sv_err *err)
{
        char last[256] = "";
        CRYPT *cd = NULL;
        int r = init_device(path, &cd, last);

        if (r == 0)
                r = set_up_device(cd, path, v, CRYPT_VERITY_CHECK_HASH);
        if (r < 0)
                return sv_fail(err, SV_SYSTEM, "verity.open", "cannot read %s: %s", path,
                               get_reason(last, r));
        r = crypt_activate_by_volume_key(cd, NULL, (const char *)v->root, sizeof(v->root), 0);
        if (r < 0)
                return sv_fail(err, SV_PROOF, "verity.block",
                               "%s is not the disk of this root hash: %s", path,
                               get_reason(last, r));
        return 0;
}

int sv_dm_verity_open(const char *device, const char *name, const struct sv_verity *v,
                      struct sv_err *err)
{
        char last[256] = "";
        CRYPT *cd = NULL;
        int r = init_device(device, &cd, last);

        if (r == 0)
                r = set_up_device(cd, device, v, 0);
        /* Never CRYPT_ACTIVATE_CHECK_AT_MOST_ONCE: the host can change a block after the first
         * look. */
        if (r == 0)
                r = crypt_activate_by_volume_key(cd, name, (const char *)v->root, sizeof(v->root),
                                                 CRYPT_ACTIVATE_READONLY);
        if (r < 0)
                return sv_fail(err, SV_SYSTEM, "verity.open", "cannot open %s as a verity disk: %s",
                               device, get_reason(last, r));
        return 0;
}

bool sv_dm_verity_is_corrupt(const char *name)
{
        struct crypt_active_device active = {0};
        CRYPT *cd = NULL;

        crypt_set_log_callback(NULL, drop_message, NULL);
        if (crypt_init_by_name(&cd, name) < 0 || crypt_get_active_device(cd, name, &active) < 0)
                return false;
        return active.flags & CRYPT_ACTIVATE_CORRUPTED;
}
