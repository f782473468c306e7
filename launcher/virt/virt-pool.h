/* SPDX-License-Identifier: Apache-2.0 */
/* Files in a folder of a connection's host, which may be another than this: through libvirt's
 * storage driver there. */
#pragma once

#include "base/core/bytes.h"

struct sv_virt;
struct sv_pool;

/* The folder `path`; where it is not there, `make` makes it. A pool that is there already for it is
 * used, else one is there for as long as the folder is open. SV_SYSTEM "migrate.storage-driver",
 * else as of launcher/virt/virt-error.h. */
int sv_pool_open(struct sv_virt *v, const char *path, bool make, struct sv_pool **out,
                 struct sv_err *err);
void sv_pool_close(struct sv_pool *p);
void sv_pool_freep(struct sv_pool **p);
#define SV_POOL __attribute__((cleanup(sv_pool_freep))) struct sv_pool

/* Looks again at what is in the folder. */
int sv_pool_refresh(struct sv_pool *p, struct sv_err *err);
bool sv_pool_has(struct sv_pool *p, const char *name, uint64_t *bytes);
/* Bytes that are free. */
int sv_pool_get_room(struct sv_pool *p, uint64_t *bytes, struct sv_err *err);
/* An empty file of that size, with holes, root's. */
int sv_pool_make(struct sv_pool *p, const char *name, uint64_t bytes, unsigned mode,
                 struct sv_err *err);
int sv_pool_remove(struct sv_pool *p, const char *name, struct sv_err *err);
/* SHA-256 of a file, which is read through the connection. */
int sv_pool_digest(struct sv_pool *p, const char *name, uint8_t out[32], struct sv_err *err);
/* Gives the whole file to take(), in pieces. */
int sv_pool_read(struct sv_pool *p, const char *name,
                 int (*take)(void *arg, struct sv_bytes piece, struct sv_err *err), void *arg,
                 struct sv_err *err);
/* `n` bytes of it from `offset` on, as far as it has them; n = 0: all behind. */
int sv_pool_read_part(struct sv_pool *p, const char *name, uint64_t offset, uint64_t n,
                      int (*take)(void *arg, struct sv_bytes piece, struct sv_err *err), void *arg,
                      struct sv_err *err);
/* Writes into a file from `offset` on. SV_SYSTEM also for what the host found out late, as a full
 * disk. */
struct sv_pool_sink;
int sv_pool_sink_open(struct sv_pool *p, const char *name, uint64_t offset,
                      struct sv_pool_sink **out, struct sv_err *err);
int sv_pool_sink_put(struct sv_pool_sink *s, struct sv_bytes piece, struct sv_err *err);
/* Frees it; 0 when all has arrived. */
int sv_pool_sink_close(struct sv_pool_sink *s, struct sv_err *err);
/* Fills `to`'s file, which is there and as large, with the file of the same name. */
int sv_pool_copy(struct sv_pool *from, struct sv_pool *to, const char *name, struct sv_err *err);
