/* SPDX-License-Identifier: Apache-2.0 */
/* The options by which a command says where collateral comes from: --mirror, --mirror-ca,
 * --offline, --cache, --refresh. */
#pragma once

#include "attest/fetch/fetch.h"
#include "base/program/cli.h"

#define SV_FETCH_OPTS                                                                           \
        {.name = "mirror",                                                                      \
         .arg = "URL",                                                                          \
         .help = "ask this mirror instead of the maker; HOST=URL: only for what that host has", \
         .many = true},                                                                         \
                {.name = "mirror-ca",                                                           \
                 .arg = "FILE",                                                                 \
                 .help = "CA of the mirror's certificate (PEM), instead of the system's"},      \
                {.name = "offline",                                                             \
                 .arg = "DIR",                                                                  \
                 .help = "take it from this folder; no cache, no network"},                     \
                {.name = "cache",                                                               \
                 .arg = "DIR",                                                                  \
                 .help = "keep what was fetched there (default: secure-vm/collateral in the "   \
                         "user's cache)"},                                                      \
        {                                                                                       \
                .name = "refresh",                                                              \
                .help = "ask again also for what is in the cache, but for what holds for ever"  \
        }

struct sv_fetch_args {
        struct sv_fetch fetch; /* points into the rest, and into args */
        char *cache;
        const char *mirrors[SV_ARGS_MAX + 1];
};

/* What was given; SV_USAGE "collateral.mirror", "collateral.cache-dir" (no --cache, and no home to
 * put one into). */
int sv_fetch_from_args(const struct sv_args *args, struct sv_fetch_args *out, struct sv_err *err);
void sv_fetch_args_free(struct sv_fetch_args *a);
#define SV_FETCH_ARGS __attribute__((cleanup(sv_fetch_args_free))) struct sv_fetch_args
/* The folder alone; the caller frees. */
char *sv_fetch_cache_dir(const struct sv_args *args, struct sv_err *err);
/* Says what was taken though it should have been asked for again, and what an offline folder
 * lacked. */
void sv_fetch_warn(const struct sv_fetched *f);
