/* SPDX-License-Identifier: Apache-2.0 */
/* What was fetched, kept by URL (docs/FORMATS.md, "Collateral cache"). Each entry is one file. It
 * is written under a temporary name and renamed, so that a reader sees the old or the new entry
 * even when the writer dies in between. Each URL has a lock file; the kernel holds the lock, so it
 * is released when its holder dies. Nothing here is trusted: an entry is bytes that a server sent
 * once. A damaged entry counts as absent. */
#pragma once

#include "base/json/json.h"

#define SV_NEVER INT64_MAX

struct sv_entry {
        char *url; /* the maker's URL, even when a mirror answered */
        char kind[32];
        int64_t fetched; /* seconds since 1970, all three */
        int64_t refresh; /* when to fetch it again; SV_NEVER: not at all */
        int64_t until;   /* the end of its own validity; SV_NEVER: it states none */
        /* has been part of a proof that held, so it is not what makes a later proof fail. It is not
         * trusted for that */
        bool verified;
        struct sv_json *headers; /* {kind: text} from the response's head; may be NULL */
        struct sv_buf body;
};
void sv_entry_free(struct sv_entry *e);
#define SV_ENTRY __attribute__((cleanup(sv_entry_free))) struct sv_entry

/* The file of an entry. Pure. SV_FORMAT "collateral.cache". *out must be zeroed. */
int sv_entry_parse(struct sv_bytes file, struct sv_entry *out, struct sv_err *err);
int sv_entry_write(const struct sv_entry *e, struct sv_buf *out, struct sv_err *err);

/* `dir` is made when it is not there (0700). */
int sv_cache_open(const char *dir, struct sv_err *err);
/* *there says whether the cache has it, whole. *out must be zeroed. */
int sv_cache_get(const char *dir, const char *url, struct sv_entry *out, bool *there,
                 struct sv_err *err);
/* For these two the caller must hold the URL's lock. Both also remove what a killed writer left.
 * Put fails with SV_SYSTEM "collateral.full" when the folder has as many entries as it may. */
int sv_cache_put(const char *dir, const struct sv_entry *e, struct sv_err *err);
int sv_cache_drop(const char *dir, const char *url, struct sv_err *err);
/* Each whole entry in the order of file names; fn returns 0 to go on. An absent folder has none. */
int sv_cache_each(const char *dir,
                  int (*fn)(void *arg, const struct sv_entry *e, struct sv_err *err), void *arg,
                  struct sv_err *err);

/* Tries to take an URL's lock without waiting: out->fd is -1 when another process holds it. Its
 * file is there as long as somebody holds it. *out must be SV_CACHE_LOCK_NULL. */
struct sv_cache_lock {
        int fd;
        char *path;
};
#define SV_CACHE_LOCK_NULL \
        {                  \
                -1, NULL   \
        }
int sv_cache_take_lock(const char *dir, const char *url, struct sv_cache_lock *out,
                       struct sv_err *err);
void sv_cache_unlock(struct sv_cache_lock *l);
#define SV_CACHE_LOCK __attribute__((cleanup(sv_cache_unlock))) struct sv_cache_lock

/* What a proof that held was about ("about" of a row of needs, or its url): a file each, so that
 * others can be told from it. */
void sv_cache_mark_known(const char *dir, const char *about);
bool sv_cache_is_known(const char *dir, const char *about);

/* Until when a server ("https://host:port") wants to be left alone (HTTP 429, Retry-After); 0: it
 * does not. */
int64_t sv_cache_busy_until(const char *dir, const char *origin);
int sv_cache_set_busy(const char *dir, const char *origin, int64_t until, struct sv_err *err);
