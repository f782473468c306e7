/* SPDX-License-Identifier: Apache-2.0 */
/* What verifiers keep from one verification to the next: collateral that was read and verified down
 * to its roots. It belongs to the program that verifies (sv_verify_in.memory), holds for all TEEs,
 * and is bounded (base/core/limits.h). For one thread at a time; after a fork each process has a
 * copy of its own.
 *
 * An entry is found by all the bytes that it was made of, trust anchors among them, and what is
 * known of it follows from these bytes alone. So it never stands in for anything else, and evidence
 * can spoil nothing for other evidence. What it can do is take room: hence only what a proof that
 * held has used is kept, and each platform has one place, in which newer collateral replaces the
 * older. */
#pragma once

#include "tee/verify.h"

struct sv_memory;

struct sv_memory *sv_memory_new(void); /* ends the program without memory */
void sv_memory_free(struct sv_memory *m);
void sv_memory_freep(struct sv_memory **m);
#define SV_MEMORY __attribute__((cleanup(sv_memory_freep))) struct sv_memory
/* How many verifications found what they needed. NULL: 0. */
uint64_t sv_memory_hits(const struct sv_memory *m);

/* --- for a TEE's verifier --- */
struct sv_known {
        /* One list (no `next`), a copy of its own: what `state` may point into. */
        struct sv_collateral what;
        void *state; /* the TEE's; all that is in it follows from `what` */
        /* --- sv_memory's --- */
        char tee[32];
        void (*drop)(void *state);
        size_t size;
        uint8_t platform[32];
        uint64_t used; /* when, counted in uses */
        bool told;     /* by sv_memory_lesson */
};
/* Nothing known yet: `state` is zeroed. NULL: SV_SYSTEM "base.memory". */
struct sv_known *sv_known_new(const char *tee, const struct sv_collateral *what, size_t state_size,
                              void (*drop)(void *state), struct sv_err *err);
void sv_known_free(struct sv_known *k);
/* By exactly these blobs in this order; NULL: there is none, or m is NULL. Valid until the next
 * sv_memory_keep. */
struct sv_known *sv_memory_find(struct sv_memory *m, const char *tee,
                                const struct sv_collateral *what);
/* Takes k over. `platform`: whose place it takes, a digest of the certificate that only this
 * platform has. NULL m, or too large: frees it. */
void sv_memory_keep(struct sv_memory *m, struct sv_known *k, const uint8_t platform[32]);

/* --- from one process to another --- */
/* The bytes of an entry that was kept since this was last asked, for struct sv_tee_verify.learn
 * elsewhere; false when there is none. They prove nothing. */
bool sv_memory_lesson(struct sv_memory *m, struct sv_buf *out);
struct sv_lesson {
        char tee[32];
        struct sv_collateral what; /* points into the bytes */
        struct sv_blob *list;      /* owned */
};
/* SV_FORMAT "lesson.size", ".kinds" (too many), ".name" (not terminated). *out must be zeroed. */
int sv_lesson_read(struct sv_bytes raw, struct sv_lesson *out, struct sv_err *err);
void sv_lesson_free(struct sv_lesson *l);
#define SV_LESSON __attribute__((cleanup(sv_lesson_free))) struct sv_lesson
