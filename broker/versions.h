/* SPDX-License-Identifier: Apache-2.0 */
/* The versions of a resource, and which of them are keys of disks: that stands in the sealed value
 * itself, so nobody who can write the database can say otherwise. */
#pragma once

#include "base/core/secret.h"
#include "broker/broker.h"
#include "luks/binding.h"

struct sv_version {
        int64_t number, size;
        char created[32];
        bool broken; /* its value does not open; the others are not held up by it */
        bool disk;   /* the key of a volume: */
        struct sv_binding binding;
};

struct sv_versions {
        struct sv_version *list; /* the newest first */
        size_t n;                /* 0: there is no such resource */
};
void sv_versions_free(struct sv_versions *v);
#define SV_VERSIONS __attribute__((cleanup(sv_versions_free))) struct sv_versions

/* *out must be zeroed. */
int sv_versions_read(const struct sv_broker *b, const char *path, struct sv_versions *out,
                     struct sv_err *err);
/* The value of one. NULL and "broker.resource.none" when there is none. */
struct sv_secret *sv_version_open(const struct sv_broker *b, const char *path, int64_t number,
                                  struct sv_err *err);
/* Seals `value` as the version that follows v's newest, and stores it. */
int sv_version_add(const struct sv_broker *b, const char *path, const struct sv_versions *v,
                   struct sv_bytes value, int64_t now, struct sv_err *err);
/* The key of the disk with this header; NULL when there is none. */
const struct sv_version *sv_versions_by_header(const struct sv_versions *v,
                                               const uint8_t digest[48]);
/* A key of this volume, the newest; NULL when there is none. */
const struct sv_version *sv_versions_by_volume(const struct sv_versions *v, const char *uuid);
