/* SPDX-License-Identifier: Apache-2.0 */
/* Gets the collateral that an evidence needs (sv_tee_verify.needs says what; which TEE it is
 * does not matter here): from a folder that was filled elsewhere, from the cache, or from its
 * makers or a mirror. Only the form of what comes is looked at: the verifier trusts nothing of it
 * before it has verified it, each time. */
#pragma once

#include "attest/appraise.h"
#include "attest/fetch/cache.h"
#include "attest/fetch/curl.h"

struct sv_fetch {          /* how; everything borrowed */
        const char *cache; /* folder; made when it is not there */
        /* "[HOST=]URL", ends with NULL; may be NULL. HOST: only what that host has is asked of this
         * mirror */
        const char *const *mirrors;
        const char *mirror_ca; /* PEM of the CA of the mirrors; NULL: the system's */
        /* folder; then neither cache nor network are used; NULL: none */
        const char *offline;
        /* ask again also for what the cache has, but for what holds for ever */
        bool refresh;
        int64_t budget_ms; /* for all of it, waits included */
        /* Asked before a server is, for each thing; NULL: always. `known`: a proof held that was
         * about the same platform. Fails with the reason why not. */
        int (*allow)(void *arg, bool known, struct sv_err *err);
        /* The world, for tests to replace. */
        int64_t (*now_ms)(void *arg); /* since 1970 */
        void (*sleep_ms)(void *arg, int64_t ms);
        int (*get)(void *arg, const struct sv_get *get, struct sv_got *out, struct sv_err *err);
        void *arg;
};
/* Clock, sleep and libcurl. */
void sv_fetch_defaults(struct sv_fetch *f);
/* SV_USAGE "collateral.mirror": not "[HOST=]http[s]://host[:port][/prefix]". */
int sv_fetch_check(const struct sv_fetch *f, struct sv_err *err);

enum sv_fetch_from { SV_FROM_OFFLINE, SV_FROM_CACHE, SV_FROM_STALE, SV_FROM_NETWORK };
/* "offline", "cache", "stale", "network" */
const char *sv_fetch_from_name(enum sv_fetch_from from);

struct sv_fetched {
        struct sv_fetched_item {
                struct sv_entry entry;
                /* stale: it was due to be fetched again, but no server answered, and it is still
                 * valid */
                enum sv_fetch_from from;
                /* stale: why; from the network: why it could not be kept; else NULL */
                char *note;
        } * list;
        size_t n;
        /* optional rows that are not on the mirror or in the offline folder: array of kinds */
        struct sv_json *absent;
};
void sv_fetched_free(struct sv_fetched *f);
#define SV_FETCHED __attribute__((cleanup(sv_fetched_free))) struct sv_fetched
/* Adds bodies and headers under their kinds, but for those in `given`; pointing into *f. */
void sv_fetched_blobs(const struct sv_fetched *f, const struct sv_collateral *given,
                      struct sv_blobs *out);
/* [{"kind","url","from","fetched","size",…}] */
struct sv_json *sv_fetched_json(const struct sv_fetched *f);

/* Every row of needs whose kind is not in `given` (may be NULL). *out must be zeroed.
 * SV_SYSTEM "collateral.busy" (the server wants to be left alone for longer than the budget: says
 * until when), ".none", ".status", ".connect",
 * ".truncated", ".tls", ".redirect", ".offline", ".budget", ".lock"; SV_FORMAT ".form", ".size",
 * ".header", ".needs". */
int sv_fetch_needs(const struct sv_fetch *f, const struct sv_json *needs,
                   const struct sv_collateral *given, struct sv_fetched *out, struct sv_err *err);

/* Fetches what is missing from `in`, then calls sv_appraise. When the proof does not hold, entries
 * that came from the cache and never were part of a proof that held are dropped and fetched once
 * more; then the error stands. used (may be NULL, must be zeroed) says what was taken. */
int sv_fetch_appraise(const struct sv_fetch *f, const struct sv_evidence *e,
                      const struct sv_verify_in *in, const struct sv_policy *policy,
                      struct sv_json **claims, struct sv_verdict *verdict, struct sv_fetched *used,
                      struct sv_err *err);
/* The parts of it, for who verifies elsewhere: entries of the cache that were part of a proof that
 * held are marked; */
void sv_fetch_mark_verified(const struct sv_fetch *f, struct sv_fetched *fetched);
/* when the proof does not hold, those that never were are dropped. True when there were some, so
 * that fetching again may bring others. */
bool sv_fetch_drop_doubtful(const struct sv_fetch *f, struct sv_fetched *fetched);
