/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of verified collateral: what verifiers keep from one verification to the next, read and
 * verified down to its roots. It belongs to the program that verifies (sv_verify_in.cache), holds
 * entries of all TEEs, and is bounded (base/core/limits.h). For one thread at a time; after a fork
 * each process has a copy of its own.
 *
 * An entry is found by all the bytes that it was made of, trust anchors among them, and all that it
 * says follows from these bytes. So an entry never stands in for other collateral, and evidence can
 * spoil nothing for other evidence. Evidence can take room, though: hence an entry is kept only
 * after a proof that held has used it, and each platform has one place, in which newer collateral
 * replaces older. */
#pragma once

#include "tee/verify.h"

struct sv_trust_cache;

struct sv_trust_cache *sv_trust_cache_new(void); /* ends the program when memory runs out */
void sv_trust_cache_free(struct sv_trust_cache *m);
void sv_trust_cache_freep(struct sv_trust_cache **m);
#define SV_TRUST_CACHE __attribute__((cleanup(sv_trust_cache_freep))) struct sv_trust_cache
/* How many verifications found what they needed. NULL: 0. */
uint64_t sv_trust_cache_hits(const struct sv_trust_cache *m);

/* --- for a TEE's verifier --- */
struct sv_cached {
        /* One list (no `next`), a copy of its own: what `state` may point into. */
        struct sv_collateral what;
        void *state; /* the TEE's; all that is in it follows from `what` */
        /* --- the cache's --- */
        char tee[32];
        void (*drop)(void *state);
        size_t size;
        uint8_t platform[32];
        uint64_t used; /* when, counted in uses */
        bool told;     /* given out by sv_trust_cache_share */
};
/* A new entry; `state` is zeroed. NULL: SV_SYSTEM "base.memory". */
struct sv_cached *sv_cached_new(const char *tee, const struct sv_collateral *what,
                                size_t state_size, void (*drop)(void *state), struct sv_err *err);
void sv_cached_free(struct sv_cached *k);
/* By exactly these blobs in this order; NULL: there is none, or m is NULL. Valid until the next
 * sv_trust_cache_keep. */
struct sv_cached *sv_trust_cache_find(struct sv_trust_cache *m, const char *tee,
                                      const struct sv_collateral *what);
/* Takes k over. `platform`: whose place it takes, a digest of the certificate that only this
 * platform has. NULL m, or too large: frees it. */
void sv_trust_cache_keep(struct sv_trust_cache *m, struct sv_cached *k, const uint8_t platform[32]);

/* --- from one process to another --- */
/* The bytes of an entry that was kept since this was last asked, for struct
 * sv_tee_verify.accept_shared elsewhere; false when there is none. They prove nothing. */
bool sv_trust_cache_share(struct sv_trust_cache *m, struct sv_buf *out);
struct sv_shared {
        char tee[32];
        struct sv_collateral what; /* points into the bytes */
        struct sv_blob *list;      /* owned */
};
/* A list (no `next`) in the form that sv_shared_read reads. */
void sv_shared_write(const char *tee, const struct sv_collateral *what, struct sv_buf *out);
/* SV_FORMAT "lesson.size", ".kinds" (too many), ".name" (not terminated). *out must be zeroed. */
int sv_shared_read(struct sv_bytes raw, struct sv_shared *out, struct sv_err *err);
void sv_shared_free(struct sv_shared *l);
#define SV_SHARED_ENTRY __attribute__((cleanup(sv_shared_free))) struct sv_shared
