/* SPDX-License-Identifier: Apache-2.0 */
/* What a verifier may use in addition to the evidence, as a list of blobs. */
#pragma once

#include <stdbool.h>

#include "base/core/bytes.h"

/* Kinds are the TEE's own: "ek-root", "activation-secret", "vcek", "tcb-info"… */
struct sv_blob {
        char kind[32];
        struct sv_bytes data; /* not owned */
};
/* Each layer puts its own blobs in front of what it was given, without a copy. */
struct sv_collateral {
        const struct sv_blob *list;
        size_t n;
        const struct sv_collateral *next; /* what comes behind it; NULL: nothing */
};
/* The n-th blob of that kind (n from 0); false when there are fewer. */
bool sv_collateral_get(const struct sv_collateral *c, const char *kind, size_t n,
                       struct sv_bytes *out);

/* A list of blobs that owns its array, not the bytes. */
struct sv_blobs {
        struct sv_blob *list;
        size_t n;
};
void sv_blobs_free(struct sv_blobs *b);
#define SV_BLOBS __attribute__((cleanup(sv_blobs_free))) struct sv_blobs
void sv_blobs_add(struct sv_blobs *b, const char *kind, struct sv_bytes data);
