/* SPDX-License-Identifier: Apache-2.0 */
/* ID block and ID authentication information (AMD 56860, SNP_LAUNCH_FINISH, tables 75 to 77): what
 * a guest must be for the firmware to launch it, and who says so. Pure, but for the signatures that
 * make them. */
#pragma once

#include "base/crypto/crypto.h"

#define SV_ID_BLOCK_SIZE 96u
#define SV_ID_AUTH_SIZE  4096u

struct sv_id_block {
        uint8_t launch_digest[48];
        uint8_t family_id[16];
        uint8_t image_id[16];
        uint32_t version; /* 1 */
        uint32_t guest_svn;
        uint64_t policy;
};

/* SV_FORMAT "snp.id_block.size", ".version", ".policy" (bit 17, bits 63:26). */
int sv_id_block_parse(struct sv_bytes raw, struct sv_id_block *out, struct sv_err *err);
void sv_id_block_write(const struct sv_id_block *b, uint8_t out[SV_ID_BLOCK_SIZE]);

/* The digest of a P-384 public key as reports carry it (ID_KEY_DIGEST): SHA-384 over AMD's key
 * structure. SV_USAGE "snp.id_key.curve". */
int sv_id_key_digest(const struct sv_key *key, uint8_t out[48], struct sv_err *err);

/* Signs. author may be NULL: then no author key certifies the ID key. */
int sv_id_auth_make(const uint8_t block[SV_ID_BLOCK_SIZE], const struct sv_key *id_key,
                    const struct sv_key *author, uint8_t out[SV_ID_AUTH_SIZE], struct sv_err *err);
/* Without anybody's key: a constant signature and the public key that it belongs to. The firmware
 * then enforces digest and policy as ever; the key's digest says nothing but "this block". The same
 * block gives the same bytes. */
int sv_id_auth_anonymous(const uint8_t block[SV_ID_BLOCK_SIZE], uint8_t out[SV_ID_AUTH_SIZE],
                         struct sv_err *err);

struct sv_id_auth { /* what was found */
        uint8_t id_key_digest[48];
        /* an author key is there; whether it counts is AUTHOR_KEY_EN of the launch */
        bool has_author;
        uint8_t author_key_digest[48]; /* zero without */
        bool anonymous;
};

/* What it says, signatures unchecked: the errors of form of sv_id_auth_check. */
int sv_id_auth_read(struct sv_bytes auth, struct sv_id_auth *out, struct sv_err *err);
/* As the firmware checks it: SV_FORMAT "snp.id_auth.size", ".algorithm", ".curve", ".key" (not on
 * the curve), ".reserved",
 * ".signature" (R or S of more than 384 bits), SV_PROOF "snp.id_block.signature",
 * "snp.id_key.signature" (only with author_enabled). */
int sv_id_auth_check(struct sv_bytes block, struct sv_bytes auth, bool author_enabled,
                     struct sv_id_auth *out, struct sv_err *err);
/* Is it for this launch digest (NULL: not asked) and this policy (NULL: not asked)? SV_PROOF
 * "snp.id_block.launch_digest", ".guest_policy". */
int sv_id_block_expect(const struct sv_id_block *b, const uint8_t *launch_digest,
                       const uint64_t *policy, struct sv_err *err);
/* Either may be NULL. */
struct sv_json *sv_id_block_json(const struct sv_id_block *b, const struct sv_id_auth *a);
