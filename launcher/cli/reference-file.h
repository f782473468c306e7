/* SPDX-License-Identifier: Apache-2.0 */
/* Reference sets in files: as JSON, or signed (attest/jose/reference.h). */
#pragma once

#include "base/crypto/crypto.h"
#include "base/json/json.h"
#include "base/program/cli.h"

/* A set that is given as JSON is the caller's own word. One that is signed (JWS) counts when this
 * key has signed it: PEM, public or private; SV_USAGE "reference.key" without one, SV_PROOF
 * "reference.signature". The caller frees *out. */
int sv_reference_read(const char *file, const char *key_file, struct sv_json **out,
                      struct sv_err *err);
/* The author's private key, which nobody else may read; NULL file: SV_USAGE "reference.key", "",
 * SV_SYSTEM "reference.key.mode". The caller frees it. */
struct sv_key *sv_reference_read_key(const char *file, struct sv_err *err);

/* A set that a command has made: to the file of its option "out", or to standard output unless it
 * is told in JSON. Adds "name", "generation" and "set" to *result, which it makes. */
int sv_reference_put_out(const struct sv_args *args, struct sv_bytes text, struct sv_json **result,
                         struct sv_err *err);

/* Somebody's key, to verify with: a public one, or a private one that nobody else may read. */
struct sv_key *sv_reference_read_signer(const char *file, struct sv_err *err);

/* For commands that hold a guest or its evidence against a policy. */
#define SV_REFERENCE_OPTS                                                                     \
        {.name = "reference",                                                                 \
         .arg = "SET",                                                                        \
         .help = "the reference set that the policy names: JSON, or as it was signed (JWS)"}, \
        {                                                                                     \
                .name = "reference-key", .arg = "FILE",                                       \
                .help = "the key that has signed it (PEM, public or private)"                 \
        }
