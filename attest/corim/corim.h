/* SPDX-License-Identifier: Apache-2.0 */
/* Reference sets (policy/reference.h) from and to CoRIM: draft-ietf-rats-corim. Pure.
 *
 *   corim    = 501({0: id, 1: [ 506(bytes: comid) … ], ? 3: 32(profile), ? 4: validity, …})
 *   signed   = 18([bytes: {1: alg, 3: "application/rim+cbor", ? 8: bytes: meta}, {…}, bytes: corim,
 *                  signature]), COSE_Sign1 (RFC 9052 section 4.2), here with ES256
 *   comid    = {1: {0: tag-id, ? 1: version}, 4: {0: [ [environment, [measurement …]] ]}, …}
 *   measurement = {? 0: mkey, 1: {2: [[algorithm, digest]] | 1: svn | 11: text | 14: registers}}
 *
 * A comid with one reference triple is a tuple; each measurement a claim and its value. Our profile
 * names the claim by the mkey, a JSON pointer; of others' the caller says which claim an mkey is.
 * What would make a tuple say less than the CoRIM does is refused: other triples, conditions,
 * measurements that nobody names. */
#pragma once

#include "base/crypto/crypto.h"
#include "base/json/json.h"

#define SV_CORIM_PROFILE "urn:secure-vm:reference-set:1"

struct sv_corim_in {
        const char *name; /* the set's: repository/type/tag */
        const char *tee;  /* NULL: as the CoRIM says, which ours do */
        /* {"MKEY":"/claim"}: a text or number as it is, "uuid:HEX", "oid:HEX", "ir:NUMBER or TEXT"
         * for an integrity register, "" for what has no mkey. NULL: none */
        const struct sv_json *claims;
        const struct sv_key *key; /* the signer's; NULL: it is not signed */
        int64_t generation;       /* of the whole; 0: the newest tuple's */
        int64_t time;             /* when the signature must count, seconds since 1970 */
};
/* Appends the set, to be signed by its author, as text to `set`; what was passed over because it
 * says nothing of a value (versions, names beside digests) to `ignored` (array of texts). SV_FORMAT
 * "corim.…" and "reference.…", SV_PROOF "corim.signature", "corim.validity", SV_USAGE "corim.key",
 * "corim.unsigned", "corim.tee", "corim.generation". */
int sv_corim_read(struct sv_bytes text, const struct sv_corim_in *in, struct sv_json *ignored,
                  struct sv_buf *set, struct sv_err *err);

struct sv_corim_out {
        int64_t generation;       /* this tuple alone; 0: all that are not retired */
        const struct sv_key *key; /* private, P-256; NULL: it is not signed */
        const char *signer;       /* the signer's name in it */
};
/* Appends the set as CoRIM. SV_USAGE "corim.export.none", "corim.export.validity" (a CoRIM has one
 * for all its tuples), "corim.export.value". */
int sv_corim_write(const struct sv_json *set, const struct sv_corim_out *o, struct sv_buf *out,
                   struct sv_err *err);
