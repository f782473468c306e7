/* SPDX-License-Identifier: Apache-2.0 */
#include "luks/binding.h"

#include <assert.h>

#include "base/core/buf.h"
#include "base/core/rd.h"
#include "luks/header.h"

static const char MAGIC[8] = "SVMKEY01";
#define UUID_SIZE 36
#define UUID_ROOM 40 /* the UUID and zeros */

static_assert(sizeof(((struct sv_binding *)0)->uuid) == UUID_SIZE + 1, "a UUID and its end");
static_assert(sizeof(((struct sv_binding *)0)->uuid) <= UUID_ROOM, "a UUID and a zero behind it");
static_assert(SV_DISK_KEY_SIZE <= UINT16_MAX, "the size of a key has 16 bits");

/* The twin of sv_binding_unpack, in the same order. */
struct sv_secret *sv_binding_pack(const struct sv_binding *b, struct sv_secret *key,
                                  struct sv_err *err)
{
        SV_BUF out = {.locked = true};
        char uuid[UUID_ROOM] = {0};

        memcpy(uuid, b->uuid, UUID_SIZE);
        sv_buf_put(&out, sv_bytes(MAGIC, sizeof(MAGIC)));
        sv_buf_put(&out, sv_bytes(uuid, sizeof(uuid)));
        sv_buf_put(&out, sv_bytes(b->header_digest, sizeof(b->header_digest)));
        sv_buf_u16be(&out, (uint16_t)sv_secret_size(key));
        sv_buf_put(&out, sv_bytes(sv_secret_reveal(key), sv_secret_size(key)));
        if (sv_buf_ok(&out, "a disk key resource", err) < 0)
                return NULL;
        return sv_secret_copy(sv_buf_bytes(&out), err);
}

int sv_binding_unpack(struct sv_secret *resource, struct sv_binding *b, struct sv_secret **key,
                      struct sv_err *err)
{
        struct sv_rd r = sv_rd(sv_bytes(sv_secret_reveal(resource), sv_secret_size(resource)));
        struct sv_bytes magic = sv_rd_bytes(&r, sizeof(MAGIC));
        struct sv_bytes uuid = sv_rd_bytes(&r, UUID_ROOM);
        static const char zeros[UUID_ROOM - UUID_SIZE];
        struct sv_binding out = {0};

        sv_rd_copy(&r, out.header_digest, sizeof(out.header_digest));

        struct sv_bytes secret = sv_rd_bytes(&r, sv_rd_u16be(&r));

        if (magic.n == sizeof(MAGIC) && memcmp(magic.p, MAGIC, sizeof(MAGIC)) != 0)
                return sv_fail(err, SV_FORMAT, "luks.binding.magic",
                               "the resource is no disk key (it does not begin with SVMKEY01)");
        if (sv_rd_done(&r, "luks.binding.size", "disk key resource", err) < 0)
                return -1;
        if (strnlen((const char *)uuid.p, UUID_ROOM) != UUID_SIZE ||
            memcmp(uuid.p + UUID_SIZE, zeros, sizeof(zeros)) != 0)
                return sv_fail(err, SV_FORMAT, "luks.binding.text",
                               "the resource holds no UUID of %d characters", UUID_SIZE);
        if (secret.n != SV_DISK_KEY_SIZE)
                return sv_fail(err, SV_FORMAT, "luks.binding.key",
                               "expected a key of %d bytes, found %zu", SV_DISK_KEY_SIZE, secret.n);
        memcpy(out.uuid, uuid.p, UUID_SIZE);
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
        static_assert(sizeof(out.uuid) == sizeof(h.uuid), "the header's UUID as it is");
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
        if (!sv_bytes_eq(sv_bytes(found.header_digest, sizeof(found.header_digest)),
                         sv_bytes(b->header_digest, sizeof(b->header_digest))))
                return sv_fail(err, SV_PROOF, "luks.binding.header",
                               "the disk's LUKS2 header is not the one that the key was made for");
        return 0;
}
