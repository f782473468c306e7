/* SPDX-License-Identifier: Apache-2.0 */
#include "luks/binding.h"

#include "base/core/rd.h"
#include "luks/header.h"

static const char MAGIC[8] = "SVMKEY01";
#define UUID_ROOM 40
#define KEY_AT    (sizeof(MAGIC) + UUID_ROOM + 48 + 2)

struct sv_secret *sv_binding_pack(const struct sv_binding *b, struct sv_secret *key,
                                  struct sv_err *err)
{
        size_t n = sv_secret_size(key);
        struct sv_secret *resource = sv_secret_new(KEY_AT + n, err);
        uint8_t *p = resource ? sv_secret_reveal(resource) : NULL;

        if (!p)
                return NULL;
        memcpy(p, MAGIC, sizeof(MAGIC));
        memcpy(p + sizeof(MAGIC), b->uuid, strlen(b->uuid));
        memcpy(p + sizeof(MAGIC) + UUID_ROOM, b->header_digest, 48);
        p[KEY_AT - 2] = (uint8_t)(n >> 8);
        p[KEY_AT - 1] = (uint8_t)n;
        memcpy(p + KEY_AT, sv_secret_reveal(key), n);
        return resource;
}

int sv_binding_unpack(struct sv_secret *resource, struct sv_binding *b, struct sv_secret **key,
                      struct sv_err *err)
{
        struct sv_rd r = sv_rd(sv_bytes(sv_secret_reveal(resource), sv_secret_size(resource)));
        struct sv_bytes magic = sv_rd_bytes(&r, sizeof(MAGIC));
        struct sv_bytes uuid = sv_rd_bytes(&r, UUID_ROOM);
        struct sv_binding out = {0};

        sv_rd_copy(&r, out.header_digest, sizeof(out.header_digest));

        struct sv_bytes secret = sv_rd_bytes(&r, sv_rd_u16be(&r));

        if (magic.n == sizeof(MAGIC) && memcmp(magic.p, MAGIC, sizeof(MAGIC)) != 0)
                return sv_fail(err, SV_FORMAT, "luks.binding.magic",
                               "the resource is no disk key (it does not begin with SVMKEY01)");
        if (sv_rd_done(&r, "luks.binding.size", "disk key resource", err) < 0)
                return -1;
        if (strnlen((const char *)uuid.p, UUID_ROOM) != 36 ||
            memcmp(uuid.p + 36, "\0\0\0\0", 4) != 0)
                return sv_fail(err, SV_FORMAT, "luks.binding.text",
                               "the resource holds no UUID of 36 characters");
        if (secret.n != SV_DISK_KEY_SIZE)
                return sv_fail(err, SV_FORMAT, "luks.binding.key",
                               "expected a key of %d bytes, found %zu", SV_DISK_KEY_SIZE, secret.n);
        memcpy(out.uuid, uuid.p, 36);
        *key = sv_secret_copy(secret, err);
        if (!*key)
                return -1;
        *b = out;
        return 0;
}

int sv_binding_of(struct sv_bytes head, struct sv_binding *b, struct sv_err *err)
{
        struct sv_luks_header h;
        struct sv_binding out = {0};

        if (sv_luks_header_parse(head, &h, err) < 0 ||
            sv_luks_header_digest(head, &h, out.header_digest, err) < 0)
                return -1;
        memcpy(out.uuid, h.uuid, sizeof(out.uuid));
        *b = out;
        return 0;
}

int sv_binding_check(const struct sv_binding *b, struct sv_bytes head, struct sv_err *err)
{
        struct sv_binding found;

        if (sv_binding_of(head, &found, err) < 0)
                return -1;
        if (strcmp(found.uuid, b->uuid) != 0)
                return sv_fail(err, SV_PROOF, "luks.binding.uuid",
                               "the disk is volume %s, the key is for %s", found.uuid, b->uuid);
        if (!sv_bytes_eq(sv_bytes(found.header_digest, 48), sv_bytes(b->header_digest, 48)))
                return sv_fail(err, SV_PROOF, "luks.binding.header",
                               "the disk's LUKS2 header is not the one that the key was made for");
        return 0;
}
