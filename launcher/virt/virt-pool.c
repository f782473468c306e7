/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/virt/virt-pool.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/core/encoding.h"
#include "base/core/file.h"
#include "base/crypto/crypto.h"
#include "launcher/virt/virt-int.h"
#include "launcher/virt/xml.h"

#define PIECE (256u << 10)

struct sv_pool {
        struct sv_virt *v;
        virStoragePoolPtr pool;
        bool own; /* ends with us */
        char path[];
};

static int fail_without_driver(struct sv_err *err)
{
        virErrorPtr e = vir.GetLastError();

        if (!e || e->code != VIR_ERR_NO_SUPPORT)
                return 0;
        return sv_fail(err, SV_SYSTEM, "migrate.storage-driver",
                       "the libvirt daemon has no storage driver, by which files of its host are "
                       "seen and copied: install libvirt-daemon-driver-storage there");
}

static int make_pool(struct sv_pool *p, bool make, struct sv_err *err)
{
        SV_BUF xml = SV_BUF_NULL;
        uint8_t random[8];
        char name[17];

        if (sv_random(random, sizeof(random), err) < 0)
                return -1;
        sv_xml_printf(&xml,
                      "<pool type='dir'><name>secure-vm-%s</name><target><path>%s</path>"
                      "<permissions><mode>0711</mode></permissions></target></pool>",
                      sv_hex(sv_bytes(random, sizeof(random)), name), p->path);
        if (sv_buf_ok(&xml, "a pool", err) < 0)
                return -1;
        p->pool = vir.StoragePoolCreateXML(p->v->conn, sv_buf_str(&xml),
                                           make ? VIR_STORAGE_POOL_CREATE_WITH_BUILD : 0);
        p->own = p->pool != NULL;
        if (p->pool)
                return 0;
        return fail_without_driver(err) < 0 ? -1 : sv_virt_fail(err, p->path);
}

int sv_pool_open(struct sv_virt *v, const char *path, bool make, struct sv_pool **out,
                 struct sv_err *err)
{
        struct sv_pool *p = calloc(1, sizeof(*p) + strlen(path) + 1);

        if (!p)
                return sv_fail(err, SV_SYSTEM, "base.memory", "out of memory");
        memcpy(p->path, path, strlen(path) + 1);
        p->v = v;
        p->pool = vir.StoragePoolLookupByTargetPath(v->conn, path);
        if ((!p->pool && make_pool(p, make, err) < 0) || sv_pool_refresh(p, err) < 0) {
                sv_pool_close(p);
                return -1;
        }
        *out = p;
        return 0;
}

void sv_pool_close(struct sv_pool *p)
{
        if (!p)
                return;
        if (p->own)
                vir.StoragePoolDestroy(p->pool);
        if (p->pool)
                vir.StoragePoolFree(p->pool);
        free(p);
}

void sv_pool_freep(struct sv_pool **p)
{
        sv_pool_close(*p);
        *p = NULL;
}

int sv_pool_refresh(struct sv_pool *p, struct sv_err *err)
{
        return vir.StoragePoolRefresh(p->pool, 0) < 0 ? sv_virt_fail(err, p->path) : 0;
}

bool sv_pool_has(struct sv_pool *p, const char *name, uint64_t *bytes)
{
        virStorageVolPtr vol = vir.StorageVolLookupByName(p->pool, name);
        virStorageVolInfo info = {0};

        if (!vol)
                return false;
        if (bytes && vir.StorageVolGetInfo(vol, &info) == 0)
                *bytes = info.capacity;
        vir.StorageVolFree(vol);
        return true;
}

int sv_pool_get_room(struct sv_pool *p, uint64_t *bytes, struct sv_err *err)
{
        virStoragePoolInfo info = {0};

        if (vir.StoragePoolGetInfo(p->pool, &info) < 0)
                return sv_virt_fail(err, p->path);
        *bytes = info.available;
        return 0;
}

int sv_pool_make(struct sv_pool *p, const char *name, uint64_t bytes, unsigned mode,
                 struct sv_err *err)
{
        SV_BUF xml = SV_BUF_NULL;
        char octal[8];
        virStorageVolPtr vol;

        snprintf(octal, sizeof(octal), "0%o", mode & 0777);
        sv_xml_printf(&xml,
                      "<volume><name>%s</name><capacity unit='B'>%llu</capacity>"
                      "<allocation>0</allocation><target><format type='raw'/>"
                      "<permissions><mode>%s</mode></permissions></target></volume>",
                      name, (unsigned long long)bytes, octal);
        if (sv_buf_ok(&xml, "a volume", err) < 0)
                return -1;
        vol = vir.StorageVolCreateXML(p->pool, sv_buf_str(&xml), 0);
        if (!vol)
                return sv_virt_fail(err, p->path);
        vir.StorageVolFree(vol);
        return 0;
}

static int find_volume(struct sv_pool *p, const char *name, virStorageVolPtr *out,
                       struct sv_err *err)
{
        *out = vir.StorageVolLookupByName(p->pool, name);
        return *out ? 0 : sv_virt_fail(err, p->path);
}

int sv_pool_remove(struct sv_pool *p, const char *name, struct sv_err *err)
{
        virStorageVolPtr vol;
        int r;

        if (find_volume(p, name, &vol, err) < 0)
                return -1;
        r = vir.StorageVolDelete(vol, 0) < 0 ? sv_virt_fail(err, p->path) : 0;
        vir.StorageVolFree(vol);
        return r;
}

struct span {
        uint64_t at, n; /* n = 0: to the end */
};

/* A stream from there in the file, or to there; the caller ends and frees it. */
static int open_stream(struct sv_pool *p, const char *name, bool upload, struct span span,
                       virStreamPtr *out, struct sv_err *err)
{
        virStreamPtr s = vir.StreamNew(p->v->conn, 0);
        virStorageVolPtr vol = NULL;
        int r = s ? find_volume(p, name, &vol, err) : sv_virt_fail(err, p->path);

        if (r == 0 && (upload ? vir.StorageVolUpload(vol, s, span.at, span.n, 0)
                              : vir.StorageVolDownload(vol, s, span.at, span.n, 0)) < 0)
                r = sv_virt_fail(err, p->path);
        if (vol)
                vir.StorageVolFree(vol);
        if (r < 0 && s)
                vir.StreamFree(s);
        if (r == 0)
                *out = s;
        return r;
}

static int send_piece(virStreamPtr to, const char *p, size_t n)
{
        while (n) {
                int sent = vir.StreamSend(to, p, n);

                if (sent < 0)
                        return -1;
                p += sent;
                n -= (size_t)sent;
        }
        return 0;
}

static int end_stream(virStreamPtr s, int r)
{
        if (r == 0)
                r = vir.StreamFinish(s);
        else
                vir.StreamAbort(s);
        return r;
}

/* --- pieces --- */

/* The stream's own failure, or take()'s. */
static int give_pieces(virStreamPtr from,
                       int (*take)(void *arg, struct sv_bytes piece, struct sv_err *err), void *arg,
                       const char *path, struct sv_err *err)
{
        char *piece = malloc(PIECE);
        int n = 1, r = piece ? 0 : sv_fail(err, SV_SYSTEM, "base.memory", "out of memory");

        while (r == 0 && n > 0) {
                n = vir.StreamRecv(from, piece, PIECE);
                if (n < 0)
                        r = sv_virt_fail(err, path);
                else if (n > 0)
                        r = take(arg, sv_bytes(piece, (size_t)n), err);
        }
        free(piece);
        return r;
}

int sv_pool_read_part(struct sv_pool *p, const char *name, uint64_t offset, uint64_t n,
                      int (*take)(void *arg, struct sv_bytes piece, struct sv_err *err), void *arg,
                      struct sv_err *err)
{
        virStreamPtr s = NULL;
        int r;

        if (open_stream(p, name, false, (struct span){offset, n}, &s, err) < 0)
                return -1;
        r = give_pieces(s, take, arg, p->path, err);
        if (end_stream(s, r) < 0 && r == 0)
                r = sv_virt_fail(err, p->path);
        vir.StreamFree(s);
        return r;
}

int sv_pool_read(struct sv_pool *p, const char *name,
                 int (*take)(void *arg, struct sv_bytes piece, struct sv_err *err), void *arg,
                 struct sv_err *err)
{
        return sv_pool_read_part(p, name, 0, 0, take, arg, err);
}

struct sv_pool_sink {
        struct sv_pool *p;
        virStreamPtr stream;
        bool broken;
};

int sv_pool_sink_open(struct sv_pool *p, const char *name, uint64_t offset,
                      struct sv_pool_sink **out, struct sv_err *err)
{
        struct sv_pool_sink *s = calloc(1, sizeof(*s));

        if (!s)
                return sv_fail(err, SV_SYSTEM, "base.memory", "out of memory");
        s->p = p;
        if (open_stream(p, name, true, (struct span){.at = offset}, &s->stream, err) < 0) {
                free(s);
                return -1;
        }
        *out = s;
        return 0;
}

int sv_pool_sink_put(struct sv_pool_sink *s, struct sv_bytes piece, struct sv_err *err)
{
        if (send_piece(s->stream, (const char *)piece.p, piece.n) == 0)
                return 0;
        s->broken = true;
        return sv_virt_fail(err, s->p->path);
}

int sv_pool_sink_close(struct sv_pool_sink *s, struct sv_err *err)
{
        int r = 0;

        if (!s)
                return 0;
        if (end_stream(s->stream, s->broken ? -1 : 0) < 0 && !s->broken)
                r = sv_virt_fail(err, s->p->path);
        r = s->broken ? -1 : r;
        vir.StreamFree(s->stream);
        free(s);
        return r;
}

/* --- whole files --- */

static int hash_piece(void *arg, struct sv_bytes piece, struct sv_err *err)
{
        return sv_hash_put(arg, piece, err);
}

int sv_pool_digest(struct sv_pool *p, const char *name, uint8_t out[32], struct sv_err *err)
{
        SV_HASH *hash = sv_hash_new(SV_SHA256, err);

        if (!hash || sv_pool_read(p, name, hash_piece, hash, err) < 0)
                return -1;
        return sv_hash_end(hash, out, err);
}

static int send_to_sink(void *arg, struct sv_bytes piece, struct sv_err *err)
{
        return sv_pool_sink_put(arg, piece, err);
}

int sv_pool_copy(struct sv_pool *from, struct sv_pool *to, const char *name, struct sv_err *err)
{
        struct sv_pool_sink *sink;

        if (sv_pool_sink_open(to, name, 0, &sink, err) < 0)
                return -1;
        if (sv_pool_read(from, name, send_to_sink, sink, err) < 0)
                sink->broken = true;
        return sv_pool_sink_close(sink, err);
}
