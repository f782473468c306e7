/* SPDX-License-Identifier: Apache-2.0 */
/* The fetcher: gets the collateral that evidence needs from its makers, a mirror or a folder, in a
 * process that has the network and the cache's folder and no key. It is started only where the
 * configuration names a source. What it brings is the verifier's to judge. */
#pragma once

#include "broker/broker.h"

struct sv_fetching {
        int channel;
        struct sv_buf blobs; /* for sv_to_verify.blobs */
        struct sv_buf note;  /* "vek network, ca cache": for the audit record */
        bool recent;         /* another guest's, of a moment ago (broker/recent.h) */
        int64_t asked_ms;    /* of the monotonic clock */
};
void sv_fetching_free(struct sv_fetching *f);
#define SV_FETCHING __attribute__((cleanup(sv_fetching_free))) struct sv_fetching
#define SV_FETCHING_NULL                                                 \
        {                                                                \
                .channel = -1, .blobs = SV_BUF_NULL, .note = SV_BUF_NULL \
        }

bool sv_fetcher_wanted(const struct sv_broker *b);
/* What proved another guest a moment ago. *out must be SV_FETCHING_NULL. */
bool sv_fetcher_recall(const struct sv_broker *b, struct sv_bytes needs, struct sv_fetching *out);
/* For a guest of this source (broker/serve/source.h). What *out has is replaced. Fails as
 * sv_fetch_needs, and SV_SYSTEM SV_CHECK_FETCHES. */
int sv_fetcher_get(const struct sv_broker *b, uint64_t source, struct sv_bytes needs,
                   struct sv_fetching *out, struct sv_err *err);
/* Seconds until a source that has spent what it may ask for has one more, at most: what is asked
 * for chips of which no proof held comes last. */
unsigned sv_fetcher_interval(const struct sv_broker *b);
/* When the proof did not hold: once more, without what came from the cache and never was part of
 * one that held. False when that would give the same. */
bool sv_fetcher_again(struct sv_fetching *f);
/* The proof held: the cache may keep what it was made of, and other guests of these needs get it
 * for a moment. */
void sv_fetcher_held(const struct sv_broker *b, struct sv_bytes needs, struct sv_fetching *f);

int sv_fetcher_start(struct sv_broker *b, struct sv_err *err);
